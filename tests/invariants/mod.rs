//! What must hold for any input: property tests.

mod cloud;
mod draw;
mod hpa;
mod judge;
mod runs;
