//! NodeResourcesBalancedAllocation: nodes whose resources would be requested to like shares.

use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct NodeResourcesBalancedAllocation;

impl Score for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn default_weight(&self) -> i64 {
        1
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// Since 1.33 pods that request none of the balanced resources are left out.
    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        !scoring.balanced.requests_nothing()
    }

    /// 100 less the standard deviation of the requested shares, in upstream's floating point.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let (mut count, mut total) = (0.0, 0.0);
        let share = |usage: super::resources::Usage| (usage.requested as f64 / usage.allocatable as f64).min(1.0);
        let mut first_two = [0.0; 2];
        for (index, share) in scoring.balanced.on(node).map(share).enumerate() {
            if index < 2 {
                first_two[index] = share;
            }
            count += 1.0;
            total += share;
        }
        let deviation = if count == 2.0 {
            ((first_two[0] - first_two[1]) / 2.0_f64).abs()
        } else if count > 2.0 {
            let mean = total / count;
            let squares = scoring.balanced.on(node).map(share).map(|share| (share - mean) * (share - mean));
            (squares.fold(0.0, |sum, square| sum + square) / count).sqrt()
        } else {
            0.0
        };
        ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
    }
}
