//! One pod, all nodes: filter, score, and take the best (`schedulePod` and `selectHost`, 1.31).
//!
//! This is the plain path, which `decide schedule` takes and against which faster ones are tested.

use rand::{Rng, RngExt};

use super::filter::Rejection;
use super::nomination::{Nominations, fits_with_nominated};
use super::score::{ScoreTable, Scoring, candidates};
use super::{Cycle, Profile, TieBreak};
use crate::cluster::{ClusterView, NodeId, NodeView};

/// What a scheduler remembers from one pod to the next.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub nominations: Nominations,
    /// Where the search for feasible nodes goes on, as an index into the live nodes; only sampling moves it.
    pub next_start_node_index: usize,
}

/// Where a pod goes.
#[derive(Clone, Debug)]
pub struct Selection {
    pub node: NodeId,
    /// The nodes of the highest score, in the order of the search; `node` is one of them.
    pub tied: Vec<NodeId>,
    /// `None` where only one node was feasible: upstream does not score it.
    pub scores: Option<ScoreTable>,
}

/// Feasible nodes in the order of the search, and why others are not. Nodes beyond the sample are in neither list.
#[derive(Clone, Debug, Default)]
pub struct Feasibility {
    pub nodes: Vec<NodeId>,
    pub rejected: Vec<(NodeId, Rejection)>,
}

/// Picks a node, or says why each refuses. Draws `rng.random_range(0..tied)` once where more than one node has the
/// highest score and ties are drawn, and else nothing.
pub fn schedule(
    view: &dyn ClusterView,
    cycle: &Cycle<'_>,
    profile: &Profile,
    memory: &mut Memory,
    rng: &mut impl Rng,
) -> Result<Selection, Vec<(NodeId, Rejection)>> {
    let feasible = feasible_nodes(view, cycle, profile, memory);
    match feasible.nodes[..] {
        [] => return Err(feasible.rejected),
        [only] => return Ok(Selection { node: only, tied: vec![only], scores: None }),
        _ => {}
    }
    let scoring = Scoring::new(view, cycle, &profile.settings, &candidates(&feasible.nodes));
    let scores = ScoreTable::new(view, &scoring, &profile.scores, feasible.nodes);
    let tied = scores.best();
    let draws = tied.len() > 1 && profile.settings.options.tie_break == TieBreak::Random;
    let index = if draws { rng.random_range(0..tied.len()) } else { 0 };
    Ok(Selection { node: tied[index], tied, scores: Some(scores) })
}

/// Filters the nodes. A node to which the pod was nominated is tried first, and is the only one if it fits.
pub fn feasible_nodes(
    view: &dyn ClusterView,
    cycle: &Cycle<'_>,
    profile: &Profile,
    memory: &mut Memory,
) -> Feasibility {
    let fits = |node: &NodeView<'_>| fits_with_nominated(view, cycle, profile, &memory.nominations, node);
    let nominated = cycle.pod_id.and_then(|pod| view.pod_info(pod).nominated_node);
    if let Some(node) = nominated.and_then(|id| view.node_view(id)).filter(|node| fits(node).is_ok()) {
        return Feasibility { nodes: vec![node.id], rejected: Vec::new() };
    }
    let mut found = Feasibility::default();
    if profile.settings.options.percentage_of_nodes_to_score.is_none() {
        for node in view.node_views() {
            match fits(&node) {
                Ok(()) => found.nodes.push(node.id),
                Err(rejection) => found.rejected.push((node.id, rejection)),
            }
        }
        return found;
    }
    let nodes: Vec<_> = view.node_views().collect();
    let wanted = profile.feasible_nodes_to_find(nodes.len());
    for step in 0..nodes.len() {
        if found.nodes.len() == wanted {
            break;
        }
        let node = &nodes[(memory.next_start_node_index + step) % nodes.len()];
        match fits(node) {
            Ok(()) => found.nodes.push(node.id),
            Err(rejection) => found.rejected.push((node.id, rejection)),
        }
    }
    let looked_at = found.nodes.len() + found.rejected.len();
    if !nodes.is_empty() {
        memory.next_start_node_index = (memory.next_start_node_index + looked_at) % nodes.len();
    }
    found
}
