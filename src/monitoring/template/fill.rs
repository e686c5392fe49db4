//! Templates, filled in.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::numbers::{duration, four_digits, general, scaled};
use super::parse::{Part, Pipeline, Template, Word};
use crate::units::SimDuration;

/// What a query of a template found of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Asks what an expression comes to at the time of the evaluation.
pub type Ask<'a> = &'a dyn Fn(&str) -> Result<Vec<Sample>, String>;

/// What a template is filled in with.
#[derive(Clone)]
pub struct Data<'a> {
    pub labels: BTreeMap<&'a str, &'a str>,
    pub value: f64,
    pub ask: Ask<'a>,
}

#[derive(Clone, Debug, PartialEq)]
enum Filled {
    Text(String),
    Number(f64),
    Labels,
    Root,
    Sample(Rc<Sample>),
    LabelsOf(Rc<Sample>),
    Samples(Vec<Rc<Sample>>),
    Nothing,
}

type Variables = BTreeMap<String, Filled>;

impl Template {
    /// The text with its places filled in; what went wrong, where something did, as upstream has it.
    pub fn fill(&self, data: &Data<'_>) -> String {
        let mut text = String::new();
        match fill(&self.parts, data, &Filled::Root, &mut Variables::new(), &mut text) {
            Ok(()) => text,
            Err(problem) => format!("<error expanding template: {problem}>"),
        }
    }
}

fn fill(
    parts: &[Part],
    data: &Data<'_>,
    dot: &Filled,
    variables: &mut Variables,
    text: &mut String,
) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Value(pipeline) => text.push_str(&printed(&value(pipeline, data, dot, variables)?)),
            Part::Set(name, pipeline) => {
                let value = value(pipeline, data, dot, variables)?;
                variables.insert(name.clone(), value);
            }
            Part::Each { index, element, of, body, otherwise } => {
                let all = match value(of, data, dot, variables)? {
                    Filled::Samples(all) => all,
                    Filled::Nothing => Vec::new(),
                    other => return Err(format!("range can't iterate over {}", printed(&other))),
                };
                if all.is_empty() {
                    fill(otherwise, data, dot, variables, text)?;
                }
                for (place, sample) in all.into_iter().enumerate() {
                    let sample = Filled::Sample(sample);
                    let named = [(index, Filled::Number(place as f64)), (element, sample.clone())];
                    variables.extend(named.into_iter().filter_map(|(name, value)| Some((name.clone()?, value))));
                    fill(body, data, &sample, variables, text)?;
                }
            }
            Part::Choice { condition, is_with, then, otherwise } => {
                let value = value(condition, data, dot, variables)?;
                match is_true(&value) {
                    true if *is_with => fill(then, data, &value, variables, text)?,
                    true => fill(then, data, dot, variables, text)?,
                    false => fill(otherwise, data, dot, variables, text)?,
                }
            }
        }
    }
    Ok(())
}

fn value(pipeline: &Pipeline, data: &Data<'_>, dot: &Filled, variables: &Variables) -> Result<Filled, String> {
    let mut last = None;
    for command in pipeline {
        let mut values: Vec<Filled> = Vec::new();
        let mut function = None;
        for (index, word) in command.iter().enumerate() {
            match word {
                Word::Function(name) if index == 0 => function = Some(name.as_str()),
                Word::Function(name) => values.push(call(name, &[], data)?),
                Word::Text(text) => values.push(Filled::Text(text.clone())),
                Word::Number(number) => values.push(Filled::Number(*number)),
                Word::Group(pipeline) => values.push(value(pipeline, data, dot, variables)?),
                Word::Variable(name, fields) => values.push(variable(name, fields, data, dot, variables)),
            }
        }
        values.extend(last.take());
        last = Some(match function {
            Some(function) => call(function, &values, data)?,
            None => values.into_iter().next().unwrap_or(Filled::Nothing),
        });
    }
    Ok(last.unwrap_or(Filled::Nothing))
}

fn variable(name: &str, fields: &[String], data: &Data<'_>, dot: &Filled, variables: &Variables) -> Filled {
    let base = match name {
        "$labels" => Filled::Labels,
        "$value" => Filled::Number(data.value),
        "." => dot.clone(),
        "$" => Filled::Root,
        // No external labels are set.
        "$externalLabels" | "$externalURL" => return Filled::Text(String::new()),
        name => variables.get(name).cloned().unwrap_or(Filled::Nothing),
    };
    let field = |base: Filled, field: &String| match (base, field.as_str()) {
        (Filled::Root, "Labels") => Filled::Labels,
        (Filled::Root, "Value") => Filled::Number(data.value),
        (Filled::Sample(sample), "Value") => Filled::Number(sample.value),
        (Filled::Sample(sample), "Labels") => Filled::LabelsOf(sample),
        (Filled::Labels, label) => Filled::Text(data.labels.get(label).unwrap_or(&"").to_string()),
        (Filled::LabelsOf(sample), label) => Filled::Text(sample.labels.get(label).cloned().unwrap_or_default()),
        _ => Filled::Text(String::new()),
    };
    fields.iter().fold(base, field)
}

fn is_true(value: &Filled) -> bool {
    match value {
        Filled::Text(text) => !text.is_empty(),
        Filled::Number(number) => *number != 0.0,
        Filled::Samples(samples) => !samples.is_empty(),
        Filled::Labels | Filled::Root | Filled::Sample(_) | Filled::LabelsOf(_) => true,
        Filled::Nothing => false,
    }
}

fn printed(value: &Filled) -> String {
    match value {
        Filled::Text(text) => text.clone(),
        Filled::Number(number) => general(*number),
        Filled::Samples(samples) => format!("{} series", samples.len()),
        Filled::Labels | Filled::Root | Filled::Sample(_) | Filled::LabelsOf(_) | Filled::Nothing => String::new(),
    }
}

fn number(value: &Filled) -> f64 {
    match value {
        Filled::Number(number) => *number,
        Filled::Text(text) => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

fn samples(value: Filled) -> Vec<Rc<Sample>> {
    match value {
        Filled::Samples(samples) => samples,
        Filled::Sample(sample) => vec![sample],
        _ => Vec::new(),
    }
}

/// What functions of queries say.
fn of_query(function: &str, values: &[Filled], data: &Data<'_>) -> Option<Result<Filled, String>> {
    let last = values.last().cloned().unwrap_or(Filled::Nothing);
    let first = || values.first().map(printed).unwrap_or_default();
    Some(Ok(match (function, last) {
        ("query", last) => match (data.ask)(&printed(&last)) {
            Ok(found) => Filled::Samples(found.into_iter().map(Rc::new).collect()),
            Err(problem) => return Some(Err(format!("query {:?}: {problem}", printed(&last)))),
        },
        ("first", last) => match samples(last).into_iter().next() {
            Some(sample) => Filled::Sample(sample),
            None => return Some(Err("first() called on vector with no elements".to_owned())),
        },
        ("value", Filled::Sample(sample)) => Filled::Number(sample.value),
        ("strvalue", Filled::Sample(sample)) => {
            Filled::Text(sample.labels.get("__value__").cloned().unwrap_or_default())
        }
        ("label", Filled::Sample(sample)) => Filled::Text(sample.labels.get(&first()).cloned().unwrap_or_default()),
        ("value" | "strvalue" | "label", _) => return Some(Err(format!("{function} wants a sample of a query"))),
        ("sortByLabel", last) => {
            let (label, mut all) = (first(), samples(last));
            all.sort_by(|a, b| a.labels.get(&label).cmp(&b.labels.get(&label)));
            Filled::Samples(all)
        }
        _ => return None,
    }))
}

fn call(function: &str, values: &[Filled], data: &Data<'_>) -> Result<Filled, String> {
    if let Some(found) = of_query(function, values, data) {
        return found;
    }
    let first = values.first().cloned().unwrap_or(Filled::Nothing);
    let last = values.last().cloned().unwrap_or(Filled::Nothing);
    let text = |text: String| Filled::Text(text);
    let flag = |holds: bool| Filled::Number(f64::from(u8::from(holds)));
    let compared = || match (&first, &last) {
        (Filled::Text(a), Filled::Text(b)) => a.partial_cmp(b),
        (a, b) => number(a).partial_cmp(&number(b)),
    };
    Ok(match function {
        "and" => values.iter().find(|value| !is_true(value)).cloned().unwrap_or(last),
        "or" => values.iter().find(|value| is_true(value)).cloned().unwrap_or(last),
        "not" => flag(!is_true(&first)),
        "eq" => flag(values[1..].iter().any(|other| printed(other) == printed(&first))),
        "ne" => flag(printed(&first) != printed(&last)),
        "lt" => flag(compared().is_some_and(|order| order.is_lt())),
        "le" => flag(compared().is_some_and(|order| order.is_le())),
        "gt" => flag(compared().is_some_and(|order| order.is_gt())),
        "ge" => flag(compared().is_some_and(|order| order.is_ge())),
        "len" => Filled::Number(match &first {
            Filled::Samples(samples) => samples.len() as f64,
            first => printed(first).len() as f64,
        }),
        "println" => text(values.iter().map(printed).collect::<Vec<_>>().join(" ") + "\n"),
        "safeHtml" => text(printed(&last)),
        "pathPrefix" | "externalURL" => text(String::new()),
        "graphLink" => text(link(&printed(&last), 0)),
        "tableLink" => text(link(&printed(&last), 1)),
        "parseDuration" => match SimDuration::parse_non_negative(&printed(&last)) {
            Ok(duration) => Filled::Number(duration.as_secs_f64()),
            Err(problem) => return Err(problem),
        },
        "stripDomain" => {
            let (host, port) = match printed(&last).split_once(':') {
                Some((host, port)) => (host.to_owned(), format!(":{port}")),
                None => (printed(&last), String::new()),
            };
            let is_address = host.parse::<std::net::IpAddr>().is_ok();
            let name = if is_address { &*host } else { host.split('.').next().unwrap_or_default() };
            text(format!("{name}{port}"))
        }
        "print" => text(values.iter().map(printed).collect()),
        "printf" => text(formatted(&printed(&first), &values[1..])),
        "humanize" => text(scaled(
            number(&last),
            1000.0,
            &["k", "M", "G", "T", "P", "E", "Z", "Y"],
            &["m", "u", "n", "p", "f", "a", "z", "y"],
        )),
        "humanize1024" => text(scaled(number(&last), 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"], &[])),
        "humanizeDuration" => text(duration(number(&last))),
        "humanizePercentage" => text(format!("{}%", four_digits(number(&last) * 100.0))),
        "humanizeTimestamp" => text(
            jiff::Timestamp::from_second(number(&last) as i64)
                .map_or_else(|_| "NaN".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()),
        ),
        "title" => {
            let mut letters = printed(&last).chars().collect::<Vec<_>>();
            if let Some(letter) = letters.first_mut() {
                *letter = letter.to_ascii_uppercase();
            }
            text(letters.into_iter().collect())
        }
        "toLower" => text(printed(&last).to_lowercase()),
        "toUpper" => text(printed(&last).to_uppercase()),
        "stripPort" => text(printed(&last).split(':').next().unwrap_or_default().to_owned()),
        "match" => flag(regex::Regex::new(&printed(&first)).is_ok_and(|pattern| pattern.is_match(&printed(&last)))),
        "reReplaceAll" => match (regex::Regex::new(&printed(&first)), values.get(1)) {
            (Ok(pattern), Some(by)) => text(pattern.replace_all(&printed(&last), printed(by).as_str()).into_owned()),
            _ => last,
        },
        _ => Filled::Nothing,
    })
}

/// Where a Prometheus shows an expression (`util/strutil/strconv.go`).
fn link(expr: &str, tab: u8) -> String {
    let mut escaped = String::new();
    for byte in expr.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte.into()),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("/graph?g0.expr={escaped}&g0.tab={tab}")
}

/// Go's verbs that rules use: `%s`, `%v`, `%q`, `%d`, `%.2f`, `%e`, `%g`.
/// As wide as the flags want it: from the right, with `-` from the left, with a leading `0` by zeros after the sign.
fn padded(text: String, flags: &str) -> String {
    let width = flags.split('.').next().unwrap_or_default();
    let wanted = width.trim_start_matches(['-', '+', ' ', '0']).parse::<usize>().unwrap_or(0).min(WIDEST);
    let missing = wanted.saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if width.contains('-') {
        return text + &" ".repeat(missing);
    }
    let is_zero = width.trim_start_matches(['+', ' ']).starts_with('0');
    let is_number = text.trim_start_matches(['-', '+']).starts_with(|letter: char| letter.is_ascii_digit());
    if is_zero && is_number {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}

/// Columns that a value is widened to at most.
const WIDEST: usize = 1_000;

fn formatted(format: &str, values: &[Filled]) -> String {
    let (mut text, mut values) = (String::new(), values.iter());
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) =
            letters.next_if(|letter| letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+' | ' '))
        {
            flags.push(flag);
        }
        let precision = flags.split_once('.').and_then(|(_, digits)| digits.parse::<usize>().ok());
        match letters.next() {
            Some('%') => text.push('%'),
            Some(verb) => {
                let Some(value) = values.next() else { continue };
                let plain = match verb {
                    'f' | 'F' => format!("{:.*}", precision.unwrap_or(6), number(value)),
                    'e' => format!("{:.*e}", precision.unwrap_or(6), number(value)),
                    'd' => format!("{:.0}", number(value)),
                    'q' => format!("{:?}", printed(value)),
                    _ => printed(value),
                };
                text.push_str(&padded(plain, &flags));
            }
            None => text.push('%'),
        }
    }
    text
}
