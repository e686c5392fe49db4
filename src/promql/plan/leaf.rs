//! The leaves of a plan: selectors, and functions of a range of samples. Only what changed is looked at.

use std::sync::Arc;

use super::super::eval::{Context, drops};
use super::super::function::OverTime;
use super::super::labels::LabelsId;
use super::super::memo::Resolved;
use super::super::over_time::{Parameters, over_time};
use super::super::query::Selector;
use super::super::rates::{Window, extrapolated};
use super::super::store::{Axis, AxisId, Point, Samples, Step, Steps, Store, is_stale};
use super::output::{Chosen, Nameless, Output, Shape};

/// The series of a selector, with what each came to.
#[derive(Debug)]
struct Rows {
    selector: Selector,
    resolved: Resolved,
    /// Labels of all of them.
    labels: Shape,
    found: Vec<Option<f64>>,
    chosen: Chosen,
    values: Vec<f64>,
    /// Where all of them are told of at the same times.
    axis: Option<AxisId>,
}

impl Rows {
    fn new(selector: Selector) -> Rows {
        Rows {
            selector,
            resolved: Resolved::default(),
            labels: Arc::from([]),
            found: Vec::new(),
            chosen: Chosen::default(),
            values: Vec::new(),
            axis: None,
        }
    }

    /// Whether there are others than before.
    fn resolve(&mut self, store: &Store) -> bool {
        let selector = &self.selector;
        let selects = |labels| selector.selects(labels, &store.labels);
        let is_new = self.resolved.resolve(selector.name, store, selects);
        if is_new {
            let labels: Vec<LabelsId> = self.resolved.ids.iter().map(|id| store.stored(*id).labels).collect();
            self.labels = labels.into();
            self.found.clear();
            self.found.resize(self.resolved.ids.len(), None);
        }
        is_new
    }

    fn set_axis(&mut self, store: &Store) {
        let mut axes = self.resolved.ids.iter().map(|id| match &store.stored(*id).samples {
            Samples::Steps(steps) => Some(steps.axis),
            Samples::Points(_) => None,
        });
        let first = axes.next().flatten();
        self.axis = first.filter(|_| axes.all(|axis| axis == first));
    }

    /// Labels and values of those that came to something.
    fn gathered(&mut self) -> (&Shape, &mut Vec<f64>) {
        self.chosen.begin();
        self.values.clear();
        for (place, value) in self.found.iter().enumerate() {
            if let Some(value) = value {
                self.chosen.choose(place);
                self.values.push(*value);
            }
        }
        (self.chosen.labels(&self.labels), &mut self.values)
    }
}

/// The newest values of a selector's series.
#[derive(Debug)]
pub(super) struct Select {
    rows: Rows,
    /// When it was last worked out and at which version of the metric's series.
    last: Option<(i64, u64)>,
    /// Each series had its value at a time that was not too long ago.
    was_fresh: bool,
}

impl Select {
    pub fn new(selector: Selector) -> Select {
        Select { rows: Rows::new(selector), last: None, was_fresh: false }
    }

    pub fn compute(&mut self, out: &mut Output, store: &Store, context: Context, stamps: &mut u64) {
        let Select { rows, last, was_fresh } = self;
        let listed = store.listed(rows.selector.name);
        let (from, at) = (context.at - context.lookback, context.at);
        let is_fresh = |axis: Option<AxisId>| axis.is_some_and(|axis| store.axis_of(axis).has_between(from, at));
        if let Some((then, version)) = *last
            && version == listed.version
            && (rows.resolved.ids.is_empty() || *was_fresh && then.min(at) >= listed.changed && is_fresh(rows.axis))
        {
            return;
        }
        *last = Some((at, listed.version));
        rows.resolve(store);
        rows.set_axis(store);
        *was_fresh = is_fresh(rows.axis);
        let mut times: Option<(AxisId, Option<u32>)> = None;
        for (found, id) in rows.found.iter_mut().zip(&rows.resolved.ids) {
            *found = match &store.stored(*id).samples {
                Samples::Steps(steps) => {
                    let newest = match times {
                        Some((axis, newest)) if axis == steps.axis => newest,
                        _ => {
                            let (begin, end) = store.axis_of(steps.axis).between(from, at);
                            let newest = (begin < end).then(|| end - 1);
                            times = Some((steps.axis, newest));
                            newest
                        }
                    };
                    let step = newest.and_then(|newest| steps.at(newest));
                    step.map(|step| step.value).filter(|value| !is_stale(*value))
                }
                Samples::Points(_) => store.last_between(*id, from, at).map(|point| point.value),
            };
        }
        let (labels, values) = rows.gathered();
        out.put(labels, values, stamps);
    }
}

/// Which part of its axis a range covers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    begin: u32,
    end: u32,
    /// From the range's begin to the first time, and from the last one to its end.
    before: i64,
    after: i64,
}

impl Span {
    fn of(axis: &Axis, from: i64, to: i64) -> Span {
        let (begin, end) = axis.between(from, to);
        let (before, after) = if begin < end { (axis.time(begin) - from, to - axis.time(end - 1)) } else { (0, 0) };
        Span { begin, end, before, after }
    }

    fn is_like(&self, other: &Span) -> bool {
        (self.end - self.begin, self.before, self.after) == (other.end - other.begin, other.before, other.after)
            && self.end > self.begin
    }
}

/// A function of a range of samples of a selector's series.
#[derive(Debug)]
pub(super) struct Range {
    rows: Rows,
    function: OverTime,
    range: i64,
    first: f64,
    second: f64,
    nameless: Nameless,
    /// The end of the range, the version of the metric's series, and what it covered of their axis.
    last: Option<(i64, u64, Option<Span>)>,
    scratch: Vec<Point>,
    clean: Vec<Point>,
}

impl Range {
    pub fn new(function: OverTime, selector: Selector, range: i64, first: f64, second: f64) -> Range {
        let nameless = Nameless::new(selector.name.is_some());
        let rows = Rows::new(selector);
        let (scratch, clean) = (Vec::new(), Vec::new());
        Range { rows, function, range, first, second, nameless, last: None, scratch, clean }
    }

    pub fn compute(&mut self, out: &mut Output, store: &mut Store, context: Context, stamps: &mut u64) {
        let to = context.at - self.rows.selector.when.offset;
        let from = to - self.range;
        let listed = store.listed(self.rows.selector.name);
        let (version, changed) = (listed.version, listed.changed);
        if self.last.is_some_and(|(end, seen, _)| end == to && seen == version) {
            return;
        }
        let has_others = self.rows.resolve(store);
        self.rows.set_axis(store);
        let span = self.rows.axis.map(|axis| Span::of(store.axis_of(axis), from, to));
        // A series that did not change since both ranges began has the same samples in both.
        let earlier = match self.last.replace((to, version, span)) {
            Some((_, _, Some(then)))
                if !has_others
                    && self.function.looks_at_values_only()
                    && span.is_some_and(|now| now.is_like(&then)) =>
            {
                Some(then.begin.min(span.map_or(0, |now| now.begin)))
            }
            _ => None,
        };
        if let (Some(begin), Some(axis)) = (earlier, self.rows.axis)
            && store.axis_of(axis).knows(begin)
            && changed <= store.axis_of(axis).time(begin)
            && out.error.is_none()
        {
            return;
        }
        let mut known: Option<(AxisId, Span)> = self.rows.axis.zip(span);
        let parameters = Parameters { first: self.first, second: self.second, now: context.at };
        for (found, id) in self.rows.found.iter_mut().zip(&self.rows.resolved.ids) {
            if let Samples::Steps(steps) = &store.stored(*id).samples {
                let last = steps.kept().last();
                if earlier.is_some_and(|begin| last.is_none_or(|last| last.number <= begin)) {
                    continue;
                }
                let span = match known {
                    Some((axis, span)) if axis == steps.axis => span,
                    _ => {
                        let span = Span::of(store.axis_of(steps.axis), from, to);
                        known = Some((steps.axis, span));
                        span
                    }
                };
                if steps.last_stale.is_none_or(|stale| stale < span.begin) {
                    let axis = store.axis_of(steps.axis);
                    let window = (from, to);
                    *found = of_steps(self.function, steps, axis, span, window, parameters, &mut self.scratch);
                    continue;
                }
            }
            let points = store.between(*id, from, to, &mut self.scratch);
            self.clean.clear();
            self.clean.extend(points.iter().filter(|point| !is_stale(point.value)));
            let points = &self.clean[..];
            *found = over_time(self.function, Window { points, from, to }, parameters, || drops(points));
        }
        let (labels, values) = self.rows.gathered();
        if self.function.keeps_name() {
            return out.put(labels, values, stamps);
        }
        match self.nameless.labels(labels, &mut store.labels) {
            Ok(labels) => out.put(labels, values, stamps),
            Err(error) => out.fail(error, stamps),
        }
    }
}

/// One series without gaps within the range.
fn of_steps(
    function: OverTime,
    steps: &Steps,
    axis: &Axis,
    span: Span,
    (from, to): (i64, i64),
    parameters: Parameters,
    scratch: &mut Vec<Point>,
) -> Option<f64> {
    let kept = steps.kept();
    let end = match kept.last() {
        Some(last) if last.number < span.end => kept.len(),
        _ => kept.partition_point(|step| step.number < span.end),
    };
    let kept = &kept[..end];
    if span.begin == span.end {
        return None;
    }
    // The last step that is not after the range's first time.
    let mut begin = first_before(kept, span.begin);
    if is_stale(kept.get(begin)?.value) {
        begin += 1;
    }
    let within = kept.get(begin..).filter(|within| !within.is_empty())?;
    let number = within[0].number.max(span.begin);
    let newest = within[within.len() - 1];
    let count = (span.end - number) as usize;
    match function {
        OverTime::Rate | OverTime::Increase | OverTime::Delta => {
            let first = Point { at: axis.time(number), value: within[0].value };
            let last = Point { at: axis.time(span.end - 1), value: newest.value };
            let drops = steps.drops();
            let is_counter = function.is_of_counters();
            let begin = if is_counter { drops.partition_point(|(at, _)| *at <= number) } else { drops.len() };
            let drops = drops[begin..].iter().take_while(|(at, _)| *at < span.end).map(|(_, value)| *value);
            extrapolated(first, last, count, (from, to), is_counter, function == OverTime::Rate, drops)
        }
        OverTime::Count => Some(count as f64),
        OverTime::First
        | OverTime::Last
        | OverTime::Present
        | OverTime::Min
        | OverTime::Max
        | OverTime::Changes
        | OverTime::Resets => {
            // Equal values one after the other say no more than one.
            scratch.clear();
            scratch.extend(within.iter().map(|step| Point { at: to, value: step.value }));
            over_time(function, Window { points: scratch, from, to }, parameters, || [].into_iter())
        }
        OverTime::Irate | OverTime::Idelta => {
            let before = match within {
                [.., before, last] if last.number == span.end - 1 => before.value,
                _ => newest.value,
            };
            let points = [
                Point { at: axis.time((span.end - 1).saturating_sub(1).max(number)), value: before },
                Point { at: axis.time(span.end - 1), value: newest.value },
            ];
            let points = if count > 1 { &points[..] } else { &points[1..] };
            over_time(function, Window { points, from, to }, parameters, || [].into_iter())
        }
        _ => {
            scratch.clear();
            for (place, step) in within.iter().enumerate() {
                let until = within.get(place + 1).map_or(span.end, |next| next.number);
                let numbers = step.number.max(number)..until;
                scratch.extend(numbers.map(|number| Point { at: axis.time(number), value: step.value }));
            }
            over_time(function, Window { points: scratch, from, to }, parameters, || [].into_iter())
        }
    }
}

/// Place of the last step up to and with `number`; of the first, where all are later.
fn first_before(steps: &[Step], number: u32) -> usize {
    let Some(first) = steps.first() else { return 0 };
    // Those that change at every time stand where one would guess.
    let guess = number.saturating_sub(first.number) as usize;
    if steps.get(guess).is_some_and(|step| step.number == number) {
        return guess;
    }
    steps.partition_point(|step| step.number <= number).saturating_sub(1)
}

/// What an expression of labels says where there is none.
pub(super) fn absent(labels: &Shape, is_absent: bool, values: &mut Vec<f64>) -> Shape {
    values.clear();
    if is_absent {
        values.push(1.0);
        Arc::clone(labels)
    } else {
        Arc::from([])
    }
}
