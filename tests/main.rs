//! Integration tests: one binary, a room for each kind.

mod conformance;
