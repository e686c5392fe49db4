//! ImageLocality: nodes that already hold the pod's images, weighted by how many nodes do.

use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct ImageLocality;

const MIN_THRESHOLD: i64 = 23 << 20;
const MAX_THRESHOLD_A_CONTAINER: i64 = 1000 << 20;

impl Score for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn default_weight(&self) -> i64 {
        1
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        scoring.images.is_some()
    }

    /// Bytes of the pod's images on the node, each scaled by the share of nodes that have it, between 23 MiB and
    /// 1000 MiB a container.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let Some(spread) = &scoring.images else { return 0 };
        let on_node = |image: &str| {
            let at = node.shape.images.binary_search_by(|(name, _)| name.as_str().cmp(image)).ok()?;
            Some(node.shape.images[at].1.0)
        };
        let sum = spread.containers.iter().fold(0i64, |sum, image| {
            let image = image.as_str();
            let Some(size) = on_node(image) else { return sum };
            let nodes = spread.nodes.get(image).copied().unwrap_or(0);
            sum.saturating_add((size as f64 * (nodes as f64 / spread.all_nodes as f64)) as i64)
        });
        let most = MAX_THRESHOLD_A_CONTAINER * spread.containers.len() as i64;
        // Two bounds in upstream's order: a pod always has a container, so the upper one is above the lower.
        let sum = if sum < MIN_THRESHOLD { MIN_THRESHOLD } else { sum.min(most) };
        MAX_NODE_SCORE * (sum - MIN_THRESHOLD) / (most - MIN_THRESHOLD)
    }
}
