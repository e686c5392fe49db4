//! What a signal depends on beside its spec, and what can be wrong with that.

use thiserror::Error;

use super::WallClock;
use crate::units::SimDuration;

/// What a signal depends on besides its spec.
#[derive(Clone, Copy, Debug)]
pub struct SignalContext {
    /// The run's seed.
    pub seed: u64,
    /// What the demand is for, so that each target draws from streams of its own: an id, or
    /// [`entity_of_name`](crate::units::random::entity_of_name) of its name.
    pub entity: u64,
    /// The wall clock at time zero.
    pub start: WallClock,
    /// How far ahead random patterns are drawn, from zero; after it they hold their last value. A longer horizon
    /// never changes the values within a shorter one.
    pub horizon: SimDuration,
}

/// A mistake in a signal: which field, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct SignalError {
    /// Path within the spec, such as `diurnal.peak`; empty for the spec itself.
    pub field: String,
    pub problem: String,
}

impl SignalError {
    pub(super) fn new(field: &str, problem: impl Into<String>) -> SignalError {
        SignalError { field: field.to_owned(), problem: problem.into() }
    }
}
