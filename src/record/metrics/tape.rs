//! Everything that a run exposed, kept as changes: what a file that lists series one by one is written from.
//!
//! Memory grows with the series, not with the length of the run: what a series has of changes goes to a temporary file
//! as soon as there are many.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::series::{Series, SeriesId, Sink};
use super::table::Metric;
use crate::units::SimTime;

/// A series has at most so many changes in memory.
const KEPT: usize = 256;

/// From scrape `scrape` on the series has this value; NaN with these bits says that it is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    scrape: u32,
    value: f64,
}

const ABSENT: u64 = 0x7ff0_0000_0000_0002;
const CHANGE_BYTES: usize = 12;

/// See the module's description.
#[derive(Debug, Default)]
pub struct Tape {
    times: Vec<SimTime>,
    series: Vec<Taped>,
    spool: Option<Mutex<File>>,
    spooled: u64,
    error: Option<io::Error>,
}

#[derive(Debug)]
struct Taped {
    metric: Metric,
    name: &'static str,
    labels: Arc<str>,
    changes: Vec<Change>,
    /// Where earlier changes are in the spool.
    chunks: Vec<u64>,
}

/// One series of a tape.
pub struct TapedSeries<'t> {
    pub metric: Metric,
    pub name: &'static str,
    pub labels: &'t str,
    index: usize,
}

impl Tape {
    /// Times of the scrapes.
    pub fn times(&self) -> &[SimTime] {
        &self.times
    }

    /// By metric in the table's order, and in the order of their first appearance.
    pub fn series(&self) -> Vec<TapedSeries<'_>> {
        let mut all: Vec<TapedSeries<'_>> = self
            .series
            .iter()
            .enumerate()
            .map(|(index, taped)| TapedSeries { metric: taped.metric, name: taped.name, labels: &taped.labels, index })
            .collect();
        all.sort_by_key(|series| (series.metric, series.index));
        all
    }

    /// Calls `run` for every value that the series had, with the numbers of the scrapes at which it had it.
    ///
    /// # Errors
    /// What the temporary file says.
    pub fn replay(&self, series: &TapedSeries<'_>, mut run: impl FnMut(Range<usize>, f64)) -> io::Result<()> {
        let taped = &self.series[series.index];
        let mut changes = Vec::with_capacity(taped.chunks.len() * KEPT + taped.changes.len());
        if let Some(spool) = self.spool.as_ref().filter(|_| !taped.chunks.is_empty()) {
            let mut bytes = vec![0; KEPT * CHANGE_BYTES];
            for chunk in &taped.chunks {
                // The file has one position, for whoever reads.
                let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
                spool.seek(SeekFrom::Start(*chunk))?;
                spool.read_exact(&mut bytes)?;
                drop(spool);
                changes.extend(bytes.chunks_exact(CHANGE_BYTES).map(|bytes| Change {
                    scrape: u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")),
                    value: f64::from_le_bytes(bytes[4..].try_into().expect("eight bytes")),
                }));
            }
        }
        changes.extend_from_slice(&taped.changes);
        for (index, change) in changes.iter().enumerate() {
            if change.value.to_bits() == ABSENT {
                continue;
            }
            let until = changes.get(index + 1).map_or(self.times.len(), |next| next.scrape as usize);
            run(change.scrape as usize..until, change.value);
        }
        Ok(())
    }

    /// What went wrong with the temporary file, if anything did.
    ///
    /// # Errors
    /// The first error.
    pub fn check(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn change(&mut self, id: SeriesId, value: f64) {
        let scrape = self.times.len() as u32 - 1;
        let taped = &mut self.series[id.index()];
        if let Some(last) = taped.changes.last_mut()
            && last.scrape == scrape
        {
            last.value = value;
            return;
        }
        if taped.changes.len() == KEPT {
            self.spool(id);
        }
        self.series[id.index()].changes.push(Change { scrape, value });
    }

    fn spool(&mut self, id: SeriesId) {
        let taped = &mut self.series[id.index()];
        let mut bytes = Vec::with_capacity(KEPT * CHANGE_BYTES);
        for change in taped.changes.drain(..) {
            bytes.extend_from_slice(&change.scrape.to_le_bytes());
            bytes.extend_from_slice(&change.value.to_le_bytes());
        }
        taped.chunks.push(self.spooled);
        self.spooled += bytes.len() as u64;
        let written = match &mut self.spool {
            Some(spool) => spool.get_mut().unwrap_or_else(PoisonError::into_inner).write_all(&bytes),
            None => tempfile::tempfile().and_then(|mut file| {
                let written = file.write_all(&bytes);
                self.spool = Some(Mutex::new(file));
                written
            }),
        };
        if let Err(error) = written {
            self.error.get_or_insert(error);
        }
    }
}

impl Sink for Tape {
    fn begin(&mut self, at: SimTime) {
        self.times.push(at);
    }

    fn opened(&mut self, id: SeriesId, series: &Series<'_>) {
        debug_assert_eq!(id.index(), self.series.len());
        let (metric, name, labels) = (series.metric, series.name, Arc::clone(series.text));
        self.series.push(Taped { metric, name, labels, changes: Vec::new(), chunks: Vec::new() });
    }

    fn set(&mut self, id: SeriesId, value: f64) {
        self.change(id, value);
    }

    fn absent(&mut self, id: SeriesId) {
        self.change(id, f64::from_bits(ABSENT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More changes than memory keeps, of two series by turns, and one that goes and comes again.
    #[test]
    fn what_went_to_the_file_comes_back_in_order() {
        let mut tape = Tape::default();
        let text: Arc<str> = "".into();
        for id in 0..3 {
            let series = Series { metric: Metric::Up, name: "up", labels: &[], text: &text };
            tape.opened(SeriesId(id), &series);
        }
        for scrape in 0..1_000 {
            tape.begin(SimTime::from_secs(scrape));
            tape.set(SeriesId(0), scrape as f64);
            if scrape % 2 == 0 {
                tape.set(SeriesId(1), -(scrape as f64));
            }
            match scrape {
                10 => tape.set(SeriesId(2), 7.0),
                20 => tape.absent(SeriesId(2)),
                900 => tape.set(SeriesId(2), 8.0),
                _ => {}
            }
        }
        tape.check().expect("a temporary file can be had");
        let of = |index: usize| {
            let mut found = Vec::new();
            tape.replay(&tape.series()[index], |scrapes, value| found.push((scrapes, value))).expect("it reads back");
            found
        };
        assert_eq!(of(0), (0..1_000).map(|scrape| (scrape..scrape + 1, scrape as f64)).collect::<Vec<_>>());
        assert_eq!(of(1), (0..500).map(|half| (2 * half..2 * half + 2, -2.0 * half as f64)).collect::<Vec<_>>());
        assert_eq!(of(2), [(10..20, 7.0), (900..1_000, 8.0)]);
    }
}
