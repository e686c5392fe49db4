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
    #[error("{file}:1: no column {column:?}{}; the header has {found}", nearest.as_ref().map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default())]
    MissingColumn { file: String, column: String, nearest: Option<String>, found: String },
    #[error("{file}:1: two columns are called {column:?}")]
    DoubledColumn { file: String, column: String },
    #[error("{file}:{line}: the row has {found} fields; expected {expected}, as in the header")]
    FieldCount { file: String, line: u64, found: usize, expected: usize },
    /// `column` is the character where the field starts, counted from 1.
    #[error("{file}:{line}:{column}: {name} is {found:?}; expected {expected}")]
    BadValue { file: String, line: u64, column: usize, name: String, found: String, expected: String },
}

impl ImportError {
    /// File, and line and character (both from 1) as far as they are known.
    pub fn place(&self) -> Option<(&str, Option<u64>, Option<usize>)> {
        match self {
            ImportError::UnknownFormat { .. } | ImportError::MissingInput { .. } | ImportError::UnusedInput { .. } => {
                None
            }
            ImportError::Unreadable { file, .. } => Some((file, None, None)),
            ImportError::NoHeader { file }
            | ImportError::MissingColumn { file, .. }
            | ImportError::DoubledColumn { file, .. } => Some((file, Some(1), None)),
            ImportError::FieldCount { file, line, .. } => Some((file, Some(*line), None)),
            ImportError::BadValue { file, line, column, .. } => Some((file, Some(*line), Some(*column))),
        }
    }
}
