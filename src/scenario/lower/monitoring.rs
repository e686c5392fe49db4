//! Monitoring: the rule files that the scenario names.

use super::Lowering;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::monitoring::Monitoring;
use crate::scenario::spec::ScenarioSpec;
use crate::units::SimDuration;

/// Shorter intervals see nothing more and cost much.
const SHORTEST: SimDuration = SimDuration::from_secs(1);

impl Lowering<'_> {
    pub(super) fn monitoring(&mut self, spec: &ScenarioSpec) {
        let Some(written) = &spec.monitoring else { return };
        for (field, interval) in
            [("scrapeInterval", written.scrape_interval), ("evaluationInterval", written.evaluation_interval)]
        {
            if interval < SHORTEST {
                self.error(&format!("monitoring.{field}"), format!("{interval} is too short; 1s is the least"));
            }
        }
        let mut groups = Vec::new();
        for (index, path) in written.rules.iter().enumerate() {
            match self.tables.rules(path) {
                Ok(read) => {
                    self.diagnostics.extend(read.1.iter().cloned());
                    groups.extend(read.0.iter().cloned());
                }
                Err(problem) => {
                    let place = self.at(&format!("monitoring.rules[{index}]"));
                    let diagnostic = Diagnostic::error(place, problem);
                    self.push(diagnostic.expected("the path of a file of Prometheus rules"));
                }
            }
        }
        self.scenario.monitoring = Some(Monitoring {
            scrape_interval: written.scrape_interval.max(SHORTEST),
            evaluation_interval: written.evaluation_interval.max(SHORTEST),
            groups: groups.into(),
        });
    }
}
