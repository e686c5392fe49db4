//! Series as a run exposes them, and who takes them in.
//!
//! A series has a value at every scrape or is absent. Only changes are told: what is not mentioned at a scrape stays as it
//! was at the one before, so that a cluster where nothing happens costs nothing to record.

use std::fmt::Write;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::table::Metric;
use crate::units::SimTime;

/// A series; numbered from zero in the order of their first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

impl SeriesId {
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a series is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series<'a> {
    pub metric: Metric,
    /// As in queries: a histogram's with its suffix.
    pub name: &'static str,
    /// Sorted by name, no value empty.
    pub labels: &'a [(&'a str, &'a str)],
    /// `labels` as files have them: `{namespace="default",pod="web-0"}`; empty where there are none.
    pub text: &'a Arc<str>,
}

/// Takes in what a run exposes, scrape by scrape.
pub trait Sink {
    /// A scrape begins. Times ascend.
    fn begin(&mut self, at: SimTime);

    /// A series that was never seen. It is absent until it is given a value.
    fn opened(&mut self, id: SeriesId, series: &Series<'_>);

    /// Its value from this scrape on. The last of several at one scrape counts.
    fn set(&mut self, id: SeriesId, value: f64);

    /// It is not there at this scrape.
    fn absent(&mut self, id: SeriesId);

    /// All of the scrape was told.
    fn end(&mut self) {}
}

/// Every series by what it is called, and the sinks that are told of them.
pub struct SeriesBook<'s> {
    ids: FxHashMap<(&'static str, Arc<str>), SeriesId>,
    sinks: Vec<&'s mut dyn Sink>,
    text: String,
}

impl<'s> SeriesBook<'s> {
    pub fn new(sinks: Vec<&'s mut dyn Sink>) -> SeriesBook<'s> {
        SeriesBook { ids: FxHashMap::default(), sinks, text: String::new() }
    }

    pub fn begin(&mut self, at: SimTime) {
        self.sinks.iter_mut().for_each(|sink| sink.begin(at));
    }

    pub fn end(&mut self) {
        self.sinks.iter_mut().for_each(|sink| sink.end());
    }

    /// The series of this name and these labels, beside the scrape job's own. Labels without a value are left out.
    pub fn open(&mut self, metric: Metric, name: &'static str, labels: &[(&str, &str)]) -> SeriesId {
        let target = metric.row().source.target_labels();
        let mut pairs: Vec<(&str, &str)> = labels.iter().chain(target).copied().collect();
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort_unstable();
        self.text.clear();
        for (index, (label, value)) in pairs.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
        if !self.text.is_empty() {
            self.text.push('}');
        }
        let text: Arc<str> = Arc::from(&*self.text);
        let next = SeriesId(self.ids.len() as u32);
        let id = *self.ids.entry((name, Arc::clone(&text))).or_insert(next);
        if id == next {
            let series = Series { metric, name, labels: &pairs, text: &text };
            self.sinks.iter_mut().for_each(|sink| sink.opened(id, &series));
        }
        id
    }

    pub fn set(&mut self, id: SeriesId, value: f64) {
        self.sinks.iter_mut().for_each(|sink| sink.set(id, value));
    }

    pub fn absent(&mut self, id: SeriesId) {
        self.sinks.iter_mut().for_each(|sink| sink.absent(id));
    }
}

fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
}

/// The series of one object: each has its place in the order in which the object tells its metrics, which is the same at
/// every scrape.
#[derive(Debug, Default)]
pub struct Slots {
    fixed: Vec<Slot>,
    /// Series that come and go by what they are called, such as taints; with the scrape at which they were last told.
    keyed: Vec<(Box<str>, Slot, u64)>,
    scrapes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    id: Option<SeriesId>,
    /// `None`: absent.
    value: Option<f64>,
}

impl Slot {
    fn put<'s>(
        &mut self,
        value: Option<f64>,
        book: &mut SeriesBook<'s>,
        open: impl FnOnce(&mut SeriesBook<'s>) -> SeriesId,
    ) {
        let is_same = match (self.value, value) {
            (Some(old), Some(new)) => old.to_bits() == new.to_bits(),
            (old, new) => old.is_none() && new.is_none(),
        };
        if is_same {
            return;
        }
        let id = *self.id.get_or_insert_with(|| open(book));
        self.value = value;
        match value {
            Some(value) => book.set(id, value),
            None => book.absent(id),
        }
    }
}

/// One object telling its metrics at one scrape.
pub struct Teller<'a, 's> {
    book: &'a mut SeriesBook<'s>,
    slots: &'a mut Slots,
    next: usize,
}

impl<'a, 's> Teller<'a, 's> {
    pub fn new(book: &'a mut SeriesBook<'s>, slots: &'a mut Slots) -> Teller<'a, 's> {
        slots.scrapes += 1;
        Teller { book, slots, next: 0 }
    }

    /// The next series of the object; `labels` is asked once.
    pub fn put<'l, L: AsRef<[(&'l str, &'l str)]>>(
        &mut self,
        metric: Metric,
        value: impl Into<Option<f64>>,
        labels: impl FnOnce() -> L,
    ) {
        self.put_as(metric, metric.row().name, value, labels);
    }

    /// As [`Teller::put`], under a histogram's name with suffix.
    pub fn put_as<'l, L: AsRef<[(&'l str, &'l str)]>>(
        &mut self,
        metric: Metric,
        name: &'static str,
        value: impl Into<Option<f64>>,
        labels: impl FnOnce() -> L,
    ) {
        self.put_with(value.into(), |book| book.open(metric, name, labels().as_ref()));
    }

    fn put_with(&mut self, value: Option<f64>, open: impl FnOnce(&mut SeriesBook<'s>) -> SeriesId) {
        if self.next == self.slots.fixed.len() {
            self.slots.fixed.push(Slot::default());
        }
        let slot = &mut self.slots.fixed[self.next];
        self.next += 1;
        slot.put(value, self.book, open);
    }

    /// As [`Teller::put`], where the labels are made for the purpose.
    pub fn put_owned(&mut self, metric: Metric, value: f64, labels: impl FnOnce() -> Vec<(&'static str, String)>) {
        self.put_with(value.into(), |book| {
            let labels = labels();
            let pairs: Vec<(&str, &str)> = labels.iter().map(|(label, value)| (*label, &**value)).collect();
            book.open(metric, metric.row().name, &pairs)
        });
    }

    /// A series that is there only while it is told; `key` tells it from the object's others.
    pub fn put_keyed(&mut self, key: &str, metric: Metric, value: f64, labels: &[(&str, &str)]) {
        self.put_keyed_as(key, metric, metric.row().name, value, labels);
    }

    /// As [`Teller::put_keyed`], under a histogram's name with suffix.
    pub fn put_keyed_as(&mut self, key: &str, metric: Metric, name: &'static str, value: f64, labels: &[(&str, &str)]) {
        let at = self.slots.keyed.iter().position(|(other, ..)| **other == *key).unwrap_or_else(|| {
            self.slots.keyed.push((key.into(), Slot::default(), 0));
            self.slots.keyed.len() - 1
        });
        let (_, slot, told) = &mut self.slots.keyed[at];
        *told = self.slots.scrapes;
        slot.put(Some(value), self.book, |book| book.open(metric, name, labels));
    }

    /// Keyed series that were not told are absent.
    pub fn finish(self) {
        for (_, slot, told) in &mut self.slots.keyed {
            if *told != self.slots.scrapes {
                slot.put(None, self.book, |_| unreachable!("it was told once"));
            }
        }
    }
}

impl Slots {
    /// The object is gone: all its series are absent.
    pub fn end(&mut self, book: &mut SeriesBook<'_>) {
        let keyed = self.keyed.iter_mut().map(|(_, slot, _)| slot);
        for slot in self.fixed.iter_mut().chain(keyed) {
            slot.put(None, book, |_| unreachable!("it had a value"));
        }
    }
}
