//! The gangs that wait for a gang scheduler.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::gang_shares::Shares;
use crate::cluster::{NodeId, NodeShapeId, PodSpecId};
use crate::training::order::Discipline;
use crate::training::{Gang, Node};
use crate::units::SimTime;

/// Gangs that a scheduler of their own places.
#[derive(Clone, Debug)]
pub(in crate::sim) struct GangQueue {
    pub(in crate::sim) discipline: Discipline,
    /// Pod specs of the gangs: their classes.
    pub(in crate::sim) classes: Vec<PodSpecId>,
    /// In order of submission.
    pub(in crate::sim) waiting: Vec<Gang>,
    /// Gangs with a place: where, and when they are expected to end.
    pub(in crate::sim) running: BTreeMap<u32, Placed>,
    pub(in crate::sim) is_due: bool,
    /// Who shares the GPUs out, where that is decided anew at intervals.
    pub(in crate::sim) shares: Option<Shares>,
    /// Of those that wait, the ones that have been looked at.
    pub(in crate::sim) refused: usize,
    /// The nodes as the last pass saw them.
    pub(in crate::sim) nodes: Vec<Node>,
    pub(in crate::sim) verdicts: Verdicts,
}

/// Whether nodes of a shape, without marks of their own, would take a pod of a spec if they had room.
pub(in crate::sim) type Verdicts = FxHashMap<(PodSpecId, NodeShapeId), bool>;

#[derive(Clone, Debug)]
pub(in crate::sim) struct Placed {
    pub(in crate::sim) gang: Gang,
    pub(in crate::sim) nodes: Vec<(NodeId, u32)>,
    pub(in crate::sim) ends: SimTime,
}

impl GangQueue {
    pub fn new(discipline: Discipline) -> GangQueue {
        let (classes, waiting, running) = (Vec::new(), Vec::new(), BTreeMap::new());
        let shares = discipline.allocation.map(Shares::new);
        let (nodes, verdicts) = (Vec::new(), Verdicts::default());
        GangQueue { discipline, classes, waiting, running, is_due: false, shares, refused: 0, nodes, verdicts }
    }

    /// Jobs that wait, in order of submission.
    pub fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        self.waiting.iter().map(|gang| gang.job)
    }
}
