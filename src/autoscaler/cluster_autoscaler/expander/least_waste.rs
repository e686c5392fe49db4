//! `least-waste`: the smallest sum of the unused fractions of CPU and memory capacity.

use super::{Candidate, Context, Expander};

pub struct LeastWaste;

impl Expander for LeastWaste {
    fn name(&self) -> &'static str {
        "least-waste"
    }

    fn cost(&self, option: &Candidate<'_>, _context: &Context<'_>) -> Option<f64> {
        let capacity = &option.template?.capacity;
        let cpu: i64 = option.pods.iter().map(|pod| pod.requests.cpu.get()).sum();
        let memory: i64 = option.pods.iter().map(|pod| pod.requests.memory.get()).sum();
        let wasted = |capacity: i64, used: i64| {
            let available = capacity.saturating_mul(option.node_count);
            available.saturating_sub(used) as f64 / available as f64
        };
        Some(wasted(capacity.cpu.get(), cpu) + wasted(capacity.memory.get(), memory))
    }
}
