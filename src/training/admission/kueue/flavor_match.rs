//! Whether a pod set may have a flavor at all: taints, node labels, topology.
//!
//! Kueue (0.20): `checkFlavorForPodSets` and `flavorSelector` of `pkg/scheduler/flavorassigner/flavorassigner.go`.

use super::cache::{Group, Snapshot};
use super::names::FlavorId;
use super::objects::Flavor;
use super::topology::Want;
use super::tree::NodeId;
use super::workload::PodSet;
use crate::cluster::TaintEffect;

/// Why the flavor is none for these pod sets; `None` where it is one.
pub fn why_no_match(
    snapshot: &Snapshot<'_>,
    queue: NodeId,
    flavor: FlavorId,
    sets: &[&PodSet],
    group: &Group,
) -> Option<String> {
    let name = snapshot.cache.names.flavor_name(flavor);
    let Some(flavor) = snapshot.cache.flavor(flavor) else { return Some(format!("there is no flavor {name}")) };
    sets.iter().find_map(|set| {
        let by_topology = || why_no_topology(snapshot, queue, flavor, set, group);
        snapshot.options.gates.topology_aware.then(by_topology).flatten().or_else(|| why_no_match_of_one(flavor, set))
    })
}

/// A flavor with a topology is for those that ask for one, unless the ClusterQueue has no other.
fn why_no_topology(
    snapshot: &Snapshot<'_>,
    queue: NodeId,
    flavor: &Flavor,
    set: &PodSet,
    group: &Group,
) -> Option<String> {
    let name = &flavor.name;
    let asked = set.topology.as_ref().filter(|request| request.want != Want::Nothing || !request.slices.is_empty());
    let Some(request) = asked else {
        let has_topology = |id: &FlavorId| snapshot.cache.flavor(*id).is_some_and(|flavor| flavor.topology.is_some());
        let mut flavors = snapshot.queue(queue).groups.iter().flat_map(|group| &group.flavors);
        let is_implied = flavors.all(has_topology);
        return (flavor.topology.is_some() && !is_implied)
            .then(|| format!("flavor {name} is for pod sets that ask for a topology"));
    };
    let Some(topology) = &flavor.topology else {
        // What it provides beside the pods' own resources does no harm.
        let overlaps = set.pod.requests.iter().any(|(resource, _)| group.covered.contains(resource));
        return overlaps.then(|| format!("flavor {name} has no topology"));
    };
    let levels = snapshot.cache.topology(topology)?;
    let level = match &request.want {
        Want::Required(level) | Want::Preferred(level) => Some(level),
        Want::Nothing | Want::Unconstrained => None,
    };
    let mut wanted = level.into_iter().chain(request.slices.iter().map(|(level, _)| level));
    let missing = wanted.find(|level| !levels.contains(level))?;
    Some(format!("the topology of flavor {name} has no level {missing}"))
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
