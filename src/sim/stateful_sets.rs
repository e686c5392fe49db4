//! StatefulSets at work: pods with numbers, made and ended in order.

use std::collections::BTreeMap;

use super::entities::Role;
use super::records::Controller;
use super::state::kueue::Queued;
use super::world::World;
use crate::cluster::{PodId, PodSpecId, WorkloadId};
use crate::controller::{Strategy, UpdateOptions};

impl World<'_> {
    /// A StatefulSet's pods have numbers, and one comes again only when its forerunner is gone. With `OrderedReady`
    /// each step waits until the one before is done: pods are made from the lowest number up as those before them turn
    /// ready, and deleted from the highest down, one at a time, while all that stay are ready
    /// (`pkg/controller/statefulset/stateful_set_control.go`).
    pub(super) fn reconcile_ordinals(
        &mut self,
        workload: WorkloadId,
        spec: PodSpecId,
        ordered: bool,
        update: &UpdateOptions,
    ) {
        while !self.is_full() {
            match self.next_ordinal_step(workload, spec, ordered, update) {
                OrdinalStep::Create(ordinal) => {
                    let template = self.revision_of(workload, spec, ordinal, update);
                    self.create_replica(workload, template, ordinal);
                }
                OrdinalStep::Delete(pod) => {
                    self.release_volumes(workload, self.ordinal(pod));
                    self.delete_pod(pod, "ScaledDown");
                }
                OrdinalStep::Renew(pod) => {
                    let object = self.pod_object(pod);
                    let reason = "rolling update: the highest ordinal that is not of the new template";
                    self.decide(Controller::StatefulSet, object, "Running", "Deleted", reason);
                    self.delete_pod(pod, "RollingUpdate");
                }
                OrdinalStep::Wait => break,
            }
        }
        self.finish_revision(workload, spec, update);
    }

    /// The template of a pod that is made anew: below the partition the one before the update that goes on.
    fn revision_of(&self, workload: WorkloadId, spec: PodSpecId, ordinal: u32, update: &UpdateOptions) -> PodSpecId {
        let current = self.workloads[workload.index()].sets.first().map_or(spec, |set| set.template);
        match update.strategy {
            Strategy::Ordinals { partition } if ordinal < partition => current,
            _ => spec,
        }
    }

    /// Once all pods are of the new template and ready, it is the current one.
    fn finish_revision(&mut self, workload: WorkloadId, spec: PodSpecId, update: &UpdateOptions) {
        let run = &self.workloads[workload.index()];
        if run.sets.len() <= 1 || run.pods.len() as u32 != run.desired || !run.leaving.is_empty() {
            return;
        }
        let is_done = |pod: &PodId| self.pods[pod.index()].template == spec && self.cluster.pod(*pod).ready;
        if matches!(update.strategy, Strategy::Ordinals { .. }) && run.pods.iter().all(is_done) {
            self.workloads[workload.index()].sets.retain(|set| set.template == spec);
            let object = self.workload_object(workload);
            self.decide(Controller::StatefulSet, object, "Progressing", "Complete", "all pods are of the new template");
        }
    }

    fn next_ordinal_step(
        &self,
        workload: WorkloadId,
        spec: PodSpecId,
        ordered: bool,
        update: &UpdateOptions,
    ) -> OrdinalStep {
        let run = &self.workloads[workload.index()];
        let numbered =
            |pods: &[PodId]| -> BTreeMap<u32, PodId> { pods.iter().map(|pod| (self.ordinal(*pod), *pod)).collect() };
        let (live, leaving) = (numbered(&run.pods), numbered(&run.leaving));
        let is_ready = |pod: PodId| self.is_available(pod);
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
        if let Some((_, last)) = live.range(run.desired..).next_back() {
            let first_unready = live.values().find(|pod| !is_ready(**pod));
            let may_go = !ordered
                || leaving.range(run.desired..).next().is_none() && (is_ready(*last) || first_unready == Some(last));
            return if may_go { OrdinalStep::Delete(*last) } else { OrdinalStep::Wait };
        }
        let Strategy::Ordinals { partition } = update.strategy else { return OrdinalStep::Wait };
        if run.sets.len() <= 1 || ordered && leaving.range(run.desired..).next().is_some() {
            return OrdinalStep::Wait;
        }
        for ordinal in (partition..run.desired).rev() {
            match live.get(&ordinal) {
                Some(pod) if self.pods[pod.index()].template != spec => return OrdinalStep::Renew(*pod),
                Some(pod) if is_ready(*pod) => {}
                _ => return OrdinalStep::Wait,
            }
        }
        OrdinalStep::Wait
    }

    /// A terminating pod is gone: a StatefulSet, a Deployment that recreates, or a Job has waited for that.
    pub(super) fn leaver_is_gone(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        match self.pods[pod.index()].role {
            Role::Replica { .. } => self.reconcile_replicas(workload),
            Role::JobPod { .. } => {
                self.job_leaver_is_gone(pod, workload);
                self.kueue_sees_gone(Queued::Job(workload));
            }
            Role::Worker { job } | Role::Companion { job } => self.kueue_sees_gone(Queued::Training(job)),
            Role::Trace { .. } | Role::Daemon => {}
        }
    }

    fn ordinal(&self, pod: PodId) -> u32 {
        match self.pods[pod.index()].role {
            Role::Replica { ordinal } => ordinal,
            _ => 0,
        }
    }
}

/// What a StatefulSet does next.
enum OrdinalStep {
    Create(u32),
    Delete(PodId),
    /// Deletes one of an older template, which comes again of the new one.
    Renew(PodId),
    Wait,
}
