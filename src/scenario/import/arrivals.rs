//! When pods come: as their list says, or, where it has no times, one after the other as the user says.

use rand_distr::{Distribution as _, Exp1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::{Clock, since};
use super::table::{Column, Row, Table};
use super::{ImportError, Options};
use crate::units::{SimDuration, SimTime, random};

/// Arrivals for a list of pods that has no times of its own: in the order of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrivalsSpec {
    /// Time from one pod to the next; the first comes at zero. Above 0.
    pub every: SimDuration,
    /// Whether that is a mean: gaps are exponential, as of many independent users. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poisson: bool,
    /// How long a pod runs once started. Default: to the end of the simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<SimDuration>,
    /// Of the gaps, where they are random; the run's own seed changes nothing here, for the list is an input.
    /// Default: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub seed: u64,
}

const fn one() -> u64 {
    1
}

const fn is_one(seed: &u64) -> bool {
    *seed == 1
}

/// The arrivals of a list while it is read.
pub(super) enum Arrivals {
    Listed { column: Column, clock: Clock },
    Given { spec: ArrivalsSpec, next: SimTime, draws: rand_pcg::Pcg64Mcg },
}

impl Arrivals {
    /// By the column of that name, or by the options where there is none.
    ///
    /// # Errors
    /// Neither, or both: then one of them would be ignored.
    pub fn of(table: &Table<'_>, name: &'static str, options: &Options) -> Result<Arrivals, ImportError> {
        match (table.optional(name), options.arrivals) {
            (Some(column), None) => Ok(Arrivals::Listed { column, clock: Clock::default() }),
            (Some(_), Some(_)) => Err(ImportError::HasTimes { file: table.file().to_owned(), column: name }),
            (None, Some(spec)) => {
                let draws = random::stream(spec.seed, "trace-arrivals", 0);
                Ok(Arrivals::Given { spec, next: SimTime::ZERO, draws })
            }
            // A name that is nearly right is a slip, not a list without times.
            (None, None) => match table.column(name) {
                Err(ImportError::MissingColumn { nearest: None, .. }) | Ok(_) => {
                    Err(ImportError::NoTimes { file: table.file().to_owned(), column: name })
                }
                Err(error) => Err(error),
            },
        }
    }

    pub fn are_listed(&self) -> bool {
        matches!(self, Arrivals::Listed { .. })
    }

    /// Another time of the row, of the same clock.
    pub fn time(&mut self, row: &Row<'_>, column: Column) -> Result<SimTime, ImportError> {
        match self {
            Arrivals::Listed { clock, .. } => clock.read(row, column).map(SimTime::from_nanos),
            Arrivals::Given { .. } => row.seconds(column),
        }
    }

    /// When the row's pod comes; to be [settled](Self::settle) once all are known.
    pub fn next(&mut self, row: &Row<'_>) -> Result<SimTime, ImportError> {
        match self {
            Arrivals::Listed { column, clock } => clock.read(row, *column).map(SimTime::from_nanos),
            Arrivals::Given { spec, next, draws } => {
                let at = *next;
                let gap: f64 = if spec.poisson { Exp1.sample(draws) } else { 1.0 };
                *next = at + spec.every.mul_f64(gap);
                Ok(at)
            }
        }
    }

    /// How long pods last where the list does not say.
    pub fn lasting(&self) -> Option<SimDuration> {
        match self {
            Arrivals::Listed { .. } => None,
            Arrivals::Given { spec, .. } => spec.lasting,
        }
    }

    /// Lets times count from zero and puts rows in their order; gives what is to be said of both.
    pub fn settle<T>(&self, rows: &mut [T], of: impl Fn(&T) -> SimTime, set: impl Fn(&mut T, SimTime)) -> Vec<String> {
        match self {
            Arrivals::Listed { clock, .. } => clock.settle(rows, of, set),
            Arrivals::Given { .. } => Vec::new(),
        }
    }
}

impl Clock {
    /// As [`Arrivals::settle`].
    pub fn settle<T>(&self, rows: &mut [T], of: impl Fn(&T) -> SimTime, set: impl Fn(&mut T, SimTime)) -> Vec<String> {
        let mut notes = Vec::new();
        let earliest = rows.iter().map(&of).min().unwrap_or(SimTime::ZERO);
        let (zero, note) = self.zero(earliest.nanos());
        notes.extend(note);
        if zero != 0 {
            for row in rows.iter_mut() {
                let at = since(of(row).nanos(), zero);
                set(row, at);
            }
        }
        if !rows.is_sorted_by_key(&of) {
            rows.sort_by_key(of);
            notes.push("the rows are not in order of time; they are put in that order".to_owned());
        }
        notes
    }
}
