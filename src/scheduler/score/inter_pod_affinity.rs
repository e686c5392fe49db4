//! InterPodAffinity: nodes in whose domains run pods that the pod prefers, or that prefer it.

use super::affinity_scores::AffinityScores;
use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct InterPodAffinity;

impl Score for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn default_weight(&self) -> i64 {
        2
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        scoring.affinity.is_some()
    }

    /// Sum over the node's domains; negative where it is to be avoided.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let Some(AffinityScores { weights }) = &scoring.affinity else { return 0 };
        weights.keys().map(|key| weights.at(key, node)).sum()
    }

    /// Stretches lowest to highest over 0 to 100, in upstream's floating point.
    fn normalize(&self, scores: &mut [i64]) {
        let (Some(lowest), Some(highest)) = (scores.iter().copied().min(), scores.iter().copied().max()) else {
            return;
        };
        let range = highest - lowest;
        for score in scores {
            *score = match range {
                0 => 0,
                _ => (MAX_NODE_SCORE as f64 * ((*score - lowest) as f64 / range as f64)) as i64,
            };
        }
    }
}
