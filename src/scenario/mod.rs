//! A scenario: what was written in YAML, checked and turned into ids and integers.

pub mod manifest;
