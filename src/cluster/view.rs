//! Reading a cluster, live or forked.

use super::{Held, NodeId, NodeShape, NodeShapeId, NodeState, PodId, PodInfo, PodSpecId, Specs, label};

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

    /// Visits all bound pods that a constraint or term of `spec` could select, or whose terms could select it
    /// ([`Specs::related`]), by spec and node; the same pair may come more than once.
    fn visit_related(&self, spec: PodSpecId, visit: &mut dyn FnMut(PodSpecId, &NodeView<'_>, Held)) {
        visit_by_node(self, spec, self.node_views(), visit);
    }

    /// How many nodes there are of each shape, where that is known at once and every node's hostname label is its name.
    fn shapes_in_use(&self) -> Option<Vec<(NodeShapeId, usize)>> {
        None
    }
}

/// [`ClusterView::visit_related`] by looking at every pod of these nodes.
pub(super) fn visit_by_node<'a>(
    view: &(impl ClusterView + ?Sized),
    spec: PodSpecId,
    nodes: impl Iterator<Item = NodeView<'a>>,
    visit: &mut dyn FnMut(PodSpecId, &NodeView<'_>, Held),
) {
    let related = view.specs().related(spec);
    if related.is_empty() {
        return;
    }
    for node in nodes {
        for held in node.state.pods.iter().filter(|held| related.binary_search(&held.spec).is_ok()) {
            visit(held.spec, &node, Held::one(view.pod_info(held.pod).deletion.is_some()));
        }
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
