//! Integration tests: one binary, a room for each kind.

mod bad_input;
mod behaviour;
mod check;
mod ci;
mod circles;
mod cli;
mod cluster;
mod compare;
mod conformance;
mod determinism;
mod figures;
mod house;
mod invariants;
mod optimize;
mod outputs;
mod pages;
mod plan;
mod reference;
mod schema;
mod services;
mod shell;
mod snapshots;
mod sweep;
mod training;
mod used;
mod watch;
