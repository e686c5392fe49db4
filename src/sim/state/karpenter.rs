//! What Karpenter remembers between its passes.

use crate::autoscaler::karpenter::disruption::{DisruptionState, Queue};
use crate::autoscaler::karpenter::{Batcher, Catalogue, Memory, NodeClaim};
use crate::cluster::PodSpecId;
use crate::scenario::Karpenter;
use crate::sim::state::launches::{Offers, Unlaunched};
use crate::units::SimTime;

/// Why a claim is created that stands in for others.
pub(in crate::sim) const REPLACES: &str = "replaces disrupted nodes";

/// What a run keeps for its Karpenter.
#[derive(Debug)]
pub(in crate::sim) struct KarpenterRun {
    /// Claims whose instance exists, and beside each its instance.
    pub claims: Vec<NodeClaim>,
    pub instances: Vec<u32>,
    /// Claims without an instance so far.
    pub unlaunched: Vec<Unlaunched>,
    /// What is on offer, where the cloud may be out of stock.
    pub offers: Option<Offers>,
    pub(in crate::sim) batcher: Batcher,
    pub(in crate::sim) daemon_sets: Vec<PodSpecId>,
    pub(in crate::sim) retry_is_planned: bool,
    pub disruption: DisruptionState,
    pub memory: Memory,
    pub queue: Queue,
    /// [`Books::version`](super::books::Books::version) at a pass of the disruption loop that found nothing, and until when that holds.
    pub quiet_since: Option<u64>,
    pub quiet_until: Option<SimTime>,
}

impl KarpenterRun {
    /// What Karpenter holds to be on offer.
    pub fn offered<'a>(&'a self, spec: &'a Karpenter) -> &'a Catalogue {
        self.offers.as_ref().map_or(&spec.catalogue, Offers::catalogue)
    }

    /// Whether it leaves out anything that the cloud refused.
    pub fn is_short_of_stock(&self) -> bool {
        self.offers.as_ref().is_some_and(|offers| !offers.unavailable.is_empty())
    }
}
