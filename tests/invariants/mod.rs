//! What must hold for any input: property tests.

mod hpa;
