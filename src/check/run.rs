//! What a run left, and its instants in words.

use crate::record::{Episode, Figure, Recorder, Summary};
use crate::sim::Outcome;
use crate::units::{SimTime, spoken};

/// What a run left to be judged.
pub struct Run<'a> {
    pub summary: &'a Summary,
    /// Those of `summary`.
    pub figures: &'a [Figure],
    pub record: &'a Recorder,
    pub outcome: &'a Outcome,
    /// Of the scenario's rules.
    pub alerts: &'a [Episode],
}

/// Hours and minutes from the start, as people say them.
pub fn instant(at: SimTime) -> String {
    spoken(at.since(SimTime::ZERO).as_secs_f64())
}
