//! A whole cluster from its live objects, as every `decide` controller needs it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;

use super::{LiveNode, LivePod, ManifestError, PriorityClasses, live_node, live_pod};
use crate::cluster::{ClusterState, NodeId, PodId};

/// A cluster and, beside it, what its store does not hold of the objects. Lists are in the order of the input.
#[derive(Debug, Default)]
pub struct LoadedCluster {
    pub state: ClusterState,
    pub nodes: Vec<(NodeId, LiveNode)>,
    pub pods: Vec<(PodId, LivePod)>,
    pub node_ids: BTreeMap<String, NodeId>,
}

impl LoadedCluster {
    pub fn add_node(&mut self, raw: &core::Node) -> Result<NodeId, ManifestError> {
        let node = live_node(raw, &mut self.state.specs.resources)?;
        if self.node_ids.contains_key(&*node.name) {
            return Err(ManifestError::new("metadata.name", format!("a second node is called {}", node.name)));
        }
        let shape = self.state.specs.intern_shape(node.shape.clone());
        let id = self.state.add_node(node.name.clone(), shape);
        self.state.set_hostname(id, node.hostname.clone(), node.lacks_hostname);
        node.apply(self.state.node_mut(id).expect("the node was just added"));
        self.node_ids.insert(node.name.to_string(), id);
        self.nodes.push((id, node));
        Ok(id)
    }

    /// Pods come after the nodes that they name. One that names a node of the list and has not ended is bound to it; one
    /// whose node is not listed keeps its phase and holds nothing.
    pub fn add_pod(&mut self, raw: &core::Pod, priorities: &PriorityClasses) -> Result<PodId, ManifestError> {
        let pod = live_pod(raw, priorities, &mut self.state.specs.resources)?;
        let spec = self.state.specs.intern_pod(pod.spec.clone());
        let node_id = |name: &Option<String>| name.as_ref().and_then(|name| self.node_ids.get(name)).copied();
        let (node, nominated) = (node_id(&pod.node_name), node_id(&pod.nominated_node_name));
        let info = pod.info(spec, node, nominated);
        let holds_room = !info.is_terminal();
        let id = self.state.add_pod(info);
        if let Some(node) = node.filter(|_| holds_room) {
            self.state.bind(id, node);
        }
        self.pods.push((id, pod));
        Ok(id)
    }
}
