//! What stands on the disk only while we work: removed when we are done, and by whoever ends the program early.
//!
//! A signal, or a panic that ends the process, runs no destructors; [`clean`] takes their place. While results are being
//! put in place it waits: that takes milliseconds, and then they are whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static WORK: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
/// Held while files are renamed into place.
static IN_PLACE: Mutex<()> = Mutex::new(());

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Tree,
    /// A folder that we made; it goes where nothing is in it.
    Empty,
}

/// Something that stands until this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    kind: Kind,
}

impl Scratch {
    pub fn file(path: impl Into<PathBuf>) -> Scratch {
        Scratch::new(path.into(), Kind::File)
    }

    pub fn tree(path: impl Into<PathBuf>) -> Scratch {
        Scratch::new(path.into(), Kind::Tree)
    }

    /// A folder that goes again where nothing came into it.
    pub fn folder(path: impl Into<PathBuf>) -> Scratch {
        Scratch::new(path.into(), Kind::Empty)
    }

    fn new(path: PathBuf, kind: Kind) -> Scratch {
        // The current directory is the same for the thread that cleans.
        entries().push(Entry { path: path.clone(), kind });
        Scratch { path, kind }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It stays: somebody else takes care of it.
    pub fn leave(self) {
        self.forget();
        std::mem::forget(self);
    }

    fn forget(&self) {
        let mut entries = entries();
        if let Some(at) = entries.iter().rposition(|entry| entry.kind == self.kind && entry.path == self.path) {
            entries.remove(at);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path, self.kind);
        self.forget();
    }
}

/// While this is held, [`clean`] waits.
pub fn putting_in_place() -> MutexGuard<'static, ()> {
    IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all that stands only while we work, the last first. To be called by a process that ends at once; gives back
/// what must be held until then, so that nothing is put in place any more.
pub fn clean() -> Option<MutexGuard<'static, ()>> {
    let guard = IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    clean_now();
    Some(guard)
}

/// As [`clean`], for a thread that may itself be putting results in place: then they are left for the next run, which
/// finishes what was begun.
pub fn clean_after_panic() {
    if let Ok(_guard) = IN_PLACE.try_lock() {
        clean_now();
    }
}

fn clean_now() {
    for entry in entries().iter().rev() {
        remove(&entry.path, entry.kind);
    }
}

fn entries() -> MutexGuard<'static, Vec<Entry>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing can be done where it fails; the next run tries again.
fn remove(path: &Path, kind: Kind) {
    let _ = match kind {
        Kind::File => fs::remove_file(path),
        Kind::Empty => fs::remove_dir(path),
        // Another thread may still be adding to it.
        Kind::Tree => (0..100)
            .try_for_each(|_| match fs::remove_dir_all(path) {
                Ok(()) => Err(None),
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
                Err(error) => Err(Some(error)),
            })
            .or_else(|end| end.map_or(Ok(()), Err)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_gone_and_a_folder_with_something_in_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        fs::create_dir_all(made.join("tree/deep")).unwrap();
        let (outer, tree) = (Scratch::folder(&made), Scratch::tree(made.join("tree")));
        fs::write(made.join("kept"), "").unwrap();
        drop(tree);
        assert!(!made.join("tree").exists());
        drop(outer);
        assert!(made.join("kept").exists());
        fs::remove_file(made.join("kept")).unwrap();
        drop(Scratch::folder(&made));
        assert!(!made.exists());
    }

    /// Of two that are called alike each is forgotten for itself, and one that stays is nobody's to remove.
    #[test]
    fn what_is_gone_or_left_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("twice");
        let known = |kind: Kind| entries().iter().any(|entry| entry.path == path && entry.kind == kind);
        let file = Scratch::file(&path);
        let tree = Scratch::tree(&path);
        assert!(known(Kind::File) && known(Kind::Tree));
        file.leave();
        assert!(!known(Kind::File) && known(Kind::Tree));
        drop(tree);
        assert!(!known(Kind::Tree));
    }
}
