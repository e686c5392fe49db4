//! Integration tests: one binary, a room for each kind.

mod conformance;
mod invariants;
mod plan;
mod watch;
