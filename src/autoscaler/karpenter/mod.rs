//! Karpenter: provisions nodes for pending pods and disrupts nodes that cost more than they need to.
//!
//! Pure decisions over a [`Snapshot`]: [`provision`] says which claims to create, [`launch`] what a claim becomes,
//! [`disruption`] which nodes to replace or delete. The caller keeps the claims and applies what is decided. Followed:
//! kubernetes-sigs/karpenter at 22664681; `docs/karpenter.md` lists what is modelled and what is not.

mod base;
mod batcher;
pub mod disruption;
mod existing_node;
mod explain;
mod hopeless;
pub mod instance_type;
mod limits;
mod memory;
pub mod node_claim;
pub mod node_pool;
pub mod options;
mod planned_claim;
pub mod pods;
mod pods_to_place;
mod preferences;
mod provisioning;
#[cfg(test)]
mod provisioning_tests;
pub mod requirement;
pub mod requirements;
mod reservation;
mod scheduler;
mod survey;
mod template;
mod topology;
mod topology_group;

use crate::cluster::{ClusterState, DisruptionBudget, PodId, PodSpecId};
use crate::units::SimTime;

pub use batcher::Batcher;
pub use instance_type::{CapacityType, Catalogue, InstanceType, Offering, Reservation, TypeIndex};
pub use memory::Memory;
pub use node_claim::{LAUNCH_TIMEOUT, NodeClaim, REGISTRATION_TIMEOUT};
pub use node_pool::NodePool;
pub use options::Options;
pub use provisioning::{
    CreateClaim, Launch, PoolRefusal, Provisioning, Target, TypeRejection, Unplaced, capacity_type, explain_types,
    launch, node_shape, provision,
};
pub use scheduler::MAX_INSTANCE_TYPES;

/// What Karpenter sees at one moment.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    pub cluster: &'a ClusterState,
    /// In any order.
    pub pools: &'a [NodePool],
    pub catalogue: &'a Catalogue,
    /// Every claim that has been launched and whose instance still exists.
    pub claims: &'a [NodeClaim],
    /// Pods without a node; those that are not for Karpenter to place are left out by itself.
    pub pending: &'a [PodId],
    /// What each DaemonSet runs on a node that suits it.
    pub daemon_sets: &'a [PodSpecId],
    pub disruption_budgets: &'a [DisruptionBudget],
    pub options: &'a Options,
    pub now: SimTime,
    /// Wall-clock time of [`SimTime::ZERO`], in seconds since the Unix epoch; schedules of budgets go by it.
    pub epoch_seconds: i64,
}
