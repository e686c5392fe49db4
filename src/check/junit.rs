//! Suites as JUnit XML: a suite is a scenario, a case an expectation. `time` is simulated seconds.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::tally::{Suite, Tally};

/// The XML text.
///
/// # Errors
/// None that a user could cause; the writer's own are passed on.
pub fn xml(suites: &[Suite]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("windtunnel");
    for suite in suites {
        let mut cases = TestSuite::new(suite.name.clone());
        let time = Duration::from_secs_f64(suite.simulated_seconds.clamp(0.0, 1e15));
        cases.set_time(time);
        for tally in &suite.tallies {
            let status = if tally.passed {
                TestCaseStatus::success()
            } else {
                let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
                failure.set_type("expectation").set_message(format!("{}: {}", tally.name, tally.detail));
                failure.set_description(description(tally));
                failure
            };
            let mut case = TestCase::new(tally.name.clone(), status);
            case.set_classname(suite.name.clone());
            cases.add_test_case(case);
        }
        report.add_test_suite(cases);
    }
    Ok(without_skipped(&report.to_string()?))
}

/// Jenkins' schema (`junit-10.xsd` of its xunit plugin) knows `skipped` of a suite and not of the whole.
fn without_skipped(xml: &str) -> String {
    let Some(start) = xml.find("<testsuites ") else { return xml.to_owned() };
    let end = start + xml[start..].find('>').unwrap_or(0);
    let root = xml[start..end].replace(" skipped=\"0\"", "");
    format!("{}{root}{}", &xml[..start], &xml[end..])
}

/// Where it stands, what was wanted and got, and the first offending decision.
fn description(tally: &Tally) -> String {
    let Tally { line, file, name, detail, decision, .. } = tally;
    let place = if *line > 0 { format!("{file}:{line}\n") } else { String::new() };
    let decision = decision.as_deref().map(|decision| format!("decision: {decision}\n")).unwrap_or_default();
    format!("{place}want {name}\n{detail}\n{decision}")
}
