//! Files as texts.

use std::path::Path;

use super::diagnostic::Source;

/// The text of a file, or why it can't be had.
pub(super) fn read_source(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(name, text)),
            Err(error) => Err(format!("{name} is not text (byte {} is not UTF-8)", error.utf8_error().valid_up_to())),
        },
        Err(error) => Err(format!("{name} can't be read: {error}")),
    }
}
