//! What `sim::scaling_group` remembers.

use crate::autoscaler::cluster_autoscaler::InstanceId;

/// Why the cloud could not deliver a machine.
pub(in crate::sim) type Refusal = &'static str;

/// A place of the target that has no machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Unfilled {
    /// That of the machine that failed to come up, or one of its own.
    pub id: InstanceId,
    pub error: Refusal,
}
