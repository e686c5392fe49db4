//! `most-pods`: the option that holds the most pods.

use super::{Candidate, Context, Expander};

pub struct MostPods;

impl Expander for MostPods {
    fn name(&self) -> &'static str {
        "most-pods"
    }

    fn cost(&self, option: &Candidate<'_>, _context: &Context<'_>) -> Option<f64> {
        Some(-(option.pods.len() as f64))
    }
}
