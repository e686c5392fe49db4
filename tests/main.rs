//! Integration tests: one binary, a room for each kind.

mod bad_input;
mod conformance;
mod invariants;
mod plan;
mod schema;
mod watch;
