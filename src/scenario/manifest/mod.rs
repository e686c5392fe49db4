//! Kubernetes objects (`k8s-openapi` types) to the types of [`crate::cluster`]: parsed, defaulted as the API server
//! would, checked, and free of strings that could still be wrong.
//!
//! Every function is pure and answers a bad object with a [`ManifestError`] that names the field. Defaults follow
//! `pkg/apis/core/v1/defaults.go` and the Priority admission plugin of Kubernetes 1.33: limits stand in for missing
//! requests, `hostNetwork` makes container ports host ports, `restartPolicy` is `Always`, the grace period 30 s, a
//! toleration's operator `Equal`, spread policies `Honor` (affinity) and `Ignore` (taints), a pod's priority that of
//! its class. `matchLabelKeys` and `mismatchLabelKeys` are merged into the selectors that they extend.
//!
//! GPU shares are read as GPU-sharing clusters write them: `alibabacloud.com/gpu-milli` (1 to 1000 thousandths) and
//! `alibabacloud.com/gpu-count` (default 1) in a pod's annotations or labels, `alibabacloud.com/gpu-count` among a
//! node's annotations, labels or capacity.
//!
//! Not read: probes, commands, environment, security contexts, resource claims (DRA), persistent volumes behind
//! claims, `runtimeClassName`, `LimitRange`s and other admission than priority (so no default tolerations of 300 s for
//! `not-ready` and `unreachable`), ephemeral containers, and whatever of `status` is not named here.

mod affinity;
mod autoscaler;
mod budget;
mod cluster;
mod cron_job;
mod daemon_set;
mod job;
pub mod kueue;
mod live_pod;
mod node;
mod observed_pod;
mod persistent_volume;
mod pod;
mod priority;
mod resources;
mod scheduler_configuration;
mod selector;
mod selector_text;
#[cfg(test)]
mod tests;
pub mod training;
mod update;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use thiserror::Error;

use crate::units::{SimTime, not_one_of};

pub use autoscaler::{admit_autoscaler, admitted_autoscaler_spec, autoscaler_behavior, autoscaler_spec};
pub use budget::disruption_budget;
pub use cluster::LoadedCluster;
pub use cron_job::cron_job_options;
pub use daemon_set::daemon_set_pod;
pub use job::{is_managed_elsewhere, job_options};
pub use live_pod::{LivePod, live_pod};
pub use node::{LiveNode, NodeAmounts, live_node, node_amounts};
pub use observed_pod::observed_pod;
pub use persistent_volume::persistent_volume_terms;
pub use pod::{pod_spec, pod_template_spec, probe_delay};
pub use priority::{PriorityClasses, PriorityValue};
pub use scheduler_configuration::scheduler_options;
pub use selector::{label_selector, read_taints};
pub use selector_text::parse_selector;
pub use update::{deployment_update, stateful_set_update};

/// A field that can't be used, by its path in the object (`spec.containers[0].resources.requests.cpu`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
pub struct ManifestError {
    pub path: String,
    pub problem: String,
}

impl ManifestError {
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> ManifestError {
        ManifestError { path: path.into(), problem: problem.into() }
    }

    /// The same error, seen from the object that holds `prefix`.
    pub fn within(mut self, prefix: impl fmt::Display) -> ManifestError {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{prefix}{dot}{}", self.path);
        self
    }
}

/// An error for a field with a fixed set of values.
fn unknown_value(path: &str, value: &str, known: &[&str]) -> ManifestError {
    ManifestError::new(path, not_one_of(value, known))
}

/// Nanoseconds since the Unix epoch; instants that do not fit (before 1678, after 2262) are capped.
pub fn instant(time: &Time) -> SimTime {
    let nanos = time.0.as_nanosecond();
    SimTime::from_nanos(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}
