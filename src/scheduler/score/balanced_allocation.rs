//! NodeResourcesBalancedAllocation: nodes whose resources would be requested to like shares.

use super::resources::Usage;
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

    /// How even the node is with the pod; since 1.36 half of what the pod betters it by, above 50 (75 is no change).
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let with = evenness(scoring, node, |usage| usage.requested);
        if !scoring.settings.options.versioned.balance_by_change {
            return with;
        }
        let without = evenness(scoring, node, |usage| usage.held);
        const HALF: i64 = MAX_NODE_SCORE / 2;
        HALF + (HALF + with - without) / 2
    }
}

/// 100 less the standard deviation of the shares of what `amount` says, in upstream's floating point.
fn evenness(scoring: &Scoring<'_>, node: &NodeView<'_>, amount: impl Fn(&Usage) -> i64) -> i64 {
    let (mut count, mut total) = (0.0, 0.0);
    let share = |usage: Usage| (amount(&usage) as f64 / usage.allocatable as f64).min(1.0);
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
