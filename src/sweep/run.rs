//! Carries a sweep out: loads every configuration first, then runs all of them under all seeds in parallel.

use std::num::NonZeroUsize;

use rayon::prelude::*;
use thiserror::Error;

use super::{Configuration, Results, Row, Sweep};
use crate::record::{Figure, Summary, figures};
use crate::scenario::Scenario;
use crate::sim::{self, Outcome, TrainingRow};
use crate::units::nearest;

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

/// A sweep whose every configuration is a valid scenario.
pub struct Prepared<'s> {
    sweep: &'s Sweep,
    /// By configuration.
    scenarios: Vec<Scenario>,
    threads: rayon::ThreadPool,
}

/// Reads every configuration of `sweep` on `jobs` threads (default: one a core). `load` turns a configuration into a
/// scenario.
pub fn prepare<'s, E: Send>(
    sweep: &'s Sweep,
    load: impl Fn(&Configuration<'_>) -> Result<Scenario, E> + Sync,
    jobs: Option<NonZeroUsize>,
) -> Result<Prepared<'s>, SweepProblem<E>> {
    check_figure("x", &sweep.plot.x)?;
    check_figure("y", &sweep.plot.y)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.map_or(0, NonZeroUsize::get)).build()?;
    let configurations = sweep.configurations();
    let loaded: Vec<Result<Scenario, E>> =
        threads.install(|| configurations.par_iter().with_max_len(1).map(&load).collect());
    let mut scenarios = Vec::with_capacity(loaded.len());
    for (configuration, scenario) in configurations.iter().zip(loaded) {
        let label = || sweep.label(configuration);
        scenarios.push(scenario.map_err(|cause| SweepProblem::Scenario { label: label(), cause })?);
    }
    Ok(Prepared { sweep, scenarios, threads })
}

impl Prepared<'_> {
    /// Runs every configuration under every seed and calls `ran` after each run. The results do not depend on the
    /// number of threads.
    ///
    /// Memory: every configuration's scenario, and one run's state a thread.
    pub fn run(&self, ran: impl Fn() + Sync) -> Results {
        let runs: Vec<(usize, u64)> = self
            .scenarios
            .iter()
            .enumerate()
            .flat_map(|(index, scenario)| {
                let seeds = self.sweep.seeds.clone().unwrap_or_else(|| vec![scenario.seed]);
                seeds.into_iter().map(move |seed| (index, seed))
            })
            .collect();
        let row = |(configuration, seed): (usize, u64)| {
            let outcome = sim::run(&self.scenarios[configuration], seed, &mut ());
            let row = Row { configuration, seed, figures: figures(&Summary::of(&outcome)) };
            ran();
            row
        };
        Results { rows: self.threads.install(|| runs.into_par_iter().with_max_len(1).map(row).collect()) }
    }
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
    let near = nearest(name, known.iter().map(|figure| figure.name.as_str())).map(str::to_owned);
    Err(SweepProblem::UnknownFigure { axis, name: name.to_owned(), nearest: near })
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
    use crate::cluster::{Container, NodeShape, PodSpec, Resources, WorkloadId};
    use crate::scenario::{FixedNode, GpuUsage, TracePod, UsageModel, Workload, WorkloadKind};
    use crate::units::distribution::Exponential;
    use crate::units::{Bytes, Distribution, Millicores, SimDuration, SimTime, UsdPerHour};

    /// Pods that start after a random time on one node; `pods` of them.
    fn scenario(pods: i64) -> Scenario {
        let mut scenario = Scenario { name: "random".to_owned(), ..Scenario::default() };
        let room = Resources::new(Millicores(8_000), Bytes(1 << 34));
        let shape = NodeShape { capacity: room.clone(), allocatable: room, max_pods: 110, ..NodeShape::default() };
        let shape = scenario.specs.intern_shape(shape);
        let price = UsdPerHour::from_nanos(1_000_000_000);
        scenario.nodes.push(FixedNode { name: "node".into(), shape, instance_type: None, price });
        let container = Container { requests: Resources::new(Millicores(100), Bytes(1 << 20)), ..Container::default() };
        let spec = scenario.specs.intern_pod(PodSpec { containers: vec![container], ..PodSpec::default() });
        let workload = WorkloadId(0);
        let usage = UsageModel { cpu: 0.5, memory: 0.5, gpu: GpuUsage(0.0) };
        let kind = WorkloadKind::Replayed;
        scenario.workloads.push(Workload {
            id: workload,
            name: "trace".into(),
            namespace: "default".into(),
            kind,
            usage,
            volumes: Vec::new(),
        });
        scenario.kubelet.container_start = Distribution::Exponential(Exponential { mean: SimDuration::from_secs(20) });
        scenario.trace_pods = (0..pods)
            .map(|index| TracePod {
                name: format!("pod-{index}").into(),
                spec,
                workload,
                arrival: SimTime::from_secs(index),
                duration: Some(SimDuration::from_mins(5)),
            })
            .collect();
        scenario
    }

    fn sweep() -> Sweep {
        Sweep::parse(
            "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec: {scenario: a.yaml, parameters: [{path: pods, values: [3, 20, 9]}], seeds: {from: 1, count: 4}}",
        )
        .unwrap()
    }

    fn runs_csv(jobs: usize) -> String {
        let load = |configuration: &Configuration<'_>| {
            let pods = configuration.settings[0].1.as_i64().ok_or("not a number")?;
            Ok::<_, &str>(scenario(pods))
        };
        let sweep = sweep();
        let results = prepare(&sweep, load, NonZeroUsize::new(jobs)).unwrap().run(|| ());
        String::from_utf8(results.csv(&sweep)).unwrap()
    }

    #[test]
    fn the_rows_of_a_sweep_do_not_depend_on_the_number_of_threads() {
        let one = runs_csv(1);
        assert_eq!(one, runs_csv(4));
        let columns: Vec<Vec<&str>> = one.lines().map(|line| line.split(',').collect()).collect();
        let keys: Vec<[&str; 2]> = columns[1..].iter().map(|row| [row[0], row[1]]).collect();
        assert_eq!(keys[..5], [["3", "1"], ["3", "2"], ["3", "3"], ["3", "4"], ["20", "1"]]);
        let startup = columns[0].iter().position(|name| *name == "pod_startup_seconds.max").unwrap();
        assert_ne!(columns[1][startup], columns[2][startup], "another seed draws other start times");
    }

    #[test]
    fn a_configuration_that_is_no_scenario_stops_the_sweep_before_the_first_run() {
        let load = |configuration: &Configuration<'_>| match configuration.settings[0].1.as_i64() {
            Some(20) => Err("too many"),
            _ => Ok(scenario(1)),
        };
        let sweep = sweep();
        let Err(problem) = prepare(&sweep, load, None) else { panic!("20 pods are refused") };
        assert!(matches!(problem, SweepProblem::Scenario { ref label, cause: "too many" } if label == "pods 20"));
    }

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
