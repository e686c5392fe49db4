//! Cost by node group and capacity type, and what of it was idle: sums of the nodes' bills.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cost::CapacityType;
use crate::scenario::FIXED;
use crate::sim::Outcome;
use crate::units::Usd;

/// The nodes of one group that were paid in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// `fixed` for nodes of no group.
    pub group: Arc<str>,
    pub capacity_type: CapacityType,
    /// USD.
    pub cost: f64,
    /// Of `cost`, what no pod owes: below zero where pods use more than their nodes' price covers.
    pub idle: f64,
}

/// By group and capacity type, without those that cost nothing. Reserved machines that did not stand belong to their
/// group and are idle.
pub fn of(outcome: &Outcome) -> Vec<Share> {
    let mut sums: BTreeMap<(Arc<str>, CapacityType), (Usd, Usd)> = BTreeMap::new();
    for node in &outcome.nodes {
        let group = if node.group.is_empty() { Arc::from(FIXED) } else { Arc::clone(&node.group) };
        let sum = sums.entry((group, node.capacity_type)).or_default();
        (sum.0, sum.1) = (sum.0 + node.cost, sum.1 + node.idle_cost);
    }
    for (group, cost) in &outcome.cost_by_node_group {
        let of_nodes: Usd = sums.iter().filter(|((other, _), _)| other == group).map(|(_, sum)| sum.0).sum();
        let missing = *cost - of_nodes;
        let is_reserved = outcome.reserved_unused > Usd::ZERO && !group.starts_with("__");
        if is_reserved && missing > Usd::ZERO {
            let sum = sums.entry((Arc::clone(group), CapacityType::Reserved)).or_default();
            (sum.0, sum.1) = (sum.0 + missing, sum.1 + missing);
        }
    }
    let shares = sums.into_iter().filter(|(_, (cost, _))| *cost != Usd::ZERO);
    let share = |((group, capacity_type), (cost, idle)): ((Arc<str>, CapacityType), (Usd, Usd))| Share {
        group,
        capacity_type,
        cost: cost.as_f64(),
        idle: idle.as_f64(),
    };
    shares.map(share).collect()
}
