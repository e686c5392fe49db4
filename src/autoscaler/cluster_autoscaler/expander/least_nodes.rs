//! `least-nodes`: the option with the fewest new nodes; one without any is none.

use super::{Candidate, Context, Expander};

pub struct LeastNodes;

impl Expander for LeastNodes {
    fn name(&self) -> &'static str {
        "least-nodes"
    }

    fn cost(&self, option: &Candidate<'_>, _context: &Context<'_>) -> Option<f64> {
        (option.node_count != 0).then_some(option.node_count as f64)
    }
}
