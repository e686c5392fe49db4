//! Memory that runs out: a container above its limit, a machine that has no more, and a kubelet that evicts in time.

use std::cmp::Reverse;

use super::entities::End;
use super::event::Event;
use super::records::{Controller, Usage};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, NodeView, PodId, PodPhase, QosClass};
use crate::units::SimDuration;

/// How often the kubelet looks for memory pressure (`pkg/kubelet`, `evictionMonitoringPeriod`).
const EVICTION_MONITORING_PERIOD: SimDuration = SimDuration::from_secs(10);

impl World<'_> {
    /// A container that starts uses what its model says, which may be more memory than it or its node has. False
    /// where that was its end.
    pub(super) fn use_modelled(&mut self, pod: PodId) -> bool {
        let used = self.modelled_use(pod);
        self.use_resources(pod, used);
        let generation = self.pods[pod.index()].generation;
        self.memory_changed(pod);
        // A kill moves the generation on.
        self.pods[pod.index()].generation == generation
    }

    /// The pod uses more memory than before: its limit and its node may have less.
    pub(super) fn memory_changed(&mut self, pod: PodId) {
        let info = self.cluster.pod(pod);
        let (node, used) = (info.node, self.pods[pod.index()].used.memory);
        let limit = self.cluster.specs.pod(info.spec).memory_limit();
        if let Some(limit) = limit.filter(|limit| used > *limit) {
            self.oom_kill(pod, format!("memory {used} is above the limit {limit}"));
        }
        if let Some(node) = node {
            self.relieve_machine(node);
            self.watch_memory(node);
        }
    }

    /// Where pods use more memory than the machine has, the kernel kills containers until they do not: the one first
    /// whose share of the memory together with its class weighs most (`oom_score`; `pkg/kubelet/qos/policy.go`, 1.33).
    fn relieve_machine(&mut self, node: NodeId) {
        while let Some(view) = self.cluster.node_view(node) {
            let capacity = view.shape.capacity.memory;
            let used = self.instance_of_node(node).used.memory;
            if used <= capacity {
                return;
            }
            let running = view.state.pods.iter().map(|held| held.pod).filter(|pod| self.runs(*pod));
            let worst = running.max_by_key(|pod| (self.oom_score(*pod, &view), Reverse(*pod)));
            let Some(pod) = worst else { return };
            let name = &view.state.name;
            let why = format!("pods on {name} use {used} of memory and the machine has {capacity}");
            self.oom_kill(pod, why);
        }
    }

    /// The kernel's score: thousandths of the machine's memory that the pod uses, and the kubelet's adjustment.
    fn oom_score(&self, pod: PodId, node: &NodeView<'_>) -> i64 {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let capacity = node.shape.capacity.memory.get().max(1);
        let thousandths = |bytes: i64| (i128::from(bytes) * 1000 / i128::from(capacity)) as i64;
        let adjustment = match spec.qos_class() {
            QosClass::Guaranteed => -997,
            QosClass::BestEffort => 1000,
            QosClass::Burstable => (1000 - thousandths(spec.requests.memory.get())).clamp(3, 999),
        };
        thousandths(self.pods[pod.index()].used.memory.get()) + adjustment
    }

    /// Where a node uses more memory than its eviction threshold leaves, its kubelet will see it at its next look.
    fn watch_memory(&mut self, node: NodeId) {
        let Some(view) = self.cluster.node_view(node) else { return };
        let allocatable = view.shape.allocatable.memory;
        let instance = self.instance_of_node_mut(node);
        if instance.used.memory > allocatable && !instance.under_memory_pressure {
            instance.under_memory_pressure = true;
            self.events.push(self.now + EVICTION_MONITORING_PERIOD, Event::MemoryPressure { node });
        }
    }

    /// The kubelet evicts one pod at each look while a node uses more memory than its eviction threshold leaves: first
    /// those that use more than they requested, then by priority, then by how far above the request they are
    /// (`pkg/kubelet/eviction/helpers.go`).
    pub(super) fn relieve_memory_pressure(&mut self, node: NodeId) {
        let Some(view) = self.cluster.node_view(node) else { return };
        self.instances[self.instance_of[node.index()] as usize].under_memory_pressure = false;
        if self.instance_of_node(node).used.memory <= view.shape.allocatable.memory {
            return;
        }
        let worst = view.state.pods.iter().map(|held| held.pod).filter(|pod| self.runs(*pod)).min_by_key(|pod| {
            let spec = self.cluster.specs.pod(self.cluster.pod(*pod).spec);
            let above = self.pods[pod.index()].used.memory - spec.requests.memory;
            (above.get() <= 0, spec.priority, Reverse(above), *pod)
        });
        let Some(pod) = worst else { return };
        let object = self.pod_object(pod);
        let node_name = self.instance_of_node(node).name.to_string();
        self.decide(Controller::Kubelet, object, "Running", "Evicted", format!("memory pressure on {node_name}"));
        self.counts.evicted += 1;
        let was_leaving = self.cluster.pod(pod).deletion.is_some();
        self.end_pod(pod, End::Failed, "Evicted");
        self.room_was_freed(Some(node));
        if was_leaving {
            self.leaver_is_gone(pod)
        } else {
            self.owner_sees_end(pod)
        }
        self.watch_memory(node);
    }

    fn runs(&self, pod: PodId) -> bool {
        self.cluster.pod(pod).phase == PodPhase::Running && self.pods[pod.index()].used != Usage::default()
    }

    /// A container is killed for its memory; one of a pod that is leaving is not started again.
    fn oom_kill(&mut self, pod: PodId, why: String) {
        self.counts.oom_kills += 1;
        let object = self.pod_object(pod);
        self.decide(Controller::Kubelet, object, "Running", "OOMKilled", why);
        self.set_ready(pod, false);
        self.stop_using(pod);
        if self.cluster.pod(pod).deletion.is_none() {
            self.container_fails(pod, "OOMKilled");
        }
    }
}
