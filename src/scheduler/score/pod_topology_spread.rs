//! PodTopologySpread: nodes in the domains with the fewest matching pods.

use super::spread_scores::{Counts, ScoredConstraint};
use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct PodTopologySpread;

/// Raw score of a node that lacks a topology key; all others are zero or more.
const IGNORED: i64 = -1;

impl Score for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn default_weight(&self) -> i64 {
        2
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        scoring.spread.is_some()
    }

    /// Matching pods over the node's domains, each weighted by the logarithm of how many domains there are.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let Some(scores) = &scoring.spread else { return 0 };
        if scores.needs_every_key && !scores.constraints.iter().all(|c| node.label(c.constraint.topology_key).is_some())
        {
            return IGNORED;
        }
        let mut sum = 0.0;
        for ScoredConstraint { constraint, weight, counts } in &scores.constraints {
            let Some(value) = node.label(constraint.topology_key) else { continue };
            let count = match counts {
                Counts::ByHost(hosts) => hosts.get(&node.id).copied().unwrap_or(0),
                Counts::ByDomain(domains) => domains.get(value).copied().unwrap_or(0),
            };
            sum += count as f64 * weight + (constraint.max_skew - 1) as f64;
        }
        f64::round(sum) as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        let taking_part = || scores.iter().copied().filter(|score| *score != IGNORED);
        let (lowest, highest) = (taking_part().min().unwrap_or(0), taking_part().max().unwrap_or(0));
        for score in scores {
            *score = match *score {
                IGNORED => 0,
                _ if highest == 0 => MAX_NODE_SCORE,
                raw => MAX_NODE_SCORE * (highest + lowest - raw) / highest,
            };
        }
    }
}
