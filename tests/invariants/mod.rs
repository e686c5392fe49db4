//! What must hold for any input: property tests.

mod cloud;
pub mod draw;
mod hpa;
mod judge;
pub mod runs;
