//! What was last said of pods that wait.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::autoscaler::cluster_autoscaler::UnhelpedPods;
use crate::autoscaler::karpenter::Unplaced;
use crate::cluster::{ClusterState, NodeGroupId, NodeId, PodId, PodSpecId};
use crate::sim::explanation::Verdict;

/// What was last said of pods that wait, and what was said of those that went without a node.
#[derive(Debug, Default)]
pub(in crate::sim) struct Waiting {
    /// By the Cluster Autoscaler, in its last loop that looked at pods.
    pub(in crate::sim) unhelped: Vec<UnhelpedPods>,
    /// The cluster has as many nodes as `max-nodes-total` allows.
    pub(in crate::sim) is_full: bool,
    /// By Karpenter, in its last batch.
    pub(in crate::sim) unplaced: Vec<Unplaced>,
    /// Those of them that only lack of stock keeps waiting.
    pub(in crate::sim) wants_stock: FxHashSet<PodId>,
    /// Pods that ended without ever having had a node.
    pub(in crate::sim) left: Vec<(PodId, Arc<Verdict>)>,
    /// An empty node of every shape of every node group, to hold pods against; made when it is first asked.
    pub(in crate::sim) templates: Option<(ClusterState, Vec<Vec<NodeId>>)>,
    /// What those answered: why a group's node could not hold a pod of a spec, `None` where it could.
    pub(in crate::sim) answers: FxHashMap<(NodeGroupId, PodSpecId), Option<String>>,
    /// How many workers the nodes can ever hold, by their spec and number; `None`: without bound.
    pub room_for_gangs: FxHashMap<(PodSpecId, u32), Option<u64>>,
    /// Whether a spec asks for more than any node of the scenario has.
    pub(in crate::sim) too_large: FxHashMap<PodSpecId, bool>,
    /// Why no node takes pods of a spec, at a version of the nodes.
    pub(in crate::sim) refusals: FxHashMap<PodSpecId, (u64, Arc<str>)>,
}
