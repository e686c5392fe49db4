//! Expressions, read and made ready: every label a number, every operator and function known.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use promql_parser::label::{Labels, MatchOp};
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self as syntax, AtModifier, Expr, LabelModifier, Offset, VectorMatchCardinality};
use regex::Regex;
use thiserror::Error;

use super::aggregate::Aggregation;
use super::function::{self, Function};
use super::labels::{LabelTable, LabelsId, NAME, Symbol};
use super::matcher::Matcher;
use super::matching::{Grouping, Many, Matching};
use super::maths::Operator;
use super::memo::{Memo, MemoId};
use super::relabel::{Replacement, is_label_name};

/// Why an expression is not evaluated here.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unsupported(String);

/// An expression over one store, with what it remembers of that.
#[derive(Debug)]
pub struct Query {
    pub(super) root: Node,
    pub(super) memos: Vec<Memo>,
    selected: Vec<Selected>,
    words: Words,
    is_scalar: bool,
}

/// What an expression names beside series.
#[derive(Clone, Debug, Default)]
struct Words {
    /// By which it groups, matches, and takes over.
    labels: Vec<String>,
    /// That it makes itself.
    made: Vec<String>,
    experimental: BTreeSet<&'static str>,
}

/// A selector of an expression: which series it asks for.
#[derive(Clone, Debug)]
pub struct Selected {
    /// `None` where the name is matched otherwise than by equality.
    pub name: Option<String>,
    pub(super) matchers: Vec<Matcher>,
    /// How far back it looks beside the look-back of selectors, milliseconds.
    pub reach: i64,
}

impl Selected {
    /// Every series of a metric.
    pub fn of_metric(name: &str, reach: i64) -> Selected {
        Selected { name: Some(name.to_owned()), matchers: Vec::new(), reach }
    }

    /// Whether it selects a series of this name and these labels.
    pub fn matches(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.matchers.iter().all(|matcher| {
                let value = labels.iter().find(|(label, _)| *label == matcher.label).map(|(_, value)| *value);
                let value = if matcher.label == NAME { name } else { value.unwrap_or("") };
                matcher.holds(value)
            })
    }
}

/// When a selector looks, given when it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct When {
    pub at: At,
    /// Milliseconds back.
    pub offset: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum At {
    #[default]
    Now,
    Start,
    End,
    Time(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Selector {
    /// Equality on the name.
    pub name: Option<Symbol>,
    /// The same as text.
    pub text: Option<String>,
    pub matchers: Vec<Matcher>,
    pub when: When,
    pub memo: MemoId,
}

impl Selector {
    /// Whether it selects a series of its metric.
    pub fn selects(&self, labels: LabelsId, table: &LabelTable) -> bool {
        let value = |symbol: Symbol| table.text(table.value(labels, symbol));
        self.matchers.iter().all(|matcher| matcher.holds(value(matcher.symbol)))
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Number(f64),
    Text(String),
    Select(Selector),
    Range {
        selector: Selector,
        range: i64,
    },
    Subquery {
        inner: Box<Node>,
        range: i64,
        step: Option<i64>,
        when: When,
        is_settled: bool,
        memo: MemoId,
    },
    Negate {
        inner: Box<Node>,
    },
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
        matching: Matching,
        memo: MemoId,
    },
    Aggregate {
        by: Grouping,
        aggregation: Aggregation,
        parameter: Option<Box<Node>>,
        inner: Box<Node>,
        memo: MemoId,
    },
    Call {
        function: Function,
        arguments: Vec<Node>,
        replacement: Option<Replacement>,
        memo: MemoId,
    },
    /// A vector that was worked out elsewhere: the so-many-th of those that are given.
    Given {
        place: usize,
        is_unique_without_name: bool,
    },
}

impl Node {
    pub fn is_scalar(&self) -> bool {
        match self {
            Node::Number(_) => true,
            Node::Negate { inner } => inner.is_scalar(),
            Node::Binary { left, right, .. } => left.is_scalar() && right.is_scalar(),
            Node::Call { function, .. } => {
                matches!(function, Function::Scalar | Function::Time | Function::Pi | Function::MaxOf | Function::MinOf)
            }
            _ => false,
        }
    }

    /// Its series differ by more than their names.
    pub fn is_unique_without_name(&self) -> bool {
        match self {
            Node::Select(selector) | Node::Range { selector, .. } => selector.name.is_some(),
            Node::Subquery { inner, .. } | Node::Negate { inner } => inner.is_unique_without_name(),
            Node::Aggregate { .. } => true,
            Node::Given { is_unique_without_name, .. } => *is_unique_without_name,
            Node::Binary { operator: Operator::Or, .. } => false,
            Node::Binary { operator, left, .. } if operator.is_of_sets() => left.is_unique_without_name(),
            Node::Call { function: Function::OverTime(_), arguments, .. } => {
                arguments.last().is_some_and(Node::is_unique_without_name)
            }
            Node::Call { function: Function::Each(_) | Function::Calendar(_), arguments, .. } => {
                arguments.first().is_none_or(Node::is_unique_without_name)
            }
            _ => false,
        }
    }
}

impl Query {
    /// Reads an expression for a store with these labels.
    ///
    /// # Errors
    /// What is wrong with it, or not evaluated here.
    pub fn parse(text: &str, labels: &mut LabelTable) -> Result<Query, Unsupported> {
        may_be_read(text)?;
        let parsed = syntax::parse(text).map_err(|problem| Unsupported(problem.to_string()))?;
        if depth(&parsed, 0) > DEEPEST {
            return unsupported(format!("operations stand in one another at most {DEEPEST} deep"));
        }
        let is_scalar = parsed.value_type() == ValueType::Scalar;
        let mut maker = Maker { labels, memos: 0, selected: Vec::new(), words: Words::default() };
        let root = maker.node(&parsed, 0)?;
        let memos = (0..maker.memos).map(|_| Memo::default()).collect();
        Ok(Query { root, memos, selected: maker.selected, words: maker.words, is_scalar })
    }

    /// Labels by which it groups, matches, and takes over, that it does not make itself.
    pub fn labels_named(&self) -> impl Iterator<Item = &str> {
        self.words.labels.iter().filter(|label| !self.words.made.contains(label)).map(String::as_str)
    }

    /// Functions of it that Prometheus refuses where it is not told otherwise.
    pub fn experimental(&self) -> impl Iterator<Item = &'static str> {
        self.words.experimental.iter().copied()
    }

    /// The series that it asks for.
    pub fn selected(&self) -> &[Selected] {
        &self.selected
    }

    pub fn is_scalar(&self) -> bool {
        self.is_scalar
    }

    /// It gives a vector or a scalar, as rules must.
    pub fn is_of_an_instant(&self) -> bool {
        !matches!(self.root, Node::Text(_) | Node::Range { .. } | Node::Subquery { .. })
    }
}

/// Longer texts, and deeper ones, nobody writes; and they are read and worked out by recursion.
const MOST_LETTERS: usize = 50_000;
const MOST_BRACKETS: usize = 100;
const MOST_OPERATORS: usize = 2_000;
const DEEPEST: usize = 300;

/// # Errors
/// The text is too long or too deep to be read.
fn may_be_read(text: &str) -> Result<(), Unsupported> {
    if text.len() > MOST_LETTERS {
        return unsupported(format!("an expression has at most {MOST_LETTERS} letters"));
    }
    let (mut open, mut deepest): (usize, usize) = (0, 0);
    let words = text.split_whitespace().filter(|word| matches!(*word, "and" | "or" | "unless"));
    let mut operators = words.count();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some('"' | '\''), '\\') => {
                letters.next();
            }
            (Some(of), letter) if of == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '(' | '[' | '{') => open += 1,
            (None, ')' | ']' | '}') => open = open.saturating_sub(1),
            (None, '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!') => operators += 1,
            _ => {}
        }
        deepest = deepest.max(open);
    }
    if operators > MOST_OPERATORS {
        return unsupported(format!("an expression has at most {MOST_OPERATORS} operators"));
    }
    if deepest > MOST_BRACKETS {
        return unsupported(format!("brackets stand in one another at most {MOST_BRACKETS} deep"));
    }
    Ok(())
}

/// How many expressions stand in one another; stops counting beyond what is taken.
fn depth(expr: &Expr, so_far: usize) -> usize {
    if so_far > DEEPEST {
        return so_far;
    }
    let of = |inner: &Expr| depth(inner, so_far + 1);
    match expr {
        Expr::Binary(binary) => of(&binary.lhs).max(of(&binary.rhs)),
        Expr::Paren(paren) => of(&paren.expr),
        Expr::Unary(unary) => of(&unary.expr),
        Expr::Subquery(subquery) => of(&subquery.expr),
        Expr::Aggregate(aggregate) => of(&aggregate.expr).max(aggregate.param.as_deref().map_or(0, of)),
        Expr::Call(call) => call.args.args.iter().map(|argument| of(argument)).max().unwrap_or(so_far),
        _ => so_far,
    }
}

struct Maker<'l> {
    labels: &'l mut LabelTable,
    memos: usize,
    selected: Vec<Selected>,
    words: Words,
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(what.into()))
}

impl Maker<'_> {
    fn memo(&mut self) -> MemoId {
        self.memos += 1;
        MemoId(self.memos - 1)
    }

    /// `back`: how far back its parents look.
    fn node(&mut self, expr: &Expr, back: i64) -> Result<Node, Unsupported> {
        Ok(match expr {
            Expr::NumberLiteral(number) => Node::Number(number.val),
            Expr::StringLiteral(text) => Node::Text(text.val.clone()),
            Expr::Paren(paren) => self.node(&paren.expr, back)?,
            Expr::VectorSelector(selector) => Node::Select(self.selector(selector, back)?),
            Expr::MatrixSelector(matrix) => {
                let range = millis(matrix.range);
                Node::Range { selector: self.selector(&matrix.vs, back + range)?, range }
            }
            Expr::Subquery(subquery) => {
                let range = millis(subquery.range);
                let when = when(subquery.offset.as_ref(), subquery.at.as_ref());
                let selectors = self.selected.len();
                let inner = Box::new(self.node(&subquery.expr, back + range + when.offset.max(0))?);
                let is_settled = selectors < self.selected.len() && is_settled(&inner) && is_plain(when);
                let memo = self.memo();
                Node::Subquery { inner, range, step: subquery.step.map(millis), when, is_settled, memo }
            }
            Expr::Unary(unary) => Node::Negate { inner: Box::new(self.node(&unary.expr, back)?) },
            Expr::Binary(binary) => self.binary(binary, back)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, back)?,
            Expr::Call(call) => self.call(call, back)?,
            Expr::Extension(_) => return unsupported("an extension of the language"),
        })
    }

    fn selector(&mut self, selector: &syntax::VectorSelector, back: i64) -> Result<Selector, Unsupported> {
        if !selector.matchers.or_matchers.is_empty() {
            return unsupported("`or` between matchers is no PromQL of Prometheus");
        }
        let mut name = selector.name.clone();
        let mut matchers = Vec::new();
        for matcher in &selector.matchers.matchers {
            let is_name = matcher.name == NAME && matches!(matcher.op, MatchOp::Equal) && !matcher.value.is_empty();
            if is_name && name.is_none() {
                name = Some(matcher.value.clone());
            } else {
                matchers.push(Matcher::of(matcher, self.labels.symbol(&matcher.name)));
            }
        }
        let when = when(selector.offset.as_ref(), selector.at.as_ref());
        let reach = match when.at {
            At::Now => back + when.offset.max(0),
            // Whatever is fixed in time is kept from the start.
            At::Start | At::End | At::Time(_) => i64::MAX / 4,
        };
        self.selected.push(Selected { name: name.clone(), matchers: matchers.clone(), reach });
        let text = name;
        let name = text.as_ref().map(|name| self.labels.symbol(name));
        Ok(Selector { name, text, matchers, when, memo: self.memo() })
    }

    fn symbols(&mut self, labels: &Labels) -> Vec<Symbol> {
        self.words.labels.extend(labels.labels.iter().cloned());
        labels.labels.iter().map(|label| self.labels.symbol(label)).collect()
    }

    fn binary(&mut self, binary: &syntax::BinaryExpr, back: i64) -> Result<Node, Unsupported> {
        let operator = operator(binary.op)?;
        let left = Box::new(self.node(&binary.lhs, back)?);
        let right = Box::new(self.node(&binary.rhs, back)?);
        let mut matching = Matching {
            on: Grouping::Without(vec![LabelTable::NAME]),
            is_bool: binary.return_bool(),
            many: Many::Neither,
            include: Vec::new(),
        };
        if let Some(modifier) = &binary.modifier {
            if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
                return unsupported("`fill` between vectors is experimental and not evaluated");
            }
            match &modifier.matching {
                Some(LabelModifier::Include(labels)) => matching.on = Grouping::By(self.symbols(labels)),
                Some(LabelModifier::Exclude(labels)) => {
                    let mut labels = self.symbols(labels);
                    labels.push(LabelTable::NAME);
                    matching.on = Grouping::Without(labels);
                }
                None => {}
            }
            (matching.many, matching.include) = match &modifier.card {
                VectorMatchCardinality::ManyToOne(labels) => (Many::Left, self.symbols(labels)),
                VectorMatchCardinality::OneToMany(labels) => (Many::Right, self.symbols(labels)),
                VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => (Many::Neither, Vec::new()),
            };
        }
        Ok(Node::Binary { operator, left, right, matching, memo: self.memo() })
    }

    fn aggregate(&mut self, aggregate: &syntax::AggregateExpr, back: i64) -> Result<Node, Unsupported> {
        let by = match &aggregate.modifier {
            None => Grouping::By(Vec::new()),
            Some(LabelModifier::Include(labels)) => Grouping::By(self.symbols(labels)),
            Some(LabelModifier::Exclude(labels)) => {
                let mut labels = self.symbols(labels);
                labels.push(LabelTable::NAME);
                Grouping::Without(labels)
            }
        };
        let aggregation = match aggregate.op.id() {
            token::T_SUM => Aggregation::Sum,
            token::T_AVG => Aggregation::Avg,
            token::T_COUNT => Aggregation::Count,
            token::T_MIN => Aggregation::Min,
            token::T_MAX => Aggregation::Max,
            token::T_GROUP => Aggregation::Group,
            token::T_STDDEV => Aggregation::Stddev,
            token::T_STDVAR => Aggregation::Stdvar,
            token::T_TOPK => Aggregation::Topk,
            token::T_BOTTOMK => Aggregation::Bottomk,
            token::T_LIMITK => {
                self.words.experimental.extend(function::experimental("limitk"));
                Aggregation::Limitk
            }
            token::T_QUANTILE => Aggregation::Quantile,
            token::T_COUNT_VALUES => {
                let label = match aggregate.param.as_deref().map(stripped) {
                    Some(Expr::StringLiteral(label)) if is_label_name(&label.val) => {
                        self.words.made.push(label.val.clone());
                        self.labels.symbol(&label.val)
                    }
                    _ => return unsupported("count_values wants the name of a label"),
                };
                Aggregation::CountValues(label)
            }
            _ => return unsupported(format!("the aggregation {} is not evaluated", aggregate.op)),
        };
        let parameter = match (&aggregation, &aggregate.param) {
            (Aggregation::CountValues(_), _) | (_, None) => None,
            (_, Some(parameter)) => Some(Box::new(self.node(parameter, back)?)),
        };
        let inner = Box::new(self.node(&aggregate.expr, back)?);
        Ok(Node::Aggregate { by, aggregation, parameter, inner, memo: self.memo() })
    }

    fn call(&mut self, call: &syntax::Call, back: i64) -> Result<Node, Unsupported> {
        let name = call.func.name;
        let Some(function) = function::by_name(name) else {
            return unsupported(format!("the function {name}() is not evaluated"));
        };
        self.words.experimental.extend(function::experimental(name));
        let arguments: Result<Vec<Node>, Unsupported> =
            call.args.args.iter().map(|argument| self.node(argument, back)).collect();
        let arguments = arguments?;
        let text = |index: usize| match arguments.get(index) {
            Some(Node::Text(text)) => text.as_str(),
            _ => "",
        };
        let replacement = match function {
            Function::LabelReplace => {
                if !is_label_name(text(1)) {
                    return unsupported(format!("label_replace can't make a label called {:?}", text(1)));
                }
                let pattern = Regex::new(&format!("^(?s:{})$", text(4)))
                    .map_err(|_| Unsupported(format!("label_replace: {:?} is no regular expression", text(4))))?;
                let [destination, template, source] = [text(1), text(2), text(3)].map(str::to_owned);
                Some(Replacement { destination, template, source, pattern })
            }
            Function::LabelJoin if !is_label_name(text(1)) => {
                return unsupported(format!("label_join can't make a label called {:?}", text(1)));
            }
            _ => None,
        };
        if matches!(function, Function::LabelReplace | Function::LabelJoin) {
            self.words.made.push(text(1).to_owned());
        }
        Ok(Node::Call { function, arguments, replacement, memo: self.memo() })
    }
}

fn stripped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => stripped(&paren.expr),
        expr => expr,
    }
}

/// What it gives for a time in the past never changes.
fn is_settled(node: &Node) -> bool {
    match node {
        Node::Number(_) | Node::Text(_) => true,
        Node::Select(selector) | Node::Range { selector, .. } => is_plain(selector.when),
        Node::Subquery { inner, when, .. } => is_plain(*when) && is_settled(inner),
        Node::Negate { inner } => is_settled(inner),
        Node::Binary { left, right, .. } => is_settled(left) && is_settled(right),
        Node::Aggregate { parameter, inner, .. } => parameter.as_deref().is_none_or(is_settled) && is_settled(inner),
        Node::Call { arguments, .. } => arguments.iter().all(is_settled),
        Node::Given { .. } => false,
    }
}

fn is_plain(when: When) -> bool {
    matches!(when.at, At::Now) && when.offset >= 0
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn when(offset: Option<&Offset>, at: Option<&AtModifier>) -> When {
    let offset = match offset {
        None => 0,
        Some(Offset::Pos(back)) => millis(*back),
        Some(Offset::Neg(ahead)) => -millis(*ahead),
    };
    let at = match at {
        None => At::Now,
        Some(AtModifier::Start) => At::Start,
        Some(AtModifier::End) => At::End,
        Some(AtModifier::At(time)) => At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        }),
    };
    When { at, offset }
}

fn operator(token: TokenType) -> Result<Operator, Unsupported> {
    Ok(match token.id() {
        token::T_ADD => Operator::Add,
        token::T_SUB => Operator::Sub,
        token::T_MUL => Operator::Mul,
        token::T_DIV => Operator::Div,
        token::T_MOD => Operator::Mod,
        token::T_POW => Operator::Pow,
        token::T_ATAN2 => Operator::Atan2,
        token::T_EQLC => Operator::Equal,
        token::T_NEQ => Operator::NotEqual,
        token::T_LSS => Operator::Less,
        token::T_LTE => Operator::LessOrEqual,
        token::T_GTR => Operator::Greater,
        token::T_GTE => Operator::GreaterOrEqual,
        token::T_LAND => Operator::And,
        token::T_LOR => Operator::Or,
        token::T_LUNLESS => Operator::Unless,
        _ => return unsupported(format!("the operator {token} is not evaluated")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_is_refused_and_does_not_end_the_program() {
        let parse =
            |text: &str| Query::parse(text, &mut LabelTable::default()).map(|_| ()).map_err(|why| why.to_string());
        let nested = |depth: usize| format!("{}up{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(parse(&nested(60)), Ok(()));
        assert!(parse(&nested(3000)).unwrap_err().contains("deep"));
        let chain = |length: usize| vec!["up"; length].join(" or ");
        assert_eq!(parse(&chain(200)), Ok(()));
        assert!(parse(&chain(1000)).unwrap_err().contains("deep"));
        assert!(parse(&chain(5000)).unwrap_err().contains("operators"));
        assert!(parse(&"-".repeat(1500)).is_err());
        assert!(parse(&format!("up{{a=\"{}\"}}", "(".repeat(500))).is_ok());
        assert!(parse(&"a".repeat(60_000)).unwrap_err().contains("letters"));
    }
}
