//! The four exit codes, and the failures that map to them.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::record::writer::single::FileError;
use crate::record::writer::{FolderError, scratch};

/// Everything asked for was done.
pub const FINE: u8 = 0;
/// A run finished, and an expectation did not hold.
pub const EXPECTATION_FAILED: u8 = 1;
/// The input or the usage is wrong; nothing was written.
pub const BAD_INPUT: u8 = 2;
/// A bug of ours, or a disk that does not take what is written.
pub const INTERNAL: u8 = 3;

/// The exit codes in a line, for `--help`.
pub const HELP: &str = "Exit codes: 0 fine, 1 an expectation failed, 2 the input or usage is wrong, 3 an internal error or a failed write.";

/// Why a command ended without doing its work.
#[derive(Debug)]
pub enum Failure {
    /// The user's input can't be used; the text says where and what to do.
    BadInput(anyhow::Error),
    /// Already told on standard error in full (drawn diagnostics).
    Reported,
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        if self.is_io() { INTERNAL.into() } else { BAD_INPUT.into() }
    }

    /// True where a file, or standard output, did not take what was written.
    fn is_io(&self) -> bool {
        let Failure::BadInput(error) = self else { return false };
        // An error of a file that is read comes with its name before it; one that comes alone is standard output's.
        let is_stdout = error.chain().next().is_some_and(|cause| cause.is::<io::Error>());
        is_stdout
            || error.downcast_ref::<FolderError>().is_some_and(FolderError::is_io)
            || error.downcast_ref::<FileError>().is_some_and(FileError::is_io)
    }

    pub fn report(&self, out: &mut impl Write) {
        if let Failure::BadInput(error) = self {
            let what = if error.chain().next().is_some_and(|cause| cause.is::<io::Error>()) {
                "can't write to standard output: "
            } else {
                ""
            };
            // Nothing can be done where standard error itself is gone.
            let _ = writeln!(out, "error: {what}{error:#}");
        }
    }

    /// True where the reader of our output went away, as `head` does: no failure of ours.
    pub fn is_broken_pipe(&self) -> bool {
        let Failure::BadInput(error) = self else { return false };
        error
            .chain()
            .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::BadInput(error.into())
    }
}

/// A panic is a bug of ours: exit code 3, with a request to report it.
pub fn install_panic_hook() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        eprintln!(
            "internal error: this is a bug in windtunnel, not in your input; please report it with the input file"
        );
        scratch::clean_after_panic();
        std::process::exit(INTERNAL.into());
    }));
}
