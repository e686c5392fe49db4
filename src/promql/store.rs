//! Samples of series over time, as far back as queries reach.

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

/// One series.
#[derive(Debug)]
pub(super) struct Stored {
    pub labels: LabelsId,
    /// Ascending by time; those before `first` are forgotten.
    points: Vec<Point>,
    first: usize,
    /// Some point is a mark of staleness.
    pub has_stale: bool,
    /// It is among its metric's series.
    is_listed: bool,
    /// Where a value is smaller than the one before: the time, and the value before. Up to `looked` points.
    drops: Vec<(i64, f64)>,
    looked: usize,
}

impl Stored {
    pub fn points(&self) -> &[Point] {
        &self.points[self.first..]
    }

    /// Points after `from` up to and with `to`.
    pub fn between(&self, from: i64, to: i64) -> &[Point] {
        let points = self.points();
        let end = points.partition_point(|point| point.at <= to);
        let begin = points[..end].partition_point(|point| point.at <= from);
        &points[begin..end]
    }

    /// The newest point after `from` up to and with `to`, unless it is stale.
    pub fn last_between(&self, from: i64, to: i64) -> Option<Point> {
        let points = self.points();
        let last = match points.last() {
            Some(last) if last.at <= to => *last,
            _ => *points[..points.partition_point(|point| point.at <= to)].last()?,
        };
        (last.at > from && !is_stale(last.value)).then_some(last)
    }

    /// What the counter had reached before each of its resets after `from` up to and with `to`.
    pub fn drops_between(&mut self, from: i64, to: i64) -> impl Iterator<Item = f64> {
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
}

/// Series with their samples, and every label set.
#[derive(Debug, Default)]
pub struct Store {
    pub labels: LabelTable,
    pub(super) series: Vec<Stored>,
    by_labels: FxHashMap<LabelsId, SeriesId>,
    by_name: FxHashMap<Symbol, Vec<SeriesId>>,
    all: Vec<SeriesId>,
    /// Grows when series leave the lists above.
    pub(super) compactions: u64,
}

impl Store {
    /// The series of these labels, its name among them.
    pub fn series(&mut self, labels: LabelsId) -> SeriesId {
        if let Some(id) = self.by_labels.get(&labels) {
            return *id;
        }
        let id = SeriesId(self.series.len() as u32);
        self.series.push(Stored {
            labels,
            points: Vec::new(),
            first: 0,
            has_stale: false,
            is_listed: false,
            drops: Vec::new(),
            looked: 0,
        });
        self.by_labels.insert(labels, id);
        id
    }

    /// Adds a sample; times of a series ascend. The last of several at one instant counts.
    pub fn push(&mut self, id: SeriesId, at: i64, value: f64) {
        let stored = &mut self.series[id.0 as usize];
        match stored.points.last_mut() {
            Some(last) if last.at >= at => last.value = value,
            _ => stored.points.push(Point { at, value }),
        }
        stored.has_stale |= is_stale(value);
        if !stored.is_listed {
            stored.is_listed = true;
            let name = self.labels.value(stored.labels, LabelTable::NAME);
            self.by_name.entry(name).or_default().push(id);
            self.all.push(id);
        }
    }

    /// Series that may have samples: of this metric, or all.
    pub(super) fn listed(&self, name: Option<Symbol>) -> &[SeriesId] {
        match name {
            Some(name) => self.by_name.get(&name).map_or(&[], Vec::as_slice),
            None => &self.all,
        }
    }

    pub(super) fn stored(&self, id: SeriesId) -> &Stored {
        &self.series[id.0 as usize]
    }

    pub(super) fn stored_mut(&mut self, id: SeriesId) -> &mut Stored {
        &mut self.series[id.0 as usize]
    }

    /// Forgets samples up to and with `at`; series without any are no longer looked at.
    pub fn forget_until(&mut self, at: i64) {
        let mut emptied = false;
        for id in &self.all {
            let stored = &mut self.series[id.0 as usize];
            let points = &stored.points[stored.first..];
            stored.first += points.partition_point(|point| point.at <= at);
            if stored.first == stored.points.len() {
                (stored.first, stored.looked, stored.is_listed) = (0, 0, false);
                stored.points = Vec::new();
                stored.drops = Vec::new();
                emptied = true;
            } else if stored.first > 64 && stored.first * 2 > stored.points.len() {
                stored.points.drain(..stored.first);
                stored.looked = stored.looked.saturating_sub(stored.first);
                stored.first = 0;
                let gone = stored.drops.partition_point(|(time, _)| *time <= at);
                stored.drops.drain(..gone);
            }
        }
        if emptied {
            let series = &self.series;
            let is_listed = |id: &SeriesId| series[id.0 as usize].is_listed;
            self.all.retain(is_listed);
            self.by_name.values_mut().for_each(|ids| ids.retain(is_listed));
            self.compactions += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_at_their_left() {
        let mut store = Store::default();
        let labels = store.labels.set_of([("__name__", "c")]);
        let id = store.series(labels);
        for (at, value) in [(0, 1.0), (10, 5.0), (20, 2.0), (30, 4.0), (40, 1.0)] {
            store.push(id, at, value);
        }
        let times =
            |store: &Store, from, to| store.stored(id).between(from, to).iter().map(|p| p.at).collect::<Vec<_>>();
        assert_eq!(times(&store, 10, 30), [20, 30]);
        assert_eq!(store.stored(id).last_between(0, 35).unwrap().at, 30);
        assert_eq!(store.stored_mut(id).drops_between(10, 40).collect::<Vec<_>>(), [5.0, 4.0]);
        assert_eq!(store.stored_mut(id).drops_between(20, 30).count(), 0);
        store.forget_until(20);
        assert_eq!(times(&store, 0, 40), [30, 40]);
        store.forget_until(40);
        assert!(store.listed(None).is_empty());
    }

    #[test]
    fn a_stale_series_has_no_value() {
        let mut store = Store::default();
        let labels = store.labels.set_of([("__name__", "g")]);
        let id = store.series(labels);
        store.push(id, 0, 1.0);
        store.push(id, 10, f64::from_bits(STALE));
        assert_eq!(store.stored(id).last_between(-300, 9).unwrap().value, 1.0);
        assert!(store.stored(id).last_between(-300, 10).is_none());
    }
}
