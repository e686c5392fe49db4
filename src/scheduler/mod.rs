//! kube-scheduler: filters, scores, preemption and the queue, as pure functions over a [`ClusterView`].
//!
//! The same filters and scores serve the simulation's scheduler, the Cluster Autoscaler's estimator and drain
//! simulation, Karpenter's scheduling simulation and `decide schedule`. One plugin a file, under upstream's names; each
//! folder's `mod.rs` has the table that registers them in upstream's order. Followed: `pkg/scheduler/framework/plugins`
//! of Kubernetes 1.31 (vendored in kubernetes/autoscaler at 2244a049).
//!
//! [`ClusterView`]: crate::cluster::ClusterView

mod class_index;
mod cycle;
pub mod queue;
pub mod filter;

pub use class_index::{Best, ClassIndex};
pub use cycle::Cycle;
