//! batch/v1 Jobs at work: pods made, counted, backed off from and given up, as the Job controller does it.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use super::entities::Role;
use super::event::Event;
use super::kueue::Queued;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{PodId, PodPhase, RestartPolicy, WorkloadId};
use crate::controller::job::{BATCH_PERIOD, Failure, FailureAction, PodReplacement, action, backoff};
use crate::scenario::{BatchJob, WorkloadKind};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// What a Job has been through.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchRun {
    /// Since when it is at work, from its creation or last resumption.
    started: Option<SimTime>,
    arrived: bool,
    /// Complete or failed.
    finished: bool,
    /// Pods that ended; of an Indexed Job `succeeded_indexes` counts.
    succeeded: u32,
    failed: u32,
    succeeded_indexes: BTreeSet<u32>,
    failed_indexes: BTreeSet<u32>,
    failures_by_index: BTreeMap<u32, IndexFailures>,
    /// Failures since the last success, those that a policy ignores too, and the last one's instant.
    failures: u32,
    last_failure: Option<SimTime>,
    /// A rule of the failure policy said `FailJob`.
    is_failed_by_policy: bool,
    next_sync: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
struct IndexFailures {
    counted: u32,
    all: u32,
    last: SimTime,
}

/// Why the Job controller itself ended a pod: no failure of the pod.
const SUSPENDED: &str = "JobSuspended";
const FAILED: &str = "JobFailed";
const SUCCEEDED: &str = "JobSucceeded";
const SCALED_DOWN: &str = "ScaledDown";

impl BatchRun {
    fn succeeded(&self, job: &BatchJob) -> u32 {
        if job.indexed { self.succeeded_indexes.len() as u32 } else { self.succeeded }
    }

    /// How many pods are to be at work, of which `active` are.
    fn wanted(&self, job: &BatchJob, active: u32) -> u32 {
        match job.completions {
            None if self.succeeded > 0 => active,
            None => job.parallelism,
            Some(completions) => completions.saturating_sub(self.succeeded(job)).min(job.parallelism),
        }
    }

    /// For the books' audit: the controller looks a moment after a success, and till then nothing is ended.
    pub fn most_at_work(&self, job: &BatchJob, active: u32) -> u32 {
        let waits_to_look = self.next_sync.is_some();
        if waits_to_look { job.parallelism } else { self.wanted(job, active) }
    }
}

impl World<'_> {
    pub(super) fn job_starts(&mut self, workload: WorkloadId) {
        self.workloads[workload.index()].job.arrived = true;
        self.kueue_sees_job(workload);
        self.sync_job(workload);
    }

    /// It was patched: suspended, resumed, or of another size.
    pub(super) fn job_changed(&mut self, workload: WorkloadId) {
        if self.workloads[workload.index()].job.arrived {
            self.sync_job(workload);
        }
    }

    /// How many pods of a Job are to be at work now.
    pub(super) fn pods_at_work(&self, workload: WorkloadId) -> u32 {
        let WorkloadKind::Job(job) = self.kind(workload) else { return 0 };
        let run = &self.workloads[workload.index()];
        self.admitted_parallelism(workload, run.job.wanted(job, run.pods.len() as u32))
    }

    pub(super) fn job_sync(&mut self, workload: WorkloadId) {
        if self.workloads[workload.index()].job.next_sync == Some(self.now) {
            self.workloads[workload.index()].job.next_sync = None;
            self.sync_job(workload);
        }
    }

    fn plan_job_sync(&mut self, workload: WorkloadId, at: SimTime) {
        let job = &mut self.workloads[workload.index()].job;
        if !job.finished && job.next_sync.is_none_or(|planned| at < planned) {
            job.next_sync = Some(at);
            self.events.push(at, Event::JobSync { workload });
        }
    }

    pub(super) fn job_work(&self, pod: PodId) -> SimDuration {
        match self.kind(self.pods[pod.index()].workload) {
            WorkloadKind::Job(job) => self.draw(&job.duration, "job-work", pod),
            _ => SimDuration::ZERO,
        }
    }

    /// Whether the pod's work ends in a failure of its own.
    pub(super) fn application_fails(&self, pod: PodId) -> bool {
        let run = &self.pods[pod.index()];
        let WorkloadKind::Job(BatchJob { failures: Some(failures), .. }) = self.kind(run.workload) else {
            return false;
        };
        let entity = u64::from(pod.0) << 16 | u64::from(run.restarts.min(0xffff) as u16);
        stream(self.seed, "job-failure", entity).random_bool(failures.probability.clamp(0.0, 1.0))
    }

    /// A container of the pod was restarted in place: that counts where pods restart on failure.
    pub(super) fn owner_sees_restart(&mut self, pod: PodId) {
        if let Role::JobPod { .. } = self.pods[pod.index()].role {
            self.plan_job_sync(self.pods[pod.index()].workload, self.now + BATCH_PERIOD);
        }
    }

    /// A pod ended, or is being deleted.
    pub(super) fn job_pod_ended(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        let info = self.cluster.pod(pod);
        if info.phase == PodPhase::Succeeded {
            let Role::JobPod { index } = self.pods[pod.index()].role else { return };
            let run = &mut self.workloads[workload.index()].job;
            run.succeeded += 1;
            run.succeeded_indexes.insert(index);
            (run.failures, run.last_failure) = (0, None);
            if let Some(completions) = job.completions {
                let still_wanted = completions.saturating_sub(run.succeeded(job));
                self.kueue_sees_success(workload, still_wanted);
            }
        } else if info.is_terminal() || job.pod_replacement == PodReplacement::TerminatingOrFailed {
            self.count_failure(pod, workload);
        }
        self.plan_job_sync(workload, self.now + BATCH_PERIOD);
    }

    /// A pod that was being deleted is gone.
    pub(super) fn job_leaver_is_gone(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        if job.pod_replacement == PodReplacement::Failed {
            self.count_failure(pod, workload);
            self.plan_job_sync(workload, self.now + BATCH_PERIOD);
        }
    }

    fn count_failure(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        let Role::JobPod { index } = self.pods[pod.index()].role else { return };
        if [SUSPENDED, FAILED, SUCCEEDED, SCALED_DOWN].contains(&self.pods[pod.index()].reason) {
            return;
        }
        let action = action(&job.failure_policy, &self.failure_of(pod, job));
        let now = self.now;
        let run = &mut self.workloads[workload.index()].job;
        run.failures += 1;
        run.last_failure = Some(now);
        let of_index = run.failures_by_index.entry(index).or_insert(IndexFailures { counted: 0, all: 0, last: now });
        of_index.all += 1;
        of_index.last = now;
        if action == FailureAction::Ignore {
            return;
        }
        run.failed += 1;
        of_index.counted += 1;
        run.is_failed_by_policy |= action == FailureAction::FailJob;
        let is_spent = job.per_index.is_some_and(|limit| of_index.counted > limit.backoff_limit);
        if is_spent || action == FailureAction::FailIndex {
            run.failed_indexes.insert(index);
        }
    }

    /// How a pod ended, as its status would tell. A container that is asked to stop exits with 143 (SIGTERM), one that
    /// is killed with 137; of a lost node no container says anything.
    fn failure_of(&self, pod: PodId, job: &BatchJob) -> Failure<'_> {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let name = spec.containers.first().map_or("", |container| container.name.as_str());
        let run = &self.pods[pod.index()];
        let (code, is_disruption) = match run.reason {
            "Error" => (Some(job.failures.map_or(1, |failures| failures.exit_code)), false),
            "OOMKilled" => (Some(137), false),
            "DeadlineExceeded" => (Some(143), false),
            "Evicted" => (Some(137), true),
            "NodeLost" | "NodeDeleted" => (None, true),
            _ => (Some(143), true),
        };
        Failure { exit: code.filter(|_| run.started.is_some()).map(|code| (name, code)), is_disruption }
    }

    /// One pass of the controller (`syncJob`).
    fn sync_job(&mut self, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        if self.workloads[workload.index()].job.finished {
            return;
        }
        let now = self.now;
        let is_held = job.suspended || self.is_held(Queued::Job(workload));
        let run = &mut self.workloads[workload.index()].job;
        if is_held {
            run.started = None;
        } else {
            run.started.get_or_insert(now);
        }
        if let Some(reason) = self.job_failure(workload, job) {
            return self.finish_job(workload, "Failed", reason, FAILED);
        }
        let run = &self.workloads[workload.index()].job;
        let succeeded: Vec<u32> = run.succeeded_indexes.iter().copied().collect();
        if job.success_policy.iter().any(|rule| rule.holds(&succeeded)) {
            return self.finish_job(workload, "Complete", "SuccessPolicy", SUCCEEDED);
        }
        if let (Some(deadline), Some(started)) = (job.active_deadline, run.started) {
            self.plan_job_sync(workload, started + deadline);
        }
        self.manage_job(workload, job);
        let run = &self.workloads[workload.index()];
        let is_complete = match job.completions {
            None => run.job.succeeded > 0,
            Some(completions) => run.job.succeeded(job) >= completions,
        };
        if is_complete && run.pods.is_empty() {
            self.workloads[workload.index()].job.finished = true;
            self.kueue_sees_end(Queued::Job(workload));
        }
    }

    /// Why the Job is over without success, where it is.
    fn job_failure(&self, workload: WorkloadId, job: &BatchJob) -> Option<&'static str> {
        let run = &self.workloads[workload.index()];
        if run.job.is_failed_by_policy {
            return Some("PodFailurePolicy");
        }
        let restarts_in_place = self.cluster.specs.pod(job.spec).restart_policy == RestartPolicy::OnFailure;
        let restarts: u32 = run.pods.iter().map(|pod| self.pods[pod.index()].restarts).sum();
        if run.job.failed > job.backoff_limit || restarts_in_place && restarts >= job.backoff_limit.max(1) {
            return Some("BackoffLimitExceeded");
        }
        let is_late = |started: SimTime| job.active_deadline.is_some_and(|deadline| self.now >= started + deadline);
        if run.job.started.is_some_and(is_late) {
            return Some("DeadlineExceeded");
        }
        let (limit, failed) = (job.per_index?, run.job.failed_indexes.len() as u32);
        if limit.max_failed.is_some_and(|most| failed > most) {
            return Some("MaxFailedIndexesExceeded");
        }
        let over = failed + run.job.succeeded(job);
        (failed > 0 && over >= job.completions.unwrap_or(0)).then_some("FailedIndexes")
    }

    fn finish_job(&mut self, workload: WorkloadId, to: &'static str, reason: &'static str, of_pods: &'static str) {
        self.workloads[workload.index()].job.finished = true;
        let object = self.workload_object(workload);
        self.decide(Controller::Job, object, "Active", to, reason);
        self.delete_job_pods(self.workloads[workload.index()].pods.clone(), of_pods);
        self.kueue_sees_end(Queued::Job(workload));
    }

    fn delete_job_pods(&mut self, pods: Vec<PodId>, reason: &'static str) {
        for pod in pods {
            self.delete_pod(pod, reason);
        }
    }

    /// Makes the pods that are missing, or ends those that are too many (`manageJob`).
    fn manage_job(&mut self, workload: WorkloadId, job: &BatchJob) {
        let pods = self.workloads[workload.index()].pods.clone();
        if job.suspended || self.is_held(Queued::Job(workload)) {
            return self.delete_job_pods(pods, SUSPENDED);
        }
        let index_of = |world: &Self, pod: PodId| match world.pods[pod.index()].role {
            Role::JobPod { index } => index,
            _ => 0,
        };
        let mut left = pods;
        if job.indexed {
            let beyond = |pod: &PodId| job.completions.is_some_and(|all| index_of(self, *pod) >= all);
            let (gone, kept): (Vec<PodId>, Vec<PodId>) = left.into_iter().partition(beyond);
            self.delete_job_pods(gone, SCALED_DOWN);
            left = kept;
        }
        let active = left.len() as u32;
        let wanted = self.workloads[workload.index()].job.wanted(job, active);
        let wanted = self.admitted_parallelism(workload, wanted);
        if active > wanted {
            self.rank_for_deletion(&mut left);
            left.truncate((active - wanted) as usize);
            return self.delete_job_pods(left, SCALED_DOWN);
        }
        let leaving = &self.workloads[workload.index()].leaving;
        let waits_for_leavers = job.pod_replacement == PodReplacement::Failed;
        let terminating = if waits_for_leavers { leaving.len() as u32 } else { 0 };
        let missing = (wanted - active).saturating_sub(terminating) as usize;
        if missing == 0 {
            return;
        }
        let run = &self.workloads[workload.index()].job;
        let not_before = run.last_failure.map(|last| last + backoff(run.failures));
        if let (None, Some(at)) = (job.per_index, not_before)
            && at > self.now
        {
            return self.plan_job_sync(workload, at);
        }
        if !job.indexed {
            for _ in 0..missing {
                let number = self.next_ordinal(workload);
                self.create_job_pod(workload, job, number, format!("{}-{number}", self.workload_name(workload)));
            }
            return;
        }
        let mut taken: BTreeSet<u32> = left.iter().map(|pod| index_of(self, *pod)).collect();
        if waits_for_leavers {
            taken.extend(leaving.iter().map(|pod| index_of(self, *pod)));
        }
        self.create_indexes(workload, job, &taken, missing);
    }

    /// The lowest indexes that are wanted yet, each after its own back-off where that is counted by index.
    fn create_indexes(&mut self, workload: WorkloadId, job: &BatchJob, taken: &BTreeSet<u32>, missing: usize) {
        let run = &self.workloads[workload.index()].job;
        let is_pending = |index: &u32| {
            !(taken.contains(index) || run.succeeded_indexes.contains(index) || run.failed_indexes.contains(index))
        };
        let pending: Vec<u32> = (0..job.completions.unwrap_or(0)).filter(is_pending).take(missing).collect();
        let ready_at = |index: &u32| match (job.per_index, run.failures_by_index.get(index)) {
            (Some(_), Some(failures)) => failures.last + backoff(failures.all),
            _ => self.now,
        };
        let times: Vec<(u32, SimTime)> = pending.iter().map(|index| (*index, ready_at(index))).collect();
        for (index, at) in &times {
            if *at > self.now {
                self.plan_job_sync(workload, *at);
                continue;
            }
            let again = self.workloads[workload.index()].job.failures_by_index.get(index).map_or(0, |f| f.all);
            let name = match again {
                0 => format!("{}-{index}", self.workload_name(workload)),
                again => format!("{}-{index}-r{again}", self.workload_name(workload)),
            };
            self.create_job_pod(workload, job, *index, name);
        }
    }

    fn create_job_pod(&mut self, workload: WorkloadId, job: &BatchJob, index: u32, name: String) {
        let spec = self.admitted_spec(Queued::Job(workload), job.spec);
        let pod = self.create_pod(name.into(), spec, workload, Role::JobPod { index });
        self.enqueue(pod);
    }
}
