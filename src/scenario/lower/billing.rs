//! What is paid for beyond single machines: reserved capacity and commitments.

use std::sync::Arc;

use super::{FIXED, Lowering, shared};
use crate::cluster::NodeGroupId;
use crate::cost::{CapacityType, Commitment, InstanceType, MOST_COMMITMENTS};
use crate::scenario::Reservation;
use crate::scenario::diagnostic::suggestion;
use crate::scenario::names::Form;
use crate::scenario::spec::{CommitmentSpec, NodeGroupSpec, ScenarioSpec};
use crate::units::UsdPerHour;

impl Lowering<'_> {
    /// Reserved capacity of a group, whose reserved price is known.
    pub(super) fn reservation(
        &mut self,
        id: NodeGroupId,
        group: &NodeGroupSpec,
        price: UsdPerHour,
        instance: Option<&InstanceType>,
        path: &str,
    ) {
        if group.capacity_type != CapacityType::Reserved {
            for (field, is_stated) in
                [("reservedNodes", group.reserved_nodes.is_some()), ("onDemandPrice", group.on_demand_price.is_some())]
            {
                if is_stated {
                    let message = format!("`{field}` means nothing for {} nodes", group.capacity_type.name());
                    self.error(&format!("{path}.{field}"), message).hint =
                        Some("set capacityType: reserved".to_owned());
                }
            }
            return;
        }
        let nodes = group.reserved_nodes.unwrap_or(group.max_size);
        let listed = group.on_demand_price.or_else(|| instance.and_then(|instance| instance.on_demand));
        if listed.is_none() && nodes < group.max_size {
            let message = "nodes beyond the reserved ones have no price".to_owned();
            self.error(&format!("{path}.reservedNodes"), message).hint =
                Some("add `onDemandPrice:` in US dollars an hour".to_owned());
        }
        let on_demand_price = listed.unwrap_or(price);
        self.scenario.reservations.push(Reservation { group: id, nodes, price, on_demand_price });
    }

    /// Comes after all groups.
    pub(super) fn commitments(&mut self, spec: &ScenarioSpec) {
        let terms = &spec.cost.commitments;
        if terms.len() > MOST_COMMITMENTS {
            let message = format!("{} commitments are more than {MOST_COMMITMENTS}", terms.len());
            self.error("cost.commitments", message);
            return;
        }
        for (index, term) in terms.iter().enumerate() {
            let path = format!("cost.commitments[{index}]");
            let name = Form::Label.check(&term.name, "the name of a commitment", self.at(&format!("{path}.name")));
            self.diagnostics.extend(name);
            if terms[..index].iter().any(|other| other.name == term.name) {
                self.error(&format!("{path}.name"), format!("a second commitment is called {}", term.name));
            }
            if !(0.0..1.0).contains(&term.discount) {
                self.error(
                    &format!("{path}.discount"),
                    format!("{} is not a fraction from 0 to below 1", term.discount),
                )
                .hint = Some("0.28 takes 28 % off".to_owned());
                continue;
            }
            self.check_covered(term, &path);
            self.scenario.commitments.push(Commitment {
                name: shared(&term.name),
                per_hour: term.per_hour,
                discount: ((term.discount * 1e6).round() as u32).min(999_999),
                node_groups: term.node_groups.iter().map(|name| shared(name)).collect(),
                instance_types: term.instance_types.iter().map(|name| shared(name)).collect(),
            });
        }
    }

    fn check_covered(&mut self, term: &CommitmentSpec, path: &str) {
        let groups: Vec<Arc<str>> = self.scenario.node_groups.iter().map(|group| Arc::clone(&group.name)).collect();
        let known: Vec<&str> = groups.iter().map(|name| &**name).chain([FIXED]).collect();
        for (index, name) in term.node_groups.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let hint = suggestion(name, &known);
                self.error(&format!("{path}.nodeGroups[{index}]"), format!("no node group is called {name}")).hint =
                    hint;
            }
        }
        for (index, name) in term.instance_types.iter().enumerate() {
            if let Err(error) = self.catalogue.clone().get(name) {
                self.error(&format!("{path}.instanceTypes[{index}]"), error.to_string());
            }
        }
    }
}
