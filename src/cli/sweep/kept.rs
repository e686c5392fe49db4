//! The file that keeps a sweep's runs as they end, so that nothing is run twice: hidden in the folder of the results, and gone
//! when they are there; or that of a shard, which stays until it is merged.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;

use crate::cli::exit_code::Failure;
use crate::record::writer::FolderError;
use crate::sweep::{Header, Journal, JournalError, Lines, Ran, Shard};

/// In the folder of the results.
pub const HIDDEN: &str = ".windtunnel-runs.jsonl";

/// The name of a shard's file.
pub fn shard_file(shard: Shard) -> String {
    format!("shard-{}-of-{}.jsonl", shard.index, shard.of)
}

/// Runs on the disk, and those to come.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// Those that an earlier call had done.
    pub ran: BTreeMap<usize, Ran>,
    open: Mutex<(File, Lines)>,
}

/// What to do with runs that are there already.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Go on with them.
    pub resume: bool,
    /// Begin anew.
    pub force: bool,
}

impl Kept {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It holds runs, and neither is said; or runs of something else, or is no such file; or the disk's word.
    pub fn open(path: PathBuf, header: &Header, terms: Terms) -> Result<Kept, Failure> {
        let refused = |why: String| Failure::BadInput(anyhow!("{}: {why}", path.display()));
        let earlier = match fs::read(&path) {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(Journal::read(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&path, error)),
        };
        let is_hidden = header.shard.is_none();
        let (journal, lines) = match earlier {
            None => (None, Lines::default()),
            Some(_) if terms.force => (None, Lines::default()),
            Some(Ok((journal, _))) if journal.header != *header && !is_hidden => {
                return Err(refused(format!(
                    "it holds {} runs that were made from something else; --force begins anew",
                    journal.ran.len()
                )));
            }
            // An interrupted sweep of other inputs is of no more use.
            Some(Ok((journal, _))) if journal.header != *header => (None, Lines::default()),
            Some(Ok((journal, _))) if !terms.resume && !journal.ran.is_empty() && !is_done(&journal) => {
                return Err(refused(format!(
                    "an interrupted sweep left {} of {} runs; --resume goes on with them, --force begins anew",
                    journal.ran.len(),
                    runs_of(header)
                )));
            }
            Some(Ok((journal, lines))) => (Some(journal), lines),
            // A call that was cut off in its very first line.
            Some(Err(JournalError::Foreign)) if is_hidden => (None, Lines::default()),
            Some(Err(error)) => return Err(refused(format!("{error}; --force begins anew"))),
        };
        let write = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            match &journal {
                Some(journal) => file.set_len(journal.whole as u64)?,
                None => {
                    file.set_len(0)?;
                    file.write_all(Lines::header(header).as_bytes())?;
                }
            }
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = write().map_err(|error| failed(&path, error))?;
        let ran = journal.map(|journal| journal.ran).unwrap_or_default();
        Ok(Kept { path, ran, open: Mutex::new((file, lines)) })
    }

    /// Keeps a run that has ended.
    ///
    /// # Errors
    /// The disk's word.
    pub fn keep(&self, run: usize, ran: &Ran) -> Result<(), FolderError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, lines) = &mut *open;
        let text = lines.run(run, ran);
        file.write_all(text.as_bytes()).map_err(|source| FolderError::Write { path: self.path.clone(), source })
    }

    /// All is on the disk.
    ///
    /// # Errors
    /// The disk's word.
    pub fn sync(&self) -> Result<(), FolderError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.0.sync_all().map_err(|source| FolderError::Write { path: self.path.clone(), source })
    }

    /// The results are in place: the file is no longer needed.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// How many runs a file with this header comes to hold.
pub fn runs_of(header: &Header) -> usize {
    (0..header.runs).filter(|run| header.shard.is_none_or(|shard| shard.has(*run))).count()
}

fn is_done(journal: &Journal) -> bool {
    journal.ran.len() == runs_of(&journal.header)
}

fn failed(path: &Path, source: io::Error) -> Failure {
    FolderError::Write { path: path.to_owned(), source }.into()
}
