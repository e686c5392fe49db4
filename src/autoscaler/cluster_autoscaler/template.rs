//! An empty node of a group, to try pods on.

use std::sync::Arc;

use crate::cluster::{ClusterView, Fork, NodeId, NodeShapeId, NodeState, PodId, PodSpecId, Taint};

/// An empty node of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub shape: NodeShapeId,
    /// Pods that would be there from the start.
    pub pods: Vec<(PodId, PodSpecId)>,
    pub unschedulable: bool,
    pub extra_taints: Vec<Taint>,
}

impl Template {
    /// A node made after the template, in a state of its own.
    pub fn node(&self, fork: &Fork<'_>, name: Arc<str>) -> NodeState {
        let specs = fork.specs();
        let mut node = NodeState::new(name, self.shape, specs.shape(self.shape));
        node.unschedulable = self.unschedulable;
        node.extra_taints = self.extra_taints.iter().cloned().collect();
        for (pod, spec_id) in &self.pods {
            let spec = specs.pod(*spec_id);
            node.add_pod(*pod, *spec_id, spec, specs.whole_gpus(spec));
        }
        node
    }

    /// Adds such a node to the fork.
    pub fn add_to(&self, fork: &mut Fork<'_>, name: Arc<str>) -> NodeId {
        let node = self.node(fork, name);
        fork.add_node_state(node)
    }
}
