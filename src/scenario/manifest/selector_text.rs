//! Selectors as text, as the scale subresource has them: `labels.Parse` of `k8s.io/apimachinery`.
//!
//! `app=x,tier in (a, b),!canary,gen>3`. Keys and values must be valid label keys and values.

use crate::cluster::{LabelSelector, Labels, SelectorOperator, SelectorRequirement, label};

/// Reads a selector; the error is for people.
pub fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens };
    let mut match_expressions = Vec::new();
    if parser.tokens.is_empty() {
        return Ok(LabelSelector::default());
    }
    loop {
        match_expressions.push(parser.requirement()?);
        match parser.next() {
            None => break,
            Some(Token::Comma) => {
                // A comma must be followed by another requirement.
                if !matches!(parser.peek(), Some(Token::Word(_) | Token::Not)) {
                    return Err(format!("{text:?}: a label key is expected after the comma"));
                }
            }
            Some(token) => return Err(format!("{text:?}: unexpected {token:?}")),
        }
    }
    Ok(LabelSelector { match_labels: Labels::new(), match_expressions })
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Comma,
    Open,
    Close,
    Not,
    Equals,
    NotEquals,
    Greater,
    Less,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\r', '\n']);
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            ',' => (Token::Comma, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '!' if rest.starts_with("!=") => (Token::NotEquals, 2),
            '!' => (Token::Not, 1),
            '=' if rest.starts_with("==") => (Token::Equals, 2),
            '=' => (Token::Equals, 1),
            '>' => (Token::Greater, 1),
            '<' => (Token::Less, 1),
            _ => {
                let end = rest.find([' ', '\t', '\r', '\n', ',', '(', ')', '!', '=', '>', '<']).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start_matches([' ', '\t', '\r', '\n']);
    }
    tokens
}

struct Parser<'a> {
    tokens: &'a [Token],
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.first()
    }

    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn requirement(&mut self) -> Result<SelectorRequirement, String> {
        use SelectorOperator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};

        let negated = self.peek() == Some(&Token::Not);
        if negated {
            self.next();
        }
        let key = match self.next() {
            Some(Token::Word(key)) => key,
            other => return Err(format!("a label key is expected, found {}", show(other.as_ref()))),
        };
        check_key(&key)?;
        let done = matches!(self.peek(), None | Some(Token::Comma));
        if negated || done {
            if !done {
                return Err(format!("unexpected {} after !{key}", show(self.peek())));
            }
            let operator = if negated { DoesNotExist } else { Exists };
            return Ok(SelectorRequirement { key, operator, values: Vec::new() });
        }
        let operator = match self.next() {
            Some(Token::Equals) => In,
            Some(Token::NotEquals) => NotIn,
            Some(Token::Greater) => Gt,
            Some(Token::Less) => Lt,
            Some(Token::Word(word)) if word == "in" || word == "notin" => {
                let values = self.list()?;
                let operator = if word == "in" { In } else { NotIn };
                return Ok(SelectorRequirement { key, operator, values });
            }
            other => return Err(format!("an operator is expected after {key}, found {}", show(other.as_ref()))),
        };
        let value = match self.peek() {
            // `key=` selects the empty value.
            None | Some(Token::Comma) => String::new(),
            Some(Token::Word(_)) => match self.next() {
                Some(Token::Word(value)) => value,
                _ => String::new(),
            },
            other => return Err(format!("a value is expected for {key}, found {}", show(other))),
        };
        check_value(&value)?;
        if matches!(operator, Gt | Lt) && value.parse::<i64>().is_err() {
            return Err(format!("{key} is compared with {value:?}, which is no integer"));
        }
        Ok(SelectorRequirement { key, operator, values: vec![value] })
    }

    /// `(a, b)`. Upstream's rules for empty places (`parseIdentifiersList`): each is the empty value, but the place
    /// between a second comma in a row and the parenthesis is a mistake.
    fn list(&mut self) -> Result<Vec<String>, String> {
        if self.next() != Some(Token::Open) {
            return Err("a list in parentheses is expected after in or notin".into());
        }
        let mut values: Vec<String> = Vec::new();
        if self.peek() == Some(&Token::Close) {
            self.next();
            return Ok(vec![String::new()]);
        }
        loop {
            match self.next() {
                Some(Token::Word(word)) => {
                    check_value(&word)?;
                    values.push(word);
                    match self.peek() {
                        Some(Token::Comma) => {}
                        Some(Token::Close) => break,
                        other => {
                            return Err(format!("expected a comma or a closing parenthesis, found {}", show(other)));
                        }
                    }
                }
                Some(Token::Comma) => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek() {
                        Some(Token::Close) => {
                            values.push(String::new());
                            break;
                        }
                        Some(Token::Comma) => {
                            self.next();
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                other => return Err(format!("expected a comma or a value, found {}", show(other.as_ref()))),
            }
        }
        self.next();
        Ok(values)
    }
}

fn show(token: Option<&Token>) -> String {
    match token {
        None => "the end".into(),
        Some(token) => format!("{token:?}"),
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if label::is_key(key) { Ok(()) } else { Err(format!("{key:?} is not a label key")) }
}

fn check_value(value: &str) -> Result<(), String> {
    if label::is_value(value) { Ok(()) } else { Err(format!("{value:?} is not a label value")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(text: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        parse_selector(text).unwrap().matches(&labels)
    }

    #[test]
    fn every_operator_of_the_text_form_selects_as_upstream() {
        let web = [("app", "web"), ("gen", "4"), ("team/x", "")];
        for (text, selected) in [
            ("app=web", true),
            ("app==web, gen != 3", true),
            ("app in (api, web),!canary", true),
            ("app notin (web)", false),
            ("missing notin (web)", true),
            ("gen>3,gen<5", true),
            ("gen>4", false),
            ("team/x in (,)", true),
            ("team/x in (a,)", true),
            ("team/x in ()", true),
            ("app in (,,web)", true),
            ("team/x=", true),
            ("team/x", true),
            ("!team/x", false),
            (" ", true),
        ] {
            assert_eq!(selects(text, &web), selected, "{text}");
        }
    }

    #[test]
    fn a_malformed_selector_is_refused() {
        for text in [
            "=web",
            "app=web,",
            "app in web",
            "app=we b",
            "app===web",
            "-app=web",
            "app=web;x=y",
            "app in (a b)",
            "gen>x",
            "app in (a,,)",
            "app in (,,)",
        ] {
            assert!(parse_selector(text).is_err(), "{text}");
        }
    }
}
