//! The integration tests: one binary, one room a file.

mod conformance;
