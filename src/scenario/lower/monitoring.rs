//! Monitoring: the rule files that the scenario names.

use std::collections::BTreeSet;

use super::Lowering;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::monitoring::Monitoring;
use crate::scenario::rules::RuleGroup;
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
        let mut groups: Vec<RuleGroup> = Vec::new();
        let mut told = BTreeSet::new();
        for (index, path) in written.rules.iter().enumerate() {
            let read = self.tables.files(path).and_then(|files| {
                let new: Vec<&String> = files.iter().filter(|file| told.insert((*file).clone())).collect();
                new.into_iter().map(|file| self.tables.rules(file)).collect::<Result<Vec<_>, _>>()
            });
            match read {
                Ok(read) => {
                    for (of_file, said) in read.iter().map(|read| &**read) {
                        if !groups.iter().any(|group| of_file.iter().any(|new| new.file == group.file)) {
                            self.diagnostics.extend(said.iter().cloned());
                            groups.extend(of_file.iter().cloned());
                        }
                    }
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
