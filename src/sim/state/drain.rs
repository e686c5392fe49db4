//! What `sim::drain` remembers.

use crate::cluster::Taint;
use crate::sim::state::evictor::Evictor;
use crate::sim::state::terminator::Terminator;
use crate::units::{SimDuration, SimTime};

/// Who empties a node, and how far that has come.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Drainer {
    ClusterAutoscaler(Evictor),
    Karpenter(Terminator),
    TerminationHandler,
}

/// The drain of one node.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Drain {
    pub by: Drainer,
    /// Its taint, to be taken off where the drain is given up.
    pub(in crate::sim) taint: Option<Taint>,
    /// The node was cordoned for it.
    pub(in crate::sim) cordons: bool,
    /// When its next step is planned.
    pub(in crate::sim) wakes: Option<SimTime>,
}

impl Drain {
    pub fn new(by: Drainer, taint: Option<Taint>, cordons: bool) -> Drain {
        Drain { by, taint, cordons, wakes: None }
    }
}

/// What a drain does after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Step {
    /// Looks again when a pod has left the node, and at the latest then.
    Wait(Option<SimTime>),
    /// The node is empty enough: it is deleted after this pause.
    Delete(SimDuration),
    /// It serves on; why.
    GiveUp(String),
}
