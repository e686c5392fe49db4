//! The controllers that own pods: Deployments and StatefulSets, Jobs, DaemonSets, and the replay of a trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::entities::Role;
use super::event::Event;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, PodPhase, PodSpecId, WorkloadId};
use crate::scenario::{Owner, WorkloadKind};
use crate::scheduler::{Cycle, filter};
use crate::units::{SimDuration, SimTime};

impl World<'_> {
    /// Creates what exists at time zero and plans what comes later.
    pub(super) fn start_workloads(&mut self) {
        let scenario = self.scenario;
        for workload in &scenario.workloads {
            match &workload.kind {
                WorkloadKind::Replicated { replicas, .. } => {
                    self.workloads[workload.id.index()].desired = *replicas;
                    self.reconcile_replicas(workload.id);
                }
                WorkloadKind::Job(job) => self.events.push(job.arrival, Event::JobStarts { workload: workload.id }),
                WorkloadKind::Replayed => {}
            }
        }
        if let Some(first) = scenario.trace_pods.first() {
            self.events.push(first.arrival, Event::TraceArrival);
        }
        for (index, change) in scenario.replica_changes.iter().enumerate() {
            self.events.push(change.at, Event::ReplicaChange { index: index as u32 });
        }
    }

    /// All pods of the trace that arrive at this instant.
    pub(super) fn trace_arrives(&mut self) {
        let scenario = self.scenario;
        while let Some(pod) = scenario.trace_pods.get(self.next_trace_pod) {
            if pod.arrival > self.now {
                self.events.push(pod.arrival, Event::TraceArrival);
                return;
            }
            let role = Role::Trace { index: self.next_trace_pod as u32 };
            self.next_trace_pod += 1;
            let id = self.create_pod(Arc::clone(&pod.name), pod.spec, pod.workload, role);
            self.enqueue(id);
        }
    }

    /// Sets `spec.replicas` and acts on it. False where nothing changes.
    pub(super) fn scale(&mut self, workload: WorkloadId, replicas: u32) -> bool {
        let run = &mut self.workloads[workload.index()];
        if std::mem::replace(&mut run.desired, replicas) == replicas {
            return false;
        }
        self.cluster.touch();
        self.reconcile_replicas(workload);
        true
    }

    pub(super) fn replica_change(&mut self, index: u32) {
        let change = &self.scenario.replica_changes[index as usize];
        let before = self.workloads[change.target.index()].desired;
        if self.scale(change.target, change.replicas) {
            let object = format!("{}/{}", self.kind_of(change.target), self.workload_name(change.target));
            let to = change.replicas.to_string();
            self.decide(Controller::Manual, object, before.to_string(), to, "planned change of spec.replicas");
        }
    }

    /// Creates or deletes pods until as many live as are wanted.
    fn reconcile_replicas(&mut self, workload: WorkloadId) {
        let scenario = self.scenario;
        let WorkloadKind::Replicated { owner, spec, ordered, .. } = &scenario.workloads[workload.index()].kind else {
            return;
        };
        if *owner == Owner::StatefulSet {
            return self.reconcile_ordinals(workload, *spec, *ordered);
        }
        let desired = self.workloads[workload.index()].desired as usize;
        let live = self.workloads[workload.index()].pods.len();
        if live > desired {
            let mut candidates = self.workloads[workload.index()].pods.clone();
            self.rank_for_deletion(&mut candidates);
            for pod in candidates.into_iter().take(live - desired) {
                self.delete_pod(pod, "ScaledDown");
            }
            return;
        }
        for _ in live..desired {
            let ordinal = self.next_ordinal(workload);
            self.create_replica(workload, *spec, ordinal);
        }
    }

    fn create_replica(&mut self, workload: WorkloadId, spec: PodSpecId, ordinal: u32) {
        let name = format!("{}-{ordinal}", self.workload_name(workload)).into();
        let pod = self.create_pod(name, spec, workload, Role::Replica { ordinal });
        self.enqueue(pod);
    }

    /// A StatefulSet's pods have numbers, and one comes again only when its forerunner is gone. With `OrderedReady`
    /// each step waits until the one before is done: pods are made from the lowest number up as those before them turn
    /// ready, and deleted from the highest down, one at a time, while all that stay are ready
    /// (`pkg/controller/statefulset/stateful_set_control.go`).
    fn reconcile_ordinals(&mut self, workload: WorkloadId, spec: PodSpecId, ordered: bool) {
        loop {
            match self.next_ordinal_step(workload, ordered) {
                OrdinalStep::Create(ordinal) => self.create_replica(workload, spec, ordinal),
                OrdinalStep::Delete(pod) => self.delete_pod(pod, "ScaledDown"),
                OrdinalStep::Wait => return,
            }
        }
    }

    fn next_ordinal_step(&self, workload: WorkloadId, ordered: bool) -> OrdinalStep {
        let run = &self.workloads[workload.index()];
        let numbered =
            |pods: &[PodId]| -> BTreeMap<u32, PodId> { pods.iter().map(|pod| (self.ordinal(*pod), *pod)).collect() };
        let (live, leaving) = (numbered(&run.pods), numbered(&run.leaving));
        let is_ready = |pod: PodId| self.cluster.pod(pod).ready;
        for ordinal in 0..run.desired {
            let waits = match live.get(&ordinal) {
                None if !leaving.contains_key(&ordinal) => return OrdinalStep::Create(ordinal),
                None => true,
                Some(pod) => !is_ready(*pod),
            };
            if ordered && waits {
                return OrdinalStep::Wait;
            }
        }
        let Some((_, last)) = live.range(run.desired..).next_back() else { return OrdinalStep::Wait };
        let first_unready = live.values().find(|pod| !is_ready(**pod));
        let may_go = !ordered
            || leaving.range(run.desired..).next().is_none() && (is_ready(*last) || first_unready == Some(last));
        if may_go { OrdinalStep::Delete(*last) } else { OrdinalStep::Wait }
    }

    /// A terminating pod is gone: a StatefulSet has waited for that.
    pub(super) fn leaver_is_gone(&mut self, pod: PodId) {
        if let Role::Replica { .. } = self.pods[pod.index()].role {
            self.reconcile_replicas(self.pods[pod.index()].workload);
        }
    }

    fn next_ordinal(&mut self, workload: WorkloadId) -> u32 {
        let next = &mut self.workloads[workload.index()].next_ordinal;
        *next += 1;
        *next - 1
    }

    fn ordinal(&self, pod: PodId) -> u32 {
        match self.pods[pod.index()].role {
            Role::Replica { ordinal } => ordinal,
            _ => 0,
        }
    }

    /// Upstream's order of victims (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): unbound before bound,
    /// pending before running, unready before ready, lower deletion cost, crowded nodes first, then the ones ready for
    /// a shorter time (in powers of two, as `LogarithmicScaleDown` has it), more restarts, newer.
    fn rank_for_deletion(&self, pods: &mut [PodId]) {
        let mut on_node: BTreeMap<NodeId, usize> = Default::default();
        for pod in pods.iter() {
            if let Some(node) = self.cluster.pod(*pod).node {
                *on_node.entry(node).or_default() += 1;
            }
        }
        let rank = |pod: PodId| {
            let info = self.cluster.pod(pod);
            let run = &self.pods[pod.index()];
            let cost: i32 = self
                .cluster
                .specs
                .pod(info.spec)
                .annotations
                .get("controller.kubernetes.io/pod-deletion-cost")
                .and_then(|cost| cost.parse().ok())
                .unwrap_or(0);
            let crowd = info.node.map_or(0, |node| on_node[&node]);
            (
                info.node.is_some(),
                info.phase == PodPhase::Running,
                info.ready,
                cost,
                Reverse(crowd),
                info.ready.then(|| age_bucket(self.now, run.ready_changed.unwrap_or(self.now))),
                Reverse(run.restarts),
                age_bucket(self.now, info.created),
                Reverse(pod),
            )
        };
        pods.sort_by_cached_key(|pod| rank(*pod));
    }

    pub(super) fn readiness_delay(&self, pod: PodId) -> SimDuration {
        match &self.scenario.workloads[self.pods[pod.index()].workload.index()].kind {
            WorkloadKind::Replicated { readiness_delay, .. } => self.draw(readiness_delay, "readiness", pod),
            _ => SimDuration::ZERO,
        }
    }

    pub(super) fn replica_became_ready(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        if let WorkloadKind::Replicated { ordered: true, .. } = self.scenario.workloads[workload.index()].kind {
            self.reconcile_replicas(workload);
        }
    }

    /// A pod is no longer its owner's: replicated workloads replace it, Jobs count it.
    pub(super) fn owner_sees_end(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        match self.pods[pod.index()].role {
            Role::Replica { .. } => self.reconcile_replicas(workload),
            Role::JobPod => self.job_pod_ended(pod, workload),
            Role::Worker { job } => self.worker_ended(pod, job),
            Role::Trace { index } => self.resubmit(pod, index),
            Role::Daemon => {}
        }
    }

    /// A bare pod of a trace that was evicted, preempted or lost comes back, as whoever submitted it would see to it;
    /// its work starts anew. One that failed by its own fault does not.
    fn resubmit(&mut self, pod: PodId, index: u32) {
        let reason = self.pods[pod.index()].reason;
        let by_its_own_fault = reason == "OOMKilled" || super::admission::ends_for_good(reason);
        if self.cluster.pod(pod).phase == PodPhase::Succeeded || by_its_own_fault {
            return;
        }
        let trace = &self.scenario.trace_pods[index as usize];
        let name = format!("{}-r", self.pod_name(pod)).into();
        let again = self.create_pod(name, trace.spec, trace.workload, Role::Trace { index });
        self.enqueue(again);
    }

    pub(super) fn job_starts(&mut self, workload: WorkloadId) {
        self.reconcile_job(workload);
    }

    pub(super) fn job_work(&self, pod: PodId) -> SimDuration {
        match &self.scenario.workloads[self.pods[pod.index()].workload.index()].kind {
            WorkloadKind::Job(job) => self.draw(&job.duration, "job-work", pod),
            _ => SimDuration::ZERO,
        }
    }

    fn job_pod_ended(&mut self, pod: PodId, workload: WorkloadId) {
        let succeeded = self.cluster.pod(pod).phase == PodPhase::Succeeded;
        let run = &mut self.workloads[workload.index()];
        if succeeded {
            run.succeeded += 1;
        } else {
            run.failed += 1;
        }
        self.reconcile_job(workload);
    }

    /// Keeps `parallelism` pods at work while completions are missing and the back-off limit isn't reached.
    fn reconcile_job(&mut self, workload: WorkloadId) {
        let scenario = self.scenario;
        let WorkloadKind::Job(job) = &scenario.workloads[workload.index()].kind else { return };
        let run = &self.workloads[workload.index()];
        if run.failed > job.backoff_limit {
            if !run.gave_up {
                self.workloads[workload.index()].gave_up = true;
                let object = format!("job/{}", self.workload_name(workload));
                self.decide(Controller::Job, object, "Active", "Failed", "BackoffLimitExceeded");
                for pod in self.workloads[workload.index()].pods.clone() {
                    self.delete_pod(pod, "JobFailed");
                }
            }
            return;
        }
        let missing = job.completions.saturating_sub(run.succeeded);
        let wanted = missing.min(job.parallelism) as usize;
        for _ in run.pods.len()..wanted {
            let ordinal = self.next_ordinal(workload);
            let name = format!("{}-{ordinal}", self.workload_name(workload)).into();
            let pod = self.create_pod(name, job.spec, workload, Role::JobPod);
            self.enqueue(pod);
        }
    }

    /// Every DaemonSet puts its pod on a node that turned ready, where its selector and taints allow.
    pub(super) fn start_daemons(&mut self, node: NodeId) {
        for daemon in &self.scenario.daemon_sets {
            let fits = !self.cluster.specs.pod(daemon.spec).is_held_back() && {
                let cycle = Cycle::new(self.cluster.state(), daemon.spec);
                let view = self.cluster.node_view(node).expect("a node that turned ready exists");
                filter::fits(&cycle, &view).is_ok()
            };
            if fits {
                let ordinal = self.next_ordinal(daemon.workload);
                let name = format!("{}-{ordinal}", self.workload_name(daemon.workload)).into();
                let pod = self.create_pod(name, daemon.spec, daemon.workload, Role::Daemon);
                self.book(pod, node);
                self.kubelet_takes(pod, node);
            }
        }
    }

    pub(super) fn kind_of(&self, workload: WorkloadId) -> &'static str {
        match &self.scenario.workloads[workload.index()].kind {
            WorkloadKind::Replicated { owner: Owner::Deployment, .. } => "deployment",
            WorkloadKind::Replicated { owner: Owner::ReplicaSet, .. } => "replicaset",
            WorkloadKind::Replicated { owner: Owner::StatefulSet, .. } => "statefulset",
            WorkloadKind::Job(_) => "job",
            WorkloadKind::Replayed => "workload",
        }
    }
}

/// What a StatefulSet does next.
enum OrdinalStep {
    Create(u32),
    Delete(PodId),
    Wait,
}

/// Powers of two of the age in nanoseconds, younger first.
fn age_bucket(now: SimTime, since: SimTime) -> u32 {
    let age = (now - since).nanos().max(0) as u64;
    64 - age.leading_zeros()
}
