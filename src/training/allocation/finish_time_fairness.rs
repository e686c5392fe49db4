//! `finishTimeFairness`: the most that a job will have taken, relative to what it would have on its own part of the cluster, is
//! as small as can be (Themis, NSDI 2020, as Gavel's `finish_time_fairness_perf` works it out).

use std::collections::BTreeMap;

use super::Job;
use super::mix::{Need, fill, largest};
use super::rounds::{Competition, Rule, gpus};

/// What a job has done and when, by its own part of the cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Isolated {
    /// Seconds that its work up to now would have taken.
    so_far: f64,
    steps_left: f64,
    rate: f64,
}

#[derive(Clone, Debug, Default)]
pub struct FinishTimeFairness {
    isolated: BTreeMap<u32, Isolated>,
}

/// Steps a second if every job had an equal part of each model.
fn isolated_rate(of: &Competition<'_>, job: &Job<'_>) -> f64 {
    let part = |capacity: &f64| capacity / (of.jobs.len() as f64 * gpus(job));
    let whole: f64 = of.capacity.iter().map(part).sum();
    let scale = if whole > 1.0 { 1.0 / whole } else { 1.0 };
    of.rates(job).iter().zip(&of.capacity).map(|(rate, capacity)| rate * part(capacity) * scale).sum()
}

impl Rule for FinishTimeFairness {
    fn shares(&mut self, of: &Competition<'_>) -> Vec<Vec<f64>> {
        let mut isolated = BTreeMap::new();
        for job in of.jobs {
            let before = self.isolated.remove(&job.gang.job).unwrap_or_default();
            let steps_left = job.steps_left as f64;
            let done = (before.steps_left - steps_left).max(0.0);
            let so_far = before.so_far + if before.rate > 0.0 { done / before.rate } else { 0.0 };
            isolated.insert(job.gang.job, Isolated { so_far, steps_left, rate: isolated_rate(of, job) });
        }
        self.isolated = isolated;
        // Of the inverse of the ratio: the largest is the fairest.
        let needs = |inverse: f64| -> Vec<Need> {
            let need = |job: &Job<'_>| {
                let of_job = self.isolated[&job.gang.job];
                let elapsed = of.now.since(job.gang.submitted).as_secs_f64();
                let whole = of_job.so_far + of_job.steps_left / of_job.rate.max(1e-12);
                let left = whole - elapsed * inverse;
                let rate = if left > 0.0 { of_job.steps_left * inverse / left } else { f64::INFINITY };
                Need { gpus: gpus(job), rates: of.rates(job), rate }
            };
            of.jobs.iter().filter(|job| of.rates(job).iter().any(|rate| *rate > 0.0)).map(need).collect()
        };
        let able = of.jobs.iter().filter(|job| of.rates(job).iter().any(|rate| *rate > 0.0)).count();
        let none = || vec![vec![0.0; of.capacity.len()]; of.jobs.len()];
        if able < of.jobs.len() {
            return none();
        }
        let mut shares = largest(64.0, &of.capacity, needs).unwrap_or_else(none);
        let gpus: Vec<f64> = of.jobs.iter().map(gpus).collect();
        fill(&mut shares, &gpus, &of.capacity);
        shares
    }
}
