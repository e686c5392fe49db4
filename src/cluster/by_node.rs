//! A cluster read node by node, to hold the quicker ways against.

use super::{ClusterState, ClusterView, NodeId, NodeState, PodId, PodInfo, Specs};

/// A cluster without what it counts beside its nodes: every question costs a look at all of them.
#[derive(Clone, Copy, Debug)]
pub struct ByNode<'a>(pub &'a ClusterState);

impl ClusterView for ByNode<'_> {
    fn specs(&self) -> &Specs {
        self.0.specs()
    }

    fn node_slots(&self) -> usize {
        self.0.node_slots()
    }

    fn node(&self, id: NodeId) -> Option<&NodeState> {
        self.0.node(id)
    }

    fn pod_info(&self, id: PodId) -> &PodInfo {
        self.0.pod_info(id)
    }
}
