//! `tiresias`: least attained service in two discretized queues ("Tiresias", NSDI 2019), as the Pollux artifact runs it
//! (petuum/adaptdl, branch `osdi21-artifact`, `sched/adaptdl_sched/policy/tiresias.py`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decide, Decision, Job, Share, Snapshot, most_free};
use crate::training::take;
use crate::units::{SimDuration, SimTime};

/// Least attained service in two queues.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TiresiasOptions {
    /// How often it decides, counted from the start. Default: 1m.
    pub interval: SimDuration,
    /// GPU time (that of one GPU, times GPUs) after which a job stands in the second queue, for good. Default: 16h.
    pub threshold: SimDuration,
}

impl Default for TiresiasOptions {
    fn default() -> TiresiasOptions {
        TiresiasOptions { interval: SimDuration::from_mins(1), threshold: SimDuration::from_mins(16 * 60) }
    }
}

impl TiresiasOptions {
    pub(super) fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.threshold <= SimDuration::ZERO {
            return Err(("threshold", "must be more than 0s".to_owned()));
        }
        Ok(())
    }
}

/// What a job has had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Service {
    executed: SimDuration,
    /// When it was put into the second queue, counted over all jobs.
    demoted: Option<u64>,
}

/// Services of the jobs that are there.
#[derive(Clone, Debug)]
pub struct Tiresias {
    options: TiresiasOptions,
    services: BTreeMap<u32, Service>,
    demotions: u64,
    last: SimTime,
}

impl Tiresias {
    pub fn new(options: TiresiasOptions) -> Tiresias {
        Tiresias { options, services: BTreeMap::new(), demotions: 0, last: SimTime::ZERO }
    }

    /// Books the time since the last decision, and puts jobs that have had enough into the second queue.
    fn serve(&mut self, snapshot: &Snapshot<'_>) {
        let since = snapshot.now.since(self.last);
        self.last = snapshot.now;
        let mut services = BTreeMap::new();
        for job in &snapshot.jobs {
            let mut service = self.services.remove(&job.gang.job).unwrap_or_default();
            if !job.places.is_empty() {
                service.executed += since;
            }
            services.insert(job.gang.job, service);
        }
        self.services = services;
        for job in &snapshot.jobs {
            let Some(service) = self.services.get_mut(&job.gang.job) else { continue };
            let gpu_time = i128::from(service.executed.nanos()) * i128::from(gpus(job).max(1));
            if service.demoted.is_none() && gpu_time >= i128::from(self.options.threshold.nanos()) {
                service.demoted = Some(self.demotions);
                self.demotions += 1;
            }
        }
    }
}

/// Of all its workers.
fn gpus(job: &Job<'_>) -> i64 {
    job.gang.each[3] * i64::from(job.gang.workers)
}

impl Decide for Tiresias {
    /// Down both queues every job runs that the GPUs suffice for, counted without regard to nodes; who ran before and runs
    /// on stays where it is, and the others are placed in that order.
    fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision {
        self.serve(snapshot);
        let service = |job: &Job<'_>| self.services.get(&job.gang.job).copied().unwrap_or_default();
        let mut queue: Vec<&Job<'_>> = snapshot.jobs.iter().collect();
        queue.sort_by_key(|job| service(job).demoted.map_or((false, 0), |order| (true, order)));
        let mut left: i64 = snapshot.nodes.iter().map(|node| node.free[3].max(0)).sum();
        let mut nodes = snapshot.nodes.clone();
        let mut chosen = Vec::with_capacity(queue.len());
        for job in queue {
            let runs = gpus(job) <= left;
            let of = format!("{} of {left} GPUs left", gpus(job));
            if runs {
                left -= gpus(job);
                for (node, workers) in &job.places {
                    take(&mut nodes[*node].free, &job.gang.each, *workers, 1);
                }
            }
            chosen.push((job, runs, of));
        }
        let mut shares = Vec::with_capacity(chosen.len());
        for (job, runs, of) in chosen {
            let eligible = snapshot.eligible.get(job.gang.class).map_or(&[][..], Vec::as_slice);
            let places = match (runs, job.places.is_empty()) {
                (false, _) => Vec::new(),
                (true, false) => job.places.clone(),
                (true, true) => most_free::place(&mut nodes, eligible, job.gang, job.gang.workers).unwrap_or_default(),
            };
            let queue = if service(job).demoted.is_some() { "second" } else { "first" };
            let had = service(job).executed.as_secs_f64() / 3600.0 * gpus(job) as f64;
            let reason = format!("{queue} queue, {had:.1} GPU hours had; {of}");
            shares.push(Share { job: job.gang.job, places, steps: None, reason });
        }
        Decision { shares }
    }
}
