//! Instance types and where they are offered: what a claim can become, and at what price.
//!
//! Follows `pkg/cloudprovider/types.go` (kubernetes-sigs/karpenter 22664681). The catalogue is the caller's: prices and
//! availability of offerings may change between decisions.

use std::sync::Arc;

use super::requirement::{Operator, Requirement};
use super::requirements::{RESERVATION_ID, Requirements, Undefined, WellKnownLabels};
use crate::cluster::{Labels, Resources, label};
use crate::units::UsdPerHour;

/// How an instance is paid for. Ordered as launches prefer them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapacityType {
    Reserved,
    Spot,
    OnDemand,
}

impl CapacityType {
    pub const ALL: [CapacityType; 3] = [CapacityType::Reserved, CapacityType::Spot, CapacityType::OnDemand];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            CapacityType::Reserved => "reserved",
            CapacityType::Spot => "spot",
            CapacityType::OnDemand => "on-demand",
        }
    }

    pub fn from_name(name: &str) -> Option<CapacityType> {
        CapacityType::ALL.into_iter().find(|capacity_type| capacity_type.name() == name)
    }
}

/// One way to get an instance of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct Offering {
    pub zone: Arc<str>,
    pub capacity_type: CapacityType,
    pub price: UsdPerHour,
    /// False where the cloud is out of stock.
    pub available: bool,
    pub reservation: Option<Reservation>,
    requirements: Requirements,
}

/// Capacity that was reserved ahead; several types and pools may share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub id: Arc<str>,
    /// Instances that it still has room for.
    pub capacity: u32,
}

impl Offering {
    pub fn new(zone: &str, capacity_type: CapacityType, price: UsdPerHour) -> Offering {
        Offering::reserved(zone, capacity_type, price, None)
    }

    pub fn reserved(
        zone: &str,
        capacity_type: CapacityType,
        price: UsdPerHour,
        reservation: Option<Reservation>,
    ) -> Offering {
        let mut requirements: Requirements =
            [Requirement::value(label::ZONE, zone), Requirement::value(label::CAPACITY_TYPE, capacity_type.name())]
                .into_iter()
                .collect();
        requirements.add(match &reservation {
            Some(reservation) => Requirement::value(RESERVATION_ID, &reservation.id),
            None => Requirement::does_not_exist(RESERVATION_ID),
        });
        Offering { zone: zone.into(), capacity_type, price, available: true, reservation, requirements }
    }

    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Whether a claim of these requirements may be launched so.
    pub fn suits(&self, requirements: &Requirements) -> bool {
        // Every label of an offering is well known, so none has to be defined.
        requirements.intersects(&self.requirements).is_ok()
    }
}

/// A kind of instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    pub name: Arc<str>,
    pub capacity: Resources,
    /// What pods can have: capacity without what kubelet and system keep.
    pub allocatable: Resources,
    /// Pod slots.
    pub max_pods: i64,
    /// Devices that fractional GPU requests can be placed on; 0 where GPUs are not shared.
    pub shared_gpus: u16,
    pub offerings: Vec<Offering>,
    /// What its nodes' labels can be.
    requirements: Requirements,
}

impl InstanceType {
    /// `labels` are those that every node of the type has (architecture, GPU model, …), beside its name, zone and
    /// capacity type. Architecture and system are `amd64` and `linux` where not said.
    pub fn new(
        name: &str,
        capacity: Resources,
        allocatable: Resources,
        max_pods: i64,
        labels: &Labels,
        offerings: Vec<Offering>,
    ) -> InstanceType {
        let mut requirements = Requirements::from_labels(labels);
        requirements.replace(Requirement::value(label::INSTANCE_TYPE, name));
        let zones: Vec<&str> = offerings.iter().map(|offering| &*offering.zone).collect();
        requirements.replace(Requirement::new(label::ZONE, Operator::In, &zones));
        let capacity_types: Vec<&str> = offerings.iter().map(|offering| offering.capacity_type.name()).collect();
        requirements.replace(Requirement::new(label::CAPACITY_TYPE, Operator::In, &capacity_types));
        for (key, default) in [(label::ARCH, "amd64"), (label::OS, "linux")] {
            if !requirements.has(key) {
                requirements.add(Requirement::value(key, default));
            }
        }
        // Every well-known label is defined: one that the type's nodes will not have is known to be absent.
        for key in [label::REGION, "node.kubernetes.io/windows-build"] {
            if !requirements.has(key) {
                requirements.add(Requirement::does_not_exist(key));
            }
        }
        InstanceType { name: name.into(), capacity, allocatable, max_pods, shared_gpus: 0, offerings, requirements }
    }

    /// Adds values that the type's nodes can be given, or narrows them.
    pub fn with_requirement(mut self, requirement: Requirement) -> InstanceType {
        self.requirements.replace(requirement);
        self
    }

    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The price of the cheapest available offering that suits; infinite where none does.
    pub fn cheapest_price(&self, requirements: &Requirements) -> f64 {
        self.available(requirements).map(|offering| offering.price.as_f64()).fold(f64::INFINITY, f64::min)
    }

    /// Available offerings that suit.
    pub fn available<'a>(&'a self, requirements: &'a Requirements) -> impl Iterator<Item = &'a Offering> {
        self.offerings.iter().filter(|offering| offering.available && offering.suits(requirements))
    }

    /// The dearest price that a launch may cost: of the first capacity type, in the order of preference, that is
    /// available. Infinite where none is.
    pub fn worst_launch_price(&self, requirements: &Requirements) -> f64 {
        for capacity_type in CapacityType::ALL {
            let dearest = self
                .available(requirements)
                .filter(|offering| offering.capacity_type == capacity_type)
                .map(|offering| offering.price.as_f64())
                .fold(f64::NEG_INFINITY, f64::max);
            if dearest > f64::NEG_INFINITY {
                return dearest;
            }
        }
        f64::INFINITY
    }

    /// What a node of this type costs there, available or not.
    pub fn price_in(&self, zone: &str, capacity_type: &str) -> Option<f64> {
        self.offerings
            .iter()
            .find(|offering| &*offering.zone == zone && offering.capacity_type.name() == capacity_type)
            .map(|offering| offering.price.as_f64())
    }
}

/// The instance types that the cloud has, in its order; every NodePool chooses among all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Change prices and availability at will; for other changes make a new catalogue.
    pub types: Vec<InstanceType>,
    well_known: WellKnownLabels,
}

impl Catalogue {
    pub fn new(types: Vec<InstanceType>) -> Catalogue {
        let mut well_known = WellKnownLabels::default();
        for requirement in types.iter().flat_map(|instance_type| instance_type.requirements.iter()) {
            well_known.insert(&requirement.key);
        }
        Catalogue { types, well_known }
    }

    pub fn get(&self, index: TypeIndex) -> &InstanceType {
        &self.types[index as usize]
    }

    pub fn by_name(&self, name: &str) -> Option<&InstanceType> {
        self.types.iter().find(|instance_type| &*instance_type.name == name)
    }

    /// What a claim's requirements may leave undefined.
    pub fn undefined(&self) -> Undefined<'_> {
        Undefined::Allowed(&self.well_known)
    }

    /// Cheapest first by the cheapest available offering that suits; ties keep their order.
    pub fn order_by_price(&self, types: &mut [TypeIndex], requirements: &Requirements) {
        types.sort_by_cached_key(|index| ordered(self.get(*index).cheapest_price(requirements)));
    }

    /// How many of the first types are needed until `minValues` of every requirement are reached, or the keys that
    /// all of them together miss, with what they offer.
    pub fn satisfies_min_values(
        &self,
        types: &[TypeIndex],
        requirements: &Requirements,
    ) -> Result<usize, Vec<(Arc<str>, usize)>> {
        let mut wanted: Vec<_> = requirements
            .iter()
            .filter_map(|requirement| Some((requirement, requirement.min_values?, std::collections::BTreeSet::new())))
            .collect();
        if wanted.is_empty() {
            return Ok(0);
        }
        for (index, instance_type) in types.iter().map(|index| self.get(*index)).enumerate() {
            for (requirement, _, values) in &mut wanted {
                if let Some(offered) = instance_type.requirements.get(&requirement.key) {
                    values.extend(offered.values());
                }
            }
            if wanted.iter().all(|(_, min_values, values)| values.len() >= *min_values) {
                return Ok(index + 1);
            }
        }
        // Upstream looks at the types one by one, so that no type at all misses nothing.
        if types.is_empty() {
            return Ok(0);
        }
        Err(wanted
            .iter()
            .filter(|(_, min_values, values)| values.len() < *min_values)
            .map(|(requirement, _, values)| (requirement.key.clone(), values.len()))
            .collect())
    }
}

/// Position in [`Catalogue::types`].
pub type TypeIndex = u32;

/// A price as a key that sorts as the price does (prices are never negative or NaN).
pub(super) fn ordered(price: f64) -> u64 {
    price.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, Millicores};

    fn usd(price: f64) -> UsdPerHour {
        UsdPerHour::from_f64(price).unwrap()
    }

    fn one(name: &str, offerings: Vec<Offering>) -> InstanceType {
        let size = Resources::new(Millicores(1000), Bytes(1));
        InstanceType::new(name, size.clone(), size, 10, &Labels::new(), offerings)
    }

    #[test]
    fn the_worst_launch_price_is_the_dearest_of_the_preferred_capacity_type() {
        let a = one(
            "a",
            vec![
                Offering::new("z1", CapacityType::OnDemand, usd(3.0)),
                Offering::new("z1", CapacityType::Spot, usd(1.0)),
                Offering::new("z2", CapacityType::Spot, usd(2.0)),
            ],
        );
        let none = Requirements::default();
        assert_eq!(a.worst_launch_price(&none), 2.0);
        assert_eq!(a.cheapest_price(&none), 1.0);
        let on_demand: Requirements = [Requirement::value(label::CAPACITY_TYPE, "on-demand")].into_iter().collect();
        assert_eq!(a.worst_launch_price(&on_demand), 3.0);
        let zone: Requirements = [Requirement::value(label::ZONE, "z3")].into_iter().collect();
        assert_eq!(a.cheapest_price(&zone), f64::INFINITY);
    }

    #[test]
    fn min_values_count_different_values_over_the_cheapest_types() {
        let catalogue = Catalogue::new(
            ["a", "b", "c"].map(|name| one(name, vec![Offering::new("z", CapacityType::Spot, usd(1.0))])).into(),
        );
        let mut requirement = Requirement::exists(label::INSTANCE_TYPE);
        requirement.min_values = Some(2);
        let requirements: Requirements = [requirement].into_iter().collect();
        assert_eq!(catalogue.satisfies_min_values(&[0, 1, 2], &requirements), Ok(2));
        assert_eq!(catalogue.satisfies_min_values(&[1], &requirements), Err(vec![(label::INSTANCE_TYPE.into(), 1)]));
    }
}
