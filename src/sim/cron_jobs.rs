//! CronJobs at work: each scheduled time makes a Job, which goes on as every Job does.

use super::entities::JobKey;
use super::event::Event;
use super::records::Controller;
use super::world::World;
use crate::cluster::WorkloadId;
use crate::controller::cron_job::{Concurrency, CronJob, SCHEDULE_DELTA};
use crate::scenario::{BatchJob, WorkloadKind};
use crate::units::SimTime;

impl World<'_> {
    pub(super) fn cron_job(&self, workload: WorkloadId) -> Option<&CronJob> {
        match self.kind(workload) {
            WorkloadKind::Job(job) => job.cron.as_ref(),
            _ => None,
        }
    }

    /// Looks again at the next scheduled time.
    pub(super) fn plan_cron_job(&mut self, workload: WorkloadId) {
        let Some(cron) = self.cron_job(workload).filter(|cron| !cron.is_suspended) else { return };
        let next = cron.next_after(self.timestamp(self.now));
        if let Some(at) = next.and_then(|next| self.instant_of(next)) {
            self.events.push(at + SCHEDULE_DELTA, Event::CronJobSync { workload });
        }
    }

    pub(super) fn cron_job_sync(&mut self, workload: WorkloadId) {
        self.sync_cron_job(workload);
        self.plan_cron_job(workload);
    }

    /// One pass of the controller (`syncCronJob`).
    pub(super) fn sync_cron_job(&mut self, workload: WorkloadId) {
        let WorkloadKind::Job(BatchJob { cron: Some(cron), .. }) = self.kind(workload) else { return };
        if cron.is_suspended {
            return;
        }
        let created = self.timestamp(SimTime::ZERO);
        let since = self.workloads[workload.index()].last_schedule.unwrap_or(created);
        let Some(due) = cron.due(since, self.timestamp(self.now)) else { return };
        let Ok(run) = u32::try_from(due.as_second() / 60) else { return };
        let active: Vec<u32> = self.workloads[workload.index()].jobs.keys().copied().collect();
        match cron.concurrency {
            Concurrency::Forbid if !active.is_empty() => {
                let object = self.workload_object(workload);
                let reason = "JobAlreadyActive: concurrencyPolicy Forbid";
                return self.decide(Controller::CronJob, object, "", "Not started", reason);
            }
            Concurrency::Replace => {
                for run in active {
                    self.replace_job(JobKey { workload, run });
                }
            }
            Concurrency::Allow | Concurrency::Forbid => {}
        }
        let (object, job) = (self.workload_object(workload), self.job_object(JobKey { workload, run }));
        let reason = format!("SuccessfulCreate: schedule {}", cron.schedule);
        self.decide(Controller::CronJob, object, "", job, reason);
        self.workloads[workload.index()].last_schedule = Some(due);
        self.job_starts(JobKey { workload, run });
    }
}
