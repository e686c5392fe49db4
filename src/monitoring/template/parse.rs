//! Templates, read (`text/template/parse/parse.go`, Go 1.26).

use std::collections::BTreeMap;

use super::functions::FUNCTIONS;
use super::lex::{Number, Token, tokens};

/// A text with places to fill in.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub(super) parts: Vec<Part>,
    /// What `define` and `block` name.
    pub(super) named: BTreeMap<String, Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Value(Pipeline),
    Declare(String, Pipeline),
    Assign(String, Pipeline),
    /// Once for each element, which is the dot and, where they are named, variables: its number or key and itself.
    Range {
        names: Vec<String>,
        over: Pipeline,
        body: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// `if` and `with`; the latter makes the value the dot.
    Choice {
        name: Option<String>,
        condition: Pipeline,
        is_with: bool,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
    /// `template`, with what becomes its dot.
    Call(String, Option<Pipeline>),
    Break,
    Continue,
}

/// Commands of which each takes the value of the one before as its last argument.
pub(super) type Pipeline = Vec<Vec<Word>>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// `$labels.pod` or `.Labels.pod`: a variable (`.` for the dot) and fields.
    Variable(String, Vec<String>),
    Text(String),
    Whole(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Function(String),
    /// In parentheses, and fields of what it comes to.
    Group(Pipeline, Vec<String>),
}

impl Template {
    /// # Errors
    /// What of it Prometheus would refuse, in its words.
    pub fn parse(text: &str) -> Result<Template, String> {
        let known = VARIABLES.map(str::to_owned).to_vec();
        let mut parser = Parser { tokens: tokens(text)?, next: 0, known, depth: 0, named: BTreeMap::new() };
        let (parts, end) = parser.parts(true)?;
        match end {
            None => Ok(Template { parts, named: parser.named }),
            Some(end) => Err(format!("unexpected {{{{{}}}}}", end.name())),
        }
    }

    /// Texts that it may make queries of.
    pub fn texts_of_queries(&self) -> Vec<&str> {
        let (mut texts, mut asks) = (Vec::new(), false);
        for parts in self.named.values().chain([&self.parts]) {
            gather(parts, &mut texts, &mut asks);
        }
        if asks { texts } else { Vec::new() }
    }
}

/// What Prometheus defines before a template.
const VARIABLES: [&str; 5] = ["$", "$labels", "$value", "$externalLabels", "$externalURL"];

fn gather<'t>(parts: &'t [Part], texts: &mut Vec<&'t str>, asks: &mut bool) {
    for part in parts {
        match part {
            Part::Text(_) | Part::Break | Part::Continue | Part::Call(_, None) => {}
            Part::Value(pipeline)
            | Part::Declare(_, pipeline)
            | Part::Assign(_, pipeline)
            | Part::Call(_, Some(pipeline)) => gather_words(pipeline, texts, asks),
            Part::Range { over: pipeline, body, otherwise, .. }
            | Part::Choice { condition: pipeline, then: body, otherwise, .. } => {
                gather_words(pipeline, texts, asks);
                gather(body, texts, asks);
                gather(otherwise, texts, asks);
            }
        }
    }
}

fn gather_words<'t>(pipeline: &'t Pipeline, texts: &mut Vec<&'t str>, asks: &mut bool) {
    for word in pipeline.iter().flatten() {
        match word {
            Word::Text(text) => texts.push(text),
            Word::Function(name) => *asks |= name == "query",
            Word::Group(pipeline, _) => gather_words(pipeline, texts, asks),
            _ => {}
        }
    }
}

/// What a list of parts ended with.
enum End {
    End,
    Else,
}

impl End {
    fn name(&self) -> &'static str {
        match self {
            End::End => "end",
            End::Else => "else",
        }
    }
}

/// Templates within one another at most, as deep as a stack may be.
const DEEPEST: usize = 100;

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    known: Vec<String>,
    /// Of `range`s around.
    depth: usize,
    named: BTreeMap<String, Vec<Part>>,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.next += 1;
        }
    }

    /// Parts up to an `end` or `else`, whose word is taken.
    fn parts(&mut self, is_top: bool) -> Result<(Vec<Part>, Option<End>), String> {
        let mut found = Vec::new();
        loop {
            match self.take() {
                None => return Ok((found, None)),
                Some(Token::Text(text)) => {
                    found.push(Part::Text(text));
                    continue;
                }
                Some(_) => self.skip_space(),
            }
            let keyword = match self.peek() {
                Some(Token::Name(name)) => name.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" => {
                    self.next += 1;
                    self.right("end")?;
                    return Ok((found, Some(End::End)));
                }
                "else" => {
                    self.next += 1;
                    return Ok((found, Some(End::Else)));
                }
                "if" | "with" => {
                    self.next += 1;
                    found.push(self.choice(keyword == "with")?);
                }
                "range" => {
                    self.next += 1;
                    found.push(self.range()?);
                }
                "break" | "continue" => {
                    self.next += 1;
                    self.right(&keyword)?;
                    if self.depth == 0 {
                        return Err(format!("{{{{{keyword}}}}} outside {{{{range}}}}"));
                    }
                    found.push(if keyword == "break" { Part::Break } else { Part::Continue });
                }
                "template" => {
                    self.next += 1;
                    let name = self.name_of_template("template clause")?;
                    found.push(Part::Call(name, self.optional_pipeline()?));
                }
                "block" => {
                    self.next += 1;
                    let name = self.name_of_template("block clause")?;
                    let dot = self.pipeline("block clause")?;
                    self.define(&name)?;
                    found.push(Part::Call(name, Some(dot)));
                }
                "define" if is_top => {
                    self.next += 1;
                    let name = self.name_of_template("define clause")?;
                    self.skip_space();
                    self.right("define clause")?;
                    self.define(&name)?;
                }
                "define" => return Err("unexpected {{define}}".to_owned()),
                _ => found.push(self.set_or_value()?),
            }
        }
    }

    fn right(&mut self, of: &str) -> Result<(), String> {
        self.skip_space();
        match self.take() {
            Some(Token::Right) => Ok(()),
            _ => Err(format!("unexpected operand in {of}")),
        }
    }

    fn name_of_template(&mut self, of: &str) -> Result<String, String> {
        self.skip_space();
        match self.take() {
            Some(Token::Quoted(name)) => Ok(name),
            _ => Err(format!("unexpected token in {of}")),
        }
    }

    fn optional_pipeline(&mut self) -> Result<Option<Pipeline>, String> {
        self.skip_space();
        if self.peek() == Some(&Token::Right) {
            self.next += 1;
            return Ok(None);
        }
        self.pipeline("template clause").map(Some)
    }

    /// The body of a named template sees its dot alone.
    fn define(&mut self, name: &str) -> Result<(), String> {
        let (known, depth) =
            (std::mem::replace(&mut self.known, vec!["$".to_owned()]), std::mem::take(&mut self.depth));
        let (body, end) = self.parts(false)?;
        (self.known, self.depth) = (known, depth);
        self.ended(end)?;
        self.named.insert(name.to_owned(), body);
        Ok(())
    }

    fn ended(&self, end: Option<End>) -> Result<(), String> {
        match end {
            Some(End::End) => Ok(()),
            Some(End::Else) => Err("unexpected {{else}}".to_owned()),
            None => Err("unexpected EOF".to_owned()),
        }
    }

    /// `$x :=` or `$x =`, where that is what comes.
    fn names(&mut self, most: usize) -> Option<(Vec<String>, bool)> {
        let from = self.next;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let Some(Token::Variable(name)) = self.take() else { break };
            names.push(name);
            self.skip_space();
            match self.take() {
                Some(Token::Declare) => return Some((names, true)),
                Some(Token::Assign) => return Some((names, false)),
                Some(Token::Comma) if names.len() < most => {}
                _ => break,
            }
        }
        self.next = from;
        None
    }

    fn set_or_value(&mut self) -> Result<Part, String> {
        let Some((mut names, declares)) = self.names(1) else { return Ok(Part::Value(self.pipeline("command")?)) };
        let name = names.swap_remove(0);
        let value = self.pipeline("command")?;
        if declares {
            self.known.push(name.clone());
            return Ok(Part::Declare(name, value));
        }
        Ok(Part::Assign(name, value))
    }

    fn is_known(&self, name: &str) -> Result<(), String> {
        if self.known.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(format!("undefined variable {name:?}"))
    }

    fn choice(&mut self, is_with: bool) -> Result<Part, String> {
        let before = self.known.len();
        let word = if is_with { "with" } else { "if" };
        let names = self.names(1);
        let condition = self.pipeline(word)?;
        let name = names.map(|(mut names, _)| names.swap_remove(0));
        self.known.extend(name.clone());
        let (then, end) = self.parts(false)?;
        let otherwise = self.otherwise(end, word)?;
        self.known.truncate(before);
        Ok(Part::Choice { name, condition, is_with, then, otherwise })
    }

    /// What stands after an `else`, to its `end`.
    fn otherwise(&mut self, end: Option<End>, word: &str) -> Result<Vec<Part>, String> {
        if !matches!(end, Some(End::Else)) {
            self.ended(end)?;
            return Ok(Vec::new());
        }
        self.skip_space();
        match self.peek() {
            Some(Token::Name(again)) if again == word && word != "range" => {
                let is_with = again == "with";
                self.next += 1;
                return Ok(vec![self.choice(is_with)?]);
            }
            _ => self.right("else")?,
        }
        let (otherwise, end) = self.parts(false)?;
        self.ended(end)?;
        Ok(otherwise)
    }

    fn range(&mut self) -> Result<Part, String> {
        let before = self.known.len();
        let (names, _) = self.names(2).unwrap_or_default();
        let over = self.pipeline("range")?;
        self.known.extend(names.iter().cloned());
        self.depth += 1;
        let (body, end) = self.parts(false)?;
        self.depth -= 1;
        let otherwise = self.otherwise(end, "range")?;
        self.known.truncate(before);
        Ok(Part::Range { names, over, body, otherwise })
    }

    /// To the end of the action.
    fn pipeline(&mut self, of: &str) -> Result<Pipeline, String> {
        self.commands(of, &Token::Right, 0)
    }

    fn commands(&mut self, of: &str, end: &Token, depth: usize) -> Result<Pipeline, String> {
        if depth > DEEPEST {
            return Err("parentheses are nested too deeply".to_owned());
        }
        let mut pipeline: Pipeline = vec![Vec::new()];
        loop {
            self.skip_space();
            let command = pipeline.last_mut().expect("it has one");
            match self.peek() {
                Some(token) if token == end => {
                    self.next += 1;
                    break;
                }
                Some(Token::Pipe) => {
                    if command.is_empty() {
                        return Err(format!("missing value for {of}"));
                    }
                    self.next += 1;
                    pipeline.push(Vec::new());
                }
                _ => {
                    let word = self.operand(depth)?;
                    pipeline.last_mut().expect("it has one").push(word);
                    // Operands stand apart.
                    let apart = [Token::Space, Token::Pipe, Token::Right, Token::Close];
                    if self.peek().is_none_or(|next| !apart.contains(next)) {
                        return Err("unexpected token in operand".to_owned());
                    }
                }
            }
        }
        // A pipe with nothing behind it passes.
        if pipeline.len() > 1 && pipeline.last().is_some_and(Vec::is_empty) {
            pipeline.pop();
        }
        if pipeline.iter().any(Vec::is_empty) {
            return Err(format!("missing value for {of}"));
        }
        let cannot_run = |word: &Word| {
            matches!(word, Word::Bool(_) | Word::Nil | Word::Whole(_) | Word::Float(_) | Word::Text(_))
                || *word == Word::Variable(".".to_owned(), Vec::new())
        };
        if let Some(stage) = pipeline.iter().skip(1).position(|command| cannot_run(&command[0])) {
            return Err(format!("non executable command in pipeline stage {}", stage + 2));
        }
        Ok(pipeline)
    }

    fn operand(&mut self, depth: usize) -> Result<Word, String> {
        let mut word = match self.take() {
            Some(Token::Name(name)) => match name.as_str() {
                "true" => Word::Bool(true),
                "false" => Word::Bool(false),
                "nil" => Word::Nil,
                _ if FUNCTIONS.contains(&&*name) => Word::Function(name),
                _ => return Err(format!("function {name:?} not defined")),
            },
            Some(Token::Variable(name)) => {
                self.is_known(&name)?;
                Word::Variable(name, Vec::new())
            }
            Some(Token::Dot) => Word::Variable(".".to_owned(), Vec::new()),
            Some(Token::Field(name)) => Word::Variable(".".to_owned(), vec![name]),
            Some(Token::Quoted(text)) => Word::Text(text),
            Some(Token::Number(Number::Whole(number))) => Word::Whole(number),
            Some(Token::Number(Number::Float(number))) => Word::Float(number),
            Some(Token::Open) => {
                Word::Group(self.commands("parenthesized pipeline", &Token::Close, depth + 1)?, Vec::new())
            }
            _ => return Err("unexpected token in operand".to_owned()),
        };
        let is_dot = word == Word::Variable(".".to_owned(), Vec::new());
        while let Some(Token::Field(name)) = self.peek().cloned() {
            self.next += 1;
            match &mut word {
                Word::Variable(_, fields) | Word::Group(_, fields) if !is_dot => fields.push(name),
                Word::Function(_) => return Err("field of a function is not filled in".to_owned()),
                _ => return Err("unexpected . after term".to_owned()),
            }
        }
        Ok(word)
    }
}
