//! What must hold for any input: property tests.

pub mod draw;
mod hpa;
mod judge;
mod runs;
