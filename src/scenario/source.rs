//! Files as texts.

use std::io::Read;
use std::path::Path;

use super::diagnostic::Source;

/// Of a scenario, a manifest or a file of values: a larger one is something else, such as a device without an end.
const MOST_BYTES: u64 = 256 << 20;

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file, or why it can't be had.
pub(super) fn read_source(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string();
    match read_bounded(path) {
        Ok(bytes) if bytes.len() as u64 > MOST_BYTES => {
            Err(format!("{name} has more than {} MB; a file of this kind has no more", MOST_BYTES >> 20))
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(name, text)),
            Err(error) => Err(format!("{name} is not text (byte {} is not UTF-8)", error.utf8_error().valid_up_to())),
        },
        Err(error) => Err(format!("{name} can't be read: {error}")),
    }
}
