//! Cluster Autoscaler: one iteration at a time, as a pure function from a [`Snapshot`], [`Options`] and remembered
//! [`State`] to a [`Decision`].
//!
//! Start at [`run_once`], which has upstream's order. Its parts stand in files named after upstream's: templates
//! (`templates`), the registry of ready and missing nodes (`health`), packing (`placement`, `estimator`), the choice of a
//! group (`scale_up`, `expander`, `balance`, `quota`), and the other way (`scale_down`, `drain`, `pdb`, `unneeded`,
//! `budget`). `decide cluster-autoscaler` and the simulation both come in here. Followed: kubernetes/autoscaler, branch
//! `cluster-autoscaler-release-1.37` at a16f0ae8.
//!
//! **Invariant**: no comparison with time but through [`Clock`], so that [`State::next_possible_change`] is exact.

mod backoff;
pub mod balance;
pub mod budget;
mod clock;
pub mod component;
mod decision;
mod drain;
pub mod equivalence;
pub mod estimator;
pub mod expander;
mod explain;
pub(crate) mod facts;
mod health;
mod iteration;
mod limits;
mod options;
mod pdb;
mod placement;
mod prices;
#[cfg(test)]
mod properties;
pub mod quota;
mod scale_down;
mod scale_up;
mod snapshot;
mod state;
mod template;
mod templates;
mod unneeded;
mod utilization;

pub use backoff::{Backoff, BackoffEntry, BackoffTimes};
pub use clock::Clock;
pub use decision::{
    Decision, DecreaseReason, ExpansionOption, Halt, InstanceDeletion, NoScaleUp, NodeDeletion, Resize, ScaleUpError,
    ScaleUpResult, SkipReason, TargetDecrease, UnhelpedPods, Unremovable, UnremovableReason,
};
pub use drain::{BlockingReason, PodMoves, look_again};
pub use explain::{Explainer, Explanation, Subject, Verdict};
pub use iteration::run_once;
pub use limits::{GpuLimit, MinMax};
pub use options::{GroupOptions, GroupPolicy, Options};
pub use snapshot::{AllOwnersExist, Instance, InstanceId, NodeGroup, NodeRecord, Owner, Owners, Snapshot};
pub use state::{OngoingDeletion, ScaleUpRequest, Stamps, State};
pub use template::Template;
pub use unneeded::{Removable, UnneededNode, UnneededNodes};
pub use utilization::{Ignored, Utilization, UtilizationResource, utilization};

/// Hard taint of a node that is being drained or deleted (`NoSchedule`); its value is the second of its setting.
pub const TO_BE_DELETED_TAINT: &str = "ToBeDeletedByClusterAutoscaler";
/// Soft taint of a node that is not needed (`PreferNoSchedule`).
pub const DELETION_CANDIDATE_TAINT: &str = "DeletionCandidateOfClusterAutoscaler";

impl From<&Options> for BackoffTimes {
    fn from(options: &Options) -> BackoffTimes {
        BackoffTimes {
            initial: options.initial_node_group_backoff_duration,
            max: options.max_node_group_backoff_duration,
            reset_timeout: options.node_group_backoff_reset_timeout,
        }
    }
}
