//! Whether a pod set may have a flavor at all: taints, node labels, topology.
//!
//! Kueue (0.20): `checkFlavorForPodSets` and `flavorSelector` of `pkg/scheduler/flavorassigner/flavorassigner.go`.

use super::cache::{Group, Snapshot};
use super::names::FlavorId;
use super::objects::Flavor;
use super::tree::NodeId;
use super::workload::PodSet;
use crate::cluster::TaintEffect;

/// Why the flavor is none for these pod sets; `None` where it is one.
pub fn why_no_match(
    snapshot: &Snapshot<'_>,
    _queue: NodeId,
    flavor: FlavorId,
    sets: &[&PodSet],
    _group: &Group,
) -> Option<String> {
    let name = snapshot.cache.names.flavor_name(flavor);
    let Some(flavor) = snapshot.cache.flavor(flavor) else { return Some(format!("there is no flavor {name}")) };
    sets.iter().find_map(|set| why_no_match_of_one(flavor, set))
}

fn why_no_match_of_one(flavor: &Flavor, set: &PodSet) -> Option<String> {
    let name = &flavor.name;
    let tolerations = || set.pod.tolerations.iter().chain(&flavor.tolerations);
    let hard = flavor.node_taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
    for taint in hard {
        if !tolerations().any(|toleration| toleration.tolerates(taint)) {
            return Some(format!("the taint {} of flavor {name} is not tolerated", taint.key));
        }
    }
    let labels = &flavor.node_labels;
    // Only what speaks of this flavor's own labels counts.
    let by_selector =
        set.pod.node_selector.iter().filter_map(|(key, value)| Some(labels.get(key)? == value)).all(|matches| matches);
    if !by_selector || !affinity_matches(flavor, set) {
        return Some(format!("the node selector or affinity does not match flavor {name}"));
    }
    None
}

fn affinity_matches(flavor: &Flavor, set: &PodSet) -> bool {
    let Some(terms) = &set.pod.required else { return true };
    let labels = &flavor.node_labels;
    let mut kept = Vec::new();
    for term in terms {
        let own: Vec<_> = term.match_expressions.iter().filter(|one| labels.contains_key(&one.key)).collect();
        // Terms are alternatives: one without anything to say lets every flavor pass.
        if own.is_empty() {
            return true;
        }
        kept.push(own);
    }
    kept.is_empty()
        || kept.iter().any(|own| own.iter().all(|one| one.matches(labels.get(&one.key).map(String::as_str))))
}
