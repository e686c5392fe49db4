//! Where a gang's workers go. A new policy is its file and a line in [`Placement`]'s table.

mod fewest_nodes;
mod fill;
mod packed;
mod spread;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gang, Node, room};

/// How the nodes of a gang are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Placement {
    /// On one node if one has room, else on as few as can be had now, as gang schedulers bin-pack.
    #[default]
    Packed,
    /// On no more nodes than it needs: whole free nodes, and the rest on the fullest that holds it. It waits for them.
    FewestNodes,
    /// The fullest node first, and each to its last place: what leaves the most nodes free.
    Fill,
    /// As evenly as can be over the nodes.
    Spread,
    /// One worker after the other by kube-scheduler's scores, as pods that know nothing of each other.
    Scored,
}

/// A node that could take workers of the gang.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Position in the snapshot.
    node: usize,
    /// How many more of the gang's workers it takes.
    room: u32,
    /// How many it would take if no gang were on it.
    whole: u32,
    kind: u32,
}

type Places = Vec<(usize, u32)>;

impl Placement {
    /// The nodes, by position, and how many workers each gets, of those that are `eligible`; `None` where the gang does not fit.
    /// [`Scored`](Placement::Scored) is asked as [`Packed`](Placement::Packed): whether it fits does not hang on scores.
    pub fn place(self, nodes: &[Node], eligible: &[bool], gang: &Gang) -> Option<Places> {
        let candidates: Vec<Candidate> = nodes
            .iter()
            .enumerate()
            // GPUs first: they are what mostly lacks.
            .filter(|(index, of)| of.free[3] >= gang.each[3] && eligible.get(*index).copied().unwrap_or(false))
            .map(|(node, of)| Candidate {
                node,
                room: room(&of.free, &gang.each),
                whole: room(&of.whole, &gang.each),
                kind: of.kind,
            })
            .filter(|candidate| candidate.room > 0)
            .collect();
        let all: u64 = candidates.iter().map(|candidate| u64::from(candidate.room)).sum();
        if all < u64::from(gang.workers) {
            return None;
        }
        match self {
            Placement::Packed | Placement::Scored => packed::place(candidates, gang.workers),
            Placement::FewestNodes => fewest_nodes::place(&candidates, gang.workers),
            Placement::Fill => fill::place(candidates, gang.workers),
            Placement::Spread => spread::place(candidates, gang.workers),
        }
    }
}

/// The kinds of GPU among the candidates, ascending.
fn kinds(candidates: &[Candidate]) -> Vec<u32> {
    let mut kinds: Vec<u32> = candidates.iter().map(|candidate| candidate.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The node with the least room that has enough for all of them; ties to the first.
fn best_fit(candidates: &[Candidate], workers: u32) -> Option<&Candidate> {
    candidates.iter().filter(|candidate| candidate.room >= workers).min_by_key(|candidate| candidate.room)
}

#[cfg(test)]
mod tests;
