//! What a person reads of a run: plots, a page, and terminal tables.
//!
//! Everything here reads the record and returns text or bytes; the command line prints and writes them.

mod cost_shares;
mod explain_lines;
pub mod html;
pub mod plot;
mod service_lines;
pub mod table;
