//! TaintToleration: nodes with the fewest `PreferNoSchedule` taints that the pod does not tolerate.

use super::{Score, Scoring, normalize_to_highest};
use crate::cluster::{NodeView, TaintEffect};
use crate::scheduler::filter::Scope;

pub struct TaintToleration;

impl Score for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn default_weight(&self) -> i64 {
        3
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    /// The count of such taints.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let tolerations = &scoring.cycle.pod.tolerations;
        let untolerated = node.taints().filter(|taint| {
            taint.effect == TaintEffect::PreferNoSchedule
                && !tolerations.iter().any(|toleration| toleration.tolerates(taint))
        });
        untolerated.count() as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        normalize_to_highest(true, scores);
    }
}
