//! Training jobs that have arrived.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::PodId;
use crate::load::training::TrainingJob;
use crate::sim::job_ledger::JobLedger;
use crate::units::{SimDuration, SimTime};

/// One job of the scenario, once it has arrived.
#[derive(Clone, Debug)]
pub(in crate::sim) struct JobRun {
    pub(in crate::sim) progress: TrainingJob,
    /// Live workers; empty once the job is complete.
    pub(in crate::sim) workers: Vec<PodId>,
    /// Pods beside the workers, of the same job.
    pub(in crate::sim) companions: Vec<PodId>,
    /// Workers whose container runs.
    pub(in crate::sim) running: u32,
    /// Voids phase events of an earlier start.
    pub(in crate::sim) generation: u32,
    pub(in crate::sim) started: Option<SimTime>,
    pub(in crate::sim) finished: Option<SimTime>,
    pub(in crate::sim) interruptions: u32,
    /// By what ended the worker.
    pub(in crate::sim) causes: BTreeMap<&'static str, u32>,
    /// Of its workers, how many wait to take another's place.
    pub(in crate::sim) spares: u32,
    /// Operations a second that its workers' GPUs make at most, and such operations while it held them.
    pub(in crate::sim) peak: f64,
    pub(in crate::sim) peak_held: f64,
    /// GPUs of its workers as long as they run.
    pub(in crate::sim) gpus: u32,
    /// GPU-milli × nanoseconds of completed placements, and their nanoseconds.
    pub(in crate::sim) gpu_held: i128,
    pub(in crate::sim) held: SimDuration,
    /// Seconds of a step by the number of workers; what an elastic policy goes by.
    pub(in crate::sim) step_seconds: Option<Arc<[f64]>>,
    pub(in crate::sim) held_since: Option<SimTime>,
    pub(in crate::sim) launched: u32,
    /// Failures by its own fault.
    pub(in crate::sim) failures: u32,
    /// A worker's machine went silent; the others wait for it.
    pub(in crate::sim) stalled: bool,
    /// Whose machines are silent.
    pub(in crate::sim) silent: Vec<PodId>,
    /// Workers that were told to end and save first.
    pub(in crate::sim) saving: Vec<PodId>,
    /// Why they were.
    pub(in crate::sim) told: &'static str,
    /// What it would take with nothing in its way.
    pub(in crate::sim) ideal: SimDuration,
    pub(in crate::sim) ledger: JobLedger,
}

impl JobRun {
    /// Its work is interrupted at `now`, if it did any.
    pub fn interrupt(&mut self, now: SimTime, cause: &'static str) {
        if self.progress.interrupt(now).is_some() {
            self.interruptions += 1;
            *self.causes.entry(cause).or_default() += 1;
        }
    }

    /// The worker by which the gang is queued.
    pub fn leads(&self, pod: PodId) -> bool {
        self.workers.first() == Some(&pod)
    }
}
