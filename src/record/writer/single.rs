//! One file of text that a user names: written aside, synced, renamed; never in the place of an input, and in that of
//! another file only where we wrote that one and nobody changed it since.
//!
//! A comment, its first line (its last in XML, which begins with a declaration), says that we wrote it and has the hash of
//! the rest. JSON knows no comments: what such a file is, its caller must tell.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::disk;
use super::folder::is_same_file;
use super::lock::{Lock, LockError};
use super::manifest::hash;
use super::scratch::{self, Scratch};
use crate::record::VERSION;

/// How a comment looks in the file's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comment {
    Yaml,
    Markdown,
    Xml,
    /// The format has none: the file bears no mark.
    None,
}

impl Comment {
    const fn ends(self) -> (&'static str, &'static str) {
        match self {
            Comment::Yaml => ("# ", ""),
            Comment::Markdown | Comment::Xml => ("<!-- ", " -->"),
            Comment::None => ("", ""),
        }
    }
}

/// Why a file can't be written.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("{} is an input and would be replaced; give another name", path.display())]
    Input { path: PathBuf },
    #[error("{} exists, and as it stands windtunnel did not write it; give another name, or --force to replace it", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is a folder; give the name of a file", path.display())]
    Folder { path: PathBuf },
    #[error("another process is writing {}", path.display())]
    Busy { path: PathBuf },
    #[error("can't write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl FileError {
    /// The disk's fault, not the user's: a folder that is missing or closed is the user's.
    pub fn is_io(&self) -> bool {
        let is_usage = |kind| {
            use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
            matches!(kind, NotFound | NotADirectory | PermissionDenied | ReadOnlyFilesystem)
        };
        matches!(self, FileError::Write { source, .. } if !is_usage(source.kind()))
    }
}

/// What may not be replaced, and whether a file of the user's may.
#[derive(Clone, Copy, Debug)]
pub struct FileTerms<'a> {
    pub inputs: &'a [PathBuf],
    pub force: bool,
}

/// Whether the file may be written: to be asked before the work is done.
///
/// # Errors
/// What would be lost.
pub fn may_write(path: &Path, terms: FileTerms<'_>) -> Result<(), FileError> {
    let owned = || path.to_owned();
    if terms.inputs.iter().any(|input| is_same_file(input, path)) {
        return Err(FileError::Input { path: owned() });
    }
    match fs::metadata(path) {
        Err(_) if fs::symlink_metadata(path).is_ok() => Err(FileError::Foreign { path: owned() }),
        Err(_) => Ok(()),
        Ok(found) if found.is_dir() => Err(FileError::Folder { path: owned() }),
        Ok(found) if !found.is_file() || terms.force => Ok(()),
        Ok(_) => {
            let text = fs::read(path).map_err(|source| FileError::Write { path: owned(), source })?;
            if is_marked(&text) { Ok(()) } else { Err(FileError::Foreign { path: owned() }) }
        }
    }
}

/// Writes the file whole, or leaves things as they were.
///
/// # Errors
/// As [`may_write`], another process at the same file, and what the disk says.
pub fn write(path: &Path, text: &str, comment: Comment, terms: FileTerms<'_>) -> Result<(), FileError> {
    let marked = marked(text, comment);
    stream(path, terms, |out| out.write_all(marked.as_bytes()))
}

/// As `write`, of a text that is written bit by bit and bears no mark.
///
/// # Errors
/// As `write`.
pub fn stream(
    path: &Path,
    terms: FileTerms<'_>,
    text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    may_write(path, terms)?;
    let refused = |source| FileError::Write { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut device = OpenOptions::new().write(true).open(path).map_err(refused)?;
        return text(&mut device).map_err(refused);
    }
    let (target, _lock) = locked(path)?;
    let new = Scratch::file(beside(&target, "new"));
    disk::stream(new.path(), text).map_err(refused)?;
    let _guard = scratch::putting_in_place();
    may_write(path, terms)?;
    disk::rename(new.path(), &target).map_err(refused)?;
    disk::sync_folder(target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    Ok(())
}

/// A file of this purpose beside the target.
fn beside(target: &Path, purpose: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.windtunnel-{purpose}"))
}

/// What a link leads to is written, and the link stays.
fn locked(path: &Path) -> Result<(PathBuf, Lock), FileError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let lock = Lock::take(&beside(&target, "lock")).map_err(|error| match error {
        LockError::Held(_) => FileError::Busy { path: path.to_owned() },
        LockError::Io(source) => FileError::Write { path: path.to_owned(), source },
    })?;
    Ok((target, lock))
}

fn marked(text: &str, comment: Comment) -> String {
    let (before, after) = comment.ends();
    let mark = format!("{before}Written by windtunnel {VERSION}, {}{after}\n", hash(text.as_bytes()));
    match comment {
        Comment::None => text.to_owned(),
        Comment::Xml => format!("{text}{mark}"),
        Comment::Yaml | Comment::Markdown => format!("{mark}{text}"),
    }
}

/// Whether a file begins or ends with our mark and is what was written.
fn is_marked(bytes: &[u8]) -> bool {
    let is_mark = |line: &[u8], text: &[u8]| {
        let line = String::from_utf8_lossy(line);
        line.contains("Written by windtunnel ") && line.contains(&hash(text))
    };
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return false };
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let last = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    is_mark(&bytes[..end], &bytes[end + 1..]) || is_mark(&lines[last..], &bytes[..last])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn our_own_file_is_replaced_and_anybody_elses_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.yaml");
        let terms = FileTerms { inputs: &[], force: false };
        write(&path, "a: 1\n", Comment::Yaml, terms).unwrap();
        write(&path, "a: 2\n", Comment::Yaml, terms).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Written by windtunnel ") && text.ends_with("\na: 2\n"), "{text}");
        fs::write(&path, format!("{text}b: 3\n")).unwrap();
        let error = write(&path, "a: 4\n", Comment::Yaml, terms).unwrap_err();
        assert!(matches!(error, FileError::Foreign { .. }) && error.to_string().contains("--force"), "{error}");
        let inputs = [folder.path().join("./s.yaml")];
        let error = write(&path, "a: 4\n", Comment::Yaml, FileTerms { inputs: &inputs, force: true }).unwrap_err();
        assert!(matches!(error, FileError::Input { .. }), "{error}");
        assert!(fs::read_to_string(&path).unwrap().ends_with("b: 3\n"));
        write(&path, "a: 4\n", Comment::Markdown, FileTerms { inputs: &[], force: true }).unwrap();
        assert!(is_marked(&fs::read(&path).unwrap()));
        assert_eq!(names(folder.path()), ["s.yaml"]);
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_known_by_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("trace.csv"), "name\n").unwrap();
        fs::hard_link(at("trace.csv"), at("hard.yaml")).unwrap();
        std::os::unix::fs::symlink("trace.csv", at("soft.yaml")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling.yaml")).unwrap();
        let inputs = [at("trace.csv")];
        for name in ["hard.yaml", "soft.yaml"] {
            let error = may_write(&at(name), FileTerms { inputs: &inputs, force: true }).unwrap_err();
            assert!(matches!(error, FileError::Input { .. }), "{error}");
        }
        let error = may_write(&at("dangling.yaml"), FileTerms { inputs: &[], force: false }).unwrap_err();
        assert!(matches!(error, FileError::Foreign { .. }), "{error}");
    }
}
