//! The live state of a cluster: arenas of nodes and pods, and which pod holds room on which node.

use std::sync::Arc;

use super::{ClusterView, NodeId, NodeShapeId, NodeState, PodId, PodSpecId, Specs};
use crate::units::SimTime;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodPhase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl PodPhase {
    /// As `status.phase` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            PodPhase::Pending => "Pending",
            PodPhase::Running => "Running",
            PodPhase::Succeeded => "Succeeded",
            PodPhase::Failed => "Failed",
        }
    }
}

/// What schedulers and autoscalers know of one pod beside its spec.
#[derive(Clone, Debug)]
pub struct PodInfo {
    pub name: Arc<str>,
    pub spec: PodSpecId,
    pub phase: PodPhase,
    /// Where it is bound.
    pub node: Option<NodeId>,
    /// Where preemption reserved room for it.
    pub nominated_node: Option<NodeId>,
    pub created: SimTime,
    /// `status.startTime`: when the kubelet took it up.
    pub started: Option<SimTime>,
    /// `metadata.deletionTimestamp`: when its grace period ends.
    pub deletion: Option<SimTime>,
    /// Gone from the API server; `phase` stays what it was.
    pub deleted: bool,
    pub ready: bool,
    /// Since when the scheduler has called it unschedulable (condition `PodScheduled=False`, `Unschedulable`).
    pub unschedulable_since: Option<SimTime>,
    /// The scheduler's preemption sends it away (condition `DisruptionTarget`, `PreemptionByScheduler`).
    pub preempted: bool,
}

impl PodInfo {
    pub fn new(name: Arc<str>, spec: PodSpecId, created: SimTime) -> PodInfo {
        PodInfo {
            name,
            spec,
            phase: PodPhase::Pending,
            node: None,
            nominated_node: None,
            created,
            started: None,
            deletion: None,
            deleted: false,
            ready: false,
            unschedulable_since: None,
            preempted: false,
        }
    }

    /// It ended or is gone: it will never run again.
    pub fn is_terminal(&self) -> bool {
        self.deleted || matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }
}

/// Nodes and pods. Only the simulation (or `decide`, while it reads its input) changes it.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    pub specs: Specs,
    /// `None`: removed. Ids are never reused.
    nodes: Vec<Option<NodeState>>,
    live_nodes: usize,
    pods: Vec<PodInfo>,
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
        NodeId::new(self.nodes.len() - 1)
    }

    /// Takes the node out; whatever pods it held are the caller's to fail or reschedule.
    pub fn remove_node(&mut self, id: NodeId) -> Option<NodeState> {
        let node = self.nodes[id.index()].take();
        self.live_nodes -= usize::from(node.is_some());
        node
    }

    /// Flags and taints only: booking pods goes through [`ClusterState::bind`].
    pub fn node_mut(&mut self, id: NodeId) -> Option<&mut NodeState> {
        self.nodes[id.index()].as_mut()
    }

    pub fn add_pod(&mut self, pod: PodInfo) -> PodId {
        self.pods.push(pod);
        PodId::new(self.pods.len() - 1)
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
        let info = &mut self.pods[pod.index()];
        info.node = Some(node);
        let spec = self.specs.pod(info.spec);
        let whole_gpus = self.specs.whole_gpus(spec);
        let state = self.nodes[node.index()].as_mut().expect("a pod is bound to a node that exists");
        state.add_pod(pod, info.spec, spec, whole_gpus);
        state.terminating_pods += u32::from(info.deletion.is_some());
    }

    /// Sets `metadata.deletionTimestamp`. The one way to do so for a bound pod.
    pub fn set_deletion(&mut self, pod: PodId, at: SimTime) {
        let info = &mut self.pods[pod.index()];
        if info.deletion.replace(at).is_none()
            && let Some(node) = info.node.and_then(|node| self.nodes[node.index()].as_mut())
        {
            node.terminating_pods += 1;
        }
    }

    /// Releases what the pod holds on its node; [`PodInfo::node`] keeps saying where it ran.
    pub fn release(&mut self, pod: PodId) {
        let info = &self.pods[pod.index()];
        let spec = self.specs.pod(info.spec);
        if let Some(node) = info.node.and_then(|node| self.nodes[node.index()].as_mut())
            && node.remove_pod(pod, spec)
            && info.deletion.is_some()
        {
            node.terminating_pods = node.terminating_pods.saturating_sub(1);
        }
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
}
