//! RandomNode: one of the feasible nodes, drawn for each pod. Not upstream's; `RandomScore` of
//! hkust-adsl/kubernetes-scheduler-simulator (8f3d641).

use rand::RngExt;

use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;
use crate::units::random::stream;

pub struct RandomNode;

impl Score for RandomNode {
    fn name(&self) -> &'static str {
        "RandomNode"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn stands_alone(&self) -> bool {
        false
    }

    fn tells_alike_nodes_apart(&self) -> bool {
        true
    }

    fn ranks_nodes(&self) -> bool {
        true
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    /// A lot for each pod and node, whatever other nodes there are.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let pod = scoring.cycle.pod_id.map_or(0, |pod| pod.0);
        let entity = u64::from(pod) << 32 | node.id.index() as u64;
        stream(scoring.settings.seed, "random-node", entity).random_range(0..i64::MAX)
    }

    /// The highest lot wins.
    fn normalize(&self, scores: &mut [i64]) {
        let highest = scores.iter().copied().max();
        for score in scores {
            *score = if Some(*score) == highest { MAX_NODE_SCORE } else { 0 };
        }
    }
}
