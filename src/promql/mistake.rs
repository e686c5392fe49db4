//! Where an expression that can't be read breaks: the first token that Prometheus' grammar does not expect
//! (`promql/parser/generated_parser.y`, 3.14), for the parser that reads them names no place.

use std::ops::Range;

/// The bytes of the expression that are wrong, and what is said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub span: Range<usize>,
    pub message: String,
}

/// Looks where an expression breaks that was refused with these words. `None`: somewhere.
pub fn mistake_in(text: &str, refused: &str) -> Option<Mistake> {
    let mut reader = match tokens(text) {
        Ok(tokens) => Reader { text, tokens, next: 0, depth: 0 },
        Err(mistake) => return Some(mistake),
    };
    if let Err(mistake) = reader.whole() {
        return Some(mistake);
    }
    // It reads well; what is wrong is a name, a type or a pattern.
    let named = refused.split(['\'', '"']).nth(1);
    let is_call = |at: usize| reader.tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Mark("("));
    let named = named.and_then(|name| {
        let called = |(at, token): &(usize, &Token)| &text[token.span.clone()] == name && is_call(*at);
        reader.tokens.iter().enumerate().find(called)
    });
    let pattern = refused.strip_prefix("illegal regex for ").and_then(|pattern| {
        let is_it = |token: &&Token| {
            token.kind == Kind::Text && text[token.span.clone()].trim_matches(['"', '\'', '`']) == pattern
        };
        reader.tokens.iter().find(is_it)
    });
    let span = named.map(|(_, token)| token).or(pattern)?.span.clone();
    Some(Mistake { span, message: refused.to_owned() })
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Name,
    Number,
    /// In quotes.
    Text,
    Duration,
    Mark(&'static str),
    End,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    span: Range<usize>,
}

/// The longer first.
const MARKS: [&str; 25] = [
    "==", "!=", "=~", "!~", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", ":", "+", "-", "*", "/", "%", "^", ">", "<",
    "=", "@", "!",
];
const OPERATORS: [&str; 13] = ["==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "^", "@"];
const SET_OPERATORS: [&str; 4] = ["and", "or", "unless", "atan2"];
const AGGREGATORS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];

fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let letter = rest.chars().next().unwrap_or(' ');
        let take = |of: &dyn Fn(char) -> bool| rest.find(|letter| !of(letter)).unwrap_or(rest.len());
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        if letter == '#' {
            at += take(&|letter| letter != '\n');
            continue;
        }
        let (kind, length) = if matches!(letter, '"' | '\'' | '`') {
            (
                Kind::Text,
                quoted(rest, letter).ok_or_else(|| Mistake {
                    span: at..text.len(),
                    message: "unterminated quoted string".to_owned(),
                })?,
            )
        } else if letter.is_ascii_digit() || letter == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit())
        {
            let length = number(rest);
            let kind = if is_duration(&rest[..length]) { Kind::Duration } else { Kind::Number };
            if kind == Kind::Number && !is_number(&rest[..length]) {
                let message = format!("bad number or duration syntax: {:?}", &rest[..length]);
                return Err(Mistake { span: at..at + length, message });
            }
            (kind, length)
        } else if letter.is_alphabetic() || letter == '_' || letter == ':' && starts_name(&rest[1..], &tokens) {
            (Kind::Name, take(&|letter| letter.is_alphanumeric() || matches!(letter, '_' | ':')))
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            (Kind::Mark(mark), mark.len())
        } else {
            let span = at..at + letter.len_utf8();
            return Err(Mistake { span, message: format!("unexpected character {letter:?}") });
        };
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, span: text.trim_end().len()..text.len() });
    Ok(tokens)
}

/// A colon starts the name of a recorded series; after a range's duration it starts a step.
fn starts_name(after: &str, before: &[Token]) -> bool {
    let in_range = before.iter().rev().take(2).any(|token| token.kind == Kind::Mark("["));
    !in_range && after.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Some(at + 1),
            '\n' if quote != '`' => return None,
            '\\' if quote != '`' => {
                letters.next();
            }
            _ => {}
        }
    }
    None
}

fn number(rest: &str) -> usize {
    let mut length = 0;
    let mut before = ' ';
    for letter in rest.chars() {
        let is_sign = matches!(letter, '+' | '-') && matches!(before, 'e' | 'E') && !rest.starts_with("0x");
        if !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') || is_sign) {
            break;
        }
        length += letter.len_utf8();
        before = letter;
    }
    length
}

fn is_number(text: &str) -> bool {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit()),
        None => text.replace('_', "").parse::<f64>().is_ok(),
    }
}

fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let Some(after) = ["ms", "s", "m", "h", "d", "w", "y"].iter().find_map(|name| unit.strip_prefix(name)) else {
            return false;
        };
        if unit.len() == rest.len() {
            return false;
        }
        rest = after;
    }
    true
}

/// Brackets within one another at most, as far as this looks.
const DEEPEST: usize = 200;

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

type Read = Result<(), Mistake>;

impl Reader<'_> {
    fn whole(&mut self) -> Read {
        self.expression()?;
        match self.peek().kind {
            Kind::End => Ok(()),
            _ => self.unexpected(""),
        }
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn word(&self) -> &str {
        let token = self.peek();
        if token.kind == Kind::Name { &self.text[token.span.clone()] } else { "" }
    }

    /// Takes the word, whatever its case is.
    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = self.word().eq_ignore_ascii_case(word);
        self.next += usize::from(is_it);
        is_it
    }

    fn takes(&mut self, mark: &'static str) -> bool {
        let is_it = self.peek().kind == Kind::Mark(mark);
        self.next += usize::from(is_it);
        is_it
    }

    fn unexpected<T>(&self, within: &str) -> Result<T, Mistake> {
        let token = self.peek();
        let what = match &token.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Name => format!("{:?}", &self.text[token.span.clone()]),
            Kind::Number => format!("number {:?}", &self.text[token.span.clone()]),
            Kind::Duration => format!("duration {:?}", &self.text[token.span.clone()]),
            Kind::Text => format!("string {}", &self.text[token.span.clone()]),
            Kind::Mark(mark) => format!("{mark:?}"),
        };
        let within = if within.is_empty() { String::new() } else { format!(" in {within}") };
        Err(Mistake { span: token.span.clone(), message: format!("unexpected {what}{within}") })
    }

    fn wants(&mut self, mark: &'static str, within: &str) -> Read {
        if self.takes(mark) { Ok(()) } else { self.unexpected(within) }
    }

    fn expression(&mut self) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.unexpected("brackets that are nested too deeply");
        }
        loop {
            while self.takes("+") || self.takes("-") {}
            self.operand()?;
            let is_operator = match &self.peek().kind {
                Kind::Mark(mark) => OPERATORS.contains(mark),
                _ => SET_OPERATORS.iter().any(|word| self.word().eq_ignore_ascii_case(word)),
            };
            if !is_operator {
                break;
            }
            self.next += 1;
            self.matching()?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// `bool`, `on (…)`, `group_left (…)`.
    fn matching(&mut self) -> Read {
        self.takes_word("bool");
        if self.takes_word("on") || self.takes_word("ignoring") {
            self.labels("grouping opts")?;
            if (self.takes_word("group_left") || self.takes_word("group_right")) && self.peek().kind == Kind::Mark("(")
            {
                self.labels("grouping opts")?;
            }
        }
        Ok(())
    }

    fn labels(&mut self, within: &str) -> Read {
        self.wants("(", within)?;
        while self.peek().kind != Kind::Mark(")") {
            match self.peek().kind {
                Kind::Name | Kind::Text => self.next += 1,
                _ => return self.unexpected(within),
            }
            if !self.takes(",") {
                break;
            }
        }
        self.wants(")", within)
    }

    fn operand(&mut self) -> Read {
        let is_call = self.tokens.get(self.next + 1).is_some_and(|next| next.kind == Kind::Mark("("));
        let word = self.word().to_ascii_lowercase();
        match self.peek().kind.clone() {
            Kind::Number | Kind::Duration | Kind::Text => self.next += 1,
            Kind::Mark("(") => {
                self.next += 1;
                self.expression()?;
                self.wants(")", "")?;
            }
            Kind::Mark("{") => self.matchers()?,
            Kind::Name if AGGREGATORS.contains(&&*word) && self.is_aggregation() => {
                self.next += 1;
                let grouped = self.grouping()?;
                self.arguments("aggregation")?;
                if !grouped {
                    self.grouping()?;
                }
            }
            Kind::Name if is_call => {
                self.next += 1;
                self.arguments("")?;
            }
            Kind::Name if SET_OPERATORS.contains(&&*word) => return self.unexpected(""),
            Kind::Name => {
                self.next += 1;
                if self.peek().kind == Kind::Mark("{") {
                    self.matchers()?;
                }
            }
            _ => return self.unexpected(""),
        }
        self.behind()
    }

    fn is_aggregation(&self) -> bool {
        let Some(next) = self.tokens.get(self.next + 1) else { return false };
        let word = &self.text[next.span.clone()];
        next.kind == Kind::Mark("(") || word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without")
    }

    fn grouping(&mut self) -> Result<bool, Mistake> {
        let grouped = self.takes_word("by") || self.takes_word("without");
        if grouped {
            self.labels("grouping opts")?;
        }
        Ok(grouped)
    }

    fn arguments(&mut self, within: &str) -> Read {
        self.wants("(", within)?;
        if self.takes(")") {
            return Ok(());
        }
        loop {
            self.expression()?;
            if self.takes(",") {
                continue;
            }
            return self.wants(")", within);
        }
    }

    fn matchers(&mut self) -> Read {
        let within = "label matching";
        self.wants("{", within)?;
        while self.peek().kind != Kind::Mark("}") {
            let is_name = matches!(self.peek().kind, Kind::Name | Kind::Text);
            let is_quoted_name = self.peek().kind == Kind::Text;
            if !is_name {
                return self.unexpected(within);
            }
            self.next += 1;
            let compares = ["=", "!=", "=~", "!~"].into_iter().any(|mark| self.takes(mark));
            if compares {
                if self.peek().kind != Kind::Text {
                    return self.unexpected(within);
                }
                self.next += 1;
            } else if !is_quoted_name {
                return self.unexpected(within);
            }
            if !self.takes(",") {
                break;
            }
        }
        self.wants("}", within)
    }

    /// Ranges, subqueries, `offset` and `@`.
    fn behind(&mut self) -> Read {
        loop {
            if self.takes("[") {
                self.span("subquery or range")?;
                if self.takes(":") && self.peek().kind != Kind::Mark("]") {
                    self.span("subquery selector")?;
                }
                self.wants("]", "subquery or range")?;
            } else if self.takes_word("offset") {
                let _ = self.takes("-");
                self.span("offset")?;
            } else if self.takes("@") {
                let is_call = ["start", "end"].into_iter().any(|word| self.takes_word(word));
                if is_call {
                    self.arguments("@")?;
                } else {
                    let _ = self.takes("-") || self.takes("+");
                    self.span("@")?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn span(&mut self, within: &str) -> Read {
        match self.peek().kind {
            Kind::Number | Kind::Duration => self.next += 1,
            _ => return self.unexpected(within),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promql::{LabelTable, Query};

    /// Line and column from 1, as `promtool check rules` (2.42) tells them, and the words that it finds there.
    #[test]
    fn the_first_token_that_is_not_expected_is_told() {
        for (text, at, told) in [
            ("sum(rate(foo[5m])) by (pod)\n  > on(pod)\nand bar{a=\"b\"", (3, 1), "\"and\""),
            ("sum(rate(foo[5m]) by (pod", (1, 19), "\"by\" in aggregation"),
            ("foo > > 1", (1, 7), "\">\""),
            ("histogram_quantle(0.9, foo)", (1, 1), "histogram_quantle"),
            ("1 + rate(foo)", (1, 5), "rate"),
            ("foo{bar=~\"(\"}", (1, 10), "regex"),
            ("foo{bar}", (1, 8), "\"}\" in label matching"),
            ("foo{bar=baz}", (1, 9), "\"baz\" in label matching"),
            ("foo bar", (1, 5), "\"bar\""),
            ("foo[5x]", (1, 5), "syntax: \"5x\""),
            ("foo[]", (1, 5), "\"]\" in subquery or range"),
            ("(foo", (1, 5), "end of input"),
            ("foo)", (1, 4), "\")\""),
            ("foo == ", (1, 7), "end of input"),
            ("\"abc", (1, 1), "unterminated"),
            ("foo ? 1", (1, 5), "'?'"),
            ("sum by pod (foo)", (1, 8), "\"pod\" in grouping opts"),
            ("foo offset x", (1, 12), "\"x\" in offset"),
        ] {
            let refused = Query::parse(text, &mut LabelTable::default()).expect_err(text).to_string();
            let mistake = mistake_in(text, &refused).unwrap_or_else(|| panic!("{text}: {refused}"));
            let before = &text[..mistake.span.start];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            assert_eq!((line, column), at, "{text}: {mistake:?}");
            assert!(mistake.message.contains(told), "{text}: {mistake:?}");
        }
    }

    /// What can be read has no mistake of this kind.
    #[test]
    fn what_is_right_reads_well() {
        for text in [
            "sum by (a, b) (rate(foo{x=\"1\",y!~'2',}[5m:1m] offset -1h)) / on (a) group_left (c) bar @ start() > bool 1e-3",
            "-foo ^ 2 unless ignoring() {__name__=\"x\"} or count_values(\"v\", y)",
            "job:x:rate5m{} and (a or b)[5m:] @ 1.5",
            "topk(3, a) without (b)",
            "sum",
            "avg_over_time(x[1h30m]) # a comment",
            "{\"a.b\", c=\"d\"}",
        ] {
            let mut reader = Reader { text, tokens: tokens(text).expect(text), next: 0, depth: 0 };
            assert_eq!(reader.whole(), Ok(()), "{text}");
        }
    }
}
