//! The folder that a run's outputs go into: checked before the run, written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::record::difference;

/// Files that tell what the results of a folder were made from. They are written last, so their presence says that the
/// others are complete.
const OWNERS: [&str; 2] = ["summary.json", "sweep.json"];

#[derive(Debug, Error)]
pub enum FolderError {
    #[error("can't create the output folder {} (--out names another)", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("can't write into the output folder {} (--out names another)", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "the output folder {} holds results {difference}; give --force to replace them, or another folder with --out",
        path.display()
    )]
    Occupied { path: PathBuf, difference: String },
}

/// A folder that exists and took a file a moment ago.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
}

impl OutputFolder {
    /// Creates `path` where it is missing and finds out whether it can be written to. Results that were made from
    /// something else than `made_from` (a [`Provenance`](crate::record::Provenance)) are an error unless `force` is given;
    /// results of the same are replaced.
    pub fn prepare(path: &Path, made_from: &impl Serialize, force: bool) -> Result<OutputFolder, FolderError> {
        fs::create_dir_all(path).map_err(|source| FolderError::Create { path: path.to_owned(), source })?;
        if !force && let Some(difference) = results_in(path).and_then(|found| difference(&found, made_from)) {
            return Err(FolderError::Occupied { path: path.to_owned(), difference });
        }
        let folder = OutputFolder { path: path.to_owned() };
        folder.probe().map_err(|source| folder.error(source))?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes aside, then renames: whoever looks sees the old file or the new one, never a part.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let write = || -> io::Result<()> {
            let mut file = self.aside()?;
            file.write_all(bytes)?;
            file.persist(self.path.join(name)).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| self.error(source))
    }

    /// Removes the file `name` of an earlier run, so that it does not pass for one of this run.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        match fs::remove_file(self.path.join(name)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(self.error(source)),
            _ => Ok(()),
        }
    }

    fn probe(&self) -> io::Result<()> {
        self.aside()?.close()
    }

    /// A new file in the folder, with the permissions of any other (the process's mask applies).
    fn aside(&self) -> io::Result<tempfile::NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".windtunnel-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(&self.path)
    }

    fn error(&self, source: io::Error) -> FolderError {
        FolderError::Write { path: self.path.clone(), source }
    }
}

/// The file that tells what the folder's results were made from.
fn results_in(path: &Path) -> Option<Value> {
    OWNERS.iter().find_map(|file| serde_json::from_slice(&fs::read(path.join(file)).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct MadeFrom {
        scenario: &'static str,
        seed: u64,
    }

    const ONE: MadeFrom = MadeFrom { scenario: "one", seed: 1 };

    #[test]
    fn results_made_from_something_else_ask_for_force() {
        let folder = tempfile::tempdir().unwrap();
        let first = OutputFolder::prepare(folder.path(), &ONE, false).unwrap();
        first.write("summary.json", br#"{"scenario": "one", "seed": 1}"#).unwrap();
        OutputFolder::prepare(folder.path(), &ONE, false).unwrap();
        for other in [MadeFrom { scenario: "two", seed: 1 }, MadeFrom { seed: 2, ..ONE }] {
            let error = OutputFolder::prepare(folder.path(), &other, false).unwrap_err();
            assert!(error.to_string().contains("--force"), "{error}");
            OutputFolder::prepare(folder.path(), &other, true).unwrap();
        }
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::write(&path, "").unwrap();
        let error = OutputFolder::prepare(&path, &ONE, false).unwrap_err();
        assert!(matches!(error, FolderError::Create { .. }), "{error}");
    }

    #[test]
    fn nothing_but_the_named_files_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let out = OutputFolder::prepare(&folder.path().join("a/b"), &ONE, false).unwrap();
        out.write("pods.csv", b"pod\n").unwrap();
        out.write("pods.csv", b"pod\nweb\n").unwrap();
        out.remove("never-there.svg").unwrap();
        let names: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["pods.csv"]);
        assert_eq!(fs::read(out.path().join("pods.csv")).unwrap(), b"pod\nweb\n");
    }
}
