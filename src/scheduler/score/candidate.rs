//! Nodes that are scored.

use crate::cluster::NodeId;

/// A feasible node, and how many it stands for: itself, and others that answer alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub node: NodeId,
    pub nodes: usize,
}

/// Each node for itself.
pub fn candidates(nodes: &[NodeId]) -> Vec<Candidate> {
    nodes.iter().map(|node| Candidate { node: *node, nodes: 1 }).collect()
}
