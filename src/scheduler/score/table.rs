//! The scores of one pod over its feasible nodes.

use super::{Score, Scoring};
use crate::cluster::{ClusterView, NodeId, NodeView};

/// Weighted scores by node and plugin.
#[derive(Clone, Debug, Default)]
pub struct ScoreTable {
    pub nodes: Vec<NodeId>,
    /// Plugins that had something to say, in upstream's order.
    pub plugins: Vec<PluginScores>,
    /// Sums over the plugins, one a node.
    pub totals: Vec<i64>,
}

/// What a plugin gave each node.
#[derive(Clone, Debug)]
pub struct PluginScores {
    pub name: &'static str,
    /// Normalized (0 to 100) times the plugin's weight, one a node.
    pub weighted: Vec<i64>,
}

impl ScoreTable {
    /// By the plugins of a profile, with their weights; `nodes` are those that `scoring` was made with.
    pub fn new(
        view: &dyn ClusterView,
        scoring: &Scoring<'_>,
        scores: &[(&'static dyn Score, i64)],
        nodes: Vec<NodeId>,
    ) -> ScoreTable {
        let views: Vec<NodeView<'_>> =
            nodes.iter().map(|id| view.node_view(*id).expect("a feasible node exists")).collect();
        let mut totals = vec![0; nodes.len()];
        let mut plugins = Vec::new();
        for (plugin, weight) in scores.iter().filter(|(plugin, _)| plugin.applies(scoring)) {
            let mut scores: Vec<i64> = views.iter().map(|node| plugin.score(scoring, node)).collect();
            plugin.normalize(&mut scores);
            for (score, total) in scores.iter_mut().zip(&mut totals) {
                *score *= weight;
                *total += *score;
            }
            plugins.push(PluginScores { name: plugin.name(), weighted: scores });
        }
        ScoreTable { nodes, plugins, totals }
    }

    /// The nodes of the highest total, in the order of [`ScoreTable::nodes`].
    pub fn best(&self) -> Vec<NodeId> {
        let Some(highest) = self.totals.iter().max() else { return Vec::new() };
        let is_best = |(_, total): &(&NodeId, &i64)| *total == highest;
        self.nodes.iter().zip(&self.totals).filter(is_best).map(|(node, _)| *node).collect()
    }
}
