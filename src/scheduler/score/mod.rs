//! Scores: which of the feasible nodes suits a pod best? Upstream's plugins, each from 0 to 100 after normalizing.
//!
//! A plugin's raw [`Score::score`] is a pure function of the pod's spec and one node, unless its scope is
//! [`Scope::Cluster`]: then it reads what [`Scoring::new`] found in the cluster beforehand (upstream's PreScore).
//! So whoever groups nodes into classes calls `score` for one node a class, and [`Score::normalize`] over the lot.

mod affinity_scores;
mod balanced_allocation;
mod candidate;
mod fragmentation_gradient;
pub mod gpu;
mod gpu_best_fit;
mod gpu_clustering;
mod gpu_dot_product;
mod gpu_packing;
mod image_locality;
mod image_spread;
mod inter_pod_affinity;
mod node_affinity;
mod node_resources_fit;
mod pod_topology_spread;
mod random_node;
mod resources;
mod spread_scores;
mod table;
mod taint_toleration;

use std::cell::OnceCell;

use super::Cycle;
use super::filter::Scope;
use super::options::Settings;
use crate::cluster::{ClusterView, NodeView};

use affinity_scores::AffinityScores;
pub use candidate::{Candidate, candidates};
use image_spread::ImageSpread;
use resources::ScoredResources;
use spread_scores::SpreadScores;

pub use table::{PluginScores, ScoreTable};

/// Highest score of a plugin after normalizing.
pub const MAX_NODE_SCORE: i64 = 100;

/// One score plugin.
pub trait Score: Sync {
    /// Upstream's plugin name.
    fn name(&self) -> &'static str;

    /// Weight in upstream's default profile.
    fn default_weight(&self) -> i64;

    /// What the raw score of a node depends on.
    fn scope(&self) -> Scope;

    /// Whether a node's normalized score is the same whatever other nodes are feasible, as long as no node bears more
    /// than one `PreferNoSchedule` taint.
    fn stands_alone(&self) -> bool {
        self.scope() != Scope::Cluster
    }

    /// Whether nodes of one shape with equal taints and booked resources may score differently, other than by the pods
    /// that the pod's own constraints select: classes of nodes cannot be asked then, but only each node.
    fn tells_alike_nodes_apart(&self) -> bool {
        false
    }

    /// Whether what a pod without any constraints scores on a node hangs on the other feasible nodes.
    fn ranks_nodes(&self) -> bool {
        false
    }

    /// False where the plugin has nothing to say of this pod (upstream's PreScore answers `Skip`): it counts as zero
    /// for every node, and is not normalized.
    fn applies(&self, scoring: &Scoring<'_>) -> bool;

    /// The raw score of a feasible node.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64;

    /// Brings the raw scores of all feasible nodes to 0..=100. Equal raw scores stay equal, and repeating one does not
    /// change the others.
    fn normalize(&self, _scores: &mut [i64]) {}
}

/// All score plugins: those of upstream's default profile in its order, then those for GPUs, which are off by default.
pub static SCORES: &[&dyn Score] = &[
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_resources_fit::NodeResourcesFit,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
    &balanced_allocation::NodeResourcesBalancedAllocation,
    &image_locality::ImageLocality,
    &gpu_best_fit::GpuBestFit,
    &gpu_dot_product::GpuDotProduct,
    &gpu_packing::GpuPacking,
    &gpu_clustering::GpuClustering,
    &fragmentation_gradient::FragmentationGradient,
    &random_node::RandomNode,
];

/// What the score plugins work out once a pod and not once a node: upstream's `CycleState` after PreScore.
pub struct Scoring<'a> {
    pub cycle: &'a Cycle<'a>,
    pub settings: &'a Settings,
    fit: ScoredResources,
    balanced: ScoredResources,
    spread: Option<SpreadScores<'a>>,
    affinity: Option<AffinityScores>,
    images: Option<ImageSpread<'a>>,
    largest: OnceCell<gpu::Largest>,
}

impl<'a> Scoring<'a> {
    /// `feasible` are the nodes that will be scored.
    pub fn new(
        view: &'a dyn ClusterView,
        cycle: &'a Cycle<'a>,
        settings: &'a Settings,
        feasible: &[Candidate],
    ) -> Scoring<'a> {
        let options = &settings.options;
        Scoring {
            spread: SpreadScores::new(view, cycle, options, feasible),
            affinity: AffinityScores::new(view, cycle, options),
            images: ImageSpread::new(view, cycle),
            ..Scoring::alone(cycle, settings)
        }
    }

    /// For plugins that look at nothing but the node ([`Score::stands_alone`]).
    pub fn alone(cycle: &'a Cycle<'a>, settings: &'a Settings) -> Scoring<'a> {
        let options = &settings.options;
        Scoring {
            cycle,
            settings,
            fit: ScoredResources::nonzero(&options.scoring_strategy.resources, cycle),
            balanced: ScoredResources::stated(&options.balanced_resources, cycle),
            spread: None,
            affinity: None,
            images: None,
            largest: OnceCell::new(),
        }
    }

    /// By which GPU scores measure.
    fn largest(&self) -> gpu::Largest {
        *self.largest.get_or_init(|| gpu::Largest::of(self.cycle.specs))
    }
}

/// Upstream's default normalization: the highest raw score becomes 100 (reversed: zero becomes 100).
fn normalize_to_highest(reverse: bool, scores: &mut [i64]) {
    let highest = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in scores {
        let share = if highest == 0 { 0 } else { MAX_NODE_SCORE * *score / highest };
        *score = if reverse { MAX_NODE_SCORE - share } else { share };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_count_becomes_100_or_reversed_0() {
        let normalized = |reverse, mut scores: Vec<i64>| {
            normalize_to_highest(reverse, &mut scores);
            scores
        };
        assert_eq!(normalized(false, vec![1, 2, 3]), [33, 66, 100]);
        assert_eq!(normalized(true, vec![1, 2, 3]), [67, 34, 0]);
        assert_eq!(normalized(false, vec![0, 0]), [0, 0]);
        assert_eq!(normalized(true, vec![0, 0]), [100, 100]);
        assert_eq!(normalized(true, vec![]), [0; 0]);
    }
}
