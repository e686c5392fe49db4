//! batch/v1 Jobs at work: pods made, counted, backed off from and given up, as the Job controller does it.

use std::collections::BTreeSet;

use rand::RngExt;

use super::entities::{JobKey, Role};
use super::event::Event;
use super::records::Controller;
use super::state::jobs::{BatchRun, IndexFailures};
use super::state::kueue::Queued;
use super::world::World;
use crate::cluster::{PodId, PodPhase, RestartPolicy, WorkloadId};
use crate::controller::job::{BATCH_PERIOD, Failure, FailureAction, PodReplacement, action, backoff};
use crate::scenario::{BatchJob, WorkloadKind};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

const REPLACED: &str = "JobReplaced";

const SCALED_DOWN: &str = "ScaledDown";

const SUCCEEDED: &str = "JobSucceeded";

const FAILED: &str = "JobFailed";

/// Why the Job controller itself ended a pod: no failure of the pod.
const SUSPENDED: &str = "JobSuspended";

impl World<'_> {
    /// The Job is created.
    pub(super) fn job_starts(&mut self, key: JobKey) {
        let created = self.now;
        let jobs = &mut self.workloads[key.workload.index()].jobs;
        jobs.entry(key.run).or_insert_with(|| BatchRun { created, ..BatchRun::default() });
        if self.cron_job(key.workload).is_none() {
            self.kueue_sees_job(key.workload);
        }
        self.sync_job(key);
    }

    /// It was patched: suspended, resumed, or of another size.
    pub(super) fn job_changed(&mut self, workload: WorkloadId) {
        let runs: Vec<u32> = self.workloads[workload.index()].jobs.keys().copied().collect();
        for run in runs {
            self.sync_job(JobKey { workload, run });
        }
    }

    /// How many pods of a manifest's own Job are to be at work now.
    pub(super) fn pods_at_work(&self, workload: WorkloadId) -> u32 {
        let WorkloadKind::Job(job) = self.kind(workload) else { return 0 };
        let run = &self.workloads[workload.index()];
        let active = run.pods.len() as u32;
        let wanted = run.jobs.get(&0).map_or(0, |state| state.wanted(job, active));
        self.admitted_parallelism(workload, wanted)
    }

    pub(super) fn job_sync(&mut self, key: JobKey) {
        let now = self.now;
        let Some(run) = self.job_run(key).filter(|run| run.next_sync == Some(now)) else { return };
        run.next_sync = None;
        self.sync_job(key);
    }

    fn plan_job_sync(&mut self, key: JobKey, at: SimTime) {
        let Some(run) = self.job_run(key) else { return };
        if !run.finished && run.next_sync.is_none_or(|planned| at < planned) {
            run.next_sync = Some(at);
            self.events.push(at, Event::JobSync { workload: key.workload, run: key.run });
        }
    }

    /// `None` before it is created, and once it is deleted.
    fn job_run(&mut self, key: JobKey) -> Option<&mut BatchRun> {
        self.workloads[key.workload.index()].jobs.get_mut(&key.run)
    }

    /// The Job that the pod is of.
    fn job_of(&self, pod: PodId) -> Option<JobKey> {
        match self.pods[pod.index()].role {
            Role::JobPod { run, .. } => Some(JobKey { workload: self.pods[pod.index()].workload, run }),
            _ => None,
        }
    }

    /// Its pods among those of the workload.
    fn of_job(&self, key: JobKey, pods: &[PodId]) -> Vec<PodId> {
        pods.iter().copied().filter(|pod| self.job_of(*pod) == Some(key)).collect()
    }

    fn job_pods(&self, key: JobKey) -> Vec<PodId> {
        self.of_job(key, &self.workloads[key.workload.index()].pods)
    }

    /// As [`World::workload_object`]; of a CronJob the Job of one time.
    pub(super) fn job_object(&self, key: JobKey) -> String {
        let namespace = &self.scenario.workloads[key.workload.index()].namespace;
        format!("job/{namespace}/{}", self.job_name(key))
    }

    fn job_name(&self, key: JobKey) -> String {
        let name = self.workload_name(key.workload);
        if self.cron_job(key.workload).is_some() { format!("{name}-{}", key.run) } else { name.to_string() }
    }

    fn job_pod_stem(&self, key: JobKey) -> String {
        let stem = self.pod_stem(key.workload);
        if self.cron_job(key.workload).is_some() { format!("{stem}-{}", key.run) } else { stem.to_string() }
    }

    /// For the books' audit: so many pods of the workload may be at work.
    pub(super) fn most_pods_at_work(&self, workload: WorkloadId, job: &BatchJob) -> u32 {
        let jobs = &self.workloads[workload.index()].jobs;
        let most = |(run, state): (&u32, &BatchRun)| {
            let active = self.job_pods(JobKey { workload, run: *run }).len() as u32;
            state.most_at_work(job, active)
        };
        jobs.iter().map(most).sum()
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
        if let Some(key) = self.job_of(pod) {
            self.plan_job_sync(key, self.now + BATCH_PERIOD);
        }
    }

    /// A pod ended, or is being deleted.
    pub(super) fn job_pod_ended(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        let Some(key) = self.job_of(pod) else { return };
        let info = self.cluster.pod(pod);
        if info.phase == PodPhase::Succeeded {
            let Role::JobPod { index, .. } = self.pods[pod.index()].role else { return };
            let Some(run) = self.job_run(key) else { return };
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
        self.plan_job_sync(key, self.now + BATCH_PERIOD);
    }

    /// A pod that was being deleted is gone.
    pub(super) fn job_leaver_is_gone(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        if job.pod_replacement == PodReplacement::Failed {
            self.count_failure(pod, workload);
            let Some(key) = self.job_of(pod) else { return };
            self.plan_job_sync(key, self.now + BATCH_PERIOD);
        }
    }

    fn count_failure(&mut self, pod: PodId, workload: WorkloadId) {
        let WorkloadKind::Job(job) = self.kind(workload) else { return };
        let Role::JobPod { index, run } = self.pods[pod.index()].role else { return };
        if [SUSPENDED, FAILED, SUCCEEDED, SCALED_DOWN, REPLACED].contains(&self.pods[pod.index()].reason) {
            return;
        }
        let action = action(&job.failure_policy, &self.failure_of(pod, job));
        let now = self.now;
        let Some(run) = self.job_run(JobKey { workload, run }) else { return };
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
    fn sync_job(&mut self, key: JobKey) {
        let WorkloadKind::Job(job) = self.kind(key.workload) else { return };
        let now = self.now;
        let is_held = job.suspended || self.is_held(Queued::Job(key.workload));
        let Some(run) = self.job_run(key).filter(|run| !run.finished) else { return };
        if is_held {
            run.started = None;
        } else {
            run.started.get_or_insert(now);
        }
        let run = &self.workloads[key.workload.index()].jobs[&key.run];
        if let Some(reason) = self.job_failure(key, job, run) {
            return self.finish_job(key, "Failed", reason, FAILED);
        }
        let succeeded: Vec<u32> = run.succeeded_indexes.iter().copied().collect();
        if job.success_policy.iter().any(|rule| rule.holds(&succeeded)) {
            return self.finish_job(key, "Complete", "SuccessPolicy", SUCCEEDED);
        }
        if let (Some(deadline), Some(started)) = (job.active_deadline, run.started) {
            self.plan_job_sync(key, started + deadline);
        }
        self.manage_job(key, job);
        let has_pods = !self.job_pods(key).is_empty();
        let Some(run) = self.job_run(key) else { return };
        let is_complete = match job.completions {
            None => run.succeeded > 0,
            Some(completions) => run.succeeded(job) >= completions,
        };
        if is_complete && !has_pods {
            self.close_job(key);
        }
    }

    /// Why the Job is over without success, where it is.
    fn job_failure(&self, key: JobKey, job: &BatchJob, run: &BatchRun) -> Option<&'static str> {
        if run.is_failed_by_policy {
            return Some("PodFailurePolicy");
        }
        let restarts_in_place = self.cluster.specs.pod(job.spec).restart_policy == RestartPolicy::OnFailure;
        let restarts: u32 = self.job_pods(key).iter().map(|pod| self.pods[pod.index()].restarts).sum();
        if run.failed > job.backoff_limit || restarts_in_place && restarts >= job.backoff_limit.max(1) {
            return Some("BackoffLimitExceeded");
        }
        let is_late = |started: SimTime| job.active_deadline.is_some_and(|deadline| self.now >= started + deadline);
        if run.started.is_some_and(is_late) {
            return Some("DeadlineExceeded");
        }
        let (limit, failed) = (job.per_index?, run.failed_indexes.len() as u32);
        if limit.max_failed.is_some_and(|most| failed > most) {
            return Some("MaxFailedIndexesExceeded");
        }
        let over = failed + run.succeeded(job);
        (failed > 0 && over >= job.completions.unwrap_or(0)).then_some("FailedIndexes")
    }

    fn finish_job(&mut self, key: JobKey, to: &'static str, reason: &'static str, of_pods: &'static str) {
        let object = self.job_object(key);
        self.decide(Controller::Job, object, "Active", to, reason);
        if let Some(run) = self.job_run(key) {
            run.finished = true;
        }
        self.delete_job_pods(self.job_pods(key), of_pods);
        self.close_job(key);
    }

    /// It is complete or failed. Of a CronJob it is not looked at again, and the next may have waited for that.
    fn close_job(&mut self, key: JobKey) {
        let now = self.now;
        if let Some(run) = self.job_run(key) {
            run.finished = true;
            run.completed = Some(now);
        }
        self.kueue_sees_end(Queued::Job(key.workload));
        if self.cron_job(key.workload).is_some() {
            self.workloads[key.workload.index()].jobs.remove(&key.run);
            self.sync_cron_job(key.workload);
        }
    }

    /// A CronJob's next one takes its place: it is deleted, with its pods.
    pub(super) fn replace_job(&mut self, key: JobKey) {
        let object = self.job_object(key);
        self.decide(Controller::Job, object, "Active", "Deleted", "concurrencyPolicy Replace");
        self.workloads[key.workload.index()].jobs.remove(&key.run);
        self.delete_job_pods(self.job_pods(key), REPLACED);
    }

    fn delete_job_pods(&mut self, pods: Vec<PodId>, reason: &'static str) {
        for pod in pods {
            self.delete_pod(pod, reason);
        }
    }

    /// Makes the pods that are missing, or ends those that are too many (`manageJob`).
    fn manage_job(&mut self, key: JobKey, job: &BatchJob) {
        let pods = self.job_pods(key);
        if job.suspended || self.is_held(Queued::Job(key.workload)) {
            return self.delete_job_pods(pods, SUSPENDED);
        }
        let index_of = |world: &Self, pod: PodId| match world.pods[pod.index()].role {
            Role::JobPod { index, .. } => index,
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
        let Some(wanted) = self.job_run(key).map(|run| run.wanted(job, active)) else { return };
        let wanted = self.admitted_parallelism(key.workload, wanted);
        if active > wanted {
            self.rank_for_deletion(&mut left);
            left.truncate((active - wanted) as usize);
            return self.delete_job_pods(left, SCALED_DOWN);
        }
        let leaving = self.of_job(key, &self.workloads[key.workload.index()].leaving);
        let waits_for_leavers = job.pod_replacement == PodReplacement::Failed;
        let terminating = if waits_for_leavers { leaving.len() as u32 } else { 0 };
        let missing = (wanted - active).saturating_sub(terminating) as usize;
        if missing == 0 {
            return;
        }
        let Some(run) = self.job_run(key) else { return };
        let not_before = run.last_failure.map(|last| last + backoff(run.failures));
        if let (None, Some(at)) = (job.per_index, not_before)
            && at > self.now
        {
            return self.plan_job_sync(key, at);
        }
        if !job.indexed {
            for _ in 0..missing {
                if self.is_full() {
                    return;
                }
                let number = self.next_ordinal(key.workload);
                self.create_job_pod(key, job, number, format!("{}-{number}", self.job_pod_stem(key)));
            }
            return;
        }
        let mut taken: BTreeSet<u32> = left.iter().map(|pod| index_of(self, *pod)).collect();
        if waits_for_leavers {
            taken.extend(leaving.iter().map(|pod| index_of(self, *pod)));
        }
        self.create_indexes(key, job, &taken, missing);
    }

    /// The lowest indexes that are wanted yet, each after its own back-off where that is counted by index.
    fn create_indexes(&mut self, key: JobKey, job: &BatchJob, taken: &BTreeSet<u32>, missing: usize) {
        let now = self.now;
        let room = self.scenario.max_pods.saturating_sub(self.pods.len() as u64) as usize;
        let Some(run) = self.job_run(key) else { return };
        let is_pending = |index: &u32| {
            !(taken.contains(index) || run.succeeded_indexes.contains(index) || run.failed_indexes.contains(index))
        };
        let pending: Vec<u32> = (0..job.completions.unwrap_or(0)).filter(is_pending).take(missing.min(room)).collect();
        let ready_at = |index: &u32| match (job.per_index, run.failures_by_index.get(index)) {
            (Some(_), Some(failures)) => failures.last + backoff(failures.all),
            _ => now,
        };
        let times: Vec<(u32, SimTime)> = pending.iter().map(|index| (*index, ready_at(index))).collect();
        for (index, at) in &times {
            if *at > self.now {
                self.plan_job_sync(key, *at);
                continue;
            }
            let again = self.job_run(key).and_then(|run| run.failures_by_index.get(index)).map_or(0, |f| f.all);
            let name = match again {
                0 => format!("{}-{index}", self.job_pod_stem(key)),
                again => format!("{}-{index}-r{again}", self.job_pod_stem(key)),
            };
            self.create_job_pod(key, job, *index, name);
        }
    }

    fn create_job_pod(&mut self, key: JobKey, job: &BatchJob, index: u32, name: String) {
        let role = Role::JobPod { index, run: key.run };
        let spec = self.admitted_spec(Queued::Job(key.workload), job.spec);
        let pod = self.create_pod(name.into(), spec, key.workload, role);
        self.enqueue(pod);
    }
}
