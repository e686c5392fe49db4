//! What templates compute with, and how Go prints it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::numbers::general;

/// What a query of a template found of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub value: f64,
}

/// Names and values.
pub type Labels = Rc<BTreeMap<String, String>>;

/// Asks what an expression comes to at the time of the evaluation.
pub type Ask<'a> = &'a dyn Fn(&str) -> Result<Vec<Sample>, String>;

/// What a template is filled in with.
#[derive(Clone)]
pub struct Data<'a> {
    pub labels: Labels,
    pub value: f64,
    /// The time of the evaluation, in milliseconds since 1970.
    pub now_millis: i64,
    pub ask: Ask<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Whole(i64),
    Float(f64),
    Text(String),
    Labels(Labels),
    /// What a template starts with: labels, external labels (none), an external URL (empty) and the value.
    Root(Labels, f64),
    Sample(Rc<Sample>),
    Samples(Rc<Vec<Rc<Sample>>>),
    /// Nanoseconds since 1970.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// What `args` makes.
    Args(Rc<BTreeMap<String, Value>>),
}

impl Value {
    /// As Go names it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Whole(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::Labels(_) => "map[string]string",
            Value::Root(..) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
            }
            Value::Sample(_) => "*template.sample",
            Value::Samples(_) => "template.queryResult",
            Value::Time(_) => "*time.Time",
            Value::Duration(_) => "*time.Duration",
            Value::Args(_) => "map[string]interface {}",
        }
    }

    /// What `if` and `and` ask.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Whole(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::Samples(samples) => !samples.is_empty(),
            Value::Args(args) => !args.is_empty(),
            Value::Root(..) | Value::Sample(_) | Value::Time(_) | Value::Duration(_) => true,
        }
    }

    /// `%v`.
    pub fn printed(&self) -> String {
        match self {
            Value::Nil => "<nil>".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Whole(value) => value.to_string(),
            Value::Float(value) => general(*value),
            Value::Text(text) => text.clone(),
            Value::Labels(labels) => map(labels.iter().map(|(name, value)| (name, value.clone()))),
            Value::Root(labels, value) => {
                format!("{{{} map[]  {}}}", Value::Labels(Rc::clone(labels)).printed(), general(*value))
            }
            Value::Sample(sample) => {
                format!("{{{} {}}}", Value::Labels(Rc::clone(&sample.labels)).printed(), general(sample.value))
            }
            // Go prints where they lie in memory.
            Value::Samples(samples) => {
                let all = samples.iter().map(|sample| Value::Sample(Rc::clone(sample)).printed());
                format!("[{}]", all.collect::<Vec<_>>().join(" "))
            }
            Value::Time(nanos) => time(*nanos),
            Value::Duration(nanos) => duration(*nanos),
            Value::Args(args) => map(args.iter().map(|(name, value)| (name, value.printed()))),
        }
    }
}

fn map<'a>(pairs: impl Iterator<Item = (&'a String, String)>) -> String {
    format!("map[{}]", pairs.map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" "))
}

/// As `time.Time` prints itself in UTC.
pub(super) fn time(nanos: i64) -> String {
    let Ok(instant) = jiff::Timestamp::from_nanosecond(nanos.into()) else { return "NaN".to_owned() };
    let fraction = nanos.rem_euclid(1_000_000_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:09}") };
    format!("{}{} +0000 UTC", instant.strftime("%Y-%m-%d %H:%M:%S"), fraction.trim_end_matches('0'))
}

/// As `time.Duration` prints itself.
fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let in_unit = |unit: u64, name: &str| {
        let fraction = nanos % unit;
        let width = unit.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        let digits = digits.trim_end_matches('0');
        let point = if digits.is_empty() || unit == 1 { "" } else { "." };
        let digits = if unit == 1 { "" } else { digits };
        format!("{}{point}{digits}{name}", nanos / unit)
    };
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => in_unit(1, "ns"),
        1_000..1_000_000 => in_unit(1_000, "µs"),
        1_000_000..1_000_000_000 => in_unit(1_000_000, "ms"),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = nanos % 60_000_000_000;
            let fraction = format!("{:09}", seconds % 1_000_000_000);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            let seconds = format!("{}{point}{fraction}s", seconds / 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}
