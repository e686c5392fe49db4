//! Fewer or cheaper nodes for the same pods: what single-node and multi-node consolidation share.
//!
//! Follows `pkg/controllers/disruption/consolidation.go` (kubernetes-sigs/karpenter 22664681).

use super::candidate::Candidate;
use super::command::{Command, Method};
use super::simulation::{first_failure, simulate};
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::instance_type::TypeIndex;
use crate::autoscaler::karpenter::node_pool::ConsolidationPolicy;
use crate::autoscaler::karpenter::planned_claim::PlannedNode;
use crate::autoscaler::karpenter::requirement::Requirement;
use crate::autoscaler::karpenter::requirements::Requirements;
use crate::cluster::label;

/// Cheaper types that a lone spot node needs before another spot node may replace it, and the most that its launch gets.
pub const MIN_TYPES_FOR_SPOT_TO_SPOT: usize = 15;

/// Whether the node may be consolidated, or why not.
pub(super) fn should_consolidate(base: &Base<'_>, candidate: &Candidate) -> Result<(), String> {
    let pool = &base.snapshot.pools[candidate.pool];
    if candidate.instance_type.is_none() {
        return Err("its instance type is not in the catalogue".into());
    }
    if candidate.capacity_type.is_none() {
        return Err(format!("its node has no label {}", label::CAPACITY_TYPE));
    }
    if candidate.zone.is_none() {
        return Err(format!("its node has no label {}", label::ZONE));
    }
    if pool.consolidate_after.is_none() {
        return Err(format!("NodePool {} has consolidation disabled", pool.name));
    }
    if candidate.is_empty() {
        return Err("it is empty, which is emptiness' to handle".into());
    }
    if pool.consolidation_policy == ConsolidationPolicy::WhenEmpty {
        return Err(format!("NodePool {} consolidates empty nodes only", pool.name));
    }
    if !is_consolidatable(base, candidate) {
        return Err("its consolidateAfter has not passed since pods last came or went".into());
    }
    Ok(())
}

/// The condition `Consolidatable`: the pool's `consolidateAfter` has passed.
pub(super) fn is_consolidatable(base: &Base<'_>, candidate: &Candidate) -> bool {
    let after = base.snapshot.pools[candidate.pool].consolidate_after;
    let claim = &base.snapshot.claims[candidate.claim];
    after.and_then(|after| claim.consolidatable_from(after)).is_some_and(|from| from <= base.snapshot.now)
}

/// The most saved for the least disturbed first; ties stay in the order of names.
pub(super) fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.savings_ratio().total_cmp(&a.savings_ratio()));
}

/// Deletes the candidates, or replaces them by one cheaper node; else why that can't be.
pub(super) fn consolidate(base: &Base<'_>, candidates: &[&Candidate], method: Method) -> Result<Command, String> {
    let mut solution = simulate(base, candidates, true);
    if let Some(failure) = first_failure(base, &solution) {
        return Err(failure);
    }
    let replacement = match solution.planned.len() {
        0 => return Ok(Command::new(base, method, candidates, &solution)),
        1 => &mut solution.planned[0],
        count => return Err(format!("can't remove without creating {count} nodes")),
    };
    let price = candidates.iter().map(|candidate| candidate.price).sum();
    let all_spot = candidates.iter().all(|candidate| candidate.capacity_type.as_deref() == Some("spot"));
    if all_spot && replacement.requirements.allows(label::CAPACITY_TYPE, "spot") {
        spot_to_spot(base, replacement, price, candidates.len() == 1)?;
    } else {
        keep_cheaper(base, replacement, price)?;
        // The prices were those of spot. Where there is none to be had, a dearer on-demand node must not take its place.
        if replacement.requirements.allows(label::CAPACITY_TYPE, "spot")
            && replacement.requirements.allows(label::CAPACITY_TYPE, "on-demand")
        {
            replacement.requirements.add(Requirement::value(label::CAPACITY_TYPE, "spot"));
        }
    }
    Ok(Command::new(base, method, candidates, &solution))
}

/// Drops the types that could cost `price` or more.
fn keep_cheaper(base: &Base<'_>, replacement: &mut PlannedNode, price: f64) -> Result<(), String> {
    let requirements = &replacement.requirements;
    replacement.types = cheaper_types(base, &replacement.types, requirements, price)?;
    if replacement.types.is_empty() { Err("can't replace it with a cheaper node".into()) } else { Ok(()) }
}

/// The types whose dearest launch costs less than `price`; an error where they miss `minValues`.
pub(super) fn cheaper_types(
    base: &Base<'_>,
    types: &[TypeIndex],
    requirements: &Requirements,
    price: f64,
) -> Result<Vec<TypeIndex>, String> {
    let catalogue = base.snapshot.catalogue;
    let cheaper: Vec<TypeIndex> =
        types.iter().copied().filter(|index| catalogue.get(*index).worst_launch_price(requirements) < price).collect();
    match catalogue.satisfies_min_values(&cheaper, requirements) {
        Ok(_) => Ok(cheaper),
        Err(misses) => {
            let keys: Vec<&str> = misses.iter().map(|(key, _)| &**key).collect();
            Err(format!("the cheaper instance types do not reach minValues for {}", keys.join(", ")))
        }
    }
}

fn spot_to_spot(base: &Base<'_>, replacement: &mut PlannedNode, price: f64, is_single: bool) -> Result<(), String> {
    if !base.snapshot.options.feature_gates.spot_to_spot_consolidation {
        return Err("spotToSpotConsolidation is off, so that no spot node replaces a spot node".into());
    }
    let catalogue = base.snapshot.catalogue;
    replacement.requirements.add(Requirement::value(label::CAPACITY_TYPE, "spot"));
    let requirements = replacement.requirements.clone();
    replacement.types.retain(|index| catalogue.get(*index).available(&requirements).next().is_some());
    keep_cheaper(base, replacement, price)?;
    if !is_single {
        return Ok(());
    }
    // With fewer to choose from, the launch might pick a type that would be replaced again at once, and so on down.
    let count = replacement.types.len();
    if count < MIN_TYPES_FOR_SPOT_TO_SPOT {
        return Err(format!(
            "replacing spot by spot needs {MIN_TYPES_FOR_SPOT_TO_SPOT} cheaper instance types, and there are {count}"
        ));
    }
    let needed = catalogue.satisfies_min_values(&replacement.types, &requirements).unwrap_or(count);
    replacement.types.truncate(needed.max(MIN_TYPES_FOR_SPOT_TO_SPOT));
    Ok(())
}
