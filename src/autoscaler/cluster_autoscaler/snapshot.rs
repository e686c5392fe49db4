//! What one iteration looks at: the cluster, its node groups, and what only the API server and the cloud know.

use std::sync::Arc;

use super::{GroupOptions, GroupPolicy, Options};
use crate::cluster::{
    ClusterState, Controller, DisruptionBudget, NodeGroupId, NodeId, NodeShapeId, NodeState, PodId, PodSpecId,
};
use crate::units::{SimTime, UsdPerHour};

/// Everything that an iteration reads. Borrowed: making one costs nothing.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    /// Start of the iteration.
    pub now: SimTime,
    /// A node belongs to the group that its shape names. Shapes hold lasting taints only; whatever comes and goes
    /// (`ToBeDeletedByClusterAutoscaler`, `not-ready`, startup taints) is among the node's extra taints.
    pub cluster: &'a ClusterState,
    /// By [`NodeId`]; one entry for every id ever given.
    pub nodes: &'a [NodeRecord],
    /// By [`NodeGroupId`].
    pub node_groups: &'a [NodeGroup],
    /// Pods that the scheduler has called unschedulable, neither bound nor nominated nor being deleted.
    pub pending: &'a [PodId],
    /// Pods that preemption has promised room on [`nominated_node`](crate::cluster::PodInfo::nominated_node).
    pub nominated: &'a [PodId],
    /// Pod specs of the cluster's DaemonSets.
    pub daemon_sets: &'a [PodSpecId],
    pub disruption_budgets: &'a [DisruptionBudget],
    pub owners: &'a dyn Owners,
}

/// What the cluster's store does not hold of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeRecord {
    /// When it registered (`creationTimestamp`).
    pub created: SimTime,
    /// When its readiness last changed.
    pub ready_transition: SimTime,
    /// The cloud has no instance behind it any more, so the group's target size does not count it.
    pub instance_gone: bool,
}

/// A node group as the cloud describes it.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Its place in [`Snapshot::node_groups`].
    pub id: NodeGroupId,
    pub name: Arc<str>,
    pub min_size: i64,
    pub max_size: i64,
    /// Instances that the cloud was asked for and has not been asked to delete.
    pub target_size: i64,
    /// What a new node would look like, for a group without nodes; `None`: such a group can't be scaled from zero.
    pub template: Option<NodeShapeId>,
    /// For the `price` expander.
    pub price: Option<UsdPerHour>,
    /// For the `priority` expander; `None`: as [`Options::priorities`] say.
    pub priority: Option<i32>,
    pub options: GroupOptions,
    /// Instances that have not registered as nodes, those that failed to come up included.
    pub unregistered: Vec<Instance>,
    /// The cloud deletes no instance of a group at its minimum, as AWS's and GCE's providers; upstream's test provider
    /// does.
    pub keeps_min_size: bool,
}

/// An instance without a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: InstanceId,
    /// Set where the cloud says that it will not come up (stock-out, quota).
    pub error: Option<Arc<str>>,
}

/// The cloud's name for an instance; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u64);

/// Who knows whether a pod's controller still exists.
pub trait Owners {
    fn find(&self, namespace: &str, controller: &Controller) -> Owner;
}

/// What the autoscaler knows of the controller of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Missing,
    /// With `spec.replicas`, where it has any.
    Found {
        replicas: Option<i32>,
    },
}

/// Every controller exists, with as many replicas as any rule could want.
pub struct AllOwnersExist;

impl Owners for AllOwnersExist {
    fn find(&self, _namespace: &str, _controller: &Controller) -> Owner {
        Owner::Found { replicas: None }
    }
}

impl<'a> Snapshot<'a> {
    pub fn group_of(&self, node: &NodeState) -> Option<&'a NodeGroup> {
        let id = self.cluster.specs.shape(node.shape).group?;
        self.node_groups.get(id.index()).filter(|group| group.id == id)
    }

    pub fn record(&self, node: NodeId) -> NodeRecord {
        self.nodes.get(node.index()).copied().unwrap_or_default()
    }

    pub(super) fn policies(&self, options: &Options) -> Vec<GroupPolicy> {
        self.node_groups.iter().map(|group| options.for_group(&group.options)).collect()
    }
}
