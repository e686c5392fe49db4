//! An observer that keeps all that it is shown.

use windtunnel::scenario::Scenario;
use windtunnel::sim::{
    CountExtents, DecisionRecord, EngineFigures, Integrals, Observer, Outcome, PodCounts, RunOptions, Sample, Usage,
    run_with,
};
use windtunnel::units::{SimTime, Usd, UsdPerHour};

/// A run as it was seen.
#[derive(Default)]
pub struct Watched {
    pub samples: Vec<Seen>,
    pub decisions: Vec<String>,
    pub outcome: Outcome,
    /// Every byte of it, in the order in which it was shown; the engine's own figures left out.
    pub lines: Vec<String>,
}

/// One sample.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: SimTime,
    pub nodes: u32,
    pub nodes_ready: u32,
    pub pods: PodCounts,
    pub extents: CountExtents,
    pub allocatable: Usage,
    pub requested: Usage,
    pub used: Usage,
    /// (demand, served, backlog)
    pub services: Vec<(i64, i64, i64)>,
    pub cost_rate: UsdPerHour,
    pub cost: Usd,
    pub integrals: Integrals,
}

/// Runs the scenario and keeps what it shows.
pub fn watch(scenario: &Scenario, seed: u64, options: RunOptions) -> Watched {
    let mut watched = Watched::default();
    let mut outcome = run_with(scenario, seed, options, &mut watched);
    outcome.figures = EngineFigures::default();
    let Outcome { pods, nodes, training, .. } = &outcome;
    let rows = pods.iter().map(|row| format!("{row:?}"));
    let rows = rows.chain(nodes.iter().map(|row| format!("{row:?}")));
    let rows = rows.chain(training.iter().map(|row| format!("{row:?}")));
    watched.lines.extend(rows);
    let sums = Outcome { pods: Vec::new(), nodes: Vec::new(), training: Vec::new(), ..outcome.clone() };
    watched.lines.push(format!("{sums:?}"));
    watched.outcome = outcome;
    watched
}

impl Observer for Watched {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        let DecisionRecord { at, controller, object, from, to, reason } = decision;
        let line = format!("{at} {} {object}: {from} -> {to}: {reason}", controller.name());
        self.decisions.push(line.clone());
        self.lines.push(line);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.lines.push(format!("{sample:?}"));
        self.samples.push(Seen {
            at: sample.at,
            nodes: sample.nodes,
            nodes_ready: sample.nodes_ready,
            pods: sample.pods,
            extents: sample.extents,
            allocatable: sample.allocatable,
            requested: sample.requested,
            used: sample.used,
            services: sample.services.iter().map(|s| (s.demand_milli, s.served_milli, s.backlog_milli)).collect(),
            cost_rate: sample.cost_rate,
            cost: sample.cost,
            integrals: sample.integrals,
        });
    }
}
