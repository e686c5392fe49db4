//! What owns pods: where workloads begin, where a pod's end goes to, replica counts, and the replay of a trace. Each
//! controller has a file of its own: `replicas`, `stateful_sets`, `jobs`, `daemons`.

use std::sync::Arc;

use super::entities::{Role, SetRun};
use super::event::Event;
use super::records::Controller;
use super::world::World;
use crate::cluster::{PodId, PodPhase, WorkloadId};
use crate::controller::deployment::ReplicaSet;
use crate::scenario::{BatchJob, WorkloadKind};

impl World<'_> {
    /// Creates what exists at time zero and plans what comes later.
    pub(super) fn start_workloads(&mut self) {
        self.start_volumes();
        let scenario = self.scenario;
        for workload in &scenario.workloads {
            match &workload.kind {
                WorkloadKind::Replicated { replicas, spec, .. } => {
                    let run = &mut self.workloads[workload.id.index()];
                    run.desired = *replicas;
                    run.sets.push(SetRun { template: *spec, state: ReplicaSet::default() });
                    self.note_replicas(workload.id);
                    self.reconcile_replicas(workload.id);
                }
                WorkloadKind::Job(BatchJob { cron: Some(_), .. }) => self.plan_cron_job(workload.id),
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
        for (index, patch) in scenario.patches.iter().enumerate() {
            self.events.push(patch.at, Event::Patch { index: index as u32 });
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
        self.note_replicas(workload);
        self.cluster.touch();
        self.watch_maximum(workload);
        self.reconcile_replicas(workload);
        true
    }

    pub(super) fn replica_change(&mut self, index: u32) {
        let change = &self.scenario.replica_changes[index as usize];
        let before = self.workloads[change.target.index()].desired;
        if self.scale(change.target, change.replicas) {
            let object = self.workload_object(change.target);
            let to = change.replicas.to_string();
            self.decide(Controller::Manual, object, before.to_string(), to, "planned change of spec.replicas");
        }
    }

    pub(super) fn next_ordinal(&mut self, workload: WorkloadId) -> u32 {
        let next = &mut self.workloads[workload.index()].next_ordinal;
        *next += 1;
        *next - 1
    }

    /// A pod is no longer its owner's: replicated workloads replace it, Jobs count it.
    pub(super) fn owner_sees_end(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        match self.pods[pod.index()].role {
            Role::Replica { .. } => self.reconcile_replicas(workload),
            Role::JobPod { .. } => self.job_pod_ended(pod, workload),
            Role::Worker { job } => self.worker_ended(pod, job),
            Role::Companion { job } => self.companion_ended(pod, job),
            Role::Trace { index } => self.resubmit(pod, index),
            Role::Daemon => {}
        }
    }

    /// A bare pod of a trace that was evicted, preempted or lost comes back, as whoever submitted it would see to it;
    /// its work starts anew. One that failed by its own fault does not.
    fn resubmit(&mut self, pod: PodId, index: u32) {
        let trace = &self.scenario.trace_pods[index as usize];
        let reason = self.pods[pod.index()].reason;
        let by_its_own_fault =
            matches!(reason, "OOMKilled" | "DeadlineExceeded") || super::admission::ends_for_good(reason);
        if !trace.is_resubmitted || self.cluster.pod(pod).phase == PodPhase::Succeeded || by_its_own_fault {
            return;
        }
        let name = format!("{}-r", self.pod_name(pod)).into();
        let again = self.create_pod(name, trace.spec, trace.workload, Role::Trace { index });
        self.enqueue(again);
    }
}
