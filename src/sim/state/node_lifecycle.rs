//! What the node lifecycle controller remembers of nodes and zones.

use std::collections::VecDeque;

use crate::cluster::NodeId;
use crate::units::{SimDuration, SimTime};

/// Taint of a node whose kubelet has registered but is not ready.
pub(in crate::sim) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// Taint of a node whose kubelet no longer answers.
pub(in crate::sim) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Between two passes of the pod garbage collector, and how long it waits before it believes that a node is gone.
pub(in crate::sim) const POD_GC_PERIOD: SimDuration = SimDuration::from_secs(20);
pub(in crate::sim) const POD_GC_QUARANTINE: SimDuration = SimDuration::from_secs(40);
/// Fewer NotReady nodes never make a zone partially disrupted.
pub(in crate::sim) const FEWEST_OF_PARTIAL_DISRUPTION: usize = 3;

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
