//! Carries a sweep out: loads every configuration first, then runs all of them under all seeds in parallel.

use std::num::NonZeroUsize;

use rayon::prelude::*;
use thiserror::Error;

use super::{Configuration, Results, Row, Sweep};
use crate::record::{Figure, Summary, figures};
use crate::scenario::Scenario;
use crate::sim::{self, Outcome, TrainingRow};

/// Why a sweep was not run. `E` is what the scenario's loader says of a bad setting.
#[derive(Debug, Error)]
pub enum SweepProblem<E> {
    #[error("the configuration {label:?} is no valid scenario")]
    Scenario { label: String, cause: E },
    #[error("plot.{axis}: no figure of the summary is called {name:?}{}", hint(.nearest))]
    UnknownFigure { axis: &'static str, name: String, nearest: Option<String> },
    #[error("can't start the threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

/// Runs `sweep` on `jobs` threads (default: one a core) and calls `ran` after each run. `load` turns a configuration
/// into a scenario. The results do not depend on the number of threads.
///
/// Memory: every configuration's scenario, and one run's state a thread.
pub fn run<E: Send>(
    sweep: &Sweep,
    load: impl Fn(&Configuration<'_>) -> Result<Scenario, E> + Sync,
    jobs: Option<NonZeroUsize>,
    ran: impl Fn() + Sync,
) -> Result<Results, SweepProblem<E>> {
    check_figure("x", &sweep.plot.x)?;
    check_figure("y", &sweep.plot.y)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.map_or(0, NonZeroUsize::get)).build()?;
    threads.install(|| {
        let configurations = sweep.configurations();
        let loaded: Vec<Result<Scenario, E>> = configurations.par_iter().with_max_len(1).map(&load).collect();
        let mut scenarios = Vec::with_capacity(loaded.len());
        for (configuration, scenario) in configurations.iter().zip(loaded) {
            let label = || configuration.label();
            scenarios.push(scenario.map_err(|cause| SweepProblem::Scenario { label: label(), cause })?);
        }
        let runs: Vec<(usize, u64)> = scenarios
            .iter()
            .enumerate()
            .flat_map(|(index, scenario)| {
                let seeds = sweep.seeds.clone().unwrap_or_else(|| vec![scenario.seed]);
                seeds.into_iter().map(move |seed| (index, seed))
            })
            .collect();
        let row = |(configuration, seed): (usize, u64)| {
            let outcome = sim::run(&scenarios[configuration], seed, &mut ());
            let row = Row { configuration, seed, figures: figures(&Summary::of(&outcome)) };
            ran();
            row
        };
        Ok(Results { rows: runs.into_par_iter().with_max_len(1).map(row).collect() })
    })
}

/// A misspelt figure would only show after the last run.
fn check_figure<E>(axis: &'static str, name: &str) -> Result<(), SweepProblem<E>> {
    // These hold names of the scenario's own.
    if name.starts_with("cost.by_") {
        return Ok(());
    }
    let known = every_figure();
    if known.iter().any(|figure| figure.name == name) {
        return Ok(());
    }
    let nearest = known
        .into_iter()
        .map(|figure| (strsim::jaro_winkler(&figure.name, name), figure.name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Err(SweepProblem::UnknownFigure { axis, name: name.to_owned(), nearest: nearest.map(|(_, name)| name) })
}

/// The figures that any summary may have.
fn every_figure() -> Vec<Figure> {
    let job = TrainingRow {
        name: "".into(),
        model: "".into(),
        gpus: 0,
        arrival: Default::default(),
        started: None,
        finished: None,
        total_steps: 0,
        steps_done: 0.0,
        steps_lost: 0.0,
        interruptions: 0,
        gpu_hours: 0.0,
    };
    figures(&Summary::of(&Outcome { training: vec![job], ..Outcome::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_figure_is_found_before_the_first_run() {
        let check = |name: &str| check_figure::<()>("x", name).map_err(|problem| problem.to_string());
        assert_eq!(check("training.completion_seconds.p95"), Ok(()));
        assert_eq!(check("cost.by_node_group.general"), Ok(()));
        let error = check("pod_wait_secnds.p99").unwrap_err();
        assert!(error.contains("did you mean \"pod_wait_seconds.p99\"?"), "{error}");
        assert!(check("happiness").is_err_and(|error| !error.contains("did you mean")));
    }
}
