//! What must hold for any input: property tests.

mod cloud;
pub mod draw;
mod hpa;
pub mod judge;
pub mod runs;
