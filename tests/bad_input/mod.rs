//! What users get wrong: exit codes, the field's path, and silence on standard output.

mod hpa;
mod names;
mod scenario;
mod training;
