//! Figures held against a second opinion: recomputed from what a run wrote, by other means.

mod sampling;
pub mod second_opinion;
mod waits;
