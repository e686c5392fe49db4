//! Expressions at an instant.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::aggregate::{Aggregation, Labelled, aggregate};
use super::binary;
use super::calendar;
use super::function::{Function, OverTime};
use super::histogram::{Bucket, bucket_fraction, bucket_quantile};
use super::labels::{LabelTable, LabelsId, Symbol};
use super::memo::{Memo, MemoId};
use super::over_time::{Parameters, over_time};
use super::query::{At, Node, Query, Selector, When};
use super::rates::Window;
use super::relabel;
use super::store::{Point, SeriesId, Store, is_stale};
use super::sums::ascending;

/// How far back a value is looked for, milliseconds (`--query.lookback-delta`).
pub const LOOKBACK: i64 = 5 * 60 * 1000;

/// When and how an expression is evaluated; times are milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub at: i64,
    /// What `start()` and `end()` mean.
    pub start: i64,
    pub end: i64,
    /// Step of subqueries that state none (`global.evaluation_interval`).
    pub step: i64,
    pub lookback: i64,
}

impl Context {
    /// A single evaluation, with upstream's defaults.
    pub fn at(at: i64) -> Context {
        Context { at, start: at, end: at, step: 60_000, lookback: LOOKBACK }
    }
}

/// A value of a vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub labels: LabelsId,
    pub value: f64,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar(f64),
    Text(String),
    Vector(Vec<Sample>),
    /// Of a range or a subquery.
    Matrix(Vec<(LabelsId, Vec<Point>)>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct EvalError(pub(super) String);

type Found<T> = Result<T, EvalError>;

/// Works a query out over a store.
///
/// # Errors
/// What upstream refuses: matches that are not unique, two series of the same labels.
pub fn evaluate(query: &mut Query, store: &mut Store, context: Context) -> Found<Value> {
    let Query { root, memos, .. } = query;
    let mut evaluator = Evaluator { store, memos, context, given: &[] };
    let at = context.at;
    match root {
        Node::Text(text) => Ok(Value::Text(text.clone())),
        Node::Range { .. } | Node::Subquery { .. } => {
            let mut matrix = Vec::new();
            evaluator.each_range(root, at, false, |labels, window, _| matrix.push((labels, window.points.to_vec())))?;
            Ok(Value::Matrix(matrix))
        }
        _ if root.is_scalar() => Ok(Value::Scalar(evaluator.scalar(root, at)?)),
        _ => {
            let vector = evaluator.vector(root, at)?;
            evaluator.none_twice(&vector)?;
            Ok(Value::Vector(vector.into_iter().map(|(labels, value)| Sample { labels, value }).collect()))
        }
    }
}

pub(super) struct Evaluator<'a> {
    pub store: &'a mut Store,
    pub memos: &'a mut [Memo],
    pub context: Context,
    /// What [`Node::Given`] stands for.
    pub given: &'a [Vec<Labelled>],
}

impl Evaluator<'_> {
    fn table(&mut self) -> &mut LabelTable {
        &mut self.store.labels
    }

    pub fn scalar(&mut self, node: &Node, at: i64) -> Found<f64> {
        Ok(match node {
            Node::Number(number) => *number,
            Node::Negate { inner } => -self.scalar(inner, at)?,
            Node::Binary { operator, left, right, .. } => {
                let (left, right) = (self.scalar(left, at)?, self.scalar(right, at)?);
                let (result, holds) = operator.apply(left, right);
                if operator.is_comparison() { f64::from(u8::from(holds)) } else { result }
            }
            Node::Call { function: Function::Time, .. } => at as f64 / 1000.0,
            Node::Call { function: Function::Pi, .. } => std::f64::consts::PI,
            Node::Call { function: Function::Scalar, arguments, .. } => match self.vector(&arguments[0], at)?[..] {
                [(_, value)] => value,
                _ => f64::NAN,
            },
            Node::Call { function: function @ (Function::MaxOf | Function::MinOf), arguments, .. } => {
                let (a, b) = (self.scalar(&arguments[0], at)?, self.scalar(&arguments[1], at)?);
                match function {
                    _ if a.is_nan() || b.is_nan() => f64::NAN,
                    Function::MaxOf => a.max(b),
                    _ => a.min(b),
                }
            }
            _ => return Err(EvalError("a scalar was expected".to_owned())),
        })
    }

    pub fn vector(&mut self, node: &Node, at: i64) -> Found<Vec<Labelled>> {
        match node {
            Node::Select(selector) => {
                Ok(self.select(selector, at).into_iter().map(|(l, point)| (l, point.value)).collect())
            }
            Node::Negate { inner } => {
                let negated = self.vector(inner, at)?.into_iter().map(|(labels, value)| (labels, -value)).collect();
                self.without_name(negated, inner)
            }
            Node::Binary { operator, left, right, matching, memo } => match (left.is_scalar(), right.is_scalar()) {
                (false, false) => {
                    let (left, right) = (self.vector(left, at)?, self.vector(right, at)?);
                    let memo = &mut self.memos[memo.0];
                    binary::vectors(*operator, left, right, matching, memo, &mut self.store.labels).map_err(EvalError)
                }
                (true, true) => Ok(vec![(LabelsId::NONE, self.scalar(node, at)?)]),
                (left_is_scalar, _) => {
                    let (scalar, inner) = if left_is_scalar { (left, right) } else { (right, left) };
                    let (scalar, vector) = (self.scalar(scalar, at)?, self.vector(inner, at)?);
                    let found = binary::with_scalar(*operator, vector, scalar, left_is_scalar, matching.is_bool);
                    if operator.is_comparison() && !matching.is_bool {
                        return Ok(found);
                    }
                    self.without_name(found, inner)
                }
            },
            Node::Aggregate { by, aggregation, parameter, inner, memo } => {
                let parameter = parameter.as_deref().map(|node| self.scalar(node, at)).transpose()?.unwrap_or(0.0);
                let vector = self.vector(inner, at)?;
                if parameter.is_nan()
                    && matches!(aggregation, Aggregation::Topk | Aggregation::Bottomk | Aggregation::Limitk)
                {
                    return Err(EvalError("the number of elements is NaN".to_owned()));
                }
                let known = &mut self.memos[memo.0].left;
                let group = |labels: LabelsId, table: &mut LabelTable| {
                    *known.entry(labels).or_insert_with(|| by.apply(labels, table))
                };
                Ok(aggregate(*aggregation, parameter, vector, &mut self.store.labels, group))
            }
            Node::Call { .. } => self.call(node, at),
            Node::Given { place, .. } => Ok(self.given[*place].clone()),
            Node::Number(_) => Ok(vec![(LabelsId::NONE, self.scalar(node, at)?)]),
            Node::Text(_) | Node::Range { .. } | Node::Subquery { .. } => {
                Err(EvalError("an instant vector was expected".to_owned()))
            }
        }
    }

    /// The instant that a selector looks at.
    fn moment(&self, when: When, at: i64) -> i64 {
        let at = match when.at {
            At::Now => at,
            At::Start => self.context.start,
            At::End => self.context.end,
            At::Time(at) => at,
        };
        at - when.offset
    }

    /// Looks which series a selector selects, as far as they are new.
    fn resolve(&mut self, selector: &Selector) {
        let store = &*self.store;
        let selects = |labels| selector.selects(labels, &store.labels);
        self.memos[selector.memo.0].resolved.resolve(selector.name, store, selects);
    }

    fn select(&mut self, selector: &Selector, at: i64) -> Vec<(LabelsId, Point)> {
        self.resolve(selector);
        let moment = self.moment(selector.when, at);
        let from = moment - self.context.lookback;
        let store = &*self.store;
        let one = |id: &SeriesId| store.last_between(*id, from, moment).map(|point| (store.stored(*id).labels, point));
        self.memos[selector.memo.0].resolved.ids.iter().filter_map(one).collect()
    }

    /// Calls `with` for each series of a range; the third argument is what a counter had
    /// reached before its resets, where the range is one `of_counters`.
    fn each_range(
        &mut self,
        node: &Node,
        at: i64,
        of_counters: bool,
        mut with: impl FnMut(LabelsId, Window<'_>, &mut dyn Iterator<Item = f64>),
    ) -> Found<()> {
        match node {
            Node::Range { selector, range } => {
                self.resolve(selector);
                let to = self.moment(selector.when, at);
                let from = to - range;
                let (mut scratch, mut clean, mut resets) = (Vec::new(), Vec::new(), Vec::new());
                for id in &self.memos[selector.memo.0].resolved.ids {
                    let stored = self.store.stored(*id);
                    let (labels, has_stale) = (stored.labels, stored.has_stale);
                    let points = self.store.between(*id, from, to, &mut scratch);
                    let Some(first) = points.first().copied() else { continue };
                    if has_stale && points.iter().any(|point| is_stale(point.value)) {
                        clean.clear();
                        clean.extend(points.iter().filter(|point| !is_stale(point.value)));
                        if !clean.is_empty() {
                            with(labels, Window { points: &clean, from, to }, &mut drops(&clean));
                        }
                        continue;
                    }
                    resets.clear();
                    if of_counters {
                        self.store.drops_between(*id, first.at, to, &mut resets);
                    }
                    let points = self.store.between(*id, from, to, &mut scratch);
                    with(labels, Window { points, from, to }, &mut resets.iter().copied());
                }
            }
            Node::Subquery { when, range, .. } => {
                let to = self.moment(*when, at);
                let from = to - range;
                for (labels, points) in self.subquery(node, from, to)? {
                    with(labels, Window { points: &points, from, to }, &mut drops(&points));
                }
            }
            _ => return Err(EvalError("a range vector was expected".to_owned())),
        }
        Ok(())
    }

    /// The series of a subquery, in the order of their first appearance.
    fn subquery(&mut self, node: &Node, from: i64, to: i64) -> Found<Vec<(LabelsId, Vec<Point>)>> {
        let Node::Subquery { inner, step, is_settled, memo, .. } = node else { return Ok(Vec::new()) };
        let step = step.unwrap_or(self.context.step).max(1);
        let mut first = from.div_euclid(step) * step;
        if first <= from {
            first += step;
        }
        let mut places: FxHashMap<LabelsId, usize> = FxHashMap::default();
        let mut series: Vec<(LabelsId, Vec<Point>)> = Vec::new();
        let mut steps = std::mem::take(&mut self.memos[memo.0].steps);
        while steps.front().is_some_and(|(at, _)| *at < first) {
            steps.pop_front();
        }
        let mut known = 0;
        for at in (first..=to).step_by(step as usize) {
            while steps.get(known).is_some_and(|(time, _)| *time < at) {
                known += 1;
            }
            if steps.get(known).is_none_or(|(time, _)| *time != at) {
                let vector = match inner.is_scalar() {
                    true => vec![(LabelsId::NONE, self.scalar(inner, at)?)],
                    false => self.vector(inner, at)?,
                };
                self.none_twice(&vector)?;
                steps.insert(known, (at, vector));
            }
            for (labels, value) in &steps[known].1 {
                let place = *places.entry(*labels).or_insert_with(|| {
                    series.push((*labels, Vec::new()));
                    series.len() - 1
                });
                series[place].1.push(Point { at, value: *value });
            }
        }
        // Samples of this very instant may still come.
        while steps.back().is_some_and(|(at, _)| *at >= self.context.at) {
            steps.pop_back();
        }
        if *is_settled {
            self.memos[memo.0].steps = steps;
        }
        Ok(series)
    }

    fn call(&mut self, node: &Node, at: i64) -> Found<Vec<Labelled>> {
        let Node::Call { function, arguments, replacement, memo } = node else { return Ok(Vec::new()) };
        match function {
            Function::OverTime(function) => self.over_time(*function, arguments, at),
            Function::Each(each) => {
                let vector = self.vector(&arguments[0], at)?;
                let found = vector.into_iter().map(|(labels, value)| (labels, each(value))).collect();
                self.without_name(found, &arguments[0])
            }
            Function::Calendar(part) => match arguments.first() {
                None => Ok(vec![(LabelsId::NONE, calendar::part(*part, at as f64 / 1000.0))]),
                Some(argument) => {
                    let vector = self.vector(argument, at)?;
                    let found =
                        vector.into_iter().map(|(labels, value)| (labels, calendar::part(*part, value))).collect();
                    self.without_name(found, argument)
                }
            },
            Function::Absent => {
                let is_absent = self.vector(&arguments[0], at)?.is_empty();
                Ok(if is_absent {
                    vec![(labels_of_absent(&arguments[0], &mut self.store.labels), 1.0)]
                } else {
                    Vec::new()
                })
            }
            Function::AbsentOverTime => {
                let mut is_absent = true;
                self.each_range(&arguments[0], at, false, |_, _, _| is_absent = false)?;
                Ok(if is_absent {
                    vec![(labels_of_absent(&arguments[0], &mut self.store.labels), 1.0)]
                } else {
                    Vec::new()
                })
            }
            Function::Clamp | Function::ClampMax | Function::ClampMin | Function::Round => {
                self.bounded(*function, arguments, at)
            }
            Function::HistogramFraction | Function::HistogramQuantile => {
                self.histogram(*function, arguments, *memo, at)
            }
            Function::LabelReplace | Function::LabelJoin => {
                let vector = self.vector(&arguments[0], at)?;
                let texts: Vec<&str> =
                    arguments[1..].iter().map(|node| if let Node::Text(text) = node { text } else { "" }).collect();
                let table = &mut self.store.labels;
                let known = &mut self.memos[memo.0].left;
                let mut relabelled = Vec::with_capacity(vector.len());
                for (labels, value) in vector {
                    let made = *known.entry(labels).or_insert_with(|| match replacement {
                        Some(replacement) => replacement.apply(labels, table),
                        None => {
                            let symbols: Vec<Symbol> = texts.iter().map(|text| table.symbol(text)).collect();
                            relabel::join(labels, symbols[0], texts[1], &symbols[2..], table)
                        }
                    });
                    relabelled.push((made, value));
                }
                self.none_twice(&relabelled)?;
                Ok(relabelled)
            }
            Function::Sort | Function::SortDesc => {
                let mut vector = self.vector(&arguments[0], at)?;
                let is_ascending = matches!(function, Function::Sort);
                vector.sort_by(|(_, a), (_, b)| {
                    let by_value = if is_ascending { ascending(*a, *b) } else { ascending(*b, *a) };
                    a.is_nan().cmp(&b.is_nan()).then(by_value)
                });
                Ok(vector)
            }
            Function::SortByLabel | Function::SortByLabelDesc => {
                let mut vector = self.vector(&arguments[0], at)?;
                let texts = arguments[1..]
                    .iter()
                    .filter_map(|node| if let Node::Text(text) = node { Some(text) } else { None });
                let symbols: Vec<Symbol> = texts.map(|text| self.store.labels.symbol(text)).collect();
                let table = &self.store.labels;
                vector.sort_by(|(a, _), (b, _)| {
                    let values =
                        |labels: &LabelsId, symbol: &Symbol| table.text(table.value(*labels, *symbol)).to_owned();
                    let by_labels = symbols.iter().map(|symbol| natural(&values(a, symbol), &values(b, symbol)));
                    let order =
                        by_labels.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| table.compare(*a, *b));
                    if matches!(function, Function::SortByLabel) { order } else { order.reverse() }
                });
                Ok(vector)
            }
            Function::Timestamp => {
                let times = |(labels, point): (LabelsId, Point)| (labels, point.at as f64 / 1000.0);
                let found = match &arguments[0] {
                    Node::Select(selector) => self.select(selector, at).into_iter().map(times).collect(),
                    argument => {
                        let now = at as f64 / 1000.0;
                        self.vector(argument, at)?.into_iter().map(|(labels, _)| (labels, now)).collect()
                    }
                };
                self.without_name(found, &arguments[0])
            }
            Function::Vector => Ok(vec![(LabelsId::NONE, self.scalar(&arguments[0], at)?)]),
            Function::MaxOf | Function::MinOf | Function::Pi | Function::Scalar | Function::Time => {
                Ok(vec![(LabelsId::NONE, self.scalar(node, at)?)])
            }
        }
    }

    fn over_time(&mut self, function: OverTime, arguments: &[Node], at: i64) -> Found<Vec<Labelled>> {
        // Scalars stand before or after the range.
        let (mut scalars, mut range) = (Vec::new(), None);
        for argument in arguments {
            match argument {
                Node::Range { .. } | Node::Subquery { .. } => range = Some(argument),
                scalar => scalars.push(self.scalar(scalar, at)?),
            }
        }
        let Some(range) = range else { return Err(EvalError("a range vector was expected".to_owned())) };
        let scalar = |index: usize| scalars.get(index).copied().unwrap_or(0.0);
        if function == OverTime::DoubleExponentialSmoothing {
            for (factor, name) in [(scalar(0), "smoothing"), (scalar(1), "trend")] {
                if !(factor > 0.0 && factor < 1.0) {
                    return Err(EvalError(format!("the {name} factor {factor} does not lie between 0 and 1")));
                }
            }
        }
        let parameters = Parameters { first: scalar(0), second: scalar(1), now: at };
        let mut found = Vec::new();
        self.each_range(range, at, function.is_of_counters(), |labels, window, drops| {
            found.extend(over_time(function, window, parameters, || drops).map(|value| (labels, value)));
        })?;
        if function.keeps_name() { Ok(found) } else { self.without_name(found, range) }
    }

    fn bounded(&mut self, function: Function, arguments: &[Node], at: i64) -> Found<Vec<Labelled>> {
        let vector = self.vector(&arguments[0], at)?;
        let mut scalar = |index: usize| arguments.get(index).map(|node| self.scalar(node, at)).transpose();
        let (first, second) = (scalar(1)?, scalar(2)?.unwrap_or(f64::INFINITY));
        let (low, high) = match function {
            Function::Clamp => (first.unwrap_or(f64::NEG_INFINITY), second),
            Function::ClampMin => (first.unwrap_or(f64::NEG_INFINITY), f64::INFINITY),
            _ => (f64::NEG_INFINITY, first.unwrap_or(f64::INFINITY)),
        };
        let inverse = 1.0 / first.unwrap_or(1.0);
        let found = match function {
            Function::Round => {
                vector.into_iter().map(|(labels, value)| (labels, (value * inverse + 0.5).floor() / inverse)).collect()
            }
            _ if high < low => Vec::new(),
            _ => vector
                .into_iter()
                .map(|(labels, value)| {
                    let is_nan = value.is_nan() || low.is_nan() || high.is_nan();
                    (labels, if is_nan { f64::NAN } else { value.min(high).max(low) })
                })
                .collect(),
        };
        self.without_name(found, &arguments[0])
    }

    fn histogram(&mut self, function: Function, arguments: &[Node], memo: MemoId, at: i64) -> Found<Vec<Labelled>> {
        let count = arguments.len() - 1;
        let scalars: Found<Vec<f64>> = arguments[..count].iter().map(|node| self.scalar(node, at)).collect();
        let scalars = scalars?;
        let vector = self.vector(&arguments[count], at)?;
        let le = self.table().symbol("le");
        let mut places: FxHashMap<LabelsId, usize> = FxHashMap::default();
        let mut histograms: Vec<(LabelsId, Vec<Bucket>)> = Vec::new();
        for (labels, value) in vector {
            let table = &mut self.store.labels;
            let bound = table.text(table.value(labels, le));
            let Ok(bound) = bound.parse::<f64>() else { continue };
            let known = &mut self.memos[memo.0].left;
            let of = *known.entry(labels).or_insert_with(|| table.drop(labels, &[le, LabelTable::NAME]));
            let place = *places.entry(of).or_insert_with(|| {
                histograms.push((of, Vec::new()));
                histograms.len() - 1
            });
            histograms[place].1.push(Bucket { bound, count: value });
        }
        let one = |(labels, buckets): (LabelsId, Vec<Bucket>)| {
            let value = match function {
                Function::HistogramQuantile => bucket_quantile(scalars[0], buckets),
                _ => bucket_fraction(scalars[0], scalars[1], buckets),
            };
            (labels, value)
        };
        Ok(histograms.into_iter().map(one).collect())
    }

    /// Takes the names off, which must leave no two series alike. `of`: what the vector was made from.
    fn without_name(&mut self, mut vector: Vec<Labelled>, of: &Node) -> Found<Vec<Labelled>> {
        for (labels, _) in &mut vector {
            *labels = self.store.labels.without_name(*labels);
        }
        if !of.is_unique_without_name() {
            self.none_twice(&vector)?;
        }
        Ok(vector)
    }

    fn none_twice(&self, vector: &[Labelled]) -> Found<()> {
        let labels: Vec<LabelsId> = vector.iter().map(|(labels, _)| *labels).collect();
        self.store.labels.none_twice(&labels).map_err(EvalError)
    }
}

/// What `absent` says of a selector: the labels that it wants to have a value.
pub(super) fn labels_of_absent(node: &Node, table: &mut LabelTable) -> LabelsId {
    let selector = match node {
        Node::Select(selector) | Node::Range { selector, .. } => selector,
        _ => return LabelsId::NONE,
    };
    let is_alone = |label: &str| selector.matchers.iter().filter(|matcher| matcher.label == label).count() == 1;
    let wanted = selector.matchers.iter().filter_map(|matcher| Some((&*matcher.label, matcher.wanted()?)));
    let pairs: Vec<(&str, &str)> =
        wanted.filter(|(label, _)| is_alone(label) && *label != super::labels::NAME).collect();
    table.set_of(pairs)
}

/// Numbers in texts by their size.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (first, second) = (chunk(&mut a), chunk(&mut b));
        let order = match (first.parse::<u64>(), second.parse::<u64>()) {
            (Ok(first), Ok(second)) => first.cmp(&second),
            _ => first.cmp(second),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Takes the first digits or the first other letters.
fn chunk<'t>(text: &mut &'t str) -> &'t str {
    let is_digit = text.starts_with(|letter: char| letter.is_ascii_digit());
    let end = text.find(|letter: char| letter.is_ascii_digit() != is_digit).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    *text = rest;
    first
}

/// What a counter had reached before its resets.
pub(super) fn drops(points: &[Point]) -> impl Iterator<Item = f64> + '_ {
    points.windows(2).filter(|pair| pair[1].value < pair[0].value).map(|pair| pair[0].value)
}
