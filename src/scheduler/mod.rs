//! kube-scheduler: filters, scores, preemption and the queue, as pure functions over a [`ClusterView`].
//!
//! The same filters and scores serve the simulation's scheduler, the Cluster Autoscaler's estimator and drain
//! simulation, Karpenter's scheduling simulation and `decide schedule`. One plugin a file, under upstream's names; each
//! folder's `mod.rs` has the table that registers them in upstream's order. Followed: `pkg/scheduler/framework/plugins`
//! of Kubernetes 1.31 (vendored in kubernetes/autoscaler at 2244a049).
//!
//! [`ClusterView`]: crate::cluster::ClusterView

mod affinity_counts;
pub mod by_class;
mod class_index;
mod cycle;
pub mod device;
pub mod filter;
pub mod fragmentation;
mod node_set;
mod node_terms;
mod nomination;
mod options;
mod preemption;
mod profile;
pub mod queue;
pub mod score;
mod select;
mod spread;
mod spread_counts;
mod terms;
#[cfg(test)]
mod tests;
mod versions;

pub use by_class::ByClass;
pub use class_index::{Best, ClassIndex, StandIn};
pub use cycle::Cycle;
pub use nomination::{Nominations, fits_with_nominated};
pub use options::{
    GpuDevice, RequestedToCapacityRatioParam, ResourceSpec, SchedulerOptions, ScoringStrategy, Settings, StrategyType,
    TieBreak, UtilizationShapePoint,
};
pub use preemption::{Hopeless, NoPreemption, Preemption, PreemptionAttempt};
pub use profile::{Profile, ProfileError};
pub use select::{Feasibility, Memory, Selection, feasible_nodes, schedule};
pub use versions::VersionedBehaviour;
