//! What a person reads of a run: plots and terminal tables.
//!
//! Everything here reads the record and returns text or bytes; the command line prints and writes them.

mod explain_lines;
pub mod plot;
mod service_lines;
pub mod table;
