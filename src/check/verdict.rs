//! One run held against expectations.

use serde_json::Value;

use super::decisions;
use super::expectation::{Bound, Expectation, Subject};
use super::run::{Run, instant};
use super::series::{self, Function, Series};
use super::witness;
use crate::record::{Summary, value_of};
use crate::units::{SimDuration, SimTime, written};

/// Whether an expectation held in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub holds: bool,
    /// The figure; `None` where the run has none.
    pub got: Option<f64>,
    /// The figure in words, with how far it is beyond its bound: `3 m 32 s (+18 %)`.
    pub shown: String,
    /// What shows it first, or why there is no figure.
    pub because: Option<String>,
    /// Where it fails: the decision before the first instant that shows it, of whom it hangs on.
    pub decision: Option<String>,
}

impl Verdict {
    fn none(because: String) -> Verdict {
        Verdict { holds: false, got: None, shown: "no value".to_owned(), because: Some(because), decision: None }
    }
}

/// Judges `run`, one verdict an expectation. Those on the baseline alone hold here.
pub fn judge(expectations: &[Expectation], run: &Run<'_>) -> Vec<Verdict> {
    let needs_series = |expectation: &Expectation| matches!(expectation.subject, Subject::Series { .. });
    let series = expectations.iter().any(needs_series).then(|| Series::of(run.record));
    expectations
        .iter()
        .map(|expectation| match &expectation.subject {
            Subject::Figure { name, path } => figure(expectation, name, path, run),
            Subject::Series { function, column, at, lasting } => {
                let series = series.as_ref().expect("made where an expectation needs it");
                of_series(expectation, (*function, column), *at, *lasting, series, run)
            }
            Subject::Decisions(rule) => {
                let found = decisions::count(rule, run.record);
                let value = found.count as f64;
                let because = found.at.map(|at| {
                    let object = found.object.as_deref().unwrap_or_default();
                    let reason = found.reason.as_deref().unwrap_or_default();
                    format!("from {} on, last {object}: {reason}", instant(at))
                });
                let mut judged = verdict(expectation, value, because);
                if let Some(note) = decisions::no_such_end(rule, run.record).filter(|_| found.count == 0) {
                    judged.shown += &note;
                }
                let decision = found.last.filter(|_| !judged.holds).map(|index| witness::decision(run, index));
                Verdict { decision, ..judged }
            }
        })
        .collect()
}

/// The number at `path`. A name that is absent and one that is `null` are told apart.
fn figure(expectation: &Expectation, name: &str, path: &[String], run: &Run<'_>) -> Verdict {
    let key = path.join(".");
    let Some(got) = value_of(run.figures, &key) else { return absent(path, run.summary) };
    if let Some(why) = why_unknown(path, run.summary) {
        let judged = if got.is_nan() { Verdict::none(String::new()) } else { verdict(expectation, got, None) };
        return Verdict { holds: false, because: Some(why), ..judged };
    }
    if got.is_nan() {
        return match never_fired(expectation, path) {
            Some(judged) => judged,
            None => Verdict::none(unknown(path, run)),
        };
    }
    let broken = expectation.bounds.iter().find(|bound| !bound.holds(got));
    let shown = broken.and_then(|bound| witness::first(name, bound, run));
    let decision = broken.and_then(|bound| witness::decision_of(name, bound, shown.as_ref(), run));
    Verdict { decision, ..verdict(expectation, got, shown.map(|witness| witness.text)) }
}

/// Why a figure of an alert says nothing: a rule that it hangs on failed, or asks for what no run has.
fn why_unknown(path: &[String], summary: &Summary) -> Option<String> {
    let [alerts, name, ..] = path else { return None };
    let figures = summary.alerts.get(&**name).filter(|_| alerts == "alerts")?;
    let failed = summary.rule_failures.iter().find(|failure| failure.alerts.iter().any(|alert| **alert == **name));
    match failed {
        Some(failure) => Some(failure.to_string()),
        None if figures.cannot_fire_without.is_empty() => None,
        None => Some(format!("it can't fire, for no run has {}", figures.cannot_fire_without.join(", "))),
    }
}

/// An alert that never fires does so later than at any time.
fn never_fired(expectation: &Expectation, path: &[String]) -> Option<Verdict> {
    let [alerts, _, first] = path else { return None };
    (alerts == "alerts" && first == "first_seconds").then(|| Verdict {
        holds: expectation.bounds.iter().all(|bound| bound.holds(f64::INFINITY)),
        ..Verdict { shown: "never".to_owned(), ..Verdict::none("it never fired".to_owned()) }
    })
}

/// Why a figure is `null`: what was not over lies beyond what was seen, else there was nothing to see.
fn unknown(path: &[String], run: &Run<'_>) -> String {
    let beside = |name: &str| {
        let key = [&path[..path.len() - 1], &[name.to_owned()]].concat().join(".");
        value_of(run.figures, &key).filter(|value| *value > 0.0)
    };
    match (beside("censored"), beside("count")) {
        (Some(open), Some(all)) => {
            format!("{open} of {all} were not over when last seen: it lies beyond what was observed")
        }
        _ => "nothing was observed that it could be a figure of".to_owned(),
    }
}

fn absent(path: &[String], summary: &Summary) -> Verdict {
    let summary = serde_json::to_value(summary).unwrap_or(Value::Null);
    let mut at = &summary;
    let mut depth = 0;
    while let Some(below) = path.get(depth).and_then(|key| at.get(key)) {
        (at, depth) = (below, depth + 1);
    }
    let depth = depth.min(path.len() - 1);
    let parent = path[..depth].join(".");
    let known: Vec<&str> = at.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let because = match crate::scenario::diagnostic::suggestion(&path[depth], &known) {
        Some(hint) if depth > 0 => format!("{parent} has no {:?}; {hint}", path[depth]),
        _ => format!("this run's summary has no {:?}", path[..=depth].join(".")),
    };
    Verdict::none(because)
}

fn of_series(
    expectation: &Expectation,
    (function, column): (Function, &str),
    at: Option<SimDuration>,
    lasting: Option<SimDuration>,
    series: &Series,
    run: &Run<'_>,
) -> Verdict {
    let none = Verdict::none;
    let deciding = |judged: Verdict, seconds: f64| {
        let before = SimTime::from_secs_f64(seconds);
        let decision = (!judged.holds).then(|| witness::before(column, before, run)).flatten();
        Verdict { decision, ..judged }
    };
    let Some(values) = samples(function, column, expectation, series) else {
        let hint = crate::scenario::diagnostic::suggestion(column, &series.names()).unwrap_or_default();
        return none(format!("this run's timeseries.csv has no column {column:?}; {hint}"));
    };
    if let Some(at) = at {
        let index = series.times.partition_point(|time| *time <= at.as_secs_f64());
        let Some(value) = index.checked_sub(1).map(|index| values[index]).filter(|value| !value.is_nan()) else {
            return none(format!("no sample of {column} at {}", written(at)));
        };
        if at.as_secs_f64() > series.times.last().copied().unwrap_or(0.0) {
            return none(format!("the run is over before {}", written(at)));
        }
        return deciding(verdict(expectation, value, None), at.as_secs_f64());
    }
    if function == Function::Every {
        let Some((judged, index)) = every(expectation, lasting, &values, series) else {
            return none(format!("{column} has no sample"));
        };
        return deciding(judged, series.times[index]);
    }
    let Some((value, index)) = series::apply(function, &values) else { return none(format!("{column} has no sample")) };
    let shows_it = !matches!(function, Function::Avg | Function::Last);
    let judged = verdict(expectation, value, shows_it.then(|| format!("at {}", at_sample(series, index))));
    if shows_it { deciding(judged, series.times[index]) } else { judged }
}

/// A column's samples: where the table has the extremes within each interval (`COLUMN_max`), the side that matters.
fn samples(function: Function, column: &str, expectation: &Expectation, series: &Series) -> Option<Vec<f64>> {
    let is_upper = expectation.bounds.iter().any(Bound::is_upper);
    let extreme = match function {
        Function::Max => Some("max"),
        Function::Min => Some("min"),
        Function::Every => Some(if is_upper { "max" } else { "min" }),
        _ => None,
    };
    let (base, suffix) =
        column.split_once('.').map_or((column, String::new()), |(base, name)| (base, format!(".{name}")));
    let within = extreme.and_then(|extreme| series.column(&format!("{base}_{extreme}{suffix}")));
    within.or_else(|| series.column(column))
}

/// Every sample must hold; a break shorter than `lasting` is let be. Shows the worst sample of the first break that
/// counts, and where that break begins. `None` without a sample.
fn every(
    expectation: &Expectation,
    lasting: Option<SimDuration>,
    values: &[f64],
    series: &Series,
) -> Option<(Verdict, usize)> {
    let holds = |value: f64| value.is_nan() || expectation.bounds.iter().all(|bound| bound.holds(value));
    let (mut start, mut failing) = (None, None);
    for (index, value) in values.iter().enumerate() {
        if holds(*value) {
            start = None;
            continue;
        }
        let since = *start.get_or_insert(index);
        let lasted = series.times[index] - series.times[since];
        if lasting.is_none_or(|lasting| lasted >= lasting.as_secs_f64()) {
            failing = Some((since, index));
            break;
        }
    }
    let Some((since, index)) = failing else {
        // The sample that came nearest to breaking it.
        let is_upper = expectation.bounds.iter().any(Bound::is_upper);
        let (value, _) = series::apply(if is_upper { Function::Max } else { Function::Min }, values)?;
        let shown = expectation.unit.show(value);
        return Some((Verdict { holds: true, got: Some(value), shown, because: None, decision: None }, 0));
    };
    let because = match lasting {
        Some(lasting) => format!("broken for {} from {} on", written(lasting), at_sample(series, since)),
        None => format!("first at {}", at_sample(series, since)),
    };
    Some((Verdict { holds: false, ..verdict(expectation, values[index], Some(because)) }, since))
}

fn at_sample(series: &Series, index: usize) -> String {
    instant(SimTime::from_secs_f64(series.times.get(index).copied().unwrap_or(0.0)))
}

fn verdict(expectation: &Expectation, value: f64, because: Option<String>) -> Verdict {
    let broken = expectation.bounds.iter().find(|bound| !bound.holds(value));
    let shown = expectation.unit.show(value);
    match broken {
        None => Verdict { holds: true, got: Some(value), shown, because: None, decision: None },
        Some(bound) => {
            Verdict { holds: false, got: Some(value), shown: beyond(shown, value, bound), because, decision: None }
        }
    }
}

/// "3 m 32 s (+18 %)".
fn beyond(shown: String, value: f64, bound: &Bound) -> String {
    if bound.value == 0.0 || value == bound.value {
        return shown;
    }
    let percent = (value / bound.value - 1.0) * 100.0;
    let places = if percent.abs() < 10.0 { 1 } else { 0 };
    format!("{shown} ({percent:+.places$} %)")
}
