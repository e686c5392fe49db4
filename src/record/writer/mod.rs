//! The record as files: one file of code a format, and the folder that they are written into.
//!
//! A format gives bytes; [`OutputFolder`] and [`single`] alone touch the disk, and replace nothing that is not ours. To
//! add a format, add its file here and a line where the command line gathers what it writes.

pub mod csv;
pub mod disk;
mod folder;
pub mod json;
mod lock;
mod manifest;
pub mod perfetto;
pub mod scratch;
pub mod single;
pub mod tidy;

pub use folder::{FolderError, OutputFolder, Terms, lock};
