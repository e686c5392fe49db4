//! Verdicts over several seeds, and what a whole suite came to.

use super::expectation::{Expectation, InSeeds};
use super::verdict::Verdict;

/// A verdict with the seed of its run.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedVerdict {
    pub seed: u64,
    pub verdict: Verdict,
}

/// How many seeds must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    pub holding: usize,
    pub asked: usize,
    pub of: usize,
}

/// One expectation over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    pub name: String,
    pub passed: bool,
    /// What was wanted, got and why, in one line.
    pub detail: String,
    pub needed: Needed,
    /// Where it fails: the first offending decision, in one line.
    pub decision: Option<String>,
    /// Not settled: it passes, but more seeds could change that.
    pub is_unsettled: bool,
    /// Line of the expectation in its file, from 1; 0 where it has none.
    pub line: usize,
    pub file: String,
}

impl Tally {
    /// Adds the seeds up. `verdicts` holds at least one.
    pub fn of(expectation: &Expectation, verdicts: &[SeedVerdict]) -> Tally {
        let of = verdicts.len();
        let holding = verdicts.iter().filter(|seed| seed.verdict.holds).count();
        let asked = match expectation.in_seeds {
            InSeeds::All => of,
            InSeeds::Count(count) => count as usize,
            InSeeds::Fraction(fraction) => (fraction * of as f64).ceil() as usize,
        };
        let passed = holding >= asked;
        let worst = verdicts.iter().find(|seed| !seed.verdict.holds).or(verdicts.first());
        let (shown, because) =
            worst.map_or((String::new(), None), |seed| (seed.verdict.shown.clone(), seed.verdict.because.clone()));
        let mut detail = match of {
            1 if passed => shown,
            1 => format!("got {shown}"),
            _ => {
                let range = range(expectation, verdicts);
                format!("holds in {holding} of {of} seeds, at least {asked} asked; {range}")
            }
        };
        if let (false, Some(because)) = (passed, because) {
            let seed = if of > 1 {
                worst.map(|seed| format!("seed {}: ", seed.seed)).unwrap_or_default()
            } else {
                String::new()
            };
            detail += &format!(", {seed}{because}");
        }
        let decision = worst.and_then(|seed| seed.verdict.decision.clone()).filter(|_| !passed);
        let needed = Needed { holding, asked, of };
        let name = expectation.name.clone();
        Tally {
            name,
            passed,
            detail,
            decision,
            needed,
            is_unsettled: false,
            line: expectation.line,
            file: expectation.file.clone(),
        }
    }
}

/// "3.1 USD to 4.2 USD".
fn range(expectation: &Expectation, verdicts: &[SeedVerdict]) -> String {
    let values: Vec<f64> = verdicts.iter().filter_map(|seed| seed.verdict.got).collect();
    let missing = verdicts.len() - values.len();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shown = match values.len() {
        0 => "no value in any".to_owned(),
        _ if low == high => expectation.unit.show(low),
        _ => format!("{} to {}", expectation.unit.show(low), expectation.unit.show(high)),
    };
    if missing > 0 && !values.is_empty() { format!("{shown}; no value in {missing}") } else { shown }
}

/// All expectations of one scenario, or of one of its tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// The scenario's name, and the test's.
    pub name: String,
    pub seeds: Vec<u64>,
    pub simulated_seconds: f64,
    pub tallies: Vec<Tally>,
}

impl Suite {
    pub fn failed(&self) -> usize {
        self.tallies.iter().filter(|tally| !tally.passed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::spec::{Amount, ExpectationSpec, LongExpectation};

    fn verdicts(values: &[f64]) -> Vec<SeedVerdict> {
        let verdict = |value: f64| Verdict {
            holds: value < 20.0,
            got: Some(value),
            shown: format!("{value} USD"),
            because: (value >= 20.0).then(|| "first exceeded at 3h".to_owned()),
            decision: None,
        };
        values
            .iter()
            .enumerate()
            .map(|(index, value)| SeedVerdict { seed: index as u64, verdict: verdict(*value) })
            .collect()
    }

    fn expectation(in_seeds: Option<&str>) -> Expectation {
        let long = LongExpectation {
            metric: Some("cost.total_usd".to_owned()),
            below: Some(Amount::Number(20.0)),
            in_seeds: in_seeds.map(|text| Amount::Text(text.to_owned())),
            ..LongExpectation::default()
        };
        Expectation::compile(&ExpectationSpec::Long(Box::new(long))).unwrap()
    }

    #[test]
    fn every_seed_must_hold_unless_fewer_are_asked() {
        let seeds = verdicts(&[3.0, 25.0, 4.0, 5.0]);
        let all = Tally::of(&expectation(None), &seeds);
        assert!(!all.passed);
        assert_eq!(
            all.detail,
            "holds in 3 of 4 seeds, at least 4 asked; 3 USD to 25 USD, seed 1: first exceeded at 3h"
        );
        assert!(Tally::of(&expectation(Some("75%")), &seeds).passed);
        assert!(!Tally::of(&expectation(Some("76%")), &seeds).passed);
        assert!(Tally::of(&expectation(Some("3")), &seeds).passed);
        assert!(!Tally::of(&expectation(Some("5")), &seeds).passed, "more are asked than have run");
    }

    #[test]
    fn one_seed_shows_its_figure() {
        assert_eq!(Tally::of(&expectation(None), &verdicts(&[3.0])).detail, "3 USD");
        assert_eq!(Tally::of(&expectation(None), &verdicts(&[25.0])).detail, "got 25 USD, first exceeded at 3h");
    }
}
