//! Deployments at work: their ReplicaSets, rollouts, and the patches that start them.

use super::entities::SetRun;
use super::event::Event;
use super::records::Controller;
use super::world::World;
use crate::cluster::{PodId, PodSpecId, WorkloadId};
use crate::controller::UpdateOptions;
use crate::controller::deployment::{self, ReplicaSet, Rollout};
use crate::scenario::{Owner, WorkloadKind};

/// More passes of one instant than any rollout takes.
const MOST_PASSES: usize = 1_000;

impl<'s> World<'s> {
    /// What a workload is now, be it by a patch.
    pub(super) fn kind(&self, workload: WorkloadId) -> &'s WorkloadKind {
        match self.workloads[workload.index()].patch {
            Some(patch) => &self.scenario.patches[patch as usize].kind,
            None => &self.scenario.workloads[workload.index()].kind,
        }
    }

    /// Somebody changes a workload.
    pub(super) fn patch(&mut self, index: u32) {
        let patch = &self.scenario.patches[index as usize];
        let workload = patch.target;
        let before = self.template_of(workload);
        self.workloads[workload.index()].patch = Some(index);
        let object = self.workload_object(workload);
        self.decide(Controller::Manual, object, "", "Patched", format!("planned change of {}", patch.fields));
        self.cluster.touch();
        match self.kind(workload) {
            WorkloadKind::Job(_) => return self.job_changed(workload),
            WorkloadKind::Replicated { update, .. } => {
                if self.template_of(workload) != before {
                    self.start_rollout(workload, update);
                }
            }
            WorkloadKind::Replayed => return,
        }
        if let Some(replicas) = patch.replicas {
            self.scale(workload, replicas);
        }
        self.reconcile_replicas(workload);
    }

    fn template_of(&self, workload: WorkloadId) -> Option<PodSpecId> {
        match self.kind(workload) {
            WorkloadKind::Replicated { spec, .. } => Some(*spec),
            _ => None,
        }
    }

    fn start_rollout(&mut self, workload: WorkloadId, update: &UpdateOptions) {
        let Some(template) = self.template_of(workload) else { return };
        let run = &mut self.workloads[workload.index()];
        if let [only] = &mut run.sets[..] {
            let max = run.desired.saturating_add(update.strategy.fence_posts(run.desired).0);
            only.state = ReplicaSet { replicas: run.desired, available: 0, desired: run.desired, max };
        }
        // A template that was there before has its ReplicaSet still.
        if !run.sets.iter().any(|set| set.template == template) {
            let state = ReplicaSet { desired: run.desired, ..ReplicaSet::default() };
            run.sets.push(SetRun { template, state });
        }
        run.progressed = Some(self.now);
        if let Some(deadline) = update.progress_deadline.filter(|_| !update.paused) {
            self.events.push(self.now + deadline, Event::ProgressDeadline { workload });
        }
    }

    /// Takes what the Deployment controller says until it has no more to say, and acts on it.
    pub(super) fn sync_deployment(&mut self, workload: WorkloadId) {
        let WorkloadKind::Replicated { owner: Owner::Deployment, spec, update, .. } = self.kind(workload) else {
            return;
        };
        for _ in 0..MOST_PASSES {
            let sets = self.set_states(workload);
            let rollout = self.rollout(workload, *spec, update, &sets);
            let scalings = deployment::sync(&rollout);
            if scalings.is_empty() {
                if deployment::is_complete(&rollout) {
                    self.rollout_is_complete(workload);
                }
                return;
            }
            let (replicas, max) = (rollout.replicas, rollout.max_replicas());
            for scaling in scalings {
                let set = &mut self.workloads[workload.index()].sets[scaling.set];
                let before = std::mem::replace(&mut set.state.replicas, scaling.replicas);
                (set.state.desired, set.state.max) = (replicas, max);
                let template = set.template;
                if before != scaling.replicas {
                    let object = self.replica_set_object(workload, template);
                    let (from, to) = (before.to_string(), scaling.replicas.to_string());
                    self.decide(Controller::Deployment, object, from, to, scaling.reason);
                    self.workloads[workload.index()].note_progress(self.now);
                    self.reconcile_set(workload, template, scaling.replicas);
                }
            }
        }
    }

    /// With the rollout over only the ReplicaSet that is left counts.
    pub(super) fn forget_old_sets(&mut self, workload: WorkloadId, template: PodSpecId) {
        let run = &mut self.workloads[workload.index()];
        if run.progressed.is_none() && run.sets.iter().all(|set| set.template == template || set.state.replicas == 0) {
            run.sets.retain(|set| set.template == template);
        }
    }

    fn rollout<'a>(
        &self,
        workload: WorkloadId,
        template: PodSpecId,
        options: &'a UpdateOptions,
        sets: &'a [ReplicaSet],
    ) -> Rollout<'a> {
        let run = &self.workloads[workload.index()];
        let is_old = |pod: &PodId| self.pods[pod.index()].template != template;
        Rollout {
            replicas: run.desired,
            options,
            sets,
            new: run.sets.iter().position(|set| set.template == template).expect("a patch makes its ReplicaSet"),
            old_pods_live: run.pods.iter().chain(&run.leaving).any(is_old),
        }
    }

    /// The ReplicaSets with their pods that are available now.
    fn set_states(&self, workload: WorkloadId) -> Vec<ReplicaSet> {
        let run = &self.workloads[workload.index()];
        let mut states: Vec<ReplicaSet> = run.sets.iter().map(|set| ReplicaSet { available: 0, ..set.state }).collect();
        for pod in run.pods.iter().filter(|pod| self.is_available(**pod)) {
            let template = self.pods[pod.index()].template;
            if let Some(at) = run.sets.iter().position(|set| set.template == template) {
                states[at].available += 1;
            }
        }
        states
    }

    /// Ready for its owner's `minReadySeconds`.
    pub(super) fn is_available(&self, pod: PodId) -> bool {
        let run = &self.pods[pod.index()];
        let WorkloadKind::Replicated { update, .. } = self.kind(run.workload) else { return false };
        self.cluster.pod(pod).ready && run.ready_changed.is_some_and(|since| self.now - since >= update.min_ready)
    }

    pub(super) fn pod_available(&mut self, pod: PodId, generation: u32) {
        if self.pods[pod.index()].generation == generation && self.cluster.pod(pod).ready {
            self.workloads[self.pods[pod.index()].workload.index()].note_progress(self.now);
            self.reconcile_replicas(self.pods[pod.index()].workload);
        }
    }

    fn rollout_is_complete(&mut self, workload: WorkloadId) {
        if self.workloads[workload.index()].progressed.take().is_some() {
            let object = self.workload_object(workload);
            self.decide(Controller::Deployment, object, "Progressing", "Complete", "NewReplicaSetAvailable");
        }
    }

    /// Says so where a rollout has not got further for its deadline; the controller does no more than that either.
    pub(super) fn progress_deadline(&mut self, workload: WorkloadId) {
        let WorkloadKind::Replicated { update, .. } = self.kind(workload) else { return };
        let (Some(deadline), Some(progressed)) =
            (update.progress_deadline, self.workloads[workload.index()].progressed)
        else {
            return;
        };
        let due = progressed + deadline;
        if due > self.now {
            return self.events.push(due, Event::ProgressDeadline { workload });
        }
        let object = self.workload_object(workload);
        let reason = format!("ProgressDeadlineExceeded: nothing got further for {deadline}");
        self.decide(Controller::Deployment, object, "Progressing", "Stalled", reason);
    }

    /// A ReplicaSet is called after its Deployment and the hash of its template.
    fn replica_set_object(&self, workload: WorkloadId, template: PodSpecId) -> String {
        let hash = self.cluster.specs.pod(template).labels.get("pod-template-hash");
        let hash = hash.cloned().unwrap_or_else(|| template.index().to_string());
        let of = &self.scenario.workloads[workload.index()];
        format!("replicaset/{}/{}-{hash}", of.namespace, of.name)
    }
}
