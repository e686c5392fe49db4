//! Templates, read.

use std::iter::Peekable;
use std::vec::IntoIter;

/// A text with places to fill in.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Value(Pipeline),
    Set(String, Pipeline),
    /// Once for each element, which is the dot and, where they are named, variables: its number and itself.
    Each {
        index: Option<String>,
        element: Option<String>,
        of: Pipeline,
        body: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// `if` and `with`; the latter makes the value the dot.
    Choice {
        condition: Pipeline,
        is_with: bool,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
}

/// Commands of which each takes the value of the one before as its last argument.
pub(super) type Pipeline = Vec<Vec<Word>>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// `$labels.pod` or `.Labels.pod`: a variable (`.` for the dot) and fields.
    Variable(String, Vec<String>),
    Text(String),
    Number(f64),
    Function(String),
    Group(Pipeline),
}

const FUNCTIONS: [&str; 37] = [
    "and",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toLower",
    "toUpper",
    "value",
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
        defined(&parts, &mut VARIABLES.map(str::to_owned).into_iter().collect())?;
        Ok(Template { parts })
    }

    /// Texts that it may make queries of.
    pub fn texts_of_queries(&self) -> Vec<&str> {
        let (mut texts, mut asks) = (Vec::new(), false);
        gather(&self.parts, &mut texts, &mut asks);
        if asks { texts } else { Vec::new() }
    }
}

/// What Prometheus defines before a template, and the dot.
const VARIABLES: [&str; 6] = ["$", ".", "$labels", "$value", "$externalLabels", "$externalURL"];

/// No variable is used that was not set before it.
fn defined(parts: &[Part], known: &mut Vec<String>) -> Result<(), String> {
    let before = known.len();
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Value(pipeline) => defined_words(pipeline, known)?,
            Part::Set(name, pipeline) => {
                defined_words(pipeline, known)?;
                known.push(name.clone());
            }
            Part::Each { index, element, of, body, otherwise } => {
                defined_words(of, known)?;
                let own = known.len();
                known.extend(index.iter().chain(element).cloned());
                defined(body, known)?;
                known.truncate(own);
                defined(otherwise, known)?;
            }
            Part::Choice { condition, then, otherwise, .. } => {
                defined_words(condition, known)?;
                defined(then, known)?;
                defined(otherwise, known)?;
            }
        }
    }
    known.truncate(before);
    Ok(())
}

fn defined_words(pipeline: &Pipeline, known: &[String]) -> Result<(), String> {
    for word in pipeline.iter().flatten() {
        match word {
            Word::Variable(name, _) if !known.contains(name) => {
                return Err(format!("the variable {name} is not defined"));
            }
            Word::Group(pipeline) => defined_words(pipeline, known)?,
            Word::Variable(..) | Word::Text(_) | Word::Number(_) | Word::Function(_) => {}
        }
    }
    Ok(())
}

fn gather<'t>(parts: &'t [Part], texts: &mut Vec<&'t str>, asks: &mut bool) {
    let mut of = |pipeline: &'t Pipeline| gather_words(pipeline, texts, asks);
    let mut inner = Vec::new();
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Value(pipeline) | Part::Set(_, pipeline) => of(pipeline),
            Part::Each { of: pipeline, body, otherwise, .. }
            | Part::Choice { condition: pipeline, then: body, otherwise, .. } => {
                of(pipeline);
                inner.extend([body, otherwise]);
            }
        }
    }
    inner.into_iter().for_each(|parts| gather(parts, texts, asks));
}

fn gather_words<'t>(pipeline: &'t Pipeline, texts: &mut Vec<&'t str>, asks: &mut bool) {
    for word in pipeline.iter().flatten() {
        match word {
            Word::Text(text) => texts.push(text),
            Word::Function(name) => *asks |= name == "query",
            Word::Group(pipeline) => gather_words(pipeline, texts, asks),
            Word::Variable(..) | Word::Number(_) => {}
        }
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
            "range" => found.push(each(rest, pieces)?),
            "template" | "define" | "block" => return Err(format!("{{{{ {first} }}}} is not filled in")),
            _ if action.starts_with("/*") => {}
            _ => match action.split_once(":=").filter(|_| action.starts_with('$')) {
                Some((name, value)) => found.push(Part::Set(name.trim().to_owned(), pipeline(value)?)),
                None => found.push(Part::Value(pipeline(&action)?)),
            },
        }
    }
    Ok((found, None))
}

fn each(head: &str, pieces: &mut Peekable<IntoIter<Piece>>) -> Result<Part, String> {
    let (names, of) = head.split_once(":=").unwrap_or(("", head));
    let names: Vec<String> =
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let (index, element) = match &names[..] {
        [] => (None, None),
        [element] => (None, Some(element.clone())),
        [index, element] => (Some(index.clone()), Some(element.clone())),
        _ => return Err(format!("{{{{ range {head} }}}} is not understood")),
    };
    let of = pipeline(of)?;
    let (body, end) = parts(pieces)?;
    let otherwise = match end.as_deref() {
        Some("end") => Vec::new(),
        Some("else") => match parts(pieces)? {
            (otherwise, Some(end)) if end == "end" => otherwise,
            _ => return Err("an {{ else }} without its {{ end }}".to_owned()),
        },
        _ => return Err("a {{ range }} without its {{ end }}".to_owned()),
    };
    Ok(Part::Each { index, element, of, body, otherwise })
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
