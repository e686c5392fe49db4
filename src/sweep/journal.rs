//! The runs of a sweep as they end, a line of JSON each: what an interrupted sweep goes on from, and what shards are
//! merged from. Whatever cuts the text off, the lines before that hold.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Ran, Row, Shard};
use crate::record::{Figure, SweepProvenance};

/// What the runs belong to; the first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub made_from: SweepProvenance,
    /// `None`: of the whole sweep.
    pub shard: Option<Shard>,
    /// Of the whole sweep.
    pub runs: usize,
    /// Configurations that are no valid scenario, with what is wrong.
    pub errors: Vec<(usize, String)>,
    /// The sweep's file as it was read.
    pub text: String,
}

/// A journal that was read.
#[derive(Debug)]
pub struct Journal {
    pub header: Header,
    /// By their place in the sweep's order of runs.
    pub ran: BTreeMap<usize, Ran>,
    /// Bytes of the whole lines; what follows was cut off in the middle.
    pub whole: usize,
}

/// Why a text is no journal.
#[derive(Debug, Error)]
pub enum JournalError {
    #[error("it is no journal of a sweep's runs")]
    Foreign,
    #[error("line {0} is damaged")]
    Damaged(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Sweep(Header),
    /// The figures of the runs that follow, numbered from zero: name, and whether it is a whole number.
    Figures(Vec<(String, bool)>),
    Run {
        run: usize,
        configuration: usize,
        seed: u64,
        figures: usize,
        /// The bits of each number, so that it is the same when it is read.
        values: Vec<u64>,
    },
    Stopped {
        run: usize,
        configuration: usize,
        what: String,
    },
}

/// Writes lines; each is to be appended as one piece.
#[derive(Debug, Default)]
pub struct Lines {
    lists: FxHashMap<Vec<(String, bool)>, usize>,
}

impl Lines {
    pub fn header(header: &Header) -> String {
        line(&Line::Sweep(header.clone()))
    }

    /// The line of a run, after one that names its figures where none has so far.
    pub fn run(&mut self, run: usize, ran: &Ran) -> String {
        let row = match ran {
            Ran::Row(row) => row,
            Ran::Stopped { configuration, what } => {
                return line(&Line::Stopped { run, configuration: *configuration, what: what.clone() });
            }
        };
        let names: Vec<(String, bool)> =
            row.figures.iter().map(|figure| (figure.name.clone(), figure.is_whole)).collect();
        let mut text = String::new();
        let next = self.lists.len();
        let figures = *self.lists.entry(names).or_insert_with_key(|names| {
            text = line(&Line::Figures(names.clone()));
            next
        });
        let values = row.figures.iter().map(|figure| figure.value.to_bits()).collect();
        text + &line(&Line::Run { run, configuration: row.configuration, seed: row.seed, figures, values })
    }
}

fn line(line: &Line) -> String {
    serde_json::to_string(line).expect("keys are text") + "\n"
}

impl Journal {
    /// Reads a journal, and the lists of figures that it has named, for whoever goes on with it.
    ///
    /// # Errors
    /// It is none, or a line before the last is not whole.
    pub fn read(text: &[u8]) -> Result<(Journal, Lines), JournalError> {
        let mut pieces = text.split_inclusive(|byte| *byte == b'\n').enumerate();
        let first = pieces.next().ok_or(JournalError::Foreign)?.1;
        let Ok(Line::Sweep(header)) = serde_json::from_slice(first) else { return Err(JournalError::Foreign) };
        if !first.ends_with(b"\n") {
            return Err(JournalError::Foreign);
        }
        let mut journal = Journal { header, ran: BTreeMap::new(), whole: first.len() };
        let mut lists: Vec<Vec<(String, bool)>> = Vec::new();
        for (index, piece) in pieces {
            if !piece.ends_with(b"\n") {
                break;
            }
            let damaged = || JournalError::Damaged(index + 1);
            match serde_json::from_slice(piece).map_err(|_| damaged())? {
                Line::Sweep(_) => return Err(damaged()),
                Line::Figures(names) => lists.push(names),
                Line::Stopped { run, configuration, what } => {
                    journal.ran.insert(run, Ran::Stopped { configuration, what });
                }
                Line::Run { run, configuration, seed, figures, values } => {
                    let names = lists.get(figures).filter(|names| names.len() == values.len()).ok_or_else(damaged)?;
                    let figure = |((name, is_whole), bits): (&(String, bool), u64)| Figure {
                        name: name.clone(),
                        value: f64::from_bits(bits),
                        is_whole: *is_whole,
                    };
                    let figures = names.iter().zip(values).map(figure).collect();
                    journal.ran.insert(run, Ran::Row(Row { configuration, seed, figures }));
                }
            }
            journal.whole += piece.len();
        }
        let lists = lists.into_iter().enumerate().map(|(index, names)| (names, index)).collect();
        Ok((journal, Lines { lists }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let made_from = SweepProvenance { sweep: "s".to_owned(), ..SweepProvenance::default() };
        Header { made_from, shard: None, runs: 3, errors: vec![(4, "bad".to_owned())], text: "kind: Sweep".to_owned() }
    }

    fn row(seed: u64, values: &[f64]) -> Ran {
        let figure =
            |(index, value): (usize, &f64)| Figure { name: format!("f{index}"), value: *value, is_whole: index == 0 };
        Ran::Row(Row { configuration: 2, seed, figures: values.iter().enumerate().map(figure).collect() })
    }

    fn text() -> String {
        let mut lines = Lines::default();
        let stopped = Ran::Stopped { configuration: 1, what: "too many pods".to_owned() };
        [
            Lines::header(&header()),
            lines.run(7, &row(1, &[3.0, 0.1 + 0.2])),
            lines.run(0, &row(2, &[4.0, f64::NAN])),
            lines.run(1, &stopped),
        ]
        .concat()
    }

    #[test]
    fn what_was_written_is_read_to_the_bit() {
        let (journal, lines) = Journal::read(text().as_bytes()).expect("it is one");
        assert_eq!((journal.header, journal.whole, lines.lists.len()), (header(), text().len(), 1));
        let bits = |run: usize| match &journal.ran[&run] {
            Ran::Row(row) => row.figures.iter().map(|figure| figure.value.to_bits()).collect::<Vec<_>>(),
            Ran::Stopped { what, .. } => panic!("{what}"),
        };
        assert_eq!(bits(7), [3.0f64, 0.1 + 0.2].map(f64::to_bits));
        assert_eq!(bits(0), [4.0f64, f64::NAN].map(f64::to_bits));
        assert!(matches!(&journal.ran[&1], Ran::Stopped { configuration: 1, what } if what == "too many pods"));
    }

    /// Wherever the text ends, the lines before that count, and going on from there gives the whole again.
    #[test]
    fn a_text_that_is_cut_off_anywhere_goes_on() {
        let text = text();
        for end in text.find('\n').expect("lines") + 1..=text.len() {
            let (journal, mut lines) = Journal::read(&text.as_bytes()[..end]).expect("it is one");
            assert!(text[..end].starts_with(&text[..journal.whole]) && text[..journal.whole].ends_with('\n'));
            let mut whole = text[..journal.whole].to_owned();
            let rest = [(7, row(1, &[3.0, 0.1 + 0.2])), (0, row(2, &[4.0, f64::NAN]))];
            for (run, ran) in rest.iter().filter(|(run, _)| !journal.ran.contains_key(run)) {
                whole += &lines.run(*run, ran);
            }
            assert!(text.starts_with(&whole) || whole == text, "{whole}");
        }
        for end in 0..text.find('\n').expect("lines") {
            assert!(matches!(Journal::read(&text.as_bytes()[..end]), Err(JournalError::Foreign)));
        }
    }

    #[test]
    fn a_damaged_line_is_told() {
        let damaged = text().replacen("\"seed\":2", "\"seed\":-2", 1);
        assert!(matches!(Journal::read(damaged.as_bytes()), Err(JournalError::Damaged(4))));
        assert!(matches!(Journal::read(b"scenario,seed\n1,2\n"), Err(JournalError::Foreign)));
    }
}
