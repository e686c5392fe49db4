//! A policy with its runs, seed by seed.

use super::reasons::DecisionTally;
use crate::monitoring;
use crate::record::{Figure, figures, value_of};
use crate::scenario::Scenario;
use crate::sim::Stopped;

/// One of the ways to run that are compared.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub name: String,
    /// Ascending by seed.
    pub runs: Vec<SideRun>,
}

/// One run of a side.
#[derive(Clone, Debug, Default)]
pub struct SideRun {
    pub seed: u64,
    pub figures: Vec<Figure>,
    /// Empty where the decisions of the run are not known.
    pub decisions: DecisionTally,
}

impl SideRun {
    /// NaN where the run has none, or `null`.
    pub fn figure(&self, name: &str) -> f64 {
        value_of(&self.figures, name).unwrap_or(f64::NAN)
    }

    pub fn has(&self, name: &str) -> bool {
        value_of(&self.figures, name).is_some()
    }
}

impl Side {
    pub fn run(&self, seed: u64) -> Option<&SideRun> {
        self.runs.binary_search_by_key(&seed, |run| run.seed).ok().map(|at| &self.runs[at])
    }

    /// The mean of a figure over the runs; a run that does not have it counts as zero, for it has none of that workload,
    /// group or reason. NaN where a run has it as `null`.
    pub fn mean(&self, name: &str) -> f64 {
        let value = |run: &SideRun| if run.has(name) { run.figure(name) } else { 0.0 };
        self.runs.iter().map(value).sum::<f64>() / self.runs.len() as f64
    }

    /// Whether every figure is the same under every seed.
    pub fn is_without_chance(&self) -> bool {
        let same = |a: &SideRun, b: &SideRun| {
            a.figures.len() == b.figures.len()
                && a.figures
                    .iter()
                    .zip(&b.figures)
                    .all(|(a, b)| a.name == b.name && (a.value == b.value || a.value.is_nan() && b.value.is_nan()))
        };
        self.runs.len() > 1 && self.runs.iter().all(|run| same(run, &self.runs[0]))
    }
}

/// Runs `scenario` under `seed`.
///
/// # Errors
/// The run did not come to its end.
pub fn run_one(scenario: &Scenario, seed: u64) -> Result<SideRun, Stopped> {
    let mut decisions = DecisionTally::default();
    let (outcome, alerts) = monitoring::simulate(scenario, seed, &mut decisions);
    match outcome.stopped {
        Some(stopped) => Err(stopped),
        None => Ok(SideRun { seed, figures: figures(&alerts.summary(&outcome)), decisions }),
    }
}
