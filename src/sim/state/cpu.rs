//! What each pod claims of its node's CPU, and the divisions that are due.

use crate::cluster::NodeId;
use crate::units::SimTime;

/// What a pod wants of its node's CPU and what it has of it, in millicores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct CpuClaim {
    pub wanted: i64,
    pub granted: i64,
}

/// What a node's pods want together.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct NodeCpu {
    pub wanted: i64,
    /// At the last division they wanted more than there is.
    pub(in crate::sim) is_short: bool,
    /// It waits to be divided anew.
    pub is_due: bool,
}

/// Nodes whose CPU is to be divided anew at this instant.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Divisions {
    pub(in crate::sim) nodes: Vec<NodeId>,
    pub(in crate::sim) is_due: bool,
    pub(in crate::sim) at: SimTime,
    pub(in crate::sim) rounds: u32,
}
