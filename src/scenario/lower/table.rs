//! Tables beside a scenario (traces, job lists, demand series): a mistake in one is told at its own line.

use std::sync::Arc;

use super::Lowering;
use crate::scenario::diagnostic::{Diagnostic, Place, Source};
use crate::scenario::import::{ImportError, text_of};

impl Lowering<'_> {
    /// Tells what should be known of how a table was read, at `path`, where the scenario names it.
    pub(super) fn tell_notes(&mut self, notes: &[String], path: &str) {
        let place = self.at(path).clone();
        for note in notes {
            self.push(Diagnostic::warning(&place, note.clone()));
        }
    }

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
        let source = Source::new(file, text_of(std::path::Path::new(file)).unwrap_or_default());
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
    let to = row[from..].find([',', ';', '\t', '|']).map_or(row.len(), |length| from + length);
    Place::new(source, start + from..start + to)
}
