//! A run under the rules of its scenario.

use super::compile::compile;
use super::monitor::{Alerts, Monitor};
use crate::record::metrics::{Exporter, Watched};
use crate::scenario::Scenario;
use crate::sim::{self, Observer, Outcome};

/// Simulates `scenario` under `seed`, tells `observer`, and evaluates the scenario's rules where it has some. Rules that
/// can't be evaluated (see [`check`](super::check)) watch nothing.
pub fn simulate(scenario: &Scenario, seed: u64, observer: &mut dyn Observer) -> (Outcome, Alerts) {
    let compiled = scenario.monitoring.as_ref().filter(|monitoring| !monitoring.groups.is_empty());
    let compiled = compiled.and_then(|monitoring| Some((compile(monitoring).ok()?.0, monitoring)));
    let Some((compiled, monitoring)) = compiled else {
        return (sim::run(scenario, seed, observer), Alerts::default());
    };
    let mut monitor = Monitor::new(compiled, scenario.start_epoch_seconds, monitoring.evaluation_interval);
    let exporter = Exporter::new(scenario.start_epoch_seconds, vec![&mut monitor]);
    let mut watched = Watched { inner: observer, exporter: Some((exporter, monitoring.scrape_interval)) };
    let outcome = sim::run(scenario, seed, &mut watched);
    drop(watched);
    let alerts = monitor.finish(outcome.simulated);
    (outcome, alerts)
}
