//! Series of Prometheus: the JSON of a (range) query, and the OpenMetrics or Prometheus text format with timestamps.
//!
//! A series is known by its labels, of which `__name__` is one. Counters of a text become rates, since what a load is
//! made of is a rate; the JSON says nothing of types, so there the query must ask for one (`rate(…)`).

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use super::clock::since;
use super::{ImportError, Listed, opened};
use crate::load::pattern::SeriesPoint;

/// A series by its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleSeries {
    pub labels: BTreeMap<String, String>,
    /// Seconds of the Unix epoch and values, in order of time, each time once.
    pub points: Vec<(f64, f64)>,
}

impl SampleSeries {
    /// As PromQL writes it: `name{label="value"}`.
    pub fn selector(&self) -> String {
        let name = self.labels.get("__name__").map_or("", String::as_str);
        let others = self.labels.iter().filter(|(label, _)| *label != "__name__");
        let others: Vec<String> = others.map(|(label, value)| format!("{label}={value:?}")).collect();
        if others.is_empty() && !name.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", others.join(",")) }
    }
}

/// Whether a text is one of Prometheus's rather than a table.
pub(super) fn is_of_prometheus(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    text.starts_with('{')
        || ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"].iter().any(|mark| first.starts_with(mark))
        || (first.contains("} ") && sample(first).is_ok())
}

/// Reads either form.
///
/// # Errors
/// A text that is neither, with the place of what is wrong, or one without a series.
pub fn read_samples(reader: &mut dyn Read, file: &str) -> Result<Listed<SampleSeries>, ImportError> {
    let (text, mut notes) = opened::text(reader, file)?;
    let mut rows =
        if text.trim_start().starts_with('{') { json(&text, file)? } else { exposition(&text, file, &mut notes)? };
    let refuse = |problem: &str| ImportError::Unreadable { file: file.to_owned(), problem: problem.to_owned() };
    for series in &mut rows {
        series.points.retain(|(at, value)| at.is_finite() && value.is_finite());
        series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        series.points.dedup_by_key(|point| point.0);
    }
    rows.retain(|series| !series.points.is_empty());
    if rows.is_empty() {
        return Err(refuse("it has no series with a value"));
    }
    rows.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(Listed { rows, notes: notes.iter().map(|note| format!("{file}: {note}")).collect() })
}

/// The sum of the series that a selector names (`name{label="value"}`, labels that are left out may be any), from the
/// earliest instant of the file on.
///
/// # Errors
/// As [`read_samples`], and a selector that names none.
pub(super) fn read_selected(
    reader: &mut dyn Read,
    file: &str,
    selector: &str,
) -> Result<Listed<SeriesPoint>, ImportError> {
    let Listed { rows, notes } = read_samples(reader, file)?;
    let earliest = rows.iter().filter_map(|series| series.points.first()).map(|point| point.0).fold(f64::MAX, f64::min);
    let summed =
        sum_of(&rows, selector).map_err(|problem| ImportError::Unreadable { file: file.to_owned(), problem })?;
    let zero = nanoseconds(earliest);
    let point = |(at, value): (f64, f64)| SeriesPoint { at: since(nanoseconds(at), zero), value };
    Ok(Listed { rows: summed.points.into_iter().map(point).collect(), notes })
}

/// The sum of the series that a selector names, with the labels that it asks for.
///
/// # Errors
/// A selector that can't be read or names none, and values below zero.
pub fn sum_of(rows: &[SampleSeries], selector: &str) -> Result<SampleSeries, String> {
    let asked = labels_of(selector).map_err(|problem| format!("the series {selector:?}: {problem}"))?;
    // Milliseconds, which have an order.
    let mut sum: BTreeMap<i64, f64> = BTreeMap::new();
    let named = rows.iter().filter(|series| asked.iter().all(|(label, value)| series.labels.get(label) == Some(value)));
    for (at, value) in named.flat_map(|series| &series.points) {
        if *value < 0.0 {
            return Err(format!("the series {selector:?} is {value} at {at}; expected zero or more"));
        }
        *sum.entry((at * 1000.0).round() as i64).or_default() += value;
    }
    if sum.is_empty() {
        let known: Vec<String> = rows.iter().take(5).map(SampleSeries::selector).collect();
        let more = if rows.len() > 5 { ", …" } else { "" };
        return Err(format!("no series is {selector:?}; it has {}{more}", known.join(", ")));
    }
    let points = sum.into_iter().map(|(at, value)| (at as f64 / 1000.0, value)).collect();
    Ok(SampleSeries { labels: asked, points })
}

fn nanoseconds(seconds: f64) -> i64 {
    // Milliseconds are what Prometheus keeps.
    ((seconds * 1000.0).round() as i64).saturating_mul(1_000_000)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

fn json(text: &str, file: &str) -> Result<Vec<SampleSeries>, ImportError> {
    let answer: Answer = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or(&problem);
        ImportError::BadText {
            file: file.to_owned(),
            line: error.line().max(1) as u64,
            column: error.column().max(1),
            problem: format!("{problem}; expected what /api/v1/query_range answers"),
        }
    })?;
    let Some(data) = answer.data.filter(|_| answer.status != "error") else {
        let problem = match answer.error.as_str() {
            "" => "it has no `data`; expected what /api/v1/query_range answers".to_owned(),
            error => format!("Prometheus answered with an error: {error}"),
        };
        return Err(ImportError::Unreadable { file: file.to_owned(), problem });
    };
    let series = |row: Row| {
        let points = row.values.into_iter().chain(row.value);
        let points = points.filter_map(|(at, value)| Some((at, value.parse().ok()?))).collect();
        SampleSeries { labels: row.metric, points }
    };
    Ok(data.result.into_iter().map(series).collect())
}

fn exposition(text: &str, file: &str, notes: &mut Vec<String>) -> Result<Vec<SampleSeries>, ImportError> {
    let mut counters: Vec<String> = Vec::new();
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line == "# EOF" {
            break;
        }
        if let Some(of) = line.strip_prefix("# TYPE ") {
            if let Some((name, "counter")) = of.split_once(' ').map(|(name, kind)| (name, kind.trim())) {
                counters.push(name.to_owned());
            }
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refuse = |problem: String| ImportError::BadText { file: file.to_owned(), line: number, column: 1, problem };
        let (labels, value, at) = sample(line).map_err(&refuse)?;
        let Some(at) = at else {
            let problem = "the sample has no timestamp: one moment is no load; ask Prometheus for a range".to_owned();
            return Err(refuse(problem));
        };
        // OpenMetrics counts seconds, the older text format milliseconds.
        let at = if at >= 1e11 { at / 1000.0 } else { at };
        series.entry(labels).or_default().push((at, value));
    }
    let is_counter = |labels: &BTreeMap<String, String>| {
        let name = labels.get("__name__").map_or("", String::as_str);
        name.ends_with("_total") || counters.iter().any(|counter| counter == name)
    };
    let mut rated = 0;
    let rows = series.into_iter().map(|(labels, mut points)| {
        if is_counter(&labels) {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by_key(|point| point.0);
            points = rates(&points);
            rated += 1;
        }
        SampleSeries { labels, points }
    });
    let rows = rows.collect();
    if rated > 0 {
        notes.push(format!("{rated} series are counters; their rates a second are taken"));
    }
    Ok(rows)
}

/// What a counter grew by a second, from each sample to the next; after a reset it has grown by what it is.
fn rates(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let rate = |pair: &[(f64, f64)]| {
        let grown = if pair[1].1 >= pair[0].1 { pair[1].1 - pair[0].1 } else { pair[1].1 };
        (pair[0].0, grown / (pair[1].0 - pair[0].0))
    };
    points.windows(2).map(rate).collect()
}

/// Labels, value and timestamp.
type Sample = (BTreeMap<String, String>, f64, Option<f64>);

fn sample(line: &str) -> Result<Sample, String> {
    // What an exemplar adds.
    let line = line.split(" # {").next().unwrap_or(line).trim();
    let end = match line.find('{') {
        Some(open) => open + closing(&line[open..])? + 1,
        None => line.find(char::is_whitespace).unwrap_or(line.len()),
    };
    let labels = labels_of(&line[..end])?;
    let mut numbers = line[end..].split_ascii_whitespace();
    let number = |text: &str| match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        text => text.parse::<f64>().map_err(|_| format!("{text:?} is no number")),
    };
    let value = number(numbers.next().ok_or("the sample has no value")?)?;
    let at = numbers.next().map(number).transpose()?;
    match numbers.next() {
        Some(rest) => Err(format!("{rest:?} stands behind the timestamp")),
        None => Ok((labels, value, at)),
    }
}

/// Where the bracket closes, outside of quotes.
fn closing(text: &str) -> Result<usize, String> {
    let (mut in_quotes, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            '}' if !in_quotes => return Ok(at),
            _ => {}
        }
    }
    Err("a `{` is not closed".to_owned())
}

/// The labels of `name{label="value",…}`; either part may be left out.
///
/// # Errors
/// What of it is none.
pub fn labels_of(selector: &str) -> Result<BTreeMap<String, String>, String> {
    let selector = selector.trim();
    let (name, rest) = selector.find('{').map_or((selector, ""), |at| selector.split_at(at));
    let is_name = |text: &str, colon: bool| {
        let mut characters = text.chars();
        characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || (colon && c == ':'))
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':'))
    };
    let mut labels = BTreeMap::new();
    if !name.trim().is_empty() {
        let name = name.trim();
        if !is_name(name, true) {
            return Err(format!("{name:?} is no name of a metric"));
        }
        labels.insert("__name__".to_owned(), name.to_owned());
    }
    let mut rest = match rest {
        "" => return Ok(labels),
        rest => &rest[1..closing(rest)?],
    };
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if rest.is_empty() {
            return Ok(labels);
        }
        let (label, after) = rest.split_once('=').ok_or("a label has no `=`")?;
        let label = label.trim();
        let after = after.trim_start().strip_prefix('"').ok_or("a label's value stands in double quotes")?;
        if !is_name(label, false) {
            return Err(format!("{label:?} is no name of a label"));
        }
        let (mut value, mut escaped, mut end) = (String::new(), false, None);
        for (at, c) in after.char_indices() {
            match (escaped, c) {
                (true, 'n') => value.push('\n'),
                (true, c) => value.push(c),
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(at + 1);
                    break;
                }
                (false, c) => value.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        labels.insert(label.to_owned(), value);
        rest = &after[end.ok_or("a label's value does not end")?..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(text: &str) -> Result<Vec<SampleSeries>, String> {
        read_samples(&mut text.as_bytes(), "s").map(|listed| listed.rows).map_err(|error| error.to_string())
    }

    fn selected(text: &str, selector: &str) -> Result<Vec<(i64, f64)>, String> {
        let read = read_selected(&mut text.as_bytes(), "s", selector).map_err(|error| error.to_string())?;
        Ok(read.rows.iter().map(|point| (point.at.nanos() / 1_000_000, point.value)).collect())
    }

    const RANGE: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"up","service":"web"},"values":[[1700000060,"3"],[1700000000.5,"1.5"],[1700000090,"NaN"]]},
        {"metric":{"service":"db"},"values":[[1700000030,"2"],[1700000060,"4"]]}]}}"#;

    #[test]
    fn a_range_query_is_series_from_the_earliest_instant() {
        assert_eq!(selected(RANGE, r#"up{service="web"}"#).unwrap(), [(0, 1.5), (59_500, 3.0)]);
        assert_eq!(selected(RANGE, r#"{service="db"}"#).unwrap(), [(29_500, 2.0), (59_500, 4.0)]);
        // Labels that are left out may be any: a sum.
        assert_eq!(selected(RANGE, "{}").unwrap(), [(0, 1.5), (29_500, 2.0), (59_500, 7.0)]);
        let instant = r#"{"data":{"result":[{"metric":{},"value":[1700000000,"5"]}]}}"#;
        assert_eq!(selected(instant, "{}").unwrap(), [(0, 5.0)]);
    }

    #[test]
    fn a_text_with_timestamps_is_series_and_counters_are_rates() {
        let text = "# TYPE http_requests counter\n# HELP http_requests x\n\
            http_requests_total{code=\"200\",path=\"a,\\\"b\\\"}\"} 100 1700000000\n\
            http_requests_total{code=\"200\",path=\"a,\\\"b\\\"}\"} 160 1700000060 # {trace_id=\"x\"} 1\n\
            http_requests_total{code=\"200\",path=\"a,\\\"b\\\"}\"} 30 1700000120\nqueue 7 1700000000\n# EOF\n";
        assert_eq!(selected(text, r#"http_requests_total{code="200"}"#).unwrap(), [(0, 1.0), (60_000, 0.5)]);
        assert_eq!(selected(text, "queue").unwrap(), [(0, 7.0)]);
        assert_eq!(samples(text).unwrap()[0].selector(), r#"http_requests_total{code="200",path="a,\"b\"}"}"#);
        // The older format's milliseconds.
        assert_eq!(
            selected("a{x=\"y\"} 1 1700000000000\na{x=\"y\"} 2 1700000001500\n", "a").unwrap(),
            [(0, 1.0), (1500, 2.0)]
        );
    }

    #[test]
    fn tables_are_told_from_series() {
        for (text, is) in [
            (RANGE, true),
            ("# TYPE a gauge\n", true),
            ("a{b=\"c\"} 1 2\n", true),
            ("time_s,value\n0,1\n", false),
            ("# a comment\ntime_s,value\n", false),
        ] {
            assert_eq!(is_of_prometheus(text.as_bytes()), is, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, selector, parts) in [
            (RANGE, "down", &["no series is \"down\"", "up{service=\"web\"}"][..]),
            (RANGE, "up{service=web}", &["double quotes"]),
            (RANGE, "up{service=\"web\"", &["not closed"]),
            (r#"{"status":"error","error":"query timed out"}"#, "{}", &["query timed out"]),
            ("{\"status\":\"success\",\n\"data\":{\"result\":[{\"values\":[1]}]}}", "{}", &["s:2:", "query_range"]),
            (r#"{"data":{"result":[]}}"#, "{}", &["no series with a value"]),
            ("# TYPE a gauge\na 1\n", "a", &["s:2:1", "no timestamp"]),
            ("# TYPE a gauge\na x 1\n", "a", &["s:2:1", "\"x\" is no number"]),
            (r#"{"data":{"result":[{"metric":{},"values":[[0,"-1"]]}]}}"#, "{}", &["expected zero or more"]),
        ] {
            let error = selected(text, selector).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{text} {selector}: {error}");
        }
    }
}
