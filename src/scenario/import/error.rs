//! What can be wrong with a trace.

use thiserror::Error;

/// A mistake in an import, worded for the user.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportError {
    #[error("unknown trace format {name:?}{}; the formats are {known}", nearest.map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownFormat { name: String, nearest: Option<&'static str>, known: String },
    #[error("format {format} needs --{input} FILE")]
    MissingInput { format: &'static str, input: &'static str },
    #[error("format {format} takes no --{input}")]
    UnusedInput { format: &'static str, input: &'static str },
    #[error("{file}: {problem}")]
    Unreadable { file: String, problem: String },
    #[error("{file}: no header; the first line must name the columns")]
    NoHeader { file: String },
    #[error("{file}: no row under the header")]
    NoRows { file: String },
    /// A list of pods that says nothing of when they come.
    #[error(
        "{file}: the list has no times: no column {column:?}; give its pods arrivals by --every DURATION (in a scenario: replay.arrivals)"
    )]
    NoTimes { file: String, column: &'static str },
    #[error(
        "{file}: the list has times of its own, in column {column:?}; --every DURATION (in a scenario: replay.arrivals) is for lists without"
    )]
    HasTimes { file: String, column: &'static str },
    #[error("{file}:{line}: no column {column:?}{}; the header has {found}", nearest.as_ref().map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default())]
    MissingColumn { file: String, line: u64, column: String, nearest: Option<String>, found: String },
    #[error("{file}:{line}: two columns are called {column:?}")]
    DoubledColumn { file: String, line: u64, column: String },
    #[error("{file}:{line}: the row has {found} fields; expected {expected}, as in the header")]
    FieldCount { file: String, line: u64, found: usize, expected: usize },
    /// A text that is no table.
    #[error("{file}:{line}:{column}: {problem}")]
    BadText { file: String, line: u64, column: usize, problem: String },
    /// `column` is the character where the field starts, counted from 1.
    #[error("{file}:{line}:{column}: {name} is {found:?}; expected {expected}")]
    BadValue { file: String, line: u64, column: usize, name: String, found: String, expected: String },
}

impl ImportError {
    /// Whether it concerns one row, which can be left out.
    pub(super) fn is_of_a_row(&self) -> bool {
        matches!(self, ImportError::FieldCount { .. } | ImportError::BadValue { .. })
    }

    /// File, and line and character (both from 1) as far as they are known.
    pub fn place(&self) -> Option<(&str, Option<u64>, Option<usize>)> {
        match self {
            ImportError::UnknownFormat { .. } | ImportError::MissingInput { .. } | ImportError::UnusedInput { .. } => {
                None
            }
            ImportError::Unreadable { file, .. }
            | ImportError::NoRows { file }
            | ImportError::NoTimes { file, .. }
            | ImportError::HasTimes { file, .. } => Some((file, None, None)),
            ImportError::NoHeader { file } => Some((file, Some(1), None)),
            ImportError::MissingColumn { file, line, .. }
            | ImportError::DoubledColumn { file, line, .. }
            | ImportError::FieldCount { file, line, .. } => Some((file, Some(*line), None)),
            ImportError::BadText { file, line, column, .. } | ImportError::BadValue { file, line, column, .. } => {
                Some((file, Some(*line), Some(*column)))
            }
        }
    }
}
