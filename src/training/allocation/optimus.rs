//! `optimus`: a GPU more to the job whose end it brings nearest ("Optimus", EuroSys 2018), with true speeds and true work left, as
//! the Pollux artifact runs it (`Optimus+Oracle`; petuum/adaptdl, branch `osdi21-artifact`, `policy/optimus.py`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decide, Decision, Job, Share, Snapshot, most_free};
use crate::training::take;
use crate::units::SimDuration;

/// The marginal gain of one more worker.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OptimusOptions {
    /// How often it decides, counted from the start. Default: 1m.
    pub interval: SimDuration,
}

impl Default for OptimusOptions {
    fn default() -> OptimusOptions {
        OptimusOptions { interval: SimDuration::from_mins(1) }
    }
}

impl OptimusOptions {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as the other policies' options")]
    pub(super) fn validate(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }
}

/// It remembers nothing.
#[derive(Clone, Debug)]
pub struct Optimus;

impl Optimus {
    pub(super) fn new(_: OptimusOptions) -> Optimus {
        Optimus
    }
}

/// Seconds that one more worker brings the job's end nearer.
fn gain(job: &Job<'_>, workers: u32) -> f64 {
    let seconds = |workers: u32| job.step_seconds.get(workers as usize - 1).copied();
    match (seconds(workers), seconds(workers + 1)) {
        (Some(now), Some(then)) => (now - then) * job.steps_left as f64,
        _ => 0.0,
    }
}

impl Decide for Optimus {
    fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision {
        let mut left: i64 = snapshot.nodes.iter().map(|node| node.free[3].max(0)).sum();
        let each = |job: &Job<'_>| job.gang.each[3];
        let mut workers = vec![0u32; snapshot.jobs.len()];
        for (job, workers) in snapshot.jobs.iter().zip(&mut workers) {
            let least = each(job) * i64::from(job.least);
            if least <= left {
                (left, *workers) = (left - least, job.least);
            }
        }
        loop {
            let can = |index: usize| workers[index] > 0 && each(&snapshot.jobs[index]) <= left;
            let best = (0..workers.len())
                .filter(|index| can(*index))
                .map(|index| (index, gain(&snapshot.jobs[index], workers[index])))
                .filter(|(_, gain)| *gain > 0.0)
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let Some((best, _)) = best else { break };
            left -= each(&snapshot.jobs[best]);
            workers[best] += 1;
        }
        self.place(snapshot, &workers)
    }
}

impl Optimus {
    /// Jobs whose number did not change keep their GPUs; the others are placed anew, the fewest GPUs first.
    #[expect(clippy::unused_self, reason = "a step of the decision")]
    fn place(&self, snapshot: &Snapshot<'_>, workers: &[u32]) -> Decision {
        let mut nodes = snapshot.nodes.clone();
        let has = |job: &Job<'_>| job.places.iter().map(|(_, workers)| workers).sum::<u32>();
        let keeps = |index: usize| workers[index] > 0 && has(&snapshot.jobs[index]) == workers[index];
        let mut order: Vec<usize> = (0..workers.len()).collect();
        for index in order.iter().filter(|index| keeps(**index)) {
            let job = &snapshot.jobs[*index];
            for (node, workers) in &job.places {
                take(&mut nodes[*node].free, &job.gang.each, *workers, 1);
            }
        }
        order.sort_by_key(|index| (!keeps(*index), workers[*index]));
        let share = |index: usize| {
            let job = &snapshot.jobs[index];
            let eligible = snapshot.eligible.get(job.gang.class).map_or(&[][..], Vec::as_slice);
            let places = if keeps(index) {
                job.places.clone()
            } else {
                most_free::place(&mut nodes, eligible, job.gang, workers[index]).unwrap_or_default()
            };
            let next = gain(job, workers[index].max(1));
            let reason = format!("{} workers; one more would save {next:.0} s", workers[index]);
            Share { job: job.gang.job, places, steps: None, reason }
        };
        Decision { shares: order.into_iter().map(share).collect() }
    }
}
