//! The kubelet's part in a pod's life: start, readiness, work and termination.

use std::sync::Arc;

use super::entities::{End, Role};
use super::event::Event;
use super::world::World;
use crate::cluster::{NodeId, PodId, RestartPolicy};
use crate::units::random::stream;
use crate::units::{Distribution, SimDuration};

/// Crash back-off of the kubelet: the first restart is immediate, then 10 s doubling to 5 min; ten minutes of running
/// clear it (`pkg/kubelet`, `MaxContainerBackOff`).
const CRASH_BACKOFF_INITIAL: SimDuration = SimDuration::from_secs(10);
const CRASH_BACKOFF_MAX: SimDuration = SimDuration::from_secs(300);
const CRASH_BACKOFF_RESET: SimDuration = SimDuration::from_mins(10);

impl World<'_> {
    /// A pod was bound: its images are pulled where they must be, and its container starts.
    pub(super) fn kubelet_takes(&mut self, pod: PodId, node: NodeId) {
        if !self.has_kubelet(pod) {
            if self.is_tainted_unreachable(node) {
                self.plan_taint_eviction(pod, node);
            }
            return;
        }
        let run = &mut self.pods[pod.index()];
        run.generation += 1;
        run.images_there = 0;
        let now = self.now;
        self.cluster.change_pod(pod, |info| info.started = Some(now));
        if let Some(deadline) = self.cluster.specs.pod(self.cluster.pod(pod).spec).active_deadline {
            self.events.push(now + deadline, Event::PodDeadline { pod });
        }
        self.pull_or_start(pod, node);
    }

    /// A draw of its own for this pod and purpose, whatever else happened before.
    pub(super) fn draw(&self, distribution: &Distribution, purpose: &str, pod: PodId) -> SimDuration {
        self.draw_turn(distribution, purpose, pod, self.pods[pod.index()].restarts)
    }

    /// As [`World::draw`], for a restart that is not counted yet.
    fn draw_turn(&self, distribution: &Distribution, purpose: &str, pod: PodId, turn: u32) -> SimDuration {
        if let Distribution::Constant(always) = distribution {
            return *always;
        }
        let entity = u64::from(pod.0) << 16 | u64::from(turn.min(0xffff) as u16);
        distribution.sample(&mut stream(self.seed, purpose, entity))
    }

    pub(super) fn pod_starts(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation != generation {
            return;
        }
        let run = &mut self.pods[pod.index()];
        run.started = Some(self.now);
        run.runs = true;
        // `restartCount` rises when the container runs again, not when it died.
        let is_restart = run.last_end.is_some();
        run.restarts += u32::from(is_restart);
        self.counts.restarts += u32::from(is_restart);
        run.first_started.get_or_insert(self.now);
        run.counter_at_start = run.cpu_counter_at(self.now);
        run.throttled = SimDuration::ZERO;
        self.set_running(pod);
        if is_restart {
            self.owner_sees_restart(pod);
        }
        if !self.use_modelled(pod) {
            return;
        }
        match self.pods[pod.index()].role {
            Role::Trace { index } => {
                self.ready_by_probes(pod, generation);
                if let Some(work) = self.scenario.trace_pods[index as usize].duration {
                    self.events.push(self.now + work, Event::PodFinishes { pod, generation });
                }
            }
            Role::JobPod { .. } => {
                self.ready_by_probes(pod, generation);
                let work = self.job_work(pod);
                self.events.push(self.now + work, Event::PodFinishes { pod, generation });
            }
            Role::Daemon | Role::Companion { .. } => self.ready_by_probes(pod, generation),
            Role::Replica { .. } => {
                let delay = if self.has_stood(pod) { SimDuration::ZERO } else { self.readiness_delay(pod) };
                self.events.push(self.now + delay, Event::PodReady { pod, generation });
            }
            Role::Worker { job } => {
                self.set_ready(pod, true);
                self.worker_started(job);
            }
        }
    }

    /// Ready when the first probe of each container may have been answered.
    fn ready_by_probes(&mut self, pod: PodId, generation: u32) {
        match self.cluster.specs.pod(self.cluster.pod(pod).spec).probe_delay {
            SimDuration::ZERO => self.set_ready(pod, true),
            delay => self.events.push(self.now + delay, Event::PodReady { pod, generation }),
        }
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
            self.stop_using(pod);
            return self.container_fails(pod, "Error");
        }
        let node = self.cluster.pod(pod).node;
        self.end_pod(pod, End::Succeeded, "Completed");
        self.room_was_freed(node);
        self.owner_sees_end(pod);
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

    /// A container ended in failure: with it its pod, or it starts again after the crash back-off. A worker of a gang
    /// does not start again by itself, whatever its policy: the others can't go on without what it knew.
    pub(super) fn container_fails(&mut self, pod: PodId, reason: &'static str) {
        let spec = self.cluster.pod(pod).spec;
        let is_worker = matches!(self.pods[pod.index()].role, Role::Worker { .. });
        if is_worker || self.cluster.specs.pod(spec).restart_policy == RestartPolicy::Never {
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
        run.runs = false;
        run.last_end = Some(reason);
        run.crashes += 1;
        run.generation += 1;
        let (generation, turn) = (run.generation, run.restarts + 1);
        let start = self.draw_turn(&self.scenario.kubelet.container_start, "container-start", pod, turn);
        self.events.push(self.now + backoff + start, Event::PodStarts { pod, generation });
    }

    /// Deletes a pod as the API server does: one that was never bound is gone at once, another has its grace period.
    pub(super) fn delete_pod(&mut self, pod: PodId, reason: &'static str) {
        self.delete_pod_within(pod, reason, None);
    }

    /// As [`World::delete_pod`], with another grace period than the pod's own.
    fn delete_pod_within(&mut self, pod: PodId, reason: &'static str, grace: Option<SimDuration>) {
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
        let grace = grace.unwrap_or(self.cluster.specs.pod(spec).termination_grace_period);
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
        // Without a kubelet nobody confirms that it has ended.
        if self.has_kubelet(pod) {
            self.events.push(ends, Event::PodGone { pod });
        }
    }

    /// A kubelet that shuts down has ended the pod.
    pub(super) fn pod_shut_down(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation != generation || self.is_leaving(pod) {
            return;
        }
        self.end_pod(pod, End::Failed, "Terminated");
        self.owner_sees_end(pod);
    }

    pub(super) fn pod_gone(&mut self, pod: PodId) {
        if self.cluster.pod(pod).is_terminal() || !self.has_kubelet(pod) || self.is_saving(pod) {
            return;
        }
        let node = self.cluster.pod(pod).node;
        self.end_pod(pod, End::Deleted, "Deleted");
        self.room_was_freed(node);
        self.leaver_is_gone(pod);
    }

    /// The eviction API: the pod terminates gracefully, and its owner makes another at once. `grace` stands in for the
    /// pod's own period.
    pub(super) fn evict_pod(&mut self, pod: PodId, reason: &'static str, grace: Option<SimDuration>) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.deletion.is_some() {
            return;
        }
        self.counts.evicted += 1;
        self.delete_pod_within(pod, reason, grace);
        self.owner_sees_end(pod);
    }

    /// Deletes a pod whatever budgets and annotations say, within `grace` at most; one that is terminating already has
    /// its grace period cut short.
    pub(super) fn delete_forcefully(&mut self, pod: PodId, grace: SimDuration, reason: &'static str) {
        let info = self.cluster.pod(pod);
        if info.deletion.is_none() {
            return self.evict_pod(pod, reason, Some(grace));
        }
        let ends = self.now + grace;
        if info.deletion.is_some_and(|deletion| deletion > ends) {
            self.cluster.set_deletion(pod, ends);
            self.events.push(ends, Event::PodGone { pod });
        }
    }

    /// It ended, or its deletion has begun.
    pub(super) fn is_leaving(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        info.is_terminal() || info.deletion.is_some()
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
