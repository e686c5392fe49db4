//! Admission checks: what else must say yes before an admitted workload may start.
//!
//! Kueue (0.20): `pkg/workload/admissionchecks.go`.

use std::sync::Arc;

use super::cache::QueueState;
use super::names::{FlavorId, Names};
use super::workload::{CheckState, CheckStatus};

/// The checks that a ClusterQueue asks for where these flavors were assigned.
pub fn required(queue: &QueueState, flavors: &[FlavorId], names: &Names) -> Vec<Arc<str>> {
    let is_assigned = |name: &Arc<str>| flavors.iter().any(|flavor| names.flavor_name(*flavor) == name);
    let rules =
        queue.checks.iter().filter(|rule| rule.on_flavors.is_empty() || rule.on_flavors.iter().any(is_assigned));
    rules.map(|rule| Arc::clone(&rule.name)).collect()
}

/// Whether every required check is there and all that are there are ready.
pub fn are_all_ready(required: &[Arc<str>], states: &[CheckState]) -> bool {
    required.iter().all(|name| states.iter().any(|state| state.name == *name))
        && states.iter().all(|state| state.status == CheckStatus::Ready)
}
