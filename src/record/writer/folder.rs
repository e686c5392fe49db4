//! The folder that a run's outputs go into: checked and locked before the run, and changed at its end from one whole
//! result to the next.
//!
//! Files are written and synced into the folder `.windtunnel-new` within it. [`OutputFolder::commit`] then marks them
//! as complete and renames each into place, which needs no room on the disk. Whatever ends the program before the mark
//! leaves the earlier result as it was; after it, the next run finishes what was begun. Only files that a manifest lists
//! are ever replaced or removed.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::disk;
use super::lock::{Lock, LockError};
use super::manifest::{Hash, MANIFEST, Manifest, Owner};
use super::scratch::{self, Scratch};
use crate::record::difference;

/// Files that tell what the results of a folder were made from. They are put in place last and taken away first, so
/// their presence says that the others are complete.
const OWNERS: [&str; 3] = ["summary.json", "sweep.json", "optimize.json"];

const LOCK: &str = ".windtunnel.lock";
const STAGING: &str = ".windtunnel-new";
/// The new manifest, in the staging folder: once it has this name all files are whole.
const COMPLETE: &str = "complete";

/// Why a folder can't take the results.
#[derive(Debug, Error)]
pub enum FolderError {
    #[error("can't create the output folder {} (--out names another)", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("can't write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "the output folder {} holds results {difference}; give --force to replace them, or another folder with --out",
        path.display()
    )]
    Occupied { path: PathBuf, difference: String },
    #[error("{} is an input of this run and would be replaced by its output; give another folder with --out", path.display())]
    Input { path: PathBuf },
    #[error(
        "{} would be replaced, and it was not written by windtunnel; move it away, or give another folder with --out",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "{} was changed since windtunnel wrote it; give --force to replace it, or another folder with --out",
        path.display()
    )]
    Changed { path: PathBuf },
    #[error(
        "another run{} is writing into {}; wait for it, or give another folder with --out",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display()
    )]
    Busy { path: PathBuf, pid: Option<u32> },
}

impl FolderError {
    /// The disk's fault, not the user's: a folder that is closed to him is his.
    pub fn is_io(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let is_usage = |kind| matches!(kind, PermissionDenied | ReadOnlyFilesystem);
        matches!(self, FolderError::Write { source, .. } if !is_usage(source.kind()))
    }
}

/// What a run asks of its folder.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Files that the run reads; none is ever replaced.
    pub inputs: &'a [PathBuf],
    /// Files that it may write.
    pub outputs: &'a [String],
    /// Replace results that were made from something else, and files of ours that were changed since.
    pub force: bool,
}

/// A folder that exists, took a file a moment ago, and is ours alone until this is dropped.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    before: Manifest,
    written: RefCell<Manifest>,
    // Dropped in this order: the lock goes before the folder that it stands in.
    staging: Scratch,
    _lock: Lock,
    _made: Vec<Scratch>,
}

impl OutputFolder {
    /// Creates `path` where it is missing and finds out whether it can be written to, whether anybody else does, and
    /// whether it holds anything that the run must not replace: results that were made from something else than
    /// `made_from` (a [`Provenance`](crate::record::Provenance)), inputs, files of the user's.
    pub fn prepare(path: &Path, made_from: &impl Serialize, terms: Terms<'_>) -> Result<OutputFolder, FolderError> {
        let made = make(path).map_err(|source| FolderError::Create { path: path.to_owned(), source })?;
        let lock = lock(path, &path.join(LOCK))?;
        finish_or_clear(path)?;
        let before = Manifest::read(path);
        if !terms.force
            && let Some(difference) = results_in(path).and_then(|found| difference(&found, made_from))
        {
            return Err(FolderError::Occupied { path: path.to_owned(), difference });
        }
        let staging = path.join(STAGING);
        disk::create_dir(&staging).map_err(|source| FolderError::Write { path: staging.clone(), source })?;
        let folder = OutputFolder {
            path: path.to_owned(),
            before,
            written: RefCell::new(Manifest::new()),
            staging: Scratch::tree(staging),
            _lock: lock,
            _made: made,
        };
        for name in terms.outputs.iter().map(String::as_str).chain([MANIFEST]) {
            folder.check(name, terms)?;
        }
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the new result; nobody sees it before [`commit`](Self::commit).
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        self.stage(name, bytes)?;
        self.written.borrow_mut().add(name, bytes);
        Ok(())
    }

    /// [`write`](Self::write), part by part.
    pub fn write_parts(&self, name: &str, mut parts: impl Iterator<Item = Vec<u8>>) -> Result<(), FolderError> {
        let mut hash = Hash::default();
        let written = disk::stream(&self.staging.path().join(name), |file| {
            parts.try_for_each(|part| {
                hash.take(&part);
                file.write_all(&part)
            })
        });
        written.map_err(|source| FolderError::Write { path: self.path.join(name), source })?;
        self.written.borrow_mut().add_hashed(name, hash);
        Ok(())
    }

    /// Puts the new result in the place of the earlier one, of which nothing stays.
    pub fn commit(self) -> Result<(), FolderError> {
        for name in self.written.borrow().names().filter(|name| !self.before.lists(name)) {
            let path = self.path.join(name);
            if fs::symlink_metadata(&path).is_ok() {
                return Err(FolderError::Foreign { path });
            }
        }
        let manifest = self.written.borrow().to_json();
        self.stage("manifest", &manifest)?;
        let staged = self.staging.path();
        disk::sync_folder(staged);
        // From here on a signal waits, and a kill leaves what the next run finishes.
        let _guard = scratch::putting_in_place();
        disk::rename(&staged.join("manifest"), &staged.join(COMPLETE))
            .map_err(|source| FolderError::Write { path: staged.join(COMPLETE), source })?;
        disk::sync_folder(staged);
        let OutputFolder { path, before, written, staging, .. } = self;
        let put = || put_in_place(&path, &before, &written.borrow());
        // The new result is whole and marked, and the earlier one no longer is: it is tried once more, and what fails
        // then is left for the next run, which finishes it.
        match put().or_else(|_| put()) {
            Ok(()) => Ok(()),
            Err(error) => {
                staging.leave();
                Err(error)
            }
        }
    }

    fn stage(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        disk::write_new(&self.staging.path().join(name), bytes)
            .map_err(|source| FolderError::Write { path: self.path.join(name), source })
    }

    fn check(&self, name: &str, terms: Terms<'_>) -> Result<(), FolderError> {
        let path = self.path.join(name);
        if name == MANIFEST {
            let is_ours = self.before != Manifest::default() || fs::symlink_metadata(&path).is_err();
            return if is_ours { Ok(()) } else { Err(FolderError::Foreign { path }) };
        }
        if terms.inputs.iter().any(|input| is_same_file(input, &path)) {
            return Err(FolderError::Input { path });
        }
        let owner = self.before.owner(&self.path, name);
        match owner.map_err(|source| FolderError::Write { path: path.clone(), source })? {
            Owner::Foreign => Err(FolderError::Foreign { path }),
            Owner::Changed if !terms.force => Err(FolderError::Changed { path }),
            Owner::Nobody | Owner::Ours | Owner::Changed => Ok(()),
        }
    }
}

/// Holds `path` for this process alone, by the file `by`, until the answer is dropped.
///
/// # Errors
/// Another process holds it, or the disk's word.
pub fn lock(path: &Path, by: &Path) -> Result<Lock, FolderError> {
    Lock::take(by).map_err(|error| match error {
        LockError::Held(pid) => FolderError::Busy { path: path.to_owned(), pid },
        LockError::Io(source) => FolderError::Write { path: by.to_owned(), source },
    })
}

/// Makes the folder and those above it; they go again where nothing comes into them.
fn make(path: &Path) -> io::Result<Vec<Scratch>> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    fs::create_dir_all(path)?;
    let mut made: Vec<Scratch> = missing.into_iter().rev().map(Scratch::folder).collect();
    // The innermost is dropped first.
    made.reverse();
    Ok(made)
}

/// Finishes what a run that was killed had begun to put in place, and removes what one left that had not come so far.
fn finish_or_clear(path: &Path) -> Result<(), FolderError> {
    let staging = path.join(STAGING);
    let complete = fs::read(staging.join(COMPLETE)).ok().and_then(|bytes| Manifest::parse(&bytes));
    if let Some(written) = complete {
        let before = Manifest::read(path);
        // Unless somebody has put a file of his own where one of these belongs.
        let free = |name: &str| {
            let owned = |manifest: &Manifest| matches!(manifest.owner(path, name), Ok(Owner::Nobody | Owner::Ours));
            owned(&before) || owned(&written)
        };
        if written.names().all(free) {
            put_in_place(path, &before, &written)?;
        }
    }
    match fs::remove_dir_all(&staging) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FolderError::Write { path: staging, source }),
        _ => Ok(()),
    }
}

/// Renames the staged files into place. May be begun anew where it was cut off.
fn put_in_place(path: &Path, before: &Manifest, written: &Manifest) -> Result<(), FolderError> {
    let staging = path.join(STAGING);
    let remove = |name: &str| match disk::remove_file(&path.join(name)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FolderError::Write { path: path.join(name), source })
        }
        _ => Ok(()),
    };
    let place = |from: &str, name: &str| match disk::rename(&staging.join(from), &path.join(name)) {
        // It is there already.
        Err(source) if source.kind() == io::ErrorKind::NotFound && path.join(name).exists() => Ok(()),
        Err(source) => Err(FolderError::Write { path: path.join(name), source }),
        Ok(()) => Ok(()),
    };
    let is_owner = |name: &&str| OWNERS.contains(name);
    let is_staged = |name: &str| staging.join(name).exists();
    for name in OWNERS.into_iter().filter(|name| before.lists(name) && (is_staged(name) || !written.lists(name))) {
        remove(name)?;
    }
    for name in before.names().filter(|name| !is_owner(name) && !written.lists(name)) {
        if matches!(before.owner(path, name), Ok(Owner::Ours)) {
            remove(name)?;
        }
    }
    for name in written.names().filter(|name| !is_owner(name)) {
        place(name, name)?;
    }
    for name in written.names().filter(is_owner) {
        place(name, name)?;
    }
    disk::sync_folder(path);
    place(COMPLETE, MANIFEST)?;
    disk::sync_folder(path);
    Ok(())
}

/// Whether two paths lead to one file, by whatever links and spellings.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        if id(one).is_some_and(|id_of_one| id(other) == Some(id_of_one)) {
            return true;
        }
    }
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    resolved(one).is_some_and(|path| resolved(other) == Some(path))
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

    fn prepare(path: &Path, made_from: &MadeFrom, force: bool) -> Result<OutputFolder, FolderError> {
        let outputs = ["summary.json", "pods.csv"].map(str::to_owned);
        OutputFolder::prepare(path, made_from, Terms { inputs: &[path.join("trace.csv")], outputs: &outputs, force })
    }

    fn run(path: &Path, pods: &str) {
        let folder = prepare(path, &ONE, true).unwrap();
        folder.write("summary.json", br#"{"scenario": "one", "seed": 1}"#).unwrap();
        folder.write("pods.csv", pods.as_bytes()).unwrap();
        folder.commit().unwrap();
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    const WHOLE: [&str; 3] = [".windtunnel.json", "pods.csv", "summary.json"];

    #[test]
    fn results_made_from_something_else_ask_for_force() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), "pod\n");
        drop(prepare(folder.path(), &ONE, false).unwrap());
        for other in [MadeFrom { scenario: "two", seed: 1 }, MadeFrom { seed: 2, ..ONE }] {
            let error = prepare(folder.path(), &other, false).unwrap_err();
            assert!(error.to_string().contains("--force"), "{error}");
            drop(prepare(folder.path(), &other, true).unwrap());
        }
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::write(&path, "").unwrap();
        let error = prepare(&path, &ONE, false).unwrap_err();
        assert!(matches!(error, FolderError::Create { .. }), "{error}");
    }

    #[test]
    fn a_result_is_there_whole_or_not_at_all_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        drop(prepare(&path, &ONE, false).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
        run(&path, "pod\n");
        assert_eq!(names(&path), WHOLE);
        let second = prepare(&path, &ONE, false).unwrap();
        second.write("pods.csv", b"half").unwrap();
        assert_eq!(fs::read(path.join("pods.csv")).unwrap(), b"pod\n");
        drop(second);
        assert_eq!(names(&path), WHOLE);
        // What the new result lacks goes with the old one.
        let third = prepare(&path, &ONE, false).unwrap();
        third.write("nodes.csv", b"node\n").unwrap();
        third.commit().unwrap();
        assert_eq!(names(&path), [".windtunnel.json", "nodes.csv"]);
    }

    #[test]
    fn what_is_not_ours_is_never_replaced_and_an_input_not_even_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("pods.csv"), "mine\n").unwrap();
        for force in [false, true] {
            let error = prepare(path, &ONE, force).unwrap_err();
            assert!(matches!(error, FolderError::Foreign { .. }), "{error}");
        }
        fs::remove_file(path.join("pods.csv")).unwrap();
        run(path, "pod\n");
        fs::hard_link(path.join("pods.csv"), path.join("trace.csv")).unwrap();
        let error = prepare(path, &ONE, true).unwrap_err();
        assert!(matches!(error, FolderError::Input { .. }), "{error}");
        fs::remove_file(path.join("trace.csv")).unwrap();
        fs::write(path.join("pods.csv"), "edited\n").unwrap();
        let error = prepare(path, &ONE, false).unwrap_err();
        assert!(matches!(error, FolderError::Changed { .. }), "{error}");
        // One that comes while the run goes on.
        let running = prepare(path, &ONE, true).unwrap();
        fs::write(path.join("nodes.csv"), "mine\n").unwrap();
        running.write("nodes.csv", b"node\n").unwrap();
        assert!(matches!(running.commit(), Err(FolderError::Foreign { .. })));
        assert_eq!(fs::read(path.join("nodes.csv")).unwrap(), b"mine\n");
        assert_eq!(fs::read(path.join("pods.csv")).unwrap(), b"edited\n");
    }

    #[test]
    fn two_runs_at_once_exclude_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let first = prepare(folder.path(), &ONE, false).unwrap();
        let error = prepare(folder.path(), &ONE, true).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        prepare(folder.path(), &ONE, false).unwrap();
    }

    /// A kill at any moment of putting in place: the next run finds the new result whole.
    #[test]
    fn the_next_run_finishes_what_a_kill_cut_off() {
        for moved in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            run(path, "old\n");
            let staging = path.join(STAGING);
            fs::create_dir(&staging).unwrap();
            let mut written = Manifest::new();
            let summary = br#"{"scenario": "one", "seed": 1}"#;
            for (name, bytes) in [("pods.csv", &b"new\n"[..]), ("summary.json", summary)] {
                fs::write(staging.join(name), bytes).unwrap();
                written.add(name, bytes);
            }
            fs::write(staging.join(COMPLETE), written.to_json()).unwrap();
            let steps: [&dyn Fn(); 3] = [
                &|| fs::remove_file(path.join("summary.json")).unwrap(),
                &|| fs::rename(staging.join("pods.csv"), path.join("pods.csv")).unwrap(),
                &|| fs::rename(staging.join("summary.json"), path.join("summary.json")).unwrap(),
            ];
            steps[..moved].iter().for_each(|step| step());
            drop(prepare(path, &ONE, false).unwrap());
            assert_eq!(fs::read(path.join("pods.csv")).unwrap(), b"new\n", "{moved}");
            assert_eq!(names(path), WHOLE);
            assert_eq!(Manifest::read(path), written);
        }
    }

    #[test]
    fn what_a_kill_left_unfinished_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), "old\n");
        fs::create_dir(folder.path().join(STAGING)).unwrap();
        fs::write(folder.path().join(STAGING).join("pods.csv"), "half").unwrap();
        fs::write(folder.path().join(LOCK), "1\n").unwrap();
        drop(prepare(folder.path(), &ONE, false).unwrap());
        assert_eq!(names(folder.path()), WHOLE);
        assert_eq!(fs::read(folder.path().join("pods.csv")).unwrap(), b"old\n");
    }
}
