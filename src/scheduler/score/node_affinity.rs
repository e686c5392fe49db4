//! NodeAffinity: nodes that match the most weight of the pod's preferred terms.

use super::{Score, Scoring, normalize_to_highest};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;
use crate::scheduler::node_terms::matches_term;

pub struct NodeAffinity;

impl Score for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn default_weight(&self) -> i64 {
        2
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    /// Weights of preferences are brought to the highest among the feasible nodes.
    fn stands_alone(&self) -> bool {
        false
    }

    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        !scoring.cycle.pod.affinity.node.preferred.is_empty()
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let preferred = scoring.cycle.pod.affinity.node.preferred.iter();
        preferred.filter(|weighted| matches_term(&weighted.term, node)).map(|weighted| i64::from(weighted.weight)).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        normalize_to_highest(false, scores);
    }
}
