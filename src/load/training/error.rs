//! What is wrong with training options or a job.

use thiserror::Error;

/// A mistake in training options or in a job: which field, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct TrainingError {
    pub field: String,
    pub problem: String,
}

impl TrainingError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> TrainingError {
        TrainingError { field: field.into(), problem: problem.into() }
    }
}
