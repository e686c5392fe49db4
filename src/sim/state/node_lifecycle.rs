//! What the node lifecycle controller remembers of nodes and zones.

use std::collections::VecDeque;

use crate::cluster::NodeId;
use crate::units::SimTime;

/// What the node lifecycle controller remembers.
#[derive(Debug, Default)]
pub(in crate::sim) struct NodeLifecycle {
    /// By first mention.
    pub(in crate::sim) zones: Vec<ZoneTainter>,
}

/// Nodes of one zone that wait for the taint `NoExecute`, which comes to so many of them in a second.
#[derive(Debug)]
pub(in crate::sim) struct ZoneTainter {
    pub(in crate::sim) zone: String,
    pub(in crate::sim) waiting: VecDeque<NodeId>,
    /// The rate allows no taint before.
    pub(in crate::sim) next: SimTime,
    pub(in crate::sim) planned: Option<SimTime>,
}
