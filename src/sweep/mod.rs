//! Many runs of one scenario: a space of parameters by path, times seeds, on all cores.
//!
//! [`SweepFile`] is what the user wrote, [`Sweep`] what was checked, with its configurations; [`prepare`] reads their
//! scenarios, [`Prepared::run`] carries it out, and [`Results`] holds a row a run, in the order of the configurations
//! whatever the threads. Runs with equal seeds draw equal random numbers for equal things (a stream a seed, purpose and
//! entity), so configurations are compared under the same luck.

mod constraint;
mod front;
mod journal;
mod read;
mod results;
mod run;
mod shard;
mod space;
mod spec;
#[cfg(test)]
mod tests;

pub use front::Against;
pub use journal::{Header, Journal, JournalError, Lines};
pub use read::{MOST_RUNS, Objective, Sweep, place_of, short_name};
pub use results::{Averages, Ran, Results, Row};
pub use run::{Prepared, prepare};
pub use shard::Shard;
pub use space::{Configuration, Dimension, Point, Points, Space};
pub use spec::{PlotSpec, SweepFile};

use serde_json::Value;

/// The parameter whose values are whole scenarios.
const SCENARIO: &str = "scenario";

/// A value without quotes around text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
