//! Exclusion: a file that one process holds at a time. The system lets go of it when its holder ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use super::scratch::Scratch;

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// Removed while the file is still held, so that nobody holds a file that is no longer there.
    _scratch: Scratch,
    _file: File,
}

/// Why it is not held.
#[derive(Debug)]
pub enum LockError {
    /// By another process; its number where it is known.
    Held(Option<u32>),
    Io(io::Error),
}

impl Lock {
    /// Makes the file where it is missing; one that a killed process left is taken over.
    pub fn take(path: &Path) -> Result<Lock, LockError> {
        // A holder that is just done removes the file: then another one of that name is to be held.
        for _ in 0..100 {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(LockError::Io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    return Err(LockError::Held(holder.trim().parse().ok()));
                }
                // A file system without locks: two runs can't be told apart there.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
            }
            if is_still(&file, path) {
                let scratch = Scratch::file(path);
                // Only for the message of one who finds it held; a full disk is no reason to stop here.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                return Ok(Lock { _scratch: scratch, _file: file });
            }
        }
        Err(LockError::Held(None))
    }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |held: fs::Metadata, found: fs::Metadata| (held.dev(), held.ino()) == (found.dev(), found.ino());
    file.metadata().ok().zip(fs::metadata(path).ok()).is_some_and(|(held, found)| same(held, found))
}

/// Elsewhere a file that is open can't be removed.
#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_at_a_time_and_a_file_that_was_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "4294967000\n").unwrap();
        let first = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(LockError::Held(Some(pid))) if pid == std::process::id()));
        drop(first);
        assert!(!path.exists());
        drop(Lock::take(&path).unwrap());
    }
}
