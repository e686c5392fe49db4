//! Samples of series over time, as far back as queries reach.
//!
//! A series keeps either its points, or, where it is told at the times of an [`Axis`], only its changes: what stays as it is
//! costs nothing.

use rustc_hash::FxHashMap;

use super::labels::{LabelTable, LabelsId, Symbol};

/// A value at an instant, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: i64,
    pub value: f64,
}

/// The NaN that says that a series is no longer there (`model/value/value.go`, `StaleNaN`).
pub const STALE: u64 = 0x7ff0_0000_0000_0002;

pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// A series of a [`Store`]; numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

/// Times at which several series are told together; see [`Store::axis`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisId(u32);

/// Its times, ascending; the first ones may be forgotten, but each keeps its number.
#[derive(Debug, Default)]
pub(super) struct Axis {
    times: Vec<i64>,
    /// Forgotten of `times`, and before them.
    first: usize,
    base: u32,
}

impl Axis {
    pub fn time(&self, number: u32) -> i64 {
        self.times[(number - self.base) as usize]
    }

    /// Numbers of the times after `from` up to and with `to`.
    pub fn between(&self, from: i64, to: i64) -> (u32, u32) {
        let times = &self.times[self.first..];
        let end = match times.last() {
            Some(last) if *last <= to => times.len(),
            _ => times.partition_point(|time| *time <= to),
        };
        let begin = times[..end].partition_point(|time| *time <= from);
        let number = |place: usize| self.base + (self.first + place) as u32;
        (number(begin), number(end))
    }

    pub fn has_between(&self, from: i64, to: i64) -> bool {
        let (begin, end) = self.between(from, to);
        begin < end
    }

    /// The time of this number is not forgotten.
    pub fn knows(&self, number: u32) -> bool {
        (self.base + self.first as u32..self.next()).contains(&number)
    }

    fn next(&self) -> u32 {
        self.base + self.times.len() as u32
    }

    pub fn last(&self) -> Option<i64> {
        self.times[self.first..].last().copied()
    }

    fn forget_until(&mut self, at: i64) {
        self.first += self.times[self.first..].partition_point(|time| *time <= at);
        if self.first > 64 && self.first * 2 > self.times.len() {
            self.times.drain(..self.first);
            self.base += self.first as u32;
            self.first = 0;
        }
    }
}

/// From its axis' time of this number on the series has this value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub number: u32,
    pub value: f64,
}

/// Changes of a series.
#[derive(Debug)]
pub(super) struct Steps {
    pub axis: AxisId,
    steps: Vec<Step>,
    /// Those before are forgotten.
    first: usize,
    /// Where a value is smaller than the one before: the number, and the value before.
    drops: Vec<(u32, f64)>,
    /// The last time at which it was marked stale, if only for a moment.
    pub last_stale: Option<u32>,
}

impl Steps {
    fn new(axis: AxisId) -> Steps {
        Steps { axis, steps: Vec::new(), first: 0, drops: Vec::new(), last_stale: None }
    }

    pub fn kept(&self) -> &[Step] {
        &self.steps[self.first..]
    }

    pub fn drops(&self) -> &[(u32, f64)] {
        &self.drops
    }

    /// Whether something changed.
    fn set(&mut self, number: u32, value: f64) -> bool {
        if let Some(last) = self.kept().last().copied() {
            if last.value.to_bits() == value.to_bits() {
                return false;
            }
            if last.number == number {
                self.steps.pop();
                if self.drops.last().is_some_and(|(at, _)| *at == number) {
                    self.drops.pop();
                }
                self.set(number, value);
                return true;
            }
            if value < last.value {
                self.drops.push((number, last.value));
            }
        } else if is_stale(value) {
            return false;
        }
        if is_stale(value) {
            self.last_stale = Some(number);
        }
        self.steps.push(Step { number, value });
        true
    }

    /// The last step up to and with `number`.
    pub fn at(&self, number: u32) -> Option<Step> {
        let steps = self.kept();
        match steps.last() {
            Some(last) if last.number <= number => Some(*last),
            _ => steps[..steps.partition_point(|step| step.number <= number)].last().copied(),
        }
    }

    /// Forgets what no query that looks at numbers from `number` on needs.
    fn forget_until(&mut self, number: u32) {
        let kept = self.kept();
        let covered = kept.partition_point(|step| step.number <= number);
        self.first += covered.saturating_sub(1);
        if self.first > 16 && self.first * 2 > self.steps.len() {
            self.steps.drain(..self.first);
            self.first = 0;
            let gone = self.drops.partition_point(|(at, _)| *at <= number);
            self.drops.drain(..gone);
        }
    }
}

/// Points of a series.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// Ascending by time; those before `first` are forgotten.
    points: Vec<Point>,
    first: usize,
    /// Where a value is smaller than the one before: the time, and the value before. Up to `looked` points.
    drops: Vec<(i64, f64)>,
    looked: usize,
}

impl Points {
    fn kept(&self) -> &[Point] {
        &self.points[self.first..]
    }

    /// Points after `from` up to and with `to`.
    fn between(&self, from: i64, to: i64) -> &[Point] {
        let points = self.kept();
        let end = points.partition_point(|point| point.at <= to);
        let begin = points[..end].partition_point(|point| point.at <= from);
        &points[begin..end]
    }

    fn push(&mut self, at: i64, value: f64) {
        match self.points.last_mut() {
            Some(last) if last.at >= at => {
                last.value = value;
                // Its neighbours are looked at again.
                self.looked = self.looked.min(self.points.len().saturating_sub(2));
                let from = self.points.last().map_or(at, |last| last.at);
                while self.drops.last().is_some_and(|(time, _)| *time >= from) {
                    self.drops.pop();
                }
            }
            _ => self.points.push(Point { at, value }),
        }
    }

    /// What the counter had reached before each of its resets after `from` up to and with `to`.
    fn drops_between(&mut self, from: i64, to: i64) -> impl Iterator<Item = f64> {
        while self.looked + 1 < self.points.len() {
            let (before, point) = (self.points[self.looked], self.points[self.looked + 1]);
            if point.value < before.value {
                self.drops.push((point.at, before.value));
            }
            self.looked += 1;
        }
        let begin = self.drops.partition_point(|(at, _)| *at <= from);
        self.drops[begin..].iter().take_while(move |(at, _)| *at <= to).map(|(_, value)| *value)
    }

    fn forget_until(&mut self, at: i64) {
        self.first += self.kept().partition_point(|point| point.at <= at);
        if self.first > 64 && self.first * 2 > self.points.len() {
            self.points.drain(..self.first);
            self.looked = self.looked.saturating_sub(self.first);
            self.first = 0;
            let gone = self.drops.partition_point(|(time, _)| *time <= at);
            self.drops.drain(..gone);
        }
    }
}

#[derive(Debug)]
pub(super) enum Samples {
    Points(Points),
    Steps(Steps),
}

/// One series.
#[derive(Debug)]
pub(super) struct Stored {
    pub labels: LabelsId,
    /// Of its metric, among the lists.
    list: usize,
    pub samples: Samples,
    /// Some point is a mark of staleness.
    pub has_stale: bool,
    /// It is among its metric's series.
    is_listed: bool,
    /// How far back queries look at it, milliseconds.
    reach: i64,
}

/// Series of one metric, or of all.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub ids: Vec<SeriesId>,
    /// Grows with every change of what a query could find in them, but for time's passing.
    pub version: u64,
    /// When the last such change was.
    pub changed: i64,
    /// Grows when series leave the list.
    pub compactions: u64,
}

/// Series with their samples, and every label set.
#[derive(Debug, Default)]
pub struct Store {
    pub labels: LabelTable,
    series: Vec<Stored>,
    by_labels: FxHashMap<LabelsId, SeriesId>,
    by_name: FxHashMap<Symbol, usize>,
    /// By metric, in the order of their first appearance.
    lists: Vec<Listed>,
    all: Listed,
    axes: Vec<Axis>,
    /// Series that were told at the times of an axis and now keep their points: somebody else tells of them too.
    conversions: u64,
}

static NOTHING: Listed = Listed { ids: Vec::new(), version: 0, changed: 0, compactions: 0 };

impl Store {
    /// The series of these labels, its name among them.
    pub fn series(&mut self, labels: LabelsId) -> SeriesId {
        if let Some(id) = self.by_labels.get(&labels) {
            return *id;
        }
        let id = SeriesId(self.series.len() as u32);
        let name = self.labels.value(labels, LabelTable::NAME);
        let lists = &mut self.lists;
        let list = *self.by_name.entry(name).or_insert_with(|| {
            lists.push(Listed::default());
            lists.len() - 1
        });
        self.series.push(Stored {
            labels,
            list,
            samples: Samples::Points(Points::default()),
            has_stale: false,
            is_listed: false,
            reach: i64::MAX / 4,
        });
        self.by_labels.insert(labels, id);
        id
    }

    /// Samples of the series are kept for so long, milliseconds; else for ever.
    pub fn set_reach(&mut self, id: SeriesId, reach: i64) {
        self.series[id.0 as usize].reach = reach;
    }

    /// Adds a sample; times of a series ascend. The last of several at one instant counts.
    pub fn push(&mut self, id: SeriesId, at: i64, value: f64) {
        let Store { series, axes, .. } = self;
        let stored = &mut series[id.0 as usize];
        if let Samples::Steps(steps) = &stored.samples {
            let mut points = Points::default();
            unfold(steps, &axes[steps.axis.0 as usize], i64::MIN, i64::MAX, &mut points.points);
            stored.samples = Samples::Points(points);
            self.conversions += 1;
        }
        if let Samples::Points(points) = &mut stored.samples {
            points.push(at, value);
        }
        stored.has_stale |= is_stale(value);
        self.changed(id, at);
    }

    /// New times, at which [`Store::step`] tells of series.
    pub fn axis(&mut self) -> AxisId {
        self.axes.push(Axis::default());
        AxisId(self.axes.len() as u32 - 1)
    }

    /// The next time of an axis: its series have their values there too, until something else is said of them.
    pub fn advance(&mut self, axis: AxisId, at: i64) {
        self.axes[axis.0 as usize].times.push(at);
    }

    /// The series has this value from the axis' last time on; [`STALE`] is the end of it. Whoever tells of a series by an
    /// axis must be told when somebody else does too: see [`Store::conversions`].
    pub fn step(&mut self, id: SeriesId, axis: AxisId, value: f64) {
        let times = &self.axes[axis.0 as usize];
        let (number, at) = (times.next() - 1, times.last().expect("the axis has a time"));
        let stored = &mut self.series[id.0 as usize];
        if let Samples::Points(points) = &stored.samples
            && points.points.is_empty()
        {
            stored.samples = Samples::Steps(Steps::new(axis));
        }
        match &mut stored.samples {
            Samples::Steps(steps) if steps.axis == axis => {
                let is_new = !stored.is_listed;
                stored.has_stale |= is_stale(value);
                if steps.set(number, value) || is_new && !is_stale(value) {
                    self.changed(id, at);
                }
            }
            _ => self.push(id, at, value),
        }
    }

    /// How many series are told of by more than one axis: those have to be told at every time.
    pub fn conversions(&self) -> u64 {
        self.conversions
    }

    fn changed(&mut self, id: SeriesId, at: i64) {
        let stored = &mut self.series[id.0 as usize];
        for list in [&mut self.lists[stored.list], &mut self.all] {
            if !stored.is_listed {
                list.ids.push(id);
            }
            list.version += 1;
            list.changed = list.changed.max(at);
        }
        stored.is_listed = true;
    }

    /// Series that may have samples: of this metric, or all.
    pub(super) fn listed(&self, name: Option<Symbol>) -> &Listed {
        match name {
            Some(name) => self.by_name.get(&name).map_or(&NOTHING, |list| &self.lists[*list]),
            None => &self.all,
        }
    }

    pub(super) fn stored(&self, id: SeriesId) -> &Stored {
        &self.series[id.0 as usize]
    }

    pub(super) fn axis_of(&self, axis: AxisId) -> &Axis {
        &self.axes[axis.0 as usize]
    }

    /// The newest point of a series after `from` up to and with `to`, unless it is stale.
    pub(super) fn last_between(&self, id: SeriesId, from: i64, to: i64) -> Option<Point> {
        match &self.series[id.0 as usize].samples {
            Samples::Points(points) => {
                let points = points.kept();
                let last = match points.last() {
                    Some(last) if last.at <= to => *last,
                    _ => *points[..points.partition_point(|point| point.at <= to)].last()?,
                };
                (last.at > from && !is_stale(last.value)).then_some(last)
            }
            Samples::Steps(steps) => {
                let axis = self.axis_of(steps.axis);
                let (begin, end) = axis.between(from, to);
                if begin == end {
                    return None;
                }
                let step = steps.at(end - 1).filter(|step| !is_stale(step.value))?;
                Some(Point { at: axis.time(end - 1), value: step.value })
            }
        }
    }

    /// Points of a series after `from` up to and with `to`, marks of staleness among them.
    pub(super) fn between<'p>(&'p self, id: SeriesId, from: i64, to: i64, scratch: &'p mut Vec<Point>) -> &'p [Point] {
        match &self.series[id.0 as usize].samples {
            Samples::Points(points) => points.between(from, to),
            Samples::Steps(steps) => {
                scratch.clear();
                unfold(steps, self.axis_of(steps.axis), from, to, scratch);
                scratch
            }
        }
    }

    /// What the counter had reached before each of its resets after `from` up to and with `to`.
    pub(super) fn drops_between(&mut self, id: SeriesId, from: i64, to: i64, drops: &mut Vec<f64>) {
        drops.clear();
        match &mut self.series[id.0 as usize].samples {
            Samples::Points(points) => drops.extend(points.drops_between(from, to)),
            Samples::Steps(steps) => {
                let (begin, end) = self.axes[steps.axis.0 as usize].between(from, to);
                let within = steps.drops().iter().filter(|(number, _)| (begin..end).contains(number));
                drops.extend(within.map(|(_, value)| *value));
            }
        }
    }

    /// At `now`: forgets samples of each series that are older than what queries look at, and `slack`; series without any
    /// are no longer looked at.
    pub fn forget(&mut self, now: i64, slack: i64) {
        let Store { series, axes, .. } = self;
        let mut emptied = false;
        let mut oldest = i64::MAX;
        for id in &self.all.ids {
            let stored = &mut series[id.0 as usize];
            let until = now.saturating_sub(stored.reach.saturating_add(slack));
            oldest = oldest.min(until);
            let is_empty = match &mut stored.samples {
                Samples::Points(points) => {
                    points.forget_until(until);
                    points.kept().is_empty()
                }
                Samples::Steps(steps) => {
                    let axis = &axes[steps.axis.0 as usize];
                    let (_, end) = axis.between(i64::MIN, until);
                    steps.forget_until(end);
                    let last = steps.kept().last();
                    axis.last().is_none_or(|last| last <= until)
                        || last.is_none_or(|last| is_stale(last.value) && last.number < end)
                }
            };
            if is_empty {
                stored.is_listed = false;
                stored.samples = Samples::Points(Points::default());
                emptied = true;
            }
        }
        for axis in axes {
            axis.forget_until(oldest.min(now));
        }
        if emptied {
            let series = &self.series;
            let is_listed = |id: &SeriesId| series[id.0 as usize].is_listed;
            for list in self.lists.iter_mut().chain([&mut self.all]) {
                let before = list.ids.len();
                list.ids.retain(is_listed);
                if list.ids.len() < before {
                    list.compactions += 1;
                    list.version += 1;
                }
            }
        }
    }
}

/// The points of changes.
fn unfold(steps: &Steps, axis: &Axis, from: i64, to: i64, points: &mut Vec<Point>) {
    let (begin, end) = axis.between(from, to);
    let kept = steps.kept();
    let before = kept.partition_point(|step| step.number < begin);
    // What was there before it reaches into the range, unless it had ended.
    let first = match before.checked_sub(1).map(|place| kept[place]) {
        Some(step) if !is_stale(step.value) => before - 1,
        _ => before,
    };
    for (place, step) in kept.iter().enumerate().skip(first).take_while(|(_, step)| step.number < end) {
        let next = kept.get(place + 1).map_or(end, |next| next.number.min(end));
        let until = if is_stale(step.value) { step.number + 1 } else { next };
        let numbers = step.number.max(begin)..until;
        points.extend(numbers.map(|number| Point { at: axis.time(number), value: step.value }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(store: &mut Store) -> SeriesId {
        let labels = store.labels.set_of([("__name__", "c")]);
        store.series(labels)
    }

    fn drops(store: &mut Store, id: SeriesId, from: i64, to: i64) -> Vec<f64> {
        let mut drops = Vec::new();
        store.drops_between(id, from, to, &mut drops);
        drops
    }

    fn times(store: &Store, id: SeriesId, from: i64, to: i64) -> Vec<i64> {
        store.between(id, from, to, &mut Vec::new()).iter().map(|point| point.at).collect()
    }

    #[test]
    fn windows_are_open_at_their_left() {
        let mut store = Store::default();
        let id = counter(&mut store);
        store.set_reach(id, 0);
        for (at, value) in [(0, 1.0), (10, 5.0), (20, 2.0), (30, 4.0), (40, 1.0)] {
            store.push(id, at, value);
        }
        assert_eq!(times(&store, id, 10, 30), [20, 30]);
        assert_eq!(store.last_between(id, 0, 35).unwrap().at, 30);
        assert_eq!(drops(&mut store, id, 10, 40), [5.0, 4.0]);
        assert!(drops(&mut store, id, 20, 30).is_empty());
        store.forget(20, 0);
        assert_eq!(times(&store, id, 0, 40), [30, 40]);
        store.forget(40, 0);
        assert!(store.listed(None).ids.is_empty());
    }

    #[test]
    fn a_stale_series_has_no_value() {
        let mut store = Store::default();
        let id = counter(&mut store);
        store.push(id, 0, 1.0);
        store.push(id, 10, f64::from_bits(STALE));
        assert_eq!(store.last_between(id, -300, 9).unwrap().value, 1.0);
        assert!(store.last_between(id, -300, 10).is_none());
    }

    /// The same series as points and as changes.
    #[test]
    fn changes_are_as_good_as_points() {
        let stale = f64::from_bits(STALE);
        let told = [Some(1.0), None, Some(4.0), Some(2.0), None, Some(stale), None, None, Some(3.0), None, Some(3.0)];
        let (mut by_points, mut by_steps) = (Store::default(), Store::default());
        let (a, b) = (counter(&mut by_points), counter(&mut by_steps));
        let axis = by_steps.axis();
        let mut now = stale;
        for (at, told) in (0..).step_by(15).zip(told) {
            by_steps.advance(axis, at);
            if let Some(value) = told {
                by_steps.step(b, axis, value);
            }
            if let Some(value) = told.or((!is_stale(now)).then_some(now)) {
                by_points.push(a, at, value);
                now = value;
            }
            for (from, to) in [(-1, at), (at - 40, at), (at - 15, at), (at - 60, at - 20), (20, 130)] {
                let bits = |points: &[Point]| -> Vec<(i64, u64)> {
                    points.iter().map(|point| (point.at, point.value.to_bits())).collect()
                };
                let (mut one, mut other) = (Vec::new(), Vec::new());
                assert_eq!(
                    bits(by_points.between(a, from, to, &mut one)),
                    bits(by_steps.between(b, from, to, &mut other))
                );
                assert_eq!(by_points.last_between(a, from, to), by_steps.last_between(b, from, to), "{from} {to}");
                assert_eq!(drops(&mut by_points, a, from, to), drops(&mut by_steps, b, from, to), "{from} {to}");
            }
        }
        // Somebody else tells of it too.
        by_steps.push(b, 200, 1.0);
        assert_eq!(by_steps.conversions(), 1);
        assert_eq!(
            times(&by_steps, b, -1, 300),
            times(&by_points, a, -1, 300).into_iter().chain([200]).collect::<Vec<_>>()
        );
    }
}
