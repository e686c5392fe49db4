//! Answers in the form of the contract.

use serde_json::{Map, Value, json};

use crate::training::admission::kueue::amount::Amount;
use crate::training::admission::kueue::flavors::quantity;
use crate::training::admission::kueue::names::{Fr, Names};
use crate::training::admission::kueue::workload::Admission;

/// Amounts with the names of their flavor and resource.
pub fn amounts(list: &[(Fr, Amount)], names: &Names) -> Value {
    let show = |(pair, amount): &(Fr, Amount)| {
        let (flavor, resource) = names.parts(*pair);
        let resource = names.resource_name(resource);
        json!({
            "flavor": **names.flavor_name(flavor),
            "resource": **resource,
            "amount": quantity(resource, *amount),
        })
    };
    list.iter().map(show).collect()
}

/// The pod sets of an admission.
pub fn pod_sets(admission: &Admission, names: &Names) -> Value {
    let show = |set: &crate::training::admission::kueue::workload::PodSetAdmission| {
        let flavors: Map<String, Value> = set
            .flavors
            .iter()
            .map(|(resource, flavor)| {
                (names.resource_name(*resource).to_string(), Value::from(&**names.flavor_name(*flavor)))
            })
            .collect();
        json!({"name": *set.name, "count": set.count, "flavors": flavors})
    };
    admission.pod_sets.iter().map(show).collect()
}
