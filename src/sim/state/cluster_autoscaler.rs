//! What the Cluster Autoscaler remembers between its loops.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;

use crate::autoscaler::cluster_autoscaler::{Halt, NodeGroup, NodeRecord, State, UnremovableReason};
use crate::cluster::{NodeId, PodSpecId};
use crate::units::SimTime;

/// What a run keeps for its Cluster Autoscaler.
#[derive(Debug)]
pub(in crate::sim) struct AutoscalerRun {
    pub(in crate::sim) state: State,
    pub(in crate::sim) rng: Pcg64Mcg,
    /// By [`NodeId`].
    pub(in crate::sim) records: Vec<NodeRecord>,
    pub(in crate::sim) groups: Vec<NodeGroup>,
    pub(in crate::sim) daemon_sets: Vec<PodSpecId>,
    /// [`Books::version`](super::books::Books::version) at the last full loop.
    pub(in crate::sim) seen: u64,
    /// Voids loops that were planned before an earlier one was called for.
    pub(in crate::sim) generation: u32,
    pub(in crate::sim) last_loop: SimTime,
    pub(in crate::sim) next_loop: SimTime,
    /// Where the last loop ended early: what is told once.
    pub(in crate::sim) halted: Option<Halt>,
    pub(in crate::sim) found: Found,
    /// Why nodes go that are being deleted.
    pub(in crate::sim) leaving: BTreeMap<NodeId, &'static str>,
}

/// What the last full loop found.
#[derive(Debug, Default)]
pub(in crate::sim) struct Found {
    pub unremovable: BTreeMap<UnremovableReason, u32>,
    pub in_cooldown: bool,
}
