//! The folder that a run's outputs go into: checked before the run, written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Files that tell whose results a folder holds, and the key that names the owner: a scenario or a sweep. They are
/// written last, so their presence says that the others are complete.
const OWNERS: [(&str, &str); 2] = [("summary.json", "scenario"), ("sweep.json", "sweep")];

#[derive(Debug, Error)]
pub enum FolderError {
    #[error("can't create the output folder {} (--out names another)", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("can't write into the output folder {} (--out names another)", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "the output folder {} holds the results of {found:?}; give --force to replace them, or another folder with --out",
        path.display()
    )]
    Occupied { path: PathBuf, found: String },
}

/// A folder that exists and took a file a moment ago.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
}

impl OutputFolder {
    /// Creates `path` where it is missing and finds out whether it can be written to. Results of another scenario or
    /// sweep than `owner` are an error unless `force` is given; results of the same one are replaced.
    pub fn prepare(path: &Path, owner: &str, force: bool) -> Result<OutputFolder, FolderError> {
        fs::create_dir_all(path).map_err(|source| FolderError::Create { path: path.to_owned(), source })?;
        if !force && let Some(found) = owner_of(path).filter(|found| found != owner) {
            return Err(FolderError::Occupied { path: path.to_owned(), found });
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

/// The scenario or sweep whose results stand in the folder.
fn owner_of(path: &Path) -> Option<String> {
    OWNERS.iter().find_map(|(file, key)| {
        let bytes = fs::read(path.join(file)).ok()?;
        let results: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        results.get(key)?.as_str().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_another_scenario_ask_for_force() {
        let folder = tempfile::tempdir().unwrap();
        let first = OutputFolder::prepare(folder.path(), "one", false).unwrap();
        first.write("summary.json", br#"{"scenario": "one"}"#).unwrap();
        OutputFolder::prepare(folder.path(), "one", false).unwrap();
        let error = OutputFolder::prepare(folder.path(), "two", false).unwrap_err();
        assert!(error.to_string().contains("--force"), "{error}");
        OutputFolder::prepare(folder.path(), "two", true).unwrap();
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::write(&path, "").unwrap();
        let error = OutputFolder::prepare(&path, "one", false).unwrap_err();
        assert!(matches!(error, FolderError::Create { .. }), "{error}");
    }

    #[test]
    fn nothing_but_the_named_files_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let out = OutputFolder::prepare(&folder.path().join("a/b"), "one", false).unwrap();
        out.write("pods.csv", b"pod\n").unwrap();
        out.write("pods.csv", b"pod\nweb\n").unwrap();
        out.remove("never-there.svg").unwrap();
        let names: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["pods.csv"]);
        assert_eq!(fs::read(out.path().join("pods.csv")).unwrap(), b"pod\nweb\n");
    }
}
