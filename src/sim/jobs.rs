//! batch/v1 Jobs at work.

use super::entities::Role;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{PodId, PodPhase, WorkloadId};
use crate::scenario::WorkloadKind;
use crate::units::SimDuration;

impl World<'_> {
    pub(super) fn job_starts(&mut self, workload: WorkloadId) {
        self.reconcile_job(workload);
    }

    pub(super) fn job_work(&self, pod: PodId) -> SimDuration {
        match &self.scenario.workloads[self.pods[pod.index()].workload.index()].kind {
            WorkloadKind::Job(job) => self.draw(&job.duration, "job-work", pod),
            _ => SimDuration::ZERO,
        }
    }

    pub(super) fn job_pod_ended(&mut self, pod: PodId, workload: WorkloadId) {
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
                let object = self.workload_object(workload);
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
            let pod = self.create_pod(name, job.spec, workload, Role::JobPod { index: ordinal });
            self.enqueue(pod);
        }
    }
}
