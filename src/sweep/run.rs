//! Carries a sweep out: loads every configuration first, then runs all of them under all seeds in parallel.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;

use rayon::prelude::*;

use super::{Configuration, Ran, Results, Row, Sweep};
use crate::monitoring;
use crate::record::figures;
use crate::scenario::Scenario;

/// A sweep whose configurations were read.
pub struct Prepared<'s> {
    sweep: &'s Sweep,
    /// By configuration; what is wrong with one that is no scenario.
    scenarios: Vec<Result<Scenario, String>>,
    threads: rayon::ThreadPool,
}

/// Reads every configuration of `sweep` on `jobs` threads (default: one a core). `load` turns a configuration into a
/// scenario, or says what is wrong with it; the others go on.
///
/// # Errors
/// Threads can't be started.
pub fn prepare(
    sweep: &Sweep,
    load: impl Fn(&Configuration) -> Result<Scenario, String> + Sync,
    jobs: Option<NonZeroUsize>,
) -> Result<Prepared<'_>, rayon::ThreadPoolBuildError> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs.map_or(0, NonZeroUsize::get)).build()?;
    let scenarios = threads.install(|| sweep.configurations.par_iter().with_max_len(1).map(&load).collect());
    Ok(Prepared { sweep, scenarios, threads })
}

impl Prepared<'_> {
    /// How many runs it has.
    pub fn runs(&self) -> usize {
        self.scenarios.iter().flatten().map(|scenario| self.sweep.seeds_or(scenario.seed).len()).sum()
    }

    /// Configurations that are no valid scenario.
    pub fn errors(&self) -> Vec<(usize, String)> {
        let errors = self.scenarios.iter().enumerate().filter_map(|(index, read)| Some((index, read.as_ref().err()?)));
        errors.map(|(index, error)| (index, error.clone())).collect()
    }

    /// Runs every configuration under every seed and calls `ran` after each run. The results do not depend on the
    /// number of threads.
    ///
    /// Memory: every configuration's scenario, and one run's state a thread.
    pub fn run(&self, ran: impl Fn() + Sync) -> Results {
        let told = |_: usize, _: &Ran| -> Result<(), Infallible> {
            ran();
            Ok(())
        };
        let Ok(runs) = self.run_some(|_| true, told);
        Results::of_runs(self.errors(), runs)
    }

    /// As [`run`](Self::run), of the runs that are `wanted` by their place in the order of all; `ran` is shown each at
    /// once, in any order.
    ///
    /// # Errors
    /// The first of `ran`, after which no more runs begin.
    pub fn run_some<E: Send>(
        &self,
        wanted: impl Fn(usize) -> bool,
        ran: impl Fn(usize, &Ran) -> Result<(), E> + Sync,
    ) -> Result<BTreeMap<usize, Ran>, E> {
        let scenarios =
            self.scenarios.iter().enumerate().filter_map(|(index, read)| Some((index, read.as_ref().ok()?)));
        let runs = scenarios.flat_map(|(index, scenario)| {
            self.sweep.seeds_or(scenario.seed).into_iter().map(move |seed| (index, scenario, seed))
        });
        let runs: Vec<(usize, (usize, &Scenario, u64))> =
            runs.enumerate().filter(|(place, _)| wanted(*place)).collect();
        let one = |(place, (configuration, scenario, seed)): (usize, (usize, &Scenario, u64))| {
            let (outcome, alerts) = monitoring::simulate(scenario, seed, &mut ());
            let one = match &outcome.stopped {
                Some(stopped) => Ran::Stopped { configuration, what: format!("seed {seed}: {stopped}") },
                None => {
                    let summary = alerts.summary(&outcome);
                    Ran::Row(Row { configuration, seed, figures: figures(&summary) })
                }
            };
            ran(place, &one).map(|()| (place, one))
        };
        let done: Result<Vec<(usize, Ran)>, E> =
            self.threads.install(|| runs.into_par_iter().with_max_len(1).map(one).collect());
        Ok(done?.into_iter().collect())
    }
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
                is_resubmitted: true,
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

    fn load(configuration: &Configuration) -> Result<Scenario, String> {
        configuration.settings[0].1.as_i64().map(scenario).ok_or_else(|| "not a number".to_owned())
    }

    fn runs_csv(jobs: usize) -> String {
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
    fn a_configuration_that_is_no_scenario_is_a_row_with_its_error_and_the_others_go_on() {
        let load = |configuration: &Configuration| match configuration.settings[0].1.as_i64() {
            Some(20) => Err("too many".to_owned()),
            _ => load(configuration),
        };
        let sweep = sweep();
        let prepared = prepare(&sweep, load, None).unwrap();
        assert_eq!((prepared.runs(), prepared.errors()), (8, vec![(1, "too many".to_owned())]));
        let results = prepared.run(|| ());
        let text = String::from_utf8(results.csv(&sweep)).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("20,")).collect();
        assert!(rows.len() == 1 && rows[0].ends_with(",too many") && text.lines().count() == 10, "{text}");
        assert!(text.lines().all(|line| line.split(',').count() == text.lines().next().unwrap().split(',').count()));
    }
}
