//! The kubelet's part in a pod's life: start, readiness, work, restarts, termination and eviction.

use std::sync::Arc;

use super::entities::{End, Role};
use super::event::Event;
use super::observer::{Controller, Usage};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, PodPhase, RestartPolicy};
use crate::units::random::stream;
use crate::units::{Distribution, SimDuration};

/// How often the kubelet looks for memory pressure (`pkg/kubelet`, `evictionMonitoringPeriod`).
const EVICTION_MONITORING_PERIOD: SimDuration = SimDuration::from_secs(10);

/// Crash back-off of the kubelet: the first restart is immediate, then 10 s doubling to 5 min; ten minutes of running
/// clear it (`pkg/kubelet`, `MaxContainerBackOff`).
const CRASH_BACKOFF_INITIAL: SimDuration = SimDuration::from_secs(10);
const CRASH_BACKOFF_MAX: SimDuration = SimDuration::from_secs(300);
const CRASH_BACKOFF_RESET: SimDuration = SimDuration::from_mins(10);

impl World<'_> {
    /// A pod was bound: its image is pulled where it must be, and its container starts.
    pub(super) fn kubelet_takes(&mut self, pod: PodId, node: NodeId) {
        let pull = self.pull_time(pod, node);
        let start = self.draw(&self.scenario.kubelet.container_start, "container-start", pod);
        let run = &mut self.pods[pod.index()];
        run.generation += 1;
        let generation = run.generation;
        let now = self.now;
        self.cluster.change_pod(pod, |info| info.started = Some(now));
        if let Some(deadline) = self.cluster.specs.pod(self.cluster.pod(pod).spec).active_deadline {
            self.events.push(now + deadline, Event::PodDeadline { pod });
        }
        self.events.push(self.now + pull + start, Event::PodStarts { pod, generation });
    }

    /// Time that the node spends on images that it does not have yet; afterwards it has them.
    fn pull_time(&mut self, pod: PodId, node: NodeId) -> SimDuration {
        let kubelet = &self.scenario.kubelet;
        if kubelet.image_sizes.is_empty() || kubelet.image_pull_rate.get() <= 0 {
            return SimDuration::ZERO;
        }
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let instance = &mut self.instances[self.instance_of[node.index()] as usize];
        let mut seconds = 0.0;
        let images = spec.init_containers.iter().map(|init| &init.container).chain(&spec.containers);
        for container in images {
            let Some(index) = kubelet.image_sizes.iter().position(|(name, _)| **name == *container.image) else {
                continue;
            };
            if !instance.images.contains(&(index as u32)) {
                instance.images.push(index as u32);
                seconds += kubelet.image_sizes[index].1.get() as f64 / kubelet.image_pull_rate.get() as f64;
            }
        }
        SimDuration::from_secs_f64(seconds)
    }

    /// A draw of its own for this pod and purpose, whatever else happened before.
    pub(super) fn draw(&self, distribution: &Distribution, purpose: &str, pod: PodId) -> SimDuration {
        if let Distribution::Constant(always) = distribution {
            return *always;
        }
        let run = &self.pods[pod.index()];
        let entity = u64::from(pod.0) << 16 | u64::from(run.restarts.min(0xffff) as u16);
        distribution.sample(&mut stream(self.seed, purpose, entity))
    }

    pub(super) fn pod_starts(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation != generation {
            return;
        }
        let run = &mut self.pods[pod.index()];
        run.started = Some(self.now);
        run.first_started.get_or_insert(self.now);
        run.counter_at_start = run.cpu_counter_at(self.now);
        self.set_running(pod);
        if !self.use_modelled(pod) {
            return;
        }
        match self.pods[pod.index()].role {
            Role::Trace { index } => {
                self.set_ready(pod, true);
                if let Some(work) = self.scenario.trace_pods[index as usize].duration {
                    self.events.push(self.now + work, Event::PodFinishes { pod, generation });
                }
            }
            Role::JobPod { .. } => {
                self.set_ready(pod, true);
                let work = self.job_work(pod);
                self.events.push(self.now + work, Event::PodFinishes { pod, generation });
            }
            Role::Daemon => self.set_ready(pod, true),
            Role::Replica { .. } => {
                let delay = self.readiness_delay(pod);
                self.events.push(self.now + delay, Event::PodReady { pod, generation });
            }
            Role::Worker { job } => {
                self.set_ready(pod, true);
                self.worker_started(job);
            }
        }
    }

    /// A container that starts uses what its model says, which may be more memory than it or its node has. False
    /// where that was its end.
    fn use_modelled(&mut self, pod: PodId) -> bool {
        let used = self.modelled_use(pod);
        self.set_used(pod, used);
        let info = self.cluster.pod(pod);
        let limit = self.cluster.specs.pod(info.spec).memory_limit();
        if limit.is_some_and(|limit| used.memory > limit) {
            self.oom_kill(pod);
            return false;
        }
        if let Some(node) = info.node {
            self.watch_memory(node);
        }
        true
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
            (above.get() <= 0, spec.priority, std::cmp::Reverse(above), *pod)
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

    pub(super) fn pod_ready(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation == generation {
            self.set_ready(pod, true);
            self.replica_became_ready(pod);
        }
    }

    pub(super) fn pod_finishes(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation != generation {
            return;
        }
        if self.application_fails(pod) {
            self.set_ready(pod, false);
            self.set_used(pod, Usage::default());
            return self.container_fails(pod, "Error");
        }
        let node = self.cluster.pod(pod).node;
        self.end_pod(pod, End::Succeeded, "Completed");
        self.room_was_freed(node);
        self.owner_sees_end(pod);
    }

    /// A container exceeded its memory limit: it is killed, and restarted after the crash back-off where its pod's
    /// policy says so.
    pub(super) fn oom_kill(&mut self, pod: PodId) {
        self.counts.oom_kills += 1;
        let spec = self.cluster.pod(pod).spec;
        let used = self.pods[pod.index()].used.memory;
        let limit = self.cluster.specs.pod(spec).memory_limit().unwrap_or_default();
        let object = self.pod_object(pod);
        self.decide(
            Controller::Kubelet,
            object,
            "Running",
            "OOMKilled",
            format!("memory {used} is above the limit {limit}"),
        );
        self.set_ready(pod, false);
        self.set_used(pod, Usage::default());
        self.container_fails(pod, "OOMKilled");
    }

    /// `activeDeadlineSeconds` of the pod itself are over: it fails.
    pub(super) fn pod_deadline(&mut self, pod: PodId) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.deletion.is_some() {
            return;
        }
        let node = info.node;
        self.end_pod(pod, End::Failed, "DeadlineExceeded");
        self.room_was_freed(node);
        self.owner_sees_end(pod);
    }

    /// A container ended in failure: with it its pod, or it starts again after the crash back-off.
    fn container_fails(&mut self, pod: PodId, reason: &'static str) {
        let spec = self.cluster.pod(pod).spec;
        if self.cluster.specs.pod(spec).restart_policy == RestartPolicy::Never {
            let node = self.cluster.pod(pod).node;
            self.end_pod(pod, End::Failed, reason);
            self.room_was_freed(node);
            self.owner_sees_end(pod);
            return;
        }
        let run = &mut self.pods[pod.index()];
        let ran = run.started.map_or(SimDuration::ZERO, |started| self.now - started);
        if ran > CRASH_BACKOFF_RESET {
            run.crashes = 0;
        }
        let backoff = match run.crashes {
            0 => SimDuration::ZERO,
            crashes => (CRASH_BACKOFF_INITIAL * (1 << (crashes - 1).min(10))).min(CRASH_BACKOFF_MAX),
        };
        run.crashes += 1;
        run.restarts += 1;
        run.generation += 1;
        let generation = run.generation;
        self.counts.restarts += 1;
        let start = self.draw(&self.scenario.kubelet.container_start, "container-start", pod);
        self.events.push(self.now + backoff + start, Event::PodStarts { pod, generation });
        self.owner_sees_restart(pod);
    }

    /// Deletes a pod as the API server does: one that was never bound is gone at once, another has its grace period.
    pub(super) fn delete_pod(&mut self, pod: PodId, reason: &'static str) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.deletion.is_some() {
            return;
        }
        let (spec, bound) = (info.spec, info.node.is_some());
        self.pods[pod.index()].reason = reason;
        if !bound {
            self.queue.remove(pod, spec);
            self.end_pod(pod, End::Deleted, reason);
            self.owner_sees_end(pod);
            return;
        }
        let grace = self.cluster.specs.pod(spec).termination_grace_period;
        let takes = self.draw(&self.scenario.kubelet.termination, "termination", pod).min(grace);
        let ends = self.now + takes;
        self.cluster.set_deletion(pod, self.now + grace);
        self.workloads[self.pods[pod.index()].workload.index()].leaving.push(pod);
        self.set_ready(pod, false);
        self.pods[pod.index()].generation += 1;
        self.forget_in_workload(pod);
        if let (Some(node), true) = (self.cluster.pod(pod).node, self.pods[pod.index()].role != Role::Daemon) {
            self.claim_sees_pod(node);
        }
        self.events.push(ends, Event::PodGone { pod });
    }

    pub(super) fn pod_gone(&mut self, pod: PodId) {
        if self.cluster.pod(pod).is_terminal() {
            return;
        }
        let node = self.cluster.pod(pod).node;
        self.end_pod(pod, End::Deleted, "Deleted");
        self.room_was_freed(node);
        self.leaver_is_gone(pod);
    }

    /// The eviction API: the pod terminates gracefully, and its owner makes another at once.
    pub(super) fn evict_pod(&mut self, pod: PodId, reason: &'static str) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.deletion.is_some() {
            return;
        }
        self.counts.evicted += 1;
        self.delete_pod(pod, reason);
        self.owner_sees_end(pod);
    }

    /// The node is lost: its pods end without grace.
    pub(super) fn lose_pod(&mut self, pod: PodId, reason: &'static str) {
        if self.cluster.pod(pod).is_terminal() {
            return;
        }
        let was_leaving = self.cluster.pod(pod).deletion.is_some();
        self.end_pod(pod, End::Deleted, reason);
        if was_leaving { self.leaver_is_gone(pod) } else { self.owner_sees_end(pod) }
    }

    pub(super) fn pod_name(&self, pod: PodId) -> Arc<str> {
        Arc::clone(&self.cluster.pod(pod).name)
    }
}
