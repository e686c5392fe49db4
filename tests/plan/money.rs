//! How the machines of a drawn scenario are paid: reservations and a commitment.

use windtunnel::cluster::NodeGroupId;
use windtunnel::cost::{CapacityType, Commitment};
use windtunnel::scenario::{Reservation, Scenario};
use windtunnel::units::UsdPerHour;

use super::{GroupPlan, Plan};

pub fn capacity_type(group: &GroupPlan) -> CapacityType {
    match group.reserved {
        _ if group.spot => CapacityType::Spot,
        Some(_) => CapacityType::Reserved,
        None => CapacityType::OnDemand,
    }
}

pub fn reserve(plan: &Plan, scenario: &mut Scenario) {
    for (index, group) in plan.groups.iter().enumerate() {
        if let Some(nodes) = group.reserved.filter(|_| !group.spot) {
            let price = UsdPerHour::from_nanos(group.price_cents * 10_000_000);
            let on_demand_price = UsdPerHour::from_nanos(group.price_cents * 15_000_000);
            let group = NodeGroupId::new(index);
            scenario.reservations.push(Reservation { group, nodes, price, on_demand_price });
        }
    }
    if let Some(cents) = plan.commitment_cents {
        let (name, per_hour) = ("plan".into(), UsdPerHour::from_nanos(cents * 10_000_000));
        let (node_groups, instance_types) = (Vec::new(), Vec::new());
        scenario.commitments.push(Commitment { name, per_hour, discount: 280_000, node_groups, instance_types });
    }
}
