//! Templates of labels and annotations: the part of Go's language that alerting rules use (`template/template.go`, 3.14).
//!
//! Queries within templates are not evaluated, nor are other templates called: such a text stays as it is, and the rule
//! says so when it is read.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

/// A text with places to fill in.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value(Pipeline),
    Set(String, Pipeline),
    /// `if` and `with`; the latter makes the value the dot.
    Choice {
        condition: Pipeline,
        is_with: bool,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
}

/// Commands of which each takes the value of the one before as its last argument.
type Pipeline = Vec<Vec<Word>>;

#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// `$labels.pod` or `.Labels.pod`: a variable (`.` for the dot) and fields.
    Variable(String, Vec<String>),
    Text(String),
    Number(f64),
    Function(String),
    Group(Pipeline),
}

/// What a template is filled in with.
#[derive(Clone, Debug, Default)]
pub struct Data<'a> {
    pub labels: BTreeMap<&'a str, &'a str>,
    pub value: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Filled {
    Text(String),
    Number(f64),
    Labels,
    Root,
    Nothing,
}

const FUNCTIONS: [&str; 23] = [
    "and",
    "eq",
    "ge",
    "gt",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "print",
    "printf",
    "reReplaceAll",
    "stripPort",
    "title",
    "toLower",
    "toUpper",
];

impl Template {
    /// # Errors
    /// What of it is not understood.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = pieces(text)?.into_iter().peekable();
        let (parts, end) = parts(&mut pieces)?;
        if let Some(end) = end {
            return Err(format!("{{{{ {end} }}}} closes nothing"));
        }
        Ok(Template { parts })
    }

    /// The text with its places filled in.
    pub fn fill(&self, data: &Data<'_>) -> String {
        let mut text = String::new();
        let mut variables = BTreeMap::new();
        fill(&self.parts, data, &Filled::Root, &mut variables, &mut text);
        text
    }
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Action(String),
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let (mut rest, mut trims) = (text, false);
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, next) = after.split_once("}}").ok_or("a {{ without its }}")?;
        let before = if trims { before.trim_start() } else { before };
        let trims_before = action.starts_with("- ");
        trims = action.ends_with(" -");
        pieces.push(Piece::Text(if trims_before { before.trim_end() } else { before }.to_owned()));
        let action = action.strip_prefix('-').unwrap_or(action);
        pieces.push(Piece::Action(action.strip_suffix('-').unwrap_or(action).trim().to_owned()));
        rest = next;
    }
    pieces.push(Piece::Text(if trims { rest.trim_start() } else { rest }.to_owned()));
    Ok(pieces)
}

/// Parts up to an `end` or `else`, which is returned.
fn parts(pieces: &mut Peekable<IntoIter<Piece>>) -> Result<(Vec<Part>, Option<String>), String> {
    let mut found = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                if !text.is_empty() {
                    found.push(Part::Text(text));
                }
                continue;
            }
            Piece::Action(action) => action,
        };
        let (first, rest) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
        match first {
            "end" | "else" => return Ok((found, Some(action))),
            "if" | "with" => found.push(choice(pipeline(rest)?, first == "with", pieces)?),
            "range" | "template" | "define" | "block" => return Err(format!("{{{{ {first} }}}} is not filled in")),
            _ if action.starts_with("/*") => {}
            _ => match action.split_once(":=").filter(|_| action.starts_with('$')) {
                Some((name, value)) => found.push(Part::Set(name.trim().to_owned(), pipeline(value)?)),
                None => found.push(Part::Value(pipeline(&action)?)),
            },
        }
    }
    Ok((found, None))
}

fn choice(condition: Pipeline, is_with: bool, pieces: &mut Peekable<IntoIter<Piece>>) -> Result<Part, String> {
    let (then, end) = parts(pieces)?;
    let otherwise = match end.as_deref() {
        Some("end") => Vec::new(),
        Some("else") => match parts(pieces)? {
            (otherwise, Some(end)) if end == "end" => otherwise,
            _ => return Err("an {{ else }} without its {{ end }}".to_owned()),
        },
        Some(other) => match other.strip_prefix("else if ") {
            Some(condition) => vec![choice(pipeline(condition)?, false, pieces)?],
            None => return Err(format!("{{{{ {other} }}}} is not understood")),
        },
        None => return Err("an {{ if }} or {{ with }} without its {{ end }}".to_owned()),
    };
    Ok(Part::Choice { condition, is_with, then, otherwise })
}

fn pipeline(text: &str) -> Result<Pipeline, String> {
    let mut rest = text.trim();
    let found = commands(&mut rest)?;
    if rest.is_empty() { Ok(found) } else { Err(format!("{rest:?} is not understood")) }
}

fn commands(rest: &mut &str) -> Result<Pipeline, String> {
    let mut pipeline = vec![Vec::new()];
    loop {
        *rest = rest.trim_start();
        let Some(letter) = rest.chars().next().filter(|letter| *letter != ')') else { break };
        let command: &mut Vec<Word> = pipeline.last_mut().expect("it has one");
        match letter {
            '|' => {
                *rest = &rest[1..];
                pipeline.push(Vec::new());
            }
            '(' => {
                *rest = &rest[1..];
                command.push(Word::Group(commands(rest)?));
                *rest = rest.strip_prefix(')').ok_or("a ( without its )")?;
            }
            '"' | '`' => command.push(Word::Text(quoted(rest, letter)?)),
            _ => {
                let end = rest.find(|letter: char| letter.is_whitespace() || matches!(letter, '|' | ')' | '('));
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                *rest = after;
                command.push(self::word(word)?);
            }
        }
    }
    if pipeline.iter().any(Vec::is_empty) { Err("a command is missing".to_owned()) } else { Ok(pipeline) }
}

fn quoted(rest: &mut &str, quote: char) -> Result<String, String> {
    let (mut text, mut escaped) = (String::new(), false);
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            letter if escaped => {
                text.push(if letter == 'n' { '\n' } else { letter });
                escaped = false;
            }
            '\\' if quote == '"' => escaped = true,
            letter if letter == quote => {
                *rest = &rest[at + letter.len_utf8()..];
                return Ok(text);
            }
            letter => text.push(letter),
        }
    }
    Err("a text without its closing quote".to_owned())
}

fn word(word: &str) -> Result<Word, String> {
    if let Ok(number) = word.parse::<f64>() {
        return Ok(Word::Number(number));
    }
    if word.starts_with(['$', '.']) {
        let mut parts = word.split('.');
        let variable = parts.next().unwrap_or_default();
        let variable = if variable.is_empty() { "." } else { variable };
        let fields = parts.filter(|field| !field.is_empty()).map(str::to_owned).collect();
        return Ok(Word::Variable(variable.to_owned(), fields));
    }
    if FUNCTIONS.contains(&word) {
        return Ok(Word::Function(word.to_owned()));
    }
    Err(format!("the function {word} is not filled in"))
}

fn fill(parts: &[Part], data: &Data<'_>, dot: &Filled, variables: &mut BTreeMap<String, Filled>, text: &mut String) {
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Value(pipeline) => text.push_str(&printed(&value(pipeline, data, dot, variables))),
            Part::Set(name, pipeline) => {
                let value = value(pipeline, data, dot, variables);
                variables.insert(name.clone(), value);
            }
            Part::Choice { condition, is_with, then, otherwise } => {
                let value = value(condition, data, dot, variables);
                match is_true(&value) {
                    true if *is_with => fill(then, data, &value, variables, text),
                    true => fill(then, data, dot, variables, text),
                    false => fill(otherwise, data, dot, variables, text),
                }
            }
        }
    }
}

fn value(pipeline: &Pipeline, data: &Data<'_>, dot: &Filled, variables: &BTreeMap<String, Filled>) -> Filled {
    let mut last = None;
    for command in pipeline {
        let mut values: Vec<Filled> = Vec::new();
        let mut function = None;
        for (index, word) in command.iter().enumerate() {
            match word {
                Word::Function(name) if index == 0 => function = Some(name.as_str()),
                Word::Function(_) => values.push(Filled::Nothing),
                Word::Text(text) => values.push(Filled::Text(text.clone())),
                Word::Number(number) => values.push(Filled::Number(*number)),
                Word::Group(pipeline) => values.push(value(pipeline, data, dot, variables)),
                Word::Variable(name, fields) => values.push(variable(name, fields, data, dot, variables)),
            }
        }
        values.extend(last.take());
        last = Some(match function {
            Some(function) => call(function, &values),
            None => values.into_iter().next().unwrap_or(Filled::Nothing),
        });
    }
    last.unwrap_or(Filled::Nothing)
}

fn variable(
    name: &str,
    fields: &[String],
    data: &Data<'_>,
    dot: &Filled,
    variables: &BTreeMap<String, Filled>,
) -> Filled {
    let (base, fields) = match (name, fields) {
        ("$labels", fields) => (Filled::Labels, fields),
        ("$value", fields) => (Filled::Number(data.value), fields),
        (".", [first, fields @ ..]) if *dot == Filled::Root && first == "Labels" => (Filled::Labels, fields),
        (".", [first, fields @ ..]) if *dot == Filled::Root && first == "Value" => (Filled::Number(data.value), fields),
        (".", fields) => (dot.clone(), fields),
        // No external labels are set.
        ("$externalLabels" | "$externalURL", _) => return Filled::Text(String::new()),
        (name, fields) => (variables.get(name).cloned().unwrap_or(Filled::Nothing), fields),
    };
    match (base, fields) {
        (base, []) => base,
        (Filled::Labels, [label, ..]) => Filled::Text(data.labels.get(&**label).unwrap_or(&"").to_string()),
        _ => Filled::Text(String::new()),
    }
}

fn is_true(value: &Filled) -> bool {
    match value {
        Filled::Text(text) => !text.is_empty(),
        Filled::Number(number) => *number != 0.0,
        Filled::Labels | Filled::Root => true,
        Filled::Nothing => false,
    }
}

fn printed(value: &Filled) -> String {
    match value {
        Filled::Text(text) => text.clone(),
        Filled::Number(number) => general(*number),
        Filled::Labels | Filled::Root | Filled::Nothing => String::new(),
    }
}

fn number(value: &Filled) -> f64 {
    match value {
        Filled::Number(number) => *number,
        Filled::Text(text) => text.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

/// Go's `%v` of a float: exponents below 1e-4 and from 1e21 on.
fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    value.to_string()
}

/// `%.4g`.
fn four_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value);
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..4).contains(&exponent) {
        let text = format!("{value:.3e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let text = format!("{value:.*}", (3 - exponent).max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scaled(value: f64, step: f64, up: &[&str], down: &[&str]) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let (mut value, mut prefix) = (value, "");
    if value.abs() >= 1.0 {
        for next in up {
            if value.abs() < step {
                break;
            }
            (value, prefix) = (value / step, next);
        }
    } else {
        for next in down {
            if value.abs() >= 1.0 {
                break;
            }
            (value, prefix) = (value * step, next);
        }
    }
    format!("{}{prefix}", four_digits(value))
}

fn duration(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0s".to_owned() } else { four_digits(value) };
    }
    if value.abs() < 1.0 {
        return format!("{}s", scaled(value, 1000.0, &[], &["m", "u", "n", "p", "f", "a", "z", "y"]));
    }
    let (sign, value) = if value < 0.0 { ("-", -value) } else { ("", value) };
    let whole = value as u64;
    let [days, hours, minutes, seconds] = [whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60];
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(value))
    }
}

fn call(function: &str, values: &[Filled]) -> Filled {
    let first = values.first().cloned().unwrap_or(Filled::Nothing);
    let last = values.last().cloned().unwrap_or(Filled::Nothing);
    let text = |text: String| Filled::Text(text);
    let flag = |holds: bool| Filled::Number(f64::from(u8::from(holds)));
    let compared = || match (&first, &last) {
        (Filled::Text(a), Filled::Text(b)) => a.partial_cmp(b),
        (a, b) => number(a).partial_cmp(&number(b)),
    };
    match function {
        "and" => values.iter().find(|value| !is_true(value)).cloned().unwrap_or(last),
        "or" => values.iter().find(|value| is_true(value)).cloned().unwrap_or(last),
        "not" => flag(!is_true(&first)),
        "eq" => flag(values[1..].iter().any(|other| printed(other) == printed(&first))),
        "ne" => flag(printed(&first) != printed(&last)),
        "lt" => flag(compared().is_some_and(|order| order.is_lt())),
        "le" => flag(compared().is_some_and(|order| order.is_le())),
        "gt" => flag(compared().is_some_and(|order| order.is_gt())),
        "ge" => flag(compared().is_some_and(|order| order.is_ge())),
        "len" => Filled::Number(printed(&first).chars().count() as f64),
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
    }
}

/// Go's verbs that rules use: `%s`, `%v`, `%q`, `%d`, `%.2f`, `%e`, `%g`.
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
                text.push_str(&match verb {
                    'f' | 'F' => format!("{:.*}", precision.unwrap_or(6), number(value)),
                    'e' => format!("{:.*e}", precision.unwrap_or(6), number(value)),
                    'd' => format!("{:.0}", number(value)),
                    'q' => format!("{:?}", printed(value)),
                    _ => printed(value),
                });
            }
            None => text.push('%'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let labels = BTreeMap::from([("pod", "web-0"), ("cluster", "")]);
        Template::parse(text).unwrap().fill(&Data { labels, value: 0.123_456 })
    }

    #[test]
    fn what_rules_write_is_filled_in() {
        for (text, wanted) in [
            ("Pod {{ $labels.pod }} at {{ $value | humanizePercentage }}.", "Pod web-0 at 12.35%."),
            ("{{ printf \"%.1f\" $value }} {{.Labels.pod}}", "0.1 web-0"),
            ("{{ with $labels.cluster -}} on {{ . }} {{- end }}x", "x"),
            ("{{ if gt $value 0.1 }}high{{ else }}low{{ end }}", "high"),
            ("{{ $value | humanizeDuration }}", "123.5ms"),
            ("{{ 3725 | humanizeDuration }} {{ 123456 | humanize }}", "1h 2m 5s 123.5k"),
            ("{{ 2048 | humanize1024 }}B", "2kiB"),
            ("{{ $x := $labels.pod }}{{ $x }}", "web-0"),
            ("{{ $value }}", "0.123456"),
        ] {
            assert_eq!(filled(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_says_so() {
        for (text, part) in [
            ("{{ query \"up\" | first | value }}", "query"),
            ("{{ range query \"up\" }}{{ end }}", "range"),
            ("{{ if $value }}", "without its"),
            ("{{ $value", "without its"),
        ] {
            assert!(Template::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
