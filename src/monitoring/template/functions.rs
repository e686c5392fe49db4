//! What templates can call: Go's own functions (`text/template/funcs.go`, Go 1.26) and Prometheus' (`template/template.go`,
//! 3.14).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::numbers::{duration, four_digits, scaled};
use super::printf::{sprint, sprintf};
use super::value::{Data, Sample, Value, time};
use crate::units::SimDuration;

pub(super) const FUNCTIONS: [&str; 48] = [
    "and",
    "args",
    "call",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "js",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "now",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "urlquery",
    "value",
];

type Called = Result<Value, String>;

/// Calls a function; `and` and `or` aside, which look at their arguments one by one.
pub(super) fn call(function: &str, values: &[Value], data: &Data<'_>) -> Called {
    let text = |text: String| Ok(Value::Text(text));
    match function {
        "not" => of_one(function, values).map(|value| Value::Bool(!value.is_true())),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compared(function, values).map(Value::Bool),
        "len" => length(of_one(function, values)?).map(Value::Whole),
        "index" => index(values),
        "slice" => slice(values),
        "call" => {
            let (value, _) = values.split_first().ok_or_else(|| wanting(function, "at least 1", 0))?;
            Err(format!("non-function {} of type {}", value.printed(), value.type_name()))
        }
        "print" => text(sprint(values)),
        "println" => text(values.iter().map(Value::printed).collect::<Vec<_>>().join(" ") + "\n"),
        "printf" => {
            let (format, values) = values.split_first().ok_or_else(|| wanting(function, "at least 1", 0))?;
            text(sprintf(&of_text(format)?, values))
        }
        "html" => text(html(&sprint(values))),
        "js" => text(js(&sprint(values))),
        "urlquery" => text(query_escaped(&sprint(values))),
        "query" => {
            let expr = of_text(of_one(function, values)?)?;
            let found = (data.ask)(&expr)?;
            Ok(Value::Samples(Rc::new(found.into_iter().map(Rc::new).collect())))
        }
        "first" => match of_samples(of_one(function, values)?)?.as_slice() {
            [first, ..] => Ok(Value::Sample(Rc::clone(first))),
            [] => Err("first() called on vector with no elements".to_owned()),
        },
        "value" => of_sample(of_one(function, values)?).map(|sample| Value::Float(sample.value)),
        "strvalue" => {
            let sample = of_sample(of_one(function, values)?)?;
            text(sample.labels.get("__value__").cloned().unwrap_or_default())
        }
        "label" => {
            let [name, sample] = of_many(function, values)?;
            text(of_sample(sample)?.labels.get(&of_text(name)?).cloned().unwrap_or_default())
        }
        "sortByLabel" => {
            let [name, samples] = of_many(function, values)?;
            let (name, mut all) = (of_text(name)?, of_samples(samples)?.to_vec());
            let value = |sample: &Rc<Sample>| sample.labels.get(&name).cloned().unwrap_or_default();
            all.sort_by_key(value);
            Ok(Value::Samples(Rc::new(all)))
        }
        "args" => {
            let named: BTreeMap<String, Value> =
                values.iter().enumerate().map(|(index, value)| (format!("arg{index}"), value.clone())).collect();
            Ok(Value::Args(Rc::new(named)))
        }
        "now" => of_none(function, values).map(|()| Value::Float(data.now_millis as f64 / 1000.0)),
        "externalURL" | "pathPrefix" => of_none(function, values).map(|()| Value::Text(String::new())),
        "reReplaceAll" => {
            let [pattern, by, of] = of_many(function, values)?;
            text(pattern_of(pattern)?.replace_all(&of_text(of)?, of_text(by)?.as_str()).into_owned())
        }
        "match" => {
            let [pattern, of] = of_many(function, values)?;
            Ok(Value::Bool(pattern_of(pattern)?.is_match(&of_text(of)?)))
        }
        _ => of_texts_and_numbers(function, of_one(function, values)?),
    }
}

fn of_texts_and_numbers(function: &str, value: &Value) -> Called {
    let text = || of_text(value);
    let number = || number(value);
    let nanos = |seconds: f64| {
        let nanos = seconds * 1e9;
        let fits = nanos.abs() <= i64::MAX as f64;
        if fits {
            Ok(nanos as i64)
        } else {
            Err(format!(
                "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
                Value::Float(seconds).printed()
            ))
        }
    };
    if function == "toTime" || function == "toDuration" {
        let seconds = number()?;
        if function == "toDuration" {
            return Ok(Value::Duration((seconds * 1e9) as i64));
        }
        if !seconds.is_finite() {
            return Err("value is NaN or Inf".to_owned());
        }
        return nanos(seconds).map(Value::Time);
    }
    Ok(match function {
        "parseDuration" => {
            let text = text()?;
            let (sign, positive) = text.strip_prefix('-').map_or((1.0, &*text), |rest| (-1.0, rest));
            let span = SimDuration::parse_non_negative(positive);
            let span = span.map_err(|_| format!("not a valid duration string: {text:?}"))?;
            return Ok(Value::Float(sign * span.as_secs_f64()));
        }
        _ => Value::Text(match function {
            "humanize" => scaled(
                number()?,
                1000.0,
                &["k", "M", "G", "T", "P", "E", "Z", "Y"],
                &["m", "u", "n", "p", "f", "a", "z", "y"],
            ),
            "humanize1024" => scaled(number()?, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"], &[]),
            "humanizeDuration" => duration(number()?),
            "humanizePercentage" => format!("{}%", four_digits(number()? * 100.0)),
            "humanizeTimestamp" => {
                let seconds = number()?;
                if seconds.is_finite() { time(nanos(seconds)?) } else { four_digits(seconds) }
            }
            "title" => title(&text()?),
            "toLower" => text()?.to_lowercase(),
            "toUpper" => text()?.to_uppercase(),
            "safeHtml" => text()?,
            "graphLink" => format!("/graph?g0.expr={}&g0.tab=0", query_escaped(&text()?)),
            "tableLink" => format!("/graph?g0.expr={}&g0.tab=1", query_escaped(&text()?)),
            "urlQueryEscape" => query_escaped(&text()?),
            "stripPort" => {
                let text = text()?;
                host_and_port(&text).map_or(text.clone(), |(host, _)| host.to_owned())
            }
            "stripDomain" => {
                let text = text()?;
                let (host, port) = host_and_port(&text).unwrap_or((&text, ""));
                if host.parse::<std::net::IpAddr>().is_ok() {
                    text
                } else {
                    let name = host.split('.').next().unwrap_or_default();
                    if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") }
                }
            }
            _ => return Err(format!("function {function:?} not defined")),
        }),
    })
}

fn wanting(function: &str, wanted: &str, given: usize) -> String {
    format!("wrong number of args for {function}: want {wanted} got {given}")
}

fn of_none(function: &str, values: &[Value]) -> Result<(), String> {
    if values.is_empty() { Ok(()) } else { Err(wanting(function, "0", values.len())) }
}

fn of_one<'v>(function: &str, values: &'v [Value]) -> Result<&'v Value, String> {
    let [value] = of_many(function, values)?;
    Ok(value)
}

fn of_many<'v, const N: usize>(function: &str, values: &'v [Value]) -> Result<&'v [Value; N], String> {
    values.try_into().map_err(|_| wanting(function, &N.to_string(), values.len()))
}

fn wrong(wanted: &str, value: &Value) -> String {
    format!("wrong type for value; expected {wanted}; got {}", value.type_name())
}

fn of_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(wrong("string", other)),
    }
}

fn of_sample(value: &Value) -> Result<&Sample, String> {
    match value {
        Value::Sample(sample) => Ok(sample),
        other => Err(wrong("*template.sample", other)),
    }
}

fn of_samples(value: &Value) -> Result<&Rc<Vec<Rc<Sample>>>, String> {
    match value {
        Value::Samples(samples) => Ok(samples),
        other => Err(wrong("template.queryResult", other)),
    }
}

/// `ConvertToFloat` of the functions that take anything.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Whole(number) => Ok(*number as f64),
        Value::Text(text) => text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

fn pattern_of(value: &Value) -> Result<regex::Regex, String> {
    let pattern = of_text(value)?;
    regex::Regex::new(&pattern).map_err(|_| format!("error parsing regexp: {pattern:?}"))
}

/// Kinds that Go can compare: of different kinds not, and of some not at all.
fn compared(function: &str, values: &[Value]) -> Result<bool, String> {
    let comparable = |value: &Value| {
        matches!(value, Value::Bool(_) | Value::Whole(_) | Value::Float(_) | Value::Text(_) | Value::Nil)
    };
    let (first, others) = values.split_first().ok_or_else(|| wanting(function, "at least 1", 0))?;
    if function != "eq" && others.len() != 1 {
        return Err(wanting(function, "2", values.len()));
    }
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    let same = |other: &Value| match (first, other) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        _ if !comparable(first) => Err(incomparable(first)),
        _ if !comparable(other) => Err(incomparable(other)),
        _ if first.type_name() != other.type_name() => Err(apart(first, other)),
        _ => Ok(first == other),
    };
    let order = |other: &Value| match (first, other) {
        (Value::Whole(a), Value::Whole(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        _ if comparable(first) && comparable(other) && first.type_name() != other.type_name() => {
            Err(apart(first, other))
        }
        _ => Err("invalid type for comparison".to_owned()),
    };
    let is = |wanted: &[Ordering]| Ok(order(&others[0])?.is_some_and(|order| wanted.contains(&order)));
    match function {
        "eq" => {
            for other in others {
                if same(other)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        "ne" => same(&others[0]).map(|same| !same),
        "lt" => is(&[Ordering::Less]),
        "le" => is(&[Ordering::Less, Ordering::Equal]),
        "gt" => is(&[Ordering::Greater]),
        _ => is(&[Ordering::Greater, Ordering::Equal]),
    }
}

fn incomparable(value: &Value) -> String {
    format!("non-comparable type {}: {}", value.printed(), value.type_name())
}

fn apart(first: &Value, other: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", first.type_name(), other.type_name())
}

fn length(value: &Value) -> Result<i64, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Samples(samples) => samples.len(),
        Value::Args(args) => args.len(),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(length as i64)
}

fn index(values: &[Value]) -> Called {
    let (of, keys) = values.split_first().ok_or_else(|| wanting("index", "at least 1", 0))?;
    let mut item = of.clone();
    for key in keys {
        let place = |length: usize| match key {
            Value::Whole(at) => {
                usize::try_from(*at).ok().filter(|at| *at < length).ok_or_else(|| format!("index out of range: {at}"))
            }
            Value::Nil => Err("cannot index slice/array with nil".to_owned()),
            other => Err(format!("cannot index slice/array with type {}", other.type_name())),
        };
        item = match &item {
            Value::Labels(labels) => Value::Text(labels.get(&key_of(key)?).cloned().unwrap_or_default()),
            Value::Args(args) => args.get(&key_of(key)?).cloned().unwrap_or(Value::Nil),
            Value::Samples(samples) => Value::Sample(Rc::clone(&samples[place(samples.len())?])),
            Value::Text(text) => Value::Whole(text.as_bytes()[place(text.len())?].into()),
            Value::Nil => return Err("index of untyped nil".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn key_of(key: &Value) -> Result<String, String> {
    match key {
        Value::Text(text) => Ok(text.clone()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

fn slice(values: &[Value]) -> Called {
    let (of, places) = values.split_first().ok_or_else(|| wanting("slice", "at least 1", 0))?;
    let length = match of {
        Value::Text(text) => text.len(),
        Value::Samples(samples) => samples.len(),
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let most = if matches!(of, Value::Text(_)) { 2 } else { 3 };
    if places.len() > most {
        return Err(if most == 2 {
            "cannot 3-index slice a string".to_owned()
        } else {
            format!("too many slice indexes: {}", places.len())
        });
    }
    let mut bounds = [0, length];
    for (bound, place) in bounds.iter_mut().zip(places) {
        *bound = match place {
            Value::Whole(at) => usize::try_from(*at)
                .ok()
                .filter(|at| *at <= length)
                .ok_or_else(|| format!("index out of range: {at}"))?,
            other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
        };
    }
    let [from, to] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match of {
        Value::Text(text) => Value::Text(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned()),
        Value::Samples(samples) => Value::Samples(Rc::new(samples[from..to].to_vec())),
        _ => Value::Nil,
    })
}

fn html(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' => "&#34;".to_owned(),
        '\'' => "&#39;".to_owned(),
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\0' => char::REPLACEMENT_CHARACTER.to_string(),
        letter => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn js(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '\\' => "\\\\".to_owned(),
        '\'' => "\\'".to_owned(),
        '"' => "\\\"".to_owned(),
        '<' | '>' | '&' | '=' => format!("\\u{:04X}", u32::from(letter)),
        letter if letter.is_control() && letter.is_ascii() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// `url.QueryEscape`.
fn query_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte.into()),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// `net.SplitHostPort`.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(bracketed) = host.strip_prefix('[') {
        let host = bracketed.strip_suffix(']')?;
        return (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port));
    }
    (!text.contains(['[', ']']) && !host.contains(':')).then_some((host, port))
}

/// The first letter of each word in upper case, the others as they are; an underscore and an apostrophe are part of words.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let joins = |letter: char| matches!(letter, '\'' | '.' | ':' | '’' | '·');
        let is_word = letter.is_alphanumeric() || letter == '_';
        // What joins two letters ends no word.
        let goes_on = before.is_some_and(|before: char| before.is_alphabetic())
            && joins(letter)
            && letters.peek().is_some_and(|next| next.is_alphabetic());
        if is_word && before.is_none() {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        before = if is_word || goes_on { Some(letter) } else { None };
    }
    out
}
