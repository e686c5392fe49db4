//! The live cluster together with everything that must agree with it: the index of node classes, the ledger, and the
//! versions by which others know that nothing changed.
//!
//! Reading is free (it derefs to [`ClusterState`]); changing goes through the few methods here, each of which keeps all
//! four in step. Nothing else in `sim` can write to them.

use std::ops::Deref;
use std::sync::Arc;

use super::entities::End;
use super::ledger::{Ledger, offered_by, requested_by};
use super::records::{PodCounts, Usage};
use crate::cluster::{
    ClusterState, NodeId, NodeShape, NodeShapeId, NodeState, PodId, PodInfo, PodPhase, PodSpec, PodSpecId, Specs,
};
use crate::scheduler::ClassIndex;
use crate::units::{SimTime, Usd, UsdPerHour};

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Books {
    cluster: ClusterState,
    classes: ClassIndex,
    ledger: Ledger,
    version: u64,
    node_version: u64,
    /// By [`NodeId`]: its allocatable counts, from when it first turned ready to its removal.
    offers: Vec<bool>,
    /// Nodes that have changed, where somebody wants to know.
    notes: Option<Vec<NodeId>>,
}

impl Deref for Books {
    type Target = ClusterState;

    fn deref(&self) -> &ClusterState {
        &self.cluster
    }
}

impl Books {
    /// An empty cluster whose objects' specs are known beforehand, with room for so many pods.
    pub fn new(specs: Specs, pods: usize) -> Books {
        let mut cluster = ClusterState::new(specs);
        cluster.reserve_pods(pods);
        Books { cluster, ..Books::default() }
    }

    // What is read

    pub fn classes(&self) -> &ClassIndex {
        &self.classes
    }

    /// The cluster as schedulers and autoscalers take it.
    pub fn state(&self) -> &ClusterState {
        &self.cluster
    }

    /// The cluster and its classes, whose memory of verdicts grows as it is asked.
    pub fn with_classes(&mut self) -> (&ClusterState, &mut ClassIndex) {
        (&self.cluster, &mut self.classes)
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Grows with every change of nodes, pods or bindings that a scheduler or an autoscaler could see.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Grows with what a node could answer a pod: nodes, taints, bookings, nominations.
    pub fn node_version(&self) -> u64 {
        self.node_version
    }

    /// What a pod of this spec requests.
    pub fn requested(&self, spec: PodSpecId) -> Usage {
        requested_by(self.cluster.specs.pod(spec), self.cluster.specs.nvidia_gpu())
    }

    // Pods

    /// A new pod, unbound.
    pub fn add_pod(&mut self, pod: PodInfo) -> PodId {
        count(&mut self.ledger.pods, &pod, 1);
        self.version += 1;
        self.cluster.add_pod(pod)
    }

    /// Changes what is known of a pod, but for its binding ([`Books::bind`], [`Books::release`]), its deletion
    /// ([`Books::set_deletion`]) and its nomination ([`Books::nominate`]).
    pub fn change_pod<T>(&mut self, pod: PodId, change: impl FnOnce(&mut PodInfo) -> T) -> T {
        let info = self.cluster.pod_mut(pod);
        let before = (info.node, info.spec, info.deletion, info.nominated_node);
        count(&mut self.ledger.pods, info, -1);
        let answer = change(info);
        count(&mut self.ledger.pods, info, 1);
        debug_assert_eq!(before, (info.node, info.spec, info.deletion, info.nominated_node), "has its own primitive");
        self.version += 1;
        answer
    }

    /// The pod's container runs (again).
    pub fn set_running(&mut self, pod: PodId) {
        if self.cluster.pod(pod).phase != PodPhase::Running {
            self.change_pod(pod, |info| info.phase = PodPhase::Running);
        }
    }

    /// False where it is so already.
    pub fn set_ready(&mut self, pod: PodId, ready: bool) -> bool {
        let changes = self.cluster.pod(pod).ready != ready;
        if changes {
            self.change_pod(pod, |info| info.ready = ready);
        }
        changes
    }

    /// The scheduler calls the pod unschedulable. False where it has done so before.
    pub fn set_unschedulable(&mut self, pod: PodId, now: SimTime) -> bool {
        let changes = self.cluster.pod(pod).unschedulable_since.is_none();
        if changes {
            self.change_pod(pod, |info| info.unschedulable_since = Some(now));
        }
        changes
    }

    /// A pod that waits gets another spec of the same requests.
    pub fn respec(&mut self, pod: PodId, spec: PodSpecId) {
        let info = self.cluster.pod_mut(pod);
        debug_assert!(info.node.is_none(), "a bound pod's spec is booked on its node");
        info.spec = spec;
        self.version += 1;
    }

    /// Books the pod's requests on the node, on these of its shared devices (a bit each) where they are given.
    pub fn bind(&mut self, pod: PodId, node: NodeId, devices: Option<u16>, now: SimTime) {
        self.count_anew(pod, |books| books.cluster.bind_on(pod, node, devices));
        let spec = self.cluster.pod(pod).spec;
        self.classes.pod_added(&self.cluster, node, spec);
        let requested = self.requested(spec);
        self.ledger.advance(now);
        self.ledger.add_requested(requested, 1);
        self.cluster.pod_mut(pod).unschedulable_since = None;
        self.touched(node);
        self.node_changed_for_pods();
    }

    /// Gives back what the pod holds on its node; [`PodInfo::node`] keeps saying where it ran.
    pub fn release(&mut self, pod: PodId, now: SimTime) {
        let info = self.cluster.pod(pod);
        let (Some(node), spec) = (info.node, info.spec) else { return };
        self.cluster.release(pod);
        self.classes.pod_removed(&self.cluster, node, spec);
        let requested = self.requested(spec);
        self.ledger.advance(now);
        self.ledger.add_requested(requested, -1);
        self.touched(node);
        self.node_changed_for_pods();
    }

    /// A released pod waits as if it had never been bound.
    pub fn forget_binding(&mut self, pod: PodId, unschedulable_since: Option<SimTime>) {
        self.count_anew(pod, |books| {
            let info = books.cluster.pod_mut(pod);
            (info.node, info.unschedulable_since) = (None, unschedulable_since);
        });
    }

    /// Sets `metadata.deletionTimestamp`.
    pub fn set_deletion(&mut self, pod: PodId, at: SimTime) {
        self.cluster.set_deletion(pod, at);
        self.version += 1;
    }

    /// Promises a node's room to a pod, or takes the promise back. False where it is so already.
    pub fn nominate(&mut self, pod: PodId, node: Option<NodeId>) -> bool {
        let nominated = &mut self.cluster.pod_mut(pod).nominated_node;
        let changes = std::mem::replace(nominated, node) != node;
        if changes {
            self.node_changed_for_pods();
        }
        changes
    }

    /// The pod is over for good.
    pub fn end_pod(&mut self, pod: PodId, end: End) {
        self.change_pod(pod, |info| match end {
            End::Succeeded => info.phase = PodPhase::Succeeded,
            End::Failed => info.phase = PodPhase::Failed,
            End::Deleted => info.deleted = true,
        });
    }

    /// What pods use changes from `before` to `after`.
    pub fn change_used(&mut self, before: Usage, after: Usage, now: SimTime) {
        self.ledger.advance(now);
        self.ledger.add_used(before, -1);
        self.ledger.add_used(after, 1);
    }

    // Nodes

    /// From now on nodes that change are noted, for somebody who takes the notes away.
    pub fn note_nodes(&mut self) {
        self.notes.get_or_insert_default();
    }

    fn touched(&mut self, node: NodeId) {
        if let Some(notes) = &mut self.notes {
            notes.push(node);
        }
    }

    /// The nodes that have changed since the last time, some of them several times.
    pub fn take_notes(&mut self) -> Vec<NodeId> {
        self.notes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A node registers, not ready yet.
    pub fn add_node(&mut self, name: Arc<str>, shape: NodeShapeId, now: SimTime) -> NodeId {
        let id = self.cluster.add_node(name, shape);
        self.cluster.node_mut(id).expect("just added").ready = false;
        self.offers.push(false);
        self.ledger.advance(now);
        self.ledger.nodes += 1;
        self.touched(id);
        self.version += 1;
        id
    }

    /// Changes flags and taints of a node. `None` where it is gone.
    pub fn change_node<T>(
        &mut self,
        node: NodeId,
        now: SimTime,
        change: impl FnOnce(&mut NodeState) -> T,
    ) -> Option<T> {
        let state = self.cluster.node_mut(node)?;
        let (was_ready, pods) = (state.ready, state.pods.len());
        let answer = change(state);
        debug_assert_eq!(pods, state.pods.len(), "bookings have their own primitives");
        let (is_ready, shape) = (state.ready, state.shape);
        if was_ready != is_ready {
            self.ledger.advance(now);
            self.ledger.nodes_ready = self.ledger.nodes_ready.wrapping_add_signed(if is_ready { 1 } else { -1 });
            if is_ready && !std::mem::replace(&mut self.offers[node.index()], true) {
                self.count_offer(shape, 1);
            }
        }
        self.classes.refresh(&self.cluster, node);
        self.touched(node);
        self.node_changed_for_pods();
        Some(answer)
    }

    /// Takes the node out of the API server. Its pods must be gone.
    pub fn remove_node(&mut self, node: NodeId, now: SimTime) -> Option<NodeState> {
        let state = self.cluster.remove_node(node)?;
        debug_assert!(state.pods.is_empty(), "pods are ended before their node goes");
        self.ledger.advance(now);
        self.ledger.nodes -= 1;
        self.ledger.nodes_ready -= u32::from(state.ready);
        if std::mem::take(&mut self.offers[node.index()]) {
            self.count_offer(state.shape, -1);
        }
        self.classes.refresh(&self.cluster, node);
        self.touched(node);
        self.node_changed_for_pods();
        Some(state)
    }

    pub fn intern_pod(&mut self, spec: PodSpec) -> PodSpecId {
        self.cluster.specs.intern_pod(spec)
    }

    pub fn intern_shape(&mut self, shape: NodeShape) -> NodeShapeId {
        self.cluster.specs.intern_shape(shape)
    }

    // Machines and money

    /// A machine was asked for that is to become a node.
    pub fn node_is_upcoming(&mut self) {
        self.ledger.nodes_upcoming += 1;
        self.version += 1;
    }

    /// A machine that was asked for registered, failed or was given up.
    pub fn node_no_longer_upcoming(&mut self) {
        self.ledger.nodes_upcoming -= 1;
        self.version += 1;
    }

    pub fn open_bill(&mut self, price: UsdPerHour, now: SimTime) {
        self.ledger.advance(now);
        self.ledger.open_bill(price, now);
    }

    /// `billed` is what the whole bill since `from` comes to.
    pub fn close_bill(&mut self, price: UsdPerHour, from: SimTime, billed: Usd, now: SimTime) {
        self.ledger.advance(now);
        self.ledger.close_bill(price, from, billed);
    }

    // The run

    /// Something changed that an autoscaler could see and that stands outside the cluster: a target, a refusal, a claim.
    pub fn touch(&mut self) {
        self.version += 1;
    }

    /// Integrates the ledger up to `now`.
    pub fn advance(&mut self, now: SimTime) {
        self.ledger.advance(now);
    }

    /// The run is over and its bills are closed; `rate` is what held up to then.
    pub fn end_at_rate(&mut self, rate: UsdPerHour) {
        self.ledger.end_at_rate(rate);
    }

    /// A change of a pod's binding, with its place in the counts.
    fn count_anew(&mut self, pod: PodId, change: impl FnOnce(&mut Books)) {
        count(&mut self.ledger.pods, self.cluster.pod(pod), -1);
        change(self);
        count(&mut self.ledger.pods, self.cluster.pod(pod), 1);
    }

    fn count_offer(&mut self, shape: NodeShapeId, sign: i64) {
        let offered = offered_by(self.cluster.specs.shape(shape), self.cluster.specs.nvidia_gpu());
        self.ledger.add_allocatable(offered, sign);
    }

    /// What a node could answer a pod changed.
    fn node_changed_for_pods(&mut self) {
        self.node_version += 1;
        self.version += 1;
    }
}

/// Adds a pod to the counts (`sign` 1) or takes it out (-1).
fn count(counts: &mut PodCounts, pod: &PodInfo, sign: i32) {
    let of_phase = match pod.phase {
        _ if pod.deleted => &mut counts.deleted,
        PodPhase::Pending => &mut counts.pending,
        PodPhase::Running => &mut counts.running,
        PodPhase::Succeeded => &mut counts.succeeded,
        PodPhase::Failed => &mut counts.failed,
    };
    *of_phase = of_phase.wrapping_add_signed(sign);
    if pod.ready {
        counts.ready = counts.ready.wrapping_add_signed(sign);
    }
    if pod.node.is_none() && !pod.is_terminal() {
        counts.unbound = counts.unbound.wrapping_add_signed(sign);
    }
}
