//! Figures kept under a name, and whether later runs stay near them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expectation::{Expectation, Subject};
use super::paired::{Interval, paired_interval};
use super::tally::{Needed, Tally};
use crate::record::{Figure, is_zero_where_absent, value_of};

/// Level of the intervals.
const LEVEL: f64 = 0.95;

/// What `--save-baseline NAME` keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of the tool that made it.
    pub windtunnel_version: String,
    /// By suite.
    pub suites: BTreeMap<String, BaselineSuite>,
}

/// The figures of one suite, seed by seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineSuite {
    pub seeds: Vec<u64>,
    /// In the order of `seeds`; `null` where a run had none.
    pub figures: BTreeMap<String, Vec<Option<f64>>>,
}

impl Baseline {
    /// Of a file's text.
    ///
    /// # Errors
    /// What keeps it from being a baseline.
    pub fn read(json: &str) -> Result<Baseline, String> {
        let baseline: Baseline = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match baseline.suites.iter().find(|(_, suite)| !suite.is_whole()) {
            Some((name, _)) => Err(format!("the figures of {name} are not one a seed; save it anew")),
            None => Ok(baseline),
        }
    }
}

impl BaselineSuite {
    /// From the figures of each seed.
    pub fn of(runs: &[(u64, Vec<Figure>)]) -> BaselineSuite {
        let mut figures: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
        for (index, (_, run)) in runs.iter().enumerate() {
            for figure in run {
                let values = figures.entry(figure.name.clone()).or_default();
                values.resize(index, None);
                values.push(Some(figure.value).filter(|value| value.is_finite()));
            }
        }
        figures.values_mut().for_each(|values| values.resize(runs.len(), None));
        BaselineSuite { seeds: runs.iter().map(|(seed, _)| *seed).collect(), figures }
    }

    /// As it is written: every figure has a value a seed, and no seed stands twice.
    fn is_whole(&self) -> bool {
        let distinct: std::collections::BTreeSet<&u64> = self.seeds.iter().collect();
        distinct.len() == self.seeds.len() && self.figures.values().all(|values| values.len() == self.seeds.len())
    }

    fn figure(&self, name: &str, seed: u64) -> Option<f64> {
        let index = self.seeds.iter().position(|other| *other == seed)?;
        let kept = self.figures.get(name).and_then(|values| values.get(index).copied().flatten());
        kept.or_else(|| is_zero_where_absent(name).then_some(0.0))
    }
}

/// Holds the runs of a suite against the baseline's of the same seeds. `None` where the expectation asks for no baseline.
pub fn judge(expectation: &Expectation, runs: &[(u64, Vec<Figure>)], baseline: &BaselineSuite) -> Option<Tally> {
    let within = expectation.of_baseline?;
    let Subject::Figure { path, .. } = &expectation.subject else {
        return Some(tally(
            expectation,
            false,
            false,
            runs.len(),
            "only figures of the summary have a baseline".to_owned(),
        ));
    };
    let name = path.join(".");
    let value = |run: &[Figure]| value_of(run, &name).filter(|value| value.is_finite());
    let pairs: Vec<(f64, f64)> =
        runs.iter().filter_map(|(seed, run)| Some((value(run)?, baseline.figure(&name, *seed)?))).collect();
    if pairs.is_empty() {
        let first_and_last = match &baseline.seeds[..] {
            [] => "no seed".to_owned(),
            [only] => format!("seed {only}"),
            [first, .., last] => format!("{} seeds from {first} to {last}", baseline.seeds.len()),
        };
        let detail =
            format!("the baseline has no value of {name} for these seeds (it has {first_and_last}); save it anew");
        return Some(tally(expectation, false, false, runs.len(), detail));
    }
    let mean = |side: fn(&(f64, f64)) -> f64| pairs.iter().map(side).sum::<f64>() / pairs.len() as f64;
    let (now, before) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let scale = if before == 0.0 { 1.0 } else { before.abs() };
    let differences: Vec<f64> = pairs.iter().map(|(now, before)| (now - before) / scale).collect();
    let interval = paired_interval(&differences, LEVEL)?;
    let shown = format!("{}, baseline {}", expectation.unit.show(now), expectation.unit.show(before));
    let (passed, settled) = verdict(&interval, within);
    let detail = match interval.pairs {
        1 => format!("{shown}: {}", percent(interval.mean)),
        pairs => {
            let more = if settled { String::new() } else { more_seeds(&interval, &differences, within) };
            let (low, high) = (percent(interval.low), percent(interval.high));
            format!("{shown}: {} (95 %: {low} to {high}, {pairs} seeds){more}", percent(interval.mean))
        }
    };
    Some(tally(expectation, passed, !settled, pairs.len(), detail))
}

/// Whether it passes, and whether more seeds could change that. It fails where the whole interval lies beyond the margin;
/// one pair has no interval and counts as it is.
fn verdict(interval: &Interval, within: f64) -> (bool, bool) {
    if interval.pairs == 1 {
        return (interval.mean.abs() <= within, true);
    }
    let beyond = interval.low > within || interval.high < -within;
    let inside = interval.low >= -within && interval.high <= within;
    (!beyond, beyond || inside)
}

/// How many more seeds would bring the interval to one side of the margin, were their spread as those seen.
fn more_seeds(interval: &Interval, differences: &[f64], within: f64) -> String {
    let gap = (interval.mean.abs() - within).abs();
    let needed = (interval.margin() / gap).powi(2) * differences.len() as f64;
    if needed.is_finite() && needed < 1e4 {
        format!(
            "; can't tell yet, about {} more seeds would settle it",
            (needed.ceil() as usize + 1).saturating_sub(differences.len())
        )
    } else {
        "; can't tell: it lies on the margin".to_owned()
    }
}

fn percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}

/// `pairs`: seeds that both sides ran under; they are judged together, so that all of them hold or none.
fn tally(expectation: &Expectation, passed: bool, is_unsettled: bool, pairs: usize, detail: String) -> Tally {
    Tally {
        name: expectation.name.clone(),
        passed,
        detail,
        decision: None,
        needed: Needed { holding: if passed { pairs } else { 0 }, asked: pairs, of: pairs },
        is_unsettled,
        line: expectation.line,
        file: expectation.file.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::spec::{Amount, ExpectationSpec, LongExpectation};

    fn runs(values: &[f64]) -> Vec<(u64, Vec<Figure>)> {
        let figure = |value: f64| vec![Figure { name: "cost.total_usd".to_owned(), value, is_whole: false }];
        values.iter().enumerate().map(|(seed, value)| (seed as u64, figure(*value))).collect()
    }

    #[test]
    fn a_baseline_s_row_counts_the_seeds_that_both_ran_under() {
        let needed = judged(&[1.0, 2.0, 3.0], &[1.0, 2.0]).needed;
        assert_eq!((needed.holding, needed.asked, needed.of), (2, 2, 2));
        assert_eq!(judged(&[2.0, 3.0], &[1.0, 2.0]).needed.holding, 0);
    }

    fn judged(now: &[f64], before: &[f64]) -> Tally {
        let long = LongExpectation {
            metric: Some("cost.total_usd".to_owned()),
            within: Some(Amount::Text("5%".to_owned())),
            ..LongExpectation::default()
        };
        let expectation = Expectation::compile(&ExpectationSpec::Long(Box::new(long))).unwrap();
        judge(&expectation, &runs(now), &BaselineSuite::of(&runs(before))).unwrap()
    }

    #[test]
    fn the_interval_decides_and_says_when_it_can_not() {
        let before = [10.0, 12.0, 9.0, 11.0, 10.5, 9.5];
        let scaled = |factor: f64, wobble: f64| -> Vec<f64> {
            before
                .iter()
                .enumerate()
                .map(|(i, value)| value * factor + if i % 2 == 0 { wobble } else { -wobble })
                .collect()
        };
        let near = judged(&scaled(1.01, 0.05), &before);
        assert!(near.passed && !near.is_unsettled, "{}", near.detail);
        let dearer = judged(&scaled(1.2, 0.05), &before);
        assert!(!dearer.passed && !dearer.is_unsettled, "{}", dearer.detail);
        let noisy = judged(&scaled(1.04, 1.0), &before);
        assert!(noisy.passed && noisy.is_unsettled && noisy.detail.contains("more seeds"), "{}", noisy.detail);
    }

    #[test]
    fn one_seed_counts_as_it_is() {
        assert!(judged(&[10.4], &[10.0]).passed);
        let dearer = judged(&[10.6], &[10.0]);
        assert!(!dearer.passed);
        assert_eq!(dearer.detail, "10.60 USD, baseline 10 USD: +6.0 %");
    }

    #[test]
    fn a_figure_that_a_run_lacks_stays_in_its_place() {
        let mut figures = runs(&[1.0, 2.0]);
        figures[1].1[0].name = "other".to_owned();
        let kept = BaselineSuite::of(&figures);
        assert_eq!(kept.figures["cost.total_usd"], [Some(1.0), None]);
        assert_eq!(kept.figures["other"], [None, Some(2.0)]);
    }
}
