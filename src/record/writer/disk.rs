//! What is done to the disk, in few words: each may fail, and in tests it does at the n-th time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// A new file with these bytes, written through to the disk.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    may_fail()?;
    write_through(File::create_new(path)?, bytes)
}

/// A file in the place of whatever has that name, written bit by bit and through to the disk.
pub fn stream(path: &Path, text: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    may_fail()?;
    let mut file = File::create(path)?;
    text(&mut Failing(&mut file))?;
    may_fail()?;
    file.sync_all()
}

/// Takes each write as the disk does.
struct Failing<'a>(&'a mut File);

impl Write for Failing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        may_fail()?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn write_through(mut file: File, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = may_fail() {
        // A full disk takes a part.
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(error);
    }
    file.write_all(bytes)?;
    may_fail()?;
    file.sync_all()
}

/// Gives a file another name, in the place of whatever has it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    may_fail()?;
    fs::rename(from, to)
}

/// Removes a file.
pub fn remove_file(path: &Path) -> io::Result<()> {
    may_fail()?;
    fs::remove_file(path)
}

/// Makes a folder.
pub fn create_dir(path: &Path) -> io::Result<()> {
    may_fail()?;
    fs::create_dir(path)
}

/// Makes renames last. Systems that can't do that for a folder do without.
pub fn sync_folder(path: &Path) {
    if may_fail().is_ok()
        && let Ok(folder) = File::open(path)
    {
        let _ = folder.sync_all();
    }
}

#[cfg(not(test))]
const fn may_fail() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
fn may_fail() -> io::Result<()> {
    faults::next()
}

/// Failures on demand, of this thread.
#[cfg(test)]
pub mod faults {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static DONE: Cell<u64> = const { Cell::new(0) };
        static FAILS_AT: Cell<Option<u64>> = const { Cell::new(None) };
        static FROM_THERE_ON: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `work` with the `nth` thing that is done to the disk failing (and with `for_good` all after it), and gives
    /// how many were done beside its answer.
    pub fn failing_at<T>(nth: Option<u64>, for_good: bool, work: impl FnOnce() -> T) -> (T, u64) {
        DONE.set(0);
        FAILS_AT.set(nth);
        FROM_THERE_ON.set(for_good);
        let answer = work();
        FAILS_AT.set(None);
        (answer, DONE.get())
    }

    pub(super) fn next() -> io::Result<()> {
        let at = DONE.replace(DONE.get() + 1);
        let fails = FAILS_AT.get().is_some_and(|nth| at == nth || FROM_THERE_ON.get() && at > nth);
        if fails { Err(io::Error::new(io::ErrorKind::StorageFull, "a fault of the test's")) } else { Ok(()) }
    }
}
