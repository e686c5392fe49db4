//! "What if": a view of a cluster that can be changed and rolled back, and leaves the cluster as it is.
//!
//! The Cluster Autoscaler's estimator and drain simulation and Karpenter's scheduling simulation work on one. A node is
//! copied when it is first written to, so a fork of a thousand nodes costs a few kilobytes.

use std::sync::Arc;

use super::view::visit_by_node;
use super::{
    ClusterState, ClusterView, Held, NodeId, NodeShapeId, NodeState, NodeView, PodId, PodInfo, PodSpecId, Specs,
};

/// A change of one node that can be undone.
#[derive(Debug)]
struct Undo {
    node: NodeId,
    before: Overlay,
    /// What [`Fork::last_undo`] said of the node before.
    last_undo: usize,
}

/// No undo entry of this node is left.
const NEVER: usize = usize::MAX;

#[derive(Clone, Debug, Default)]
enum Overlay {
    /// As in the base (for nodes added to the fork: absent).
    #[default]
    Base,
    Removed,
    Changed(Box<NodeState>),
}

/// A point to roll back to; forks nest as upstream's `ClusterSnapshot` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Checkpoint {
    undo_len: usize,
    slots: usize,
}

/// An overlay over a [`ClusterState`].
pub struct Fork<'a> {
    base: &'a ClusterState,
    nodes: Vec<Overlay>,
    undo: Vec<Undo>,
    /// By node: the index of its latest undo entry. A node with one since the latest checkpoint, or added since, is
    /// written to in place, so filling a node pod by pod copies it once and not once a pod.
    last_undo: Vec<usize>,
    latest: Checkpoint,
    /// Nodes that are there, ascending.
    present: Vec<NodeId>,
}

impl<'a> Fork<'a> {
    pub fn new(base: &'a ClusterState) -> Fork<'a> {
        let slots = base.node_slots();
        Fork {
            base,
            nodes: vec![Overlay::Base; slots],
            undo: Vec::new(),
            last_undo: vec![NEVER; slots],
            latest: Checkpoint { undo_len: 0, slots },
            present: (0..slots).map(NodeId::new).filter(|id| base.node(*id).is_some()).collect(),
        }
    }

    /// Nodes that are there, ascending by id: those of the base first, then those that were added.
    pub fn present(&self) -> &[NodeId] {
        &self.present
    }

    pub fn base(&self) -> &'a ClusterState {
        self.base
    }

    pub fn checkpoint(&mut self) -> Checkpoint {
        self.latest = Checkpoint { undo_len: self.undo.len(), slots: self.nodes.len() };
        self.latest
    }

    /// Undoes every change since `checkpoint`.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        while self.undo.len() > checkpoint.undo_len {
            let Undo { node, before, last_undo } = self.undo.pop().expect("longer than the checkpoint");
            self.nodes[node.index()] = before;
            self.last_undo[node.index()] = last_undo;
            self.list(node);
        }
        let kept = self.present.partition_point(|node| node.index() < checkpoint.slots);
        self.present.truncate(kept);
        self.nodes.truncate(checkpoint.slots);
        self.last_undo.truncate(checkpoint.slots);
        self.latest = checkpoint;
    }

    /// Adds an empty node, such as a group's template.
    pub fn add_node(&mut self, name: Arc<str>, shape: NodeShapeId) -> NodeId {
        let node = NodeState::new(name, shape, self.base.specs.shape(shape));
        self.add_node_state(node)
    }

    /// Adds a node with whatever pods and taints its state says.
    pub fn add_node_state(&mut self, node: NodeState) -> NodeId {
        let id = NodeId::new(self.nodes.len());
        self.nodes.push(Overlay::Changed(Box::new(node)));
        self.last_undo.push(NEVER);
        self.present.push(id);
        id
    }

    pub fn remove_node(&mut self, id: NodeId) {
        self.replace(id, Overlay::Removed);
        self.list(id);
    }

    /// Puts the node into the list of those that are there, or takes it out.
    fn list(&mut self, id: NodeId) {
        let is_present = self.node(id).is_some();
        match self.present.binary_search(&id) {
            Ok(at) if !is_present => _ = self.present.remove(at),
            Err(at) if is_present => self.present.insert(at, id),
            _ => {}
        }
    }

    /// A copy of the node to write to; `None` where it is absent.
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut NodeState> {
        if !(self.is_undone_anyway(id) && matches!(self.nodes.get(id.index()), Some(Overlay::Changed(_)))) {
            let copy = self.node(id)?.clone();
            self.replace(id, Overlay::Changed(Box::new(copy)));
        }
        match &mut self.nodes[id.index()] {
            Overlay::Changed(node) => Some(node),
            _ => None,
        }
    }

    /// Books a pod on a node, whether or not it fits.
    pub fn place(&mut self, pod: PodId, spec: PodSpecId, node: NodeId) {
        let specs: &'a Specs = &self.base.specs;
        let pod_spec = specs.pod(spec);
        let whole_gpus = specs.whole_gpus(pod_spec);
        if let Some(state) = self.node_mut(node) {
            state.add_pod(pod, spec, pod_spec, whole_gpus);
        }
    }

    /// Takes a pod off a node; nothing happens where it isn't there.
    pub fn evict(&mut self, pod: PodId, spec: PodSpecId, node: NodeId) {
        let pod_spec = self.base.specs.pod(spec);
        if let Some(state) = self.node_mut(node) {
            state.remove_pod(pod, pod_spec);
        }
    }

    /// A revert to the latest checkpoint already restores or drops this node.
    fn is_undone_anyway(&self, id: NodeId) -> bool {
        let last = self.last_undo.get(id.index()).copied().unwrap_or(NEVER);
        id.index() >= self.latest.slots || (last != NEVER && last >= self.latest.undo_len)
    }

    fn replace(&mut self, id: NodeId, with: Overlay) {
        let is_undone_anyway = self.is_undone_anyway(id);
        let before = std::mem::replace(&mut self.nodes[id.index()], with);
        if is_undone_anyway {
            return;
        }
        let last_undo = std::mem::replace(&mut self.last_undo[id.index()], self.undo.len());
        self.undo.push(Undo { node: id, before, last_undo });
    }
}

impl ClusterView for Fork<'_> {
    fn specs(&self) -> &Specs {
        &self.base.specs
    }

    fn node_slots(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: NodeId) -> Option<&NodeState> {
        match self.nodes.get(id.index())? {
            Overlay::Base => self.base.node(id),
            Overlay::Removed => None,
            Overlay::Changed(node) => Some(node),
        }
    }

    fn pod_info(&self, id: PodId) -> &PodInfo {
        self.base.pod(id)
    }

    fn visit_related(&self, spec: PodSpecId, visit: &mut dyn FnMut(PodSpecId, &NodeView<'_>, Held)) {
        if self.specs().related(spec).is_empty() {
            return;
        }
        let is_of_base = |id: NodeId| matches!(self.nodes[id.index()], Overlay::Base);
        self.base.visit_related(spec, &mut |other, node, held| {
            if is_of_base(node.id) {
                visit(other, node, held);
            }
        });
        let own = (0..self.nodes.len()).map(NodeId::new).filter(|id| !is_of_base(*id));
        visit_by_node(self, spec, own.filter_map(|id| self.node_view(id)), visit);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Container, NodeShape, PodSpec, Resources};
    use super::*;
    use crate::units::{Bytes, Millicores, SimTime};

    #[test]
    fn a_reverted_fork_shows_the_cluster_as_it_was() {
        let mut cluster = ClusterState::default();
        let shape = cluster.specs.intern_shape(NodeShape { max_pods: 110, ..NodeShape::default() });
        let node = cluster.add_node("a".into(), shape);
        let spec = cluster.specs.intern_pod(PodSpec {
            containers: vec![Container { requests: Resources::new(Millicores(100), Bytes(1)), ..Container::default() }],
            ..PodSpec::default()
        });
        let pod = cluster.add_pod(PodInfo::new("p".into(), spec, SimTime::ZERO));
        let mut fork = Fork::new(&cluster);
        let start = fork.checkpoint();
        let added = fork.add_node("b".into(), shape);
        fork.place(pod, spec, added);
        fork.place(pod, spec, node);
        let middle = fork.checkpoint();
        fork.evict(pod, spec, node);
        fork.remove_node(added);
        assert!(fork.node(added).is_none());
        assert_eq!(fork.present(), [node]);
        fork.revert(middle);
        assert_eq!(fork.present(), [node, added]);
        assert_eq!(fork.node(added).unwrap().requested.cpu, Millicores(100));
        assert_eq!(fork.node(node).unwrap().pods.len(), 1);
        fork.revert(start);
        assert!(fork.node(added).is_none());
        assert_eq!(fork.node(node).unwrap().pods.len(), 0);
        assert_eq!(fork.node_views().count(), 1);
    }
}
