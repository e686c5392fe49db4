//! What must hold for any input: property tests.

mod draw;
mod hpa;
mod judge;
mod runs;
