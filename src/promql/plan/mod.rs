//! Many queries over one store, asked again and again: what they have in common is worked out once, and what did not change
//! is not worked out again.
//!
//! A plan is a list of nodes, each after those that it asks. A node keeps its last vector as labels and values apart, for
//! labels stay while values change: who is grouped with whom and who meets whom is worked out when labels change, and
//! with them the rest is arithmetic over lists. A node is asked again only where one that it asks has changed or time
//! itself matters to it. What is rare (subqueries, `topk`, offsets, …) is left to [`evaluate`](super::evaluate), whose results a
//! plan's are to the bit; tests hold both equal.

mod group;
mod join;
mod leaf;
mod output;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::group::Groups;
use self::join::Join;
use self::leaf::{Range, Select};
pub use self::output::Shape;
use self::output::{Chosen, Nameless, Output};
use super::aggregate::Labelled;
use super::calendar::{self, Part};
use super::eval::{Context, EvalError, Evaluator, labels_of_absent};
use super::function::{Function, OverTime};
use super::labels::{LabelTable, LabelsId};
use super::maths::Operator;
use super::memo::Memo;
use super::query::{At, Node, Query, When};
use super::store::Store;

/// A query of a [`Plan`].
#[derive(Clone, Copy, Debug)]
pub struct PlanId(usize);

/// See the module's description.
#[derive(Debug, Default)]
pub struct Plan {
    nodes: Vec<PlanNode>,
    by_text: FxHashMap<String, usize>,
    roots: Vec<Root>,
    stamps: u64,
}

#[derive(Debug)]
struct Root {
    node: usize,
    /// What has to be looked at, in order.
    order: Vec<usize>,
    is_scalar: bool,
    /// Labels of which none is there twice.
    unique: Option<Shape>,
}

#[derive(Debug)]
struct PlanNode {
    task: Task,
    asks: Vec<usize>,
    /// Stamps of those when they were last looked at.
    seen: Vec<u64>,
    hangs_on_time: bool,
    out: Output,
}

/// What a query comes to.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'p> {
    pub labels: &'p Shape,
    pub values: &'p [f64],
    /// Equal stamps: nothing changed since.
    pub stamp: u64,
}

#[derive(Debug)]
enum Task {
    Select(Select),
    Range(Range),
    Map {
        map: Map,
        nameless: Nameless,
        values: Vec<f64>,
    },
    /// The scalar is asked first, the vector second.
    WithScalar(WithScalar),
    Join(Join),
    Groups(Groups),
    Absent {
        labels: Shape,
        values: Vec<f64>,
    },
    /// Whatever is rare; the vectors that it asks are given to it.
    Plain {
        node: Node,
        memos: Vec<Memo>,
        is_scalar: bool,
        values: Vec<f64>,
    },
}

#[derive(Debug)]
enum Map {
    Negate,
    Each(fn(f64) -> f64),
    Calendar(Part),
}

impl Map {
    fn apply(&self, value: f64) -> f64 {
        match self {
            Map::Negate => -value,
            Map::Each(each) => each(value),
            Map::Calendar(part) => calendar::part(*part, value),
        }
    }
}

#[derive(Debug)]
struct WithScalar {
    operator: Operator,
    is_bool: bool,
    scalar_is_left: bool,
    nameless: Nameless,
    chosen: Chosen,
    values: Vec<f64>,
}

impl Plan {
    /// Takes a query in.
    pub fn add(&mut self, query: &Query, table: &mut LabelTable) -> PlanId {
        let node = self.node(&query.root, query.memos.len(), table);
        let mut order = Vec::new();
        let mut wanted = vec![node];
        while let Some(next) = wanted.pop() {
            if !order.contains(&next) {
                order.push(next);
                wanted.extend(&self.nodes[next].asks);
            }
        }
        // Nodes stand after those that they ask.
        order.sort_unstable();
        self.roots.push(Root { node, order, is_scalar: query.root.is_scalar(), unique: None });
        PlanId(self.roots.len() - 1)
    }

    /// Works a query out over the store, which must be the same one every time.
    ///
    /// # Errors
    /// As [`evaluate`](super::evaluate).
    pub fn evaluate(&mut self, id: PlanId, store: &mut Store, context: Context) -> Result<Vector<'_>, EvalError> {
        let Plan { nodes, roots, stamps, .. } = self;
        let root = &mut roots[id.0];
        for index in &root.order {
            let (before, rest) = nodes.split_at_mut(*index);
            rest[0].refresh(before, store, context, stamps);
        }
        let out = &nodes[root.node].out;
        if let Some(error) = &out.error {
            return Err(error.clone());
        }
        if !root.is_scalar && root.unique.as_ref().is_none_or(|unique| !Arc::ptr_eq(unique, &out.labels)) {
            store.labels.none_twice(&out.labels).map_err(EvalError)?;
            root.unique = Some(Arc::clone(&out.labels));
        }
        Ok(Vector { labels: &out.labels, values: &out.values, stamp: out.stamp })
    }

    /// The node that does what this one of a query does, which has so many memos.
    fn node(&mut self, node: &Node, memos: usize, table: &mut LabelTable) -> usize {
        // All that a node says is in its text.
        let text = format!("{node:?}");
        if let Some(known) = self.by_text.get(&text) {
            return *known;
        }
        let (task, asks) = self.task(node, memos, table);
        let hangs_on_time = match &task {
            Task::Select(_) | Task::Range(_) => true,
            Task::Plain { node, .. } => hangs_on_time(node),
            _ => false,
        };
        let seen = vec![0; asks.len()];
        self.nodes.push(PlanNode { task, asks, seen, hangs_on_time, out: Output::new() });
        self.by_text.insert(text, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn task(&mut self, node: &Node, memos: usize, table: &mut LabelTable) -> (Task, Vec<usize>) {
        let mut ask = |node: &Node| self.node(node, memos, table);
        let values = Vec::new();
        match node {
            node if node.is_scalar() => {}
            Node::Select(selector) if is_now(selector.when) && selector.when.offset == 0 => {
                return (Task::Select(Select::new(selector.clone())), vec![]);
            }
            Node::Negate { inner } => {
                let nameless = Nameless::new(inner.is_unique_without_name());
                return (Task::Map { map: Map::Negate, nameless, values }, vec![ask(inner)]);
            }
            Node::Binary { operator, left, right, matching, .. } => {
                let scalar_is_left = left.is_scalar();
                if !scalar_is_left && !right.is_scalar() {
                    let asks = vec![ask(left), ask(right)];
                    return (Task::Join(Join::new(*operator, matching.clone())), asks);
                }
                let (scalar, vector) = if scalar_is_left { (left, right) } else { (right, left) };
                let nameless = Nameless::new(vector.is_unique_without_name());
                let (operator, is_bool, chosen) = (*operator, matching.is_bool, Chosen::default());
                let task = WithScalar { operator, is_bool, scalar_is_left, nameless, chosen, values };
                return (Task::WithScalar(task), vec![ask(scalar), ask(vector)]);
            }
            Node::Aggregate { by, aggregation, parameter: None, inner, .. } if aggregation.is_of_values() => {
                return (Task::Groups(Groups::new(by.clone(), *aggregation)), vec![ask(inner)]);
            }
            Node::Aggregate { by, aggregation, parameter, inner, memo } => {
                let asks = vec![ask(inner)];
                let (by, aggregation, parameter, memo) = (by.clone(), *aggregation, parameter.clone(), *memo);
                let inner = Box::new(given(0, inner));
                let node = Node::Aggregate { by, aggregation, parameter, inner, memo };
                return (plain(node, memos), asks);
            }
            Node::Call { function, arguments, replacement, memo } => match (function, &arguments[..]) {
                (Function::OverTime(function), arguments) => {
                    if let Some(range) = of_range(*function, arguments) {
                        return (Task::Range(range), vec![]);
                    }
                }
                (Function::Each(each), [argument]) => {
                    let nameless = Nameless::new(argument.is_unique_without_name());
                    return (Task::Map { map: Map::Each(*each), nameless, values }, vec![ask(argument)]);
                }
                (Function::Calendar(part), [argument]) => {
                    let nameless = Nameless::new(argument.is_unique_without_name());
                    return (Task::Map { map: Map::Calendar(*part), nameless, values }, vec![ask(argument)]);
                }
                (Function::Absent, [argument]) => {
                    let asks = vec![ask(argument)];
                    let labels = Arc::from([labels_of_absent(argument, table)]);
                    return (Task::Absent { labels, values }, asks);
                }
                (function, [_, ..]) => {
                    let place = match function {
                        Function::HistogramFraction | Function::HistogramQuantile => arguments.len() - 1,
                        Function::Clamp
                        | Function::ClampMax
                        | Function::ClampMin
                        | Function::Round
                        | Function::LabelJoin
                        | Function::LabelReplace
                        | Function::Sort
                        | Function::SortDesc
                        | Function::SortByLabel
                        | Function::SortByLabelDesc => 0,
                        _ => return (plain(node.clone(), memos), vec![]),
                    };
                    let asks = vec![ask(&arguments[place])];
                    let mut arguments = arguments.clone();
                    arguments[place] = given(0, &arguments[place]);
                    let (function, replacement, memo) = (*function, replacement.clone(), *memo);
                    return (plain(Node::Call { function, arguments, replacement, memo }, memos), asks);
                }
                _ => {}
            },
            _ => {}
        }
        (plain(node.clone(), memos), vec![])
    }
}

fn plain(node: Node, memos: usize) -> Task {
    let is_scalar = node.is_scalar();
    let memos = (0..memos).map(|_| Memo::default()).collect();
    Task::Plain { node, memos, is_scalar, values: Vec::new() }
}

fn given(place: usize, node: &Node) -> Node {
    Node::Given { place, is_unique_without_name: node.is_unique_without_name() }
}

fn is_now(when: When) -> bool {
    matches!(when.at, At::Now)
}

/// Where it is a function of a plain range and of numbers.
fn of_range(function: OverTime, arguments: &[Node]) -> Option<Range> {
    if function == OverTime::DoubleExponentialSmoothing {
        return None;
    }
    let (mut numbers, mut of) = (Vec::new(), None);
    for argument in arguments {
        match argument {
            Node::Range { selector, range } if is_now(selector.when) => of = Some((selector, *range)),
            Node::Number(number) => numbers.push(*number),
            _ => return None,
        }
    }
    let (selector, range) = of?;
    let number = |place: usize| numbers.get(place).copied().unwrap_or(0.0);
    Some(Range::new(function, selector.clone(), range, number(0), number(1)))
}

/// It may come to something else though nothing that it asks has changed.
fn hangs_on_time(node: &Node) -> bool {
    match node {
        Node::Number(_) | Node::Text(_) | Node::Given { .. } => false,
        Node::Select(_) | Node::Range { .. } | Node::Subquery { .. } => true,
        Node::Negate { inner } => hangs_on_time(inner),
        Node::Binary { left, right, .. } => hangs_on_time(left) || hangs_on_time(right),
        Node::Aggregate { parameter, inner, .. } => {
            parameter.as_deref().is_some_and(hangs_on_time) || hangs_on_time(inner)
        }
        Node::Call { function, arguments, .. } => {
            matches!(function, Function::Time | Function::Timestamp)
                || (matches!(function, Function::Calendar(_)) && arguments.is_empty())
                || arguments.iter().any(hangs_on_time)
        }
    }
}

impl PlanNode {
    fn refresh(&mut self, before: &[PlanNode], store: &mut Store, context: Context, stamps: &mut u64) {
        let PlanNode { task, asks, seen, hangs_on_time, out } = self;
        let is_same = asks.iter().zip(&*seen).all(|(index, seen)| before[*index].out.stamp == *seen);
        if is_same && !*hangs_on_time && out.stamp > 0 {
            return;
        }
        for (seen, index) in seen.iter_mut().zip(&*asks) {
            *seen = before[*index].out.stamp;
        }
        if let Some(error) = asks.iter().find_map(|index| before[*index].out.error.as_ref()) {
            return out.fail(error.clone(), stamps);
        }
        let asked = |place: usize| &before[asks[place]].out;
        match task {
            Task::Select(select) => select.compute(out, store, context, stamps),
            Task::Range(range) => range.compute(out, store, context, stamps),
            Task::Map { map, nameless, values } => {
                let inner = asked(0);
                values.clear();
                values.extend(inner.values.iter().map(|value| map.apply(*value)));
                match nameless.labels(&inner.labels, &mut store.labels) {
                    Ok(labels) => out.put(labels, values, stamps),
                    Err(error) => out.fail(error, stamps),
                }
            }
            Task::WithScalar(task) => {
                let scalar = asked(0).values.first().copied().unwrap_or(f64::NAN);
                task.compute(scalar, asked(1), out, &mut store.labels, stamps);
            }
            Task::Join(join) => join.compute(asked(0), asked(1), out, &mut store.labels, stamps),
            Task::Groups(groups) => groups.compute(asked(0), out, &mut store.labels, stamps),
            Task::Absent { labels, values } => {
                let labels = leaf::absent(labels, asked(0).values.is_empty(), values);
                out.put(&labels, values, stamps);
            }
            Task::Plain { node, memos, is_scalar, values } => {
                let vector = |index: &usize| -> Vec<Labelled> {
                    let out = &before[*index].out;
                    out.labels.iter().copied().zip(out.values.iter().copied()).collect()
                };
                let given: Vec<Vec<Labelled>> = asks.iter().map(vector).collect();
                memos.iter_mut().for_each(|memo| memo.forget_beyond(65_536));
                let mut evaluator = Evaluator { store, memos, context, given: &given };
                let found = match *is_scalar {
                    true => evaluator.scalar(node, context.at).map(|value| vec![(LabelsId::NONE, value)]),
                    false => evaluator.vector(node, context.at),
                };
                match found {
                    Ok(found) => {
                        values.clear();
                        values.extend(found.iter().map(|(_, value)| *value));
                        let is_same = found.len() == out.labels.len()
                            && found.iter().zip(&*out.labels).all(|((labels, _), old)| labels == old);
                        let labels = match is_same {
                            true => Arc::clone(&out.labels),
                            false => found.iter().map(|(labels, _)| *labels).collect(),
                        };
                        out.put(&labels, values, stamps);
                    }
                    Err(error) => out.fail(error, stamps),
                }
            }
        }
    }
}

impl WithScalar {
    fn compute(&mut self, scalar: f64, vector: &Output, out: &mut Output, table: &mut LabelTable, stamps: &mut u64) {
        let WithScalar { operator, is_bool, scalar_is_left, nameless, chosen, values } = self;
        values.clear();
        let results = vector.values.iter().map(|value| {
            let (left, right) = if *scalar_is_left { (scalar, *value) } else { (*value, scalar) };
            operator.apply(left, right)
        });
        if operator.is_comparison() && !*is_bool {
            chosen.begin();
            for (place, (_, holds)) in results.enumerate() {
                if holds {
                    // The vector's value stays.
                    chosen.choose(place);
                    values.push(vector.values[place]);
                }
            }
            return out.put(chosen.labels(&vector.labels), values, stamps);
        }
        match *is_bool {
            true => values.extend(results.map(|(_, holds)| f64::from(u8::from(holds)))),
            false => values.extend(results.map(|(result, _)| result)),
        }
        match nameless.labels(&vector.labels, table) {
            Ok(labels) => out.put(labels, values, stamps),
            Err(error) => out.fail(error, stamps),
        }
    }
}
