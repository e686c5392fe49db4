//! One run held against expectations.

use serde_json::Value;

use super::decisions;
use super::expectation::{Bound, Expectation, Subject};
use super::run::{Run, instant};
use super::series::{self, Function, Series};
use super::witness;
use crate::record::Summary;
use crate::units::{SimDuration, SimTime};

/// Whether an expectation held in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub holds: bool,
    /// The figure; `None` where the run has none.
    pub got: Option<f64>,
    /// The figure in words, with how far it is beyond its bound: `3m32s (+18 %)`.
    pub shown: String,
    /// What shows it first, or why there is no figure.
    pub because: Option<String>,
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
                of_series(expectation, *function, column, *at, *lasting, series)
            }
            Subject::Decisions(rule) => {
                let found = decisions::count(rule, run.record);
                let value = found.count as f64;
                let because = found.at.map(|at| {
                    let object = found.object.unwrap_or_default();
                    format!("from {} on, last {object}: {}", instant(at), found.reason.unwrap_or_default())
                });
                verdict(expectation, value, because)
            }
        })
        .collect()
}

/// The number at `path`. A name that is absent and one that is `null` are told apart.
fn figure(expectation: &Expectation, name: &str, path: &[String], run: &Run<'_>) -> Verdict {
    let key = path.join(".");
    let got = match run.figures.iter().find(|figure| figure.name == key) {
        Some(figure) => figure.value,
        // Whoever stands on nobody's account owes none of it.
        None if is_account(path) => 0.0,
        None => return absent(path, run.summary),
    };
    if got.is_nan() {
        return Verdict {
            holds: false,
            got: None,
            shown: "no value".to_owned(),
            because: Some("nothing was observed that it could be a figure of".to_owned()),
        };
    }
    let broken = expectation.bounds.iter().find(|bound| !bound.holds(got));
    verdict(expectation, got, broken.and_then(|bound| witness::first(name, bound, run)))
}

/// `explain.idle.REASON.by.NAME`, of which a summary has those alone that are not zero.
fn is_account(path: &[String]) -> bool {
    matches!(path, [explain, _, _, by, _] if explain == "explain" && by == "by")
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
    Verdict { holds: false, got: None, shown: "no value".to_owned(), because: Some(because) }
}

fn of_series(
    expectation: &Expectation,
    function: Function,
    column: &str,
    at: Option<SimDuration>,
    lasting: Option<SimDuration>,
    series: &Series,
) -> Verdict {
    let none =
        |because: String| Verdict { holds: false, got: None, shown: "no value".to_owned(), because: Some(because) };
    let Some(values) = samples(function, column, expectation, series) else {
        let hint = crate::scenario::diagnostic::suggestion(column, &series.names()).unwrap_or_default();
        return none(format!("this run's timeseries.csv has no column {column:?}; {hint}"));
    };
    if let Some(at) = at {
        let index = series.times.partition_point(|time| *time <= at.as_secs_f64());
        let Some(value) = index.checked_sub(1).map(|index| values[index]).filter(|value| !value.is_nan()) else {
            return none(format!("no sample of {column} at {at}"));
        };
        if at.as_secs_f64() > series.times.last().copied().unwrap_or(0.0) {
            return none(format!("the run is over before {at}"));
        }
        return verdict(expectation, value, None);
    }
    if function == Function::Every {
        return every(expectation, lasting, &values, series).unwrap_or_else(|| none(format!("{column} has no sample")));
    }
    let Some((value, index)) = series::apply(function, &values) else { return none(format!("{column} has no sample")) };
    let shows_it = !matches!(function, Function::Avg | Function::Last);
    verdict(expectation, value, shows_it.then(|| format!("at {}", at_sample(series, index))))
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
/// counts. `None` without a sample.
fn every(expectation: &Expectation, lasting: Option<SimDuration>, values: &[f64], series: &Series) -> Option<Verdict> {
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
        return Some(Verdict { holds: true, got: Some(value), shown: expectation.unit.show(value), because: None });
    };
    let because = match lasting {
        Some(lasting) => format!("broken for {lasting} from {} on", at_sample(series, since)),
        None => format!("first at {}", at_sample(series, since)),
    };
    Some(Verdict { holds: false, ..verdict(expectation, values[index], Some(because)) })
}

fn at_sample(series: &Series, index: usize) -> String {
    instant(SimTime::from_secs_f64(series.times.get(index).copied().unwrap_or(0.0)))
}

fn verdict(expectation: &Expectation, value: f64, because: Option<String>) -> Verdict {
    let broken = expectation.bounds.iter().find(|bound| !bound.holds(value));
    let shown = expectation.unit.show(value);
    match broken {
        None => Verdict { holds: true, got: Some(value), shown, because: None },
        Some(bound) => Verdict { holds: false, got: Some(value), shown: beyond(shown, value, bound), because },
    }
}

/// "3m32s (+18 %)".
fn beyond(shown: String, value: f64, bound: &Bound) -> String {
    if bound.value == 0.0 || value == bound.value {
        return shown;
    }
    let percent = (value / bound.value - 1.0) * 100.0;
    let places = if percent.abs() < 10.0 { 1 } else { 0 };
    format!("{shown} ({percent:+.places$} %)")
}
