//! What `sim::terminator` remembers.

use crate::cluster::PodId;
use crate::units::SimTime;

/// How far the termination of one node has come.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Terminator {
    /// When the claim's `terminationGracePeriod` ends.
    pub(in crate::sim) deadline: Option<SimTime>,
    /// Evictions that were refused, how often, and when each is tried again.
    pub(in crate::sim) refused: Vec<(PodId, u32, SimTime)>,
}

impl Terminator {
    pub fn until(deadline: Option<SimTime>) -> Terminator {
        Terminator { deadline, refused: Vec::new() }
    }
}

/// Pods go in this order, one kind after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Tier {
    Plain,
    Daemon,
    Critical,
    CriticalDaemon,
}
