//! What `sim::jobs` remembers.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::BatchJob;
use crate::units::SimTime;

/// What a Job has been through.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct BatchRun {
    /// Since when it is at work, from its creation or last resumption.
    pub(in crate::sim) started: Option<SimTime>,
    pub(in crate::sim) created: SimTime,
    /// Complete or failed.
    pub(in crate::sim) finished: bool,
    /// When it was closed, complete or failed.
    pub(in crate::sim) completed: Option<SimTime>,
    /// Pods that ended; of an Indexed Job `succeeded_indexes` counts.
    pub(in crate::sim) succeeded: u32,
    pub(in crate::sim) failed: u32,
    pub(in crate::sim) succeeded_indexes: BTreeSet<u32>,
    pub(in crate::sim) failed_indexes: BTreeSet<u32>,
    pub(in crate::sim) failures_by_index: BTreeMap<u32, IndexFailures>,
    /// Failures since the last success, those that a policy ignores too, and the last one's instant.
    pub(in crate::sim) failures: u32,
    pub(in crate::sim) last_failure: Option<SimTime>,
    /// A rule of the failure policy said `FailJob`.
    pub(in crate::sim) is_failed_by_policy: bool,
    pub(in crate::sim) next_sync: Option<SimTime>,
}

impl BatchRun {
    pub fn started(&self) -> Option<SimTime> {
        self.started
    }

    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Pods that succeeded and that failed.
    pub fn ended(&self) -> [u32; 2] {
        [self.succeeded, self.failed]
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct IndexFailures {
    pub(in crate::sim) counted: u32,
    pub(in crate::sim) all: u32,
    pub(in crate::sim) last: SimTime,
}

impl BatchRun {
    pub(in crate::sim) fn succeeded(&self, job: &BatchJob) -> u32 {
        if job.indexed { self.succeeded_indexes.len() as u32 } else { self.succeeded }
    }

    /// How many pods are to be at work, of which `active` are.
    pub(in crate::sim) fn wanted(&self, job: &BatchJob, active: u32) -> u32 {
        match job.completions {
            None if self.succeeded > 0 => active,
            None => job.parallelism,
            Some(completions) => completions.saturating_sub(self.succeeded(job)).min(job.parallelism),
        }
    }

    /// For the books' audit: the controller looks a moment after a success, and till then nothing is ended.
    pub(in crate::sim) fn most_at_work(&self, job: &BatchJob, active: u32) -> u32 {
        let waits_to_look = self.next_sync.is_some();
        if waits_to_look { job.parallelism } else { self.wanted(job, active) }
    }
}
