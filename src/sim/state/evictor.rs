//! What `sim::evictor` remembers.

use crate::cluster::PodId;
use crate::units::SimTime;

/// How far the deletion of one node has come.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Evictor {
    /// Nothing had to be moved when the deletion was decided.
    pub(in crate::sim) is_empty: bool,
    pub(in crate::sim) phase: Phase,
}

#[derive(Clone, Debug)]
pub(in crate::sim) enum Phase {
    /// The pause between the taint and the deletion (`node-delete-delay-after-taint`).
    Tainted { until: SimTime },
    /// Evictions are tried until `retry_until` (`max-pod-eviction-time`), next at `next_try`.
    Evicting { pods: Vec<PodId>, unevicted: Vec<PodId>, daemons: Vec<PodId>, next_try: SimTime, retry_until: SimTime },
    /// Every pod was evicted at `since`; they have their grace period to disappear.
    Disappearing { pods: Vec<PodId>, since: SimTime },
}

impl Evictor {
    pub fn new(is_empty: bool, starts: SimTime) -> Evictor {
        Evictor { is_empty, phase: Phase::Tainted { until: starts } }
    }
}
