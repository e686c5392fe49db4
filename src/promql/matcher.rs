//! What a selector asks of one label.

use std::fmt;

use promql_parser::label::{MatchOp, Matcher as ParsedMatcher};
use regex::Regex;

use super::labels::Symbol;

#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub label: String,
    pub symbol: Symbol,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    NotEqual(String),
    Match(Regex),
    NoMatch(Regex),
}

impl Matcher {
    /// As the parser read it, with its label's number.
    pub fn of(parsed: &ParsedMatcher, symbol: Symbol) -> Matcher {
        let test = match &parsed.op {
            MatchOp::Equal => Test::Equal(parsed.value.clone()),
            MatchOp::NotEqual => Test::NotEqual(parsed.value.clone()),
            MatchOp::Re(pattern) => Test::Match(pattern.clone()),
            MatchOp::NotRe(pattern) => Test::NoMatch(pattern.clone()),
        };
        Matcher { label: parsed.name.clone(), symbol, test }
    }

    pub fn holds(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(other) => value != other,
            Test::Match(pattern) => pattern.is_match(value),
            Test::NoMatch(pattern) => !pattern.is_match(value),
        }
    }

    /// The value that it wants, where it wants one.
    pub fn wanted(&self) -> Option<&str> {
        match &self.test {
            Test::Equal(wanted) => Some(wanted),
            _ => None,
        }
    }
}

/// As it is written; a pattern without what makes it one of whole values.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |pattern: &Regex| {
            let text = pattern.as_str();
            let inner = text.strip_prefix("^(?:").or_else(|| text.strip_prefix("^(?s:"));
            inner.and_then(|inner| inner.strip_suffix(")$")).unwrap_or(text).to_owned()
        };
        let (sign, value) = match &self.test {
            Test::Equal(value) => ("=", value.clone()),
            Test::NotEqual(value) => ("!=", value.clone()),
            Test::Match(pattern) => ("=~", whole(pattern)),
            Test::NoMatch(pattern) => ("!~", whole(pattern)),
        };
        write!(f, "{}{sign}{value:?}", self.label)
    }
}
