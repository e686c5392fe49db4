//! What `sim::launches` remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::autoscaler::karpenter::{Catalogue, CreateClaim, TypeIndex};
use crate::scenario::Karpenter;
use crate::units::{SimDuration, SimTime};

/// Between two calls for a claim: doubled with each that fails (`pkg/controllers/nodeclaim/lifecycle/controller.go`, the
/// exponential rate limiter of 1.0 and later).
pub(in crate::sim) const CALL_AGAIN: SimDuration = SimDuration::from_secs(1);
pub(in crate::sim) const CALL_AGAIN_MAX: SimDuration = SimDuration::from_mins(1);

/// The catalogue as Karpenter knows it: less what it has found out of stock.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Offers {
    pub(in crate::sim) catalogue: Catalogue,
    /// Until when; by type and position among its offerings.
    pub(in crate::sim) unavailable: BTreeMap<(TypeIndex, usize), SimTime>,
}

/// A claim that the cloud has not launched yet.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Unlaunched {
    pub name: Arc<str>,
    pub(in crate::sim) create: CreateClaim,
    pub(in crate::sim) why: &'static str,
    pub(in crate::sim) since: SimTime,
    /// Calls that failed, and when the next is made.
    pub(in crate::sim) failures: u32,
    pub(in crate::sim) next_call: SimTime,
}

impl Unlaunched {
    pub(in crate::sim) fn call_failed(&mut self, now: SimTime) {
        self.next_call = now + (CALL_AGAIN * (1 << self.failures.min(6))).min(CALL_AGAIN_MAX);
        self.failures += 1;
    }
}

impl Offers {
    /// `None` where nothing is ever out of stock.
    pub fn of(spec: &Karpenter) -> Option<Offers> {
        let offers = || Offers { catalogue: spec.catalogue.clone(), unavailable: BTreeMap::new() };
        (!spec.stock_outs.is_empty()).then(offers)
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(in crate::sim) fn set_available(&mut self, (instance_type, offering): (TypeIndex, usize), available: bool) {
        self.catalogue.types[instance_type as usize].offerings[offering].available = available;
    }
}
