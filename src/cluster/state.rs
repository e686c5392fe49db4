//! The live state of a cluster: arenas of nodes and pods, and which pod holds room on which node.

use std::sync::Arc;

use super::places::Places;
use super::view::visit_by_node;
use super::{ClusterView, Held, NodeId, NodeShapeId, NodeState, NodeView, PodId, PodInfo, PodSpecId, Specs};
use crate::units::SimTime;

/// Nodes and pods. Only the simulation (or `decide`, while it reads its input) changes it.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    pub specs: Specs,
    /// `None`: removed. Ids are never reused.
    nodes: Vec<Option<NodeState>>,
    live_nodes: usize,
    pods: Vec<PodInfo>,
    places: Places,
    /// Live nodes by shape.
    of_shape: Vec<u32>,
    /// Some node's hostname label is missing or not its name.
    odd_hostnames: bool,
}

impl ClusterState {
    /// An empty cluster whose objects' specs are known beforehand.
    pub fn new(specs: Specs) -> ClusterState {
        ClusterState { specs, ..ClusterState::default() }
    }

    pub fn add_node(&mut self, name: Arc<str>, shape: NodeShapeId) -> NodeId {
        let node = NodeState::new(name, shape, self.specs.shape(shape));
        self.nodes.push(Some(node));
        self.live_nodes += 1;
        if self.of_shape.len() <= shape.index() {
            self.of_shape.resize(shape.index() + 1, 0);
        }
        self.of_shape[shape.index()] += 1;
        NodeId::new(self.nodes.len() - 1)
    }

    /// Gives a node a hostname label other than its name, or takes the label away.
    pub fn set_hostname(&mut self, id: NodeId, hostname: Option<Arc<str>>, lacks_hostname: bool) {
        self.odd_hostnames |= hostname.is_some() || lacks_hostname;
        if let Some(node) = self.node_mut(id) {
            node.hostname = hostname;
            node.lacks_hostname = lacks_hostname;
        }
    }

    /// Takes the node out; whatever pods it held are the caller's to fail or reschedule.
    pub fn remove_node(&mut self, id: NodeId) -> Option<NodeState> {
        let node = self.nodes[id.index()].take()?;
        self.live_nodes -= 1;
        self.of_shape[node.shape.index()] -= 1;
        for held in &node.pods {
            self.places.remove(held.spec, id, self.pods[held.pod.index()].deletion.is_some());
        }
        Some(node)
    }

    /// Flags and taints only: booking pods goes through [`ClusterState::bind`].
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut NodeState> {
        self.nodes[id.index()].as_mut()
    }

    pub fn add_pod(&mut self, pod: PodInfo) -> PodId {
        self.pods.push(pod);
        PodId::new(self.pods.len() - 1)
    }

    /// Makes room for so many more pods at once.
    pub fn reserve_pods(&mut self, pods: usize) {
        self.pods.reserve_exact(pods);
    }

    pub fn pod(&self, id: PodId) -> &PodInfo {
        &self.pods[id.index()]
    }

    pub fn pod_mut(&mut self, id: PodId) -> &mut PodInfo {
        &mut self.pods[id.index()]
    }

    pub fn pods(&self) -> &[PodInfo] {
        &self.pods
    }

    pub fn live_nodes(&self) -> usize {
        self.live_nodes
    }

    /// Books the pod's requests on the node and sets [`PodInfo::node`].
    pub fn bind(&mut self, pod: PodId, node: NodeId) {
        self.bind_on(pod, node, None);
    }

    /// As [`ClusterState::bind`], on these shared devices (a bit each) where they are given.
    pub fn bind_on(&mut self, pod: PodId, node: NodeId, devices: Option<u16>) {
        let info = &mut self.pods[pod.index()];
        info.node = Some(node);
        let spec = self.specs.pod(info.spec);
        let whole_gpus = self.specs.whole_gpus(spec);
        let state = self.nodes[node.index()].as_mut().expect("a pod is bound to a node that exists");
        match devices {
            Some(devices) => state.add_pod_on(pod, info.spec, spec, devices),
            None => state.add_pod(pod, info.spec, spec, whole_gpus),
        }
        state.terminating_pods += u32::from(info.deletion.is_some());
        let (spec, terminating) = (info.spec, info.deletion.is_some());
        if self.places.are_of(&self.specs) {
            self.places.add(&self.specs, spec, node, terminating);
        } else {
            self.places = self.count_places();
        }
    }

    /// Sets `metadata.deletionTimestamp`. The one way to do so for a bound pod.
    pub fn set_deletion(&mut self, pod: PodId, at: SimTime) {
        let info = &mut self.pods[pod.index()];
        if info.deletion.replace(at).is_none()
            && let Some(node) = info.node.and_then(|node| self.nodes[node.index()].as_mut())
        {
            node.terminating_pods += 1;
            // One that ended keeps its node's name and holds nothing there.
            if node.pods.iter().any(|held| held.pod == pod) {
                self.places.set_terminating(info.spec, info.node.expect("it is bound"));
            }
        }
    }

    /// Releases what the pod holds on its node; [`PodInfo::node`] keeps saying where it ran.
    pub fn release(&mut self, pod: PodId) {
        let info = &self.pods[pod.index()];
        let spec = self.specs.pod(info.spec);
        let Some(id) = info.node else { return };
        if let Some(node) = self.nodes[id.index()].as_mut()
            && node.remove_pod(pod, spec)
        {
            let terminating = info.deletion.is_some();
            node.terminating_pods = node.terminating_pods.saturating_sub(u32::from(terminating));
            self.places.remove(info.spec, id, terminating);
        }
    }

    fn count_places(&self) -> Places {
        Places::count(&self.specs, &self.nodes, |pod| self.pod(pod).deletion.is_some())
    }

    /// Holds the counts of where pods are against the nodes. For tests; costs a visit of every pod.
    ///
    /// # Errors
    /// The first disagreement, in words.
    pub fn audit_places(&self) -> Result<(), String> {
        if self.places.are_of(&self.specs) {
            self.places.audit(&self.count_places())?;
        }
        let mut of_shape = vec![0; self.of_shape.len()];
        for node in self.nodes.iter().flatten() {
            of_shape[node.shape.index()] += 1;
        }
        if of_shape != self.of_shape {
            return Err(format!("nodes by shape: counted {of_shape:?}, booked {:?}", self.of_shape));
        }
        Ok(())
    }
}

impl ClusterView for ClusterState {
    fn specs(&self) -> &Specs {
        &self.specs
    }

    fn node_slots(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: NodeId) -> Option<&NodeState> {
        self.nodes.get(id.index())?.as_ref()
    }

    fn pod_info(&self, id: PodId) -> &PodInfo {
        self.pod(id)
    }

    fn visit_related(&self, spec: PodSpecId, visit: &mut dyn FnMut(PodSpecId, &NodeView<'_>, Held)) {
        if !self.places.are_of(&self.specs) {
            return visit_by_node(self, spec, self.node_views(), visit);
        }
        for other in self.specs.related(spec) {
            for (node, held) in self.places.of(*other) {
                visit(*other, &self.node_view(*node).expect("pods are held by nodes that exist"), *held);
            }
        }
    }

    fn shapes_in_use(&self) -> Option<Vec<(NodeShapeId, usize)>> {
        if self.odd_hostnames {
            return None;
        }
        let counted = self.of_shape.iter().enumerate().filter(|(_, nodes)| **nodes > 0);
        Some(counted.map(|(shape, nodes)| (NodeShapeId::new(shape), *nodes as usize)).collect())
    }
}
