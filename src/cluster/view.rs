//! Reading a cluster, live or forked.

use super::{NodeId, NodeShape, NodeState, PodId, PodInfo, Specs, label};

/// What the scheduler's plugins and the autoscalers read. Object-safe, so that plugins need not be generic.
pub trait ClusterView {
    fn specs(&self) -> &Specs;

    /// One more than the largest node id ever given.
    fn node_slots(&self) -> usize;

    /// `None` where the node was removed or never was.
    fn node(&self, id: NodeId) -> Option<&NodeState>;

    fn pod_info(&self, id: PodId) -> &PodInfo;

    /// A node with its shape; `None` as for [`ClusterView::node`].
    fn node_view(&self, id: NodeId) -> Option<NodeView<'_>> {
        let state = self.node(id)?;
        Some(NodeView { id, state, shape: self.specs().shape(state.shape) })
    }

    /// Live nodes in the order of their ids.
    fn node_views(&self) -> Box<dyn Iterator<Item = NodeView<'_>> + '_> {
        Box::new((0..self.node_slots()).filter_map(|index| self.node_view(NodeId::new(index))))
    }
}

/// A node and its shape, borrowed together.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    pub id: NodeId,
    pub state: &'a NodeState,
    pub shape: &'a NodeShape,
}

impl<'a> NodeView<'a> {
    /// The value of a label, the node's own hostname included.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        if key == label::HOSTNAME {
            return (!self.state.lacks_hostname).then(|| self.state.hostname());
        }
        self.shape.labels.get(key).map(String::as_str)
    }

    pub fn taints(&self) -> impl Iterator<Item = &'a super::Taint> + use<'a> {
        self.shape.taints.iter().chain(&self.state.extra_taints)
    }
}
