//! All expectations of a scenario, read before it runs; mistakes come with their place.

use super::expectation::Expectation;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Expected, Scenario};

/// One set of runs and what must hold of them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The test's name; `None` for the scenario as it is.
    pub test: Option<String>,
    /// Overrides of the test, `path=value`.
    pub overrides: Vec<String>,
    pub seeds: Option<u32>,
    pub expectations: Vec<Expectation>,
}

/// The scenario's own expectations, then its tests'. What has nothing to judge is left out.
///
/// # Errors
/// Every expectation that can't be judged.
pub fn plans(scenario: &Scenario) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let own = compile(&scenario.expectations, &mut mistakes);
    let mut plans = vec![Plan { test: None, overrides: Vec::new(), seeds: None, expectations: own.clone() }];
    for test in &scenario.tests {
        let expectations = [own.clone(), compile(&test.expectations, &mut mistakes)].concat();
        let overrides = test.spec.set.iter().map(|(path, value)| format!("{path}={value}")).collect();
        plans.push(Plan { test: Some(test.spec.name.clone()), overrides, seeds: test.spec.seeds, expectations });
    }
    plans.retain(|plan| !plan.expectations.is_empty());
    if mistakes.is_empty() { Ok(plans) } else { Err(mistakes) }
}

fn compile(expected: &[Expected], mistakes: &mut Vec<Diagnostic>) -> Vec<Expectation> {
    let mut compiled = Vec::new();
    for Expected { spec, place } in expected {
        match Expectation::compile(spec) {
            Ok(expectation) => {
                let (line, _) = place.line_and_column();
                compiled.push(Expectation { line, file: place.source.name.clone(), ..expectation });
            }
            Err(misread) => {
                let diagnostic = Diagnostic::error(place, misread.message);
                mistakes.push(match misread.hint {
                    Some(hint) => diagnostic.hint(hint),
                    None => diagnostic,
                });
            }
        }
    }
    compiled
}
