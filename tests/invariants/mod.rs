//! What must hold for any input: property tests.

pub(crate) mod draw;
mod hpa;
mod judge;
mod runs;
