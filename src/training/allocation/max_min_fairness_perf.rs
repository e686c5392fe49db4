//! `maxMinFairnessPerf`: least attained service that knows how much faster a job is on which GPU model: the least of all jobs'
//! speed, relative to their speed on all models in turn, is as large as can be (Gavel's `max_min_fairness_perf`).

use super::mix::{Need, fill, largest};
use super::rounds::{Competition, Rule, gpus};

#[derive(Clone, Debug, Default)]
pub struct MaxMinFairnessPerf;

impl Rule for MaxMinFairnessPerf {
    fn shares(&mut self, of: &Competition<'_>) -> Vec<Vec<f64>> {
        let even =
            |rates: &[f64]| rates.iter().zip(&of.capacity).map(|(rate, gpus)| rate * gpus).sum::<f64>() / of.all();
        let needs = |least: f64| -> Vec<Need> {
            let need = |job| {
                let (rates, gpus) = (of.rates(job), gpus(job));
                let rate = least * even(&rates) / gpus;
                Need { gpus, rates, rate }
            };
            of.jobs.iter().map(need).collect()
        };
        let most = |job| {
            let rates = of.rates(job);
            let even = even(&rates);
            let fastest = rates.iter().copied().fold(0.0, f64::max);
            if even > 0.0 { gpus(job) * fastest / even } else { f64::INFINITY }
        };
        let most = of.jobs.iter().map(most).fold(f64::INFINITY, f64::min);
        let none = || vec![vec![0.0; of.capacity.len()]; of.jobs.len()];
        if !most.is_finite() {
            return none();
        }
        let mut shares = largest(most, &of.capacity, needs).unwrap_or_else(none);
        let gpus: Vec<f64> = of.jobs.iter().map(gpus).collect();
        fill(&mut shares, &gpus, &of.capacity);
        shares
    }
}
