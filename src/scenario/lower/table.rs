//! Tables beside a scenario (traces, job lists, demand series): a mistake in one is told at its own line.

use std::sync::Arc;

use super::Lowering;
use crate::scenario::diagnostic::{Diagnostic, Place, Source};
use crate::scenario::import::ImportError;

impl Lowering<'_> {
    /// Tells what is wrong with a table; one that can't be read is told at `path`, where the scenario names it.
    pub(super) fn refuse_table(&mut self, error: &ImportError, path: &str) {
        let text = error.to_string();
        let Some((file, Some(line), column)) = error.place() else {
            self.error(path, text).hint = Some("paths are relative to the scenario file".to_owned());
            return;
        };
        let prefix = match column {
            Some(column) => format!("{file}:{line}:{column}: "),
            None => format!("{file}:{line}: "),
        };
        let message = text.strip_prefix(&prefix).unwrap_or(&text);
        // Read again, for only a table with a mistake is ever shown.
        let source = Source::new(file, std::fs::read_to_string(file).unwrap_or_default());
        let place = place_in(&Arc::new(source), line, column);
        self.push(Diagnostic::error(&place, message));
    }
}

/// The field at a line and a column (both from 1), or the whole line.
fn place_in(source: &Arc<Source>, line: u64, column: Option<usize>) -> Place {
    let mut start = 0;
    for _ in 1..line {
        start += source.text[start..].find('\n').map_or(0, |length| length + 1);
    }
    let end = source.text[start..].find('\n').map_or(source.text.len(), |length| start + length);
    let Some(column) = column else { return Place::new(source, start..end) };
    let row = &source.text[start..end];
    let from = row.char_indices().nth(column.saturating_sub(1)).map_or(row.len(), |(at, _)| at);
    let to = row[from..].find(',').map_or(row.len(), |length| from + length);
    Place::new(source, start + from..start + to)
}
