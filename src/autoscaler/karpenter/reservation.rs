//! Room left in capacity reservations while claims are planned.
//!
//! A claim reserves every reservation that it might be launched into. Follows `reservationmanager.go` under
//! `pkg/controllers/provisioning/scheduling/` (kubernetes-sigs/karpenter 22664681).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::instance_type::Catalogue;

#[derive(Clone, Debug, Default)]
pub(super) struct Reservations {
    capacity: BTreeMap<Arc<str>, u32>,
    /// By claim (its placeholder name).
    held: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Reservations {
    /// `None` where the catalogue offers none, so that nothing need be asked.
    pub fn new(catalogue: &Catalogue) -> Option<Reservations> {
        let mut capacity: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        let offerings = catalogue.types.iter().flat_map(|instance_type| &instance_type.offerings);
        for reservation in offerings.filter_map(|offering| offering.reservation.as_ref()) {
            // Told twice, the smaller room counts.
            capacity
                .entry(Arc::clone(&reservation.id))
                .and_modify(|known| *known = (*known).min(reservation.capacity))
                .or_insert(reservation.capacity);
        }
        (!capacity.is_empty()).then(|| Reservations { capacity, held: BTreeMap::new() })
    }

    fn holds(&self, claim: &str, id: &Arc<str>) -> bool {
        self.held.get(claim).is_some_and(|held| held.contains(id))
    }

    pub fn can_reserve(&self, claim: &str, id: &Arc<str>) -> bool {
        self.holds(claim, id) || self.capacity.get(id).is_some_and(|room| *room > 0)
    }

    /// From now on the claim holds `ids` and nothing else.
    pub fn hold(&mut self, claim: &Arc<str>, ids: &[Arc<str>]) {
        let held = self.held.entry(Arc::clone(claim)).or_default();
        for released in held.iter().filter(|id| !ids.contains(id)) {
            *self.capacity.entry(Arc::clone(released)).or_default() += 1;
        }
        for taken in ids.iter().filter(|id| !held.contains(*id)) {
            let room = self.capacity.entry(Arc::clone(taken)).or_default();
            *room = room.saturating_sub(1);
        }
        *held = ids.iter().cloned().collect();
    }
}
