//! Files that a command was asked to write.

use std::path::{Path, PathBuf};

use super::exit_code::Failure;

/// Two results can't stand in one file: the later would take the place of the other.
pub fn none_twice<'p>(files: impl IntoIterator<Item = Option<&'p Path>>) -> Result<(), Failure> {
    let mut seen: Vec<PathBuf> = Vec::new();
    for file in files.into_iter().flatten() {
        let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        if seen.contains(&path) {
            let problem = format!("{} is named for two results; give each a file of its own", file.display());
            return Err(Failure::BadInput(anyhow::anyhow!(problem)));
        }
        seen.push(path);
    }
    Ok(())
}
