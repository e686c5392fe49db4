//! The kube-controller-manager flags that the HPA controller reads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::versions::VersionedBehaviour;
use crate::units::SimDuration;

/// Flags `--horizontal-pod-autoscaler-…`, with upstream's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HpaFlags {
    /// How often each HPA is synced (default 15s).
    pub sync_period: SimDuration,
    /// How far usage may be off the target, either way, before replicas change: a fraction (default 0.1).
    pub tolerance: f64,
    /// How long after a pod's start its CPU samples count only while it is ready (default 5m).
    pub cpu_initialization_period: SimDuration,
    /// How long after a pod's start a change to unready still means that it was never ready (default 30s).
    pub initial_readiness_delay: SimDuration,
    /// How far back recommendations hold a scale-down (default 5m).
    pub downscale_stabilization: SimDuration,
    /// Which release the controller is of.
    #[serde(skip)]
    pub versioned: VersionedBehaviour,
}

impl Default for HpaFlags {
    fn default() -> HpaFlags {
        HpaFlags {
            sync_period: SimDuration::from_secs(15),
            tolerance: 0.1,
            cpu_initialization_period: SimDuration::from_mins(5),
            initial_readiness_delay: SimDuration::from_secs(30),
            downscale_stabilization: SimDuration::from_mins(5),
            versioned: VersionedBehaviour::default(),
        }
    }
}
