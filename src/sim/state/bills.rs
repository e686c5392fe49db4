//! Bills that run, reserved capacity and commitments.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cost::{Billing, CapacityType, Commitments};
use crate::scenario::{Reservation, Scenario};
use crate::sim::records::CommitmentCost;
use crate::units::{SimTime, Usd, UsdPerHour};

/// The bills that are no single machine's.
#[derive(Debug)]
pub(in crate::sim) struct Bills {
    /// By node group.
    pub(in crate::sim) reservations: Vec<Option<Slots>>,
    pub(in crate::sim) commitments: Commitments,
    /// Closed stretches of machines: on demand and spot.
    pub on_demand: Usd,
    pub spot: Usd,
}

/// Reserved capacity of a node group.
#[derive(Debug)]
pub(in crate::sim) struct Slots {
    pub(in crate::sim) terms: Reservation,
    pub(in crate::sim) taken: u32,
    /// Machines of the group that are paid on demand, in the order of their launch; some may be gone.
    pub(in crate::sim) beyond: VecDeque<u32>,
    /// Worth of the time that machines stood in slots.
    pub(in crate::sim) used: Usd,
    /// Paid for all slots from start to end.
    pub(in crate::sim) fee: Usd,
}

impl Bills {
    pub fn new(scenario: &Scenario) -> Bills {
        let slots = |terms: Reservation| {
            let fee = Billing::reserved_cost(terms.price, terms.nodes, scenario.duration);
            Slots { terms, taken: 0, beyond: VecDeque::new(), used: Usd::ZERO, fee }
        };
        Bills {
            reservations: scenario
                .node_groups
                .iter()
                .map(|group| {
                    (group.capacity_type == CapacityType::Reserved).then(|| slots(scenario.reservation(group)))
                })
                .collect(),
            commitments: Commitments::new(&scenario.commitments, SimTime::ZERO + scenario.duration),
            on_demand: Usd::ZERO,
            spot: Usd::ZERO,
        }
    }

    /// Reserved capacity of a node group that no machine used.
    pub fn unused(&self, group: usize) -> Usd {
        self.reservations[group].as_ref().map_or(Usd::ZERO, |slots| slots.fee - slots.used)
    }

    pub fn reserved(&self) -> Usd {
        self.reservations.iter().flatten().map(|slots| slots.fee).sum()
    }

    /// What commitments add to what machines cost at list prices, or save.
    pub fn adjustment(&mut self, now: SimTime) -> Usd {
        self.commitments.adjustment(now)
    }

    pub fn commitments(&self) -> Vec<CommitmentCost> {
        let uses = self.commitments.uses();
        let row = |(term, used): (&crate::cost::Commitment, crate::cost::CommitmentUse)| CommitmentCost {
            name: Arc::clone(&term.name),
            paid: used.paid,
            covered: used.covered,
            unused: used.unused,
        };
        self.commitments.terms().iter().zip(uses).map(row).collect()
    }

    /// Slots taken by node group, for the audit.
    pub fn taken(&self, group: usize) -> u32 {
        self.reservations[group].as_ref().map_or(0, |slots| slots.taken)
    }

    /// Prices of all reserved capacity, for the audit.
    pub fn reserved_rate(&self) -> UsdPerHour {
        self.reservations.iter().flatten().fold(UsdPerHour::ZERO, |sum, slots| sum + slots.terms.rate())
    }
}
