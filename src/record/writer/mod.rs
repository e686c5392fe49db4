//! The record as files: one file of code a format, and the folder that they are written into.
//!
//! A format gives bytes; [`OutputFolder`] alone touches the disk. To add a format, add its file here and a line where
//! the command line gathers what it writes.

pub mod csv;
mod folder;
pub mod json;

pub use folder::{FolderError, OutputFolder};
