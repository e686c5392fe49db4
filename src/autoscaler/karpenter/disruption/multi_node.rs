//! Multi-node consolidation: several nodes go at once, for one cheaper node at most.
//!
//! Follows `pkg/controllers/disruption/multinodeconsolidation.go` (kubernetes-sigs/karpenter 22664681), without its
//! timeout of a minute: decisions here do not depend on how fast they are made.

use super::balanced::PoolTotals;
use super::candidate::Candidate;
use super::command::{Command, Method};
use super::consolidation::{cheaper_types, consolidate, sort};
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::requirements::Requirements;

/// More nodes than this are not tried at once.
const MAX_PARALLEL: usize = 100;

pub(super) fn command(
    base: &Base<'_>,
    mut candidates: Vec<Candidate>,
    allowed: &mut [usize],
    totals: &[PoolTotals],
) -> Option<Command> {
    sort(&mut candidates);
    candidates.retain(|candidate| {
        let left = &mut allowed[candidate.pool];
        let may_go = *left > 0;
        *left = left.saturating_sub(1);
        may_go
    });
    first_n(base, &candidates, totals)
}

/// Searches for the largest number of first candidates that can go together, as upstream by halving: whether fewer
/// can go says nothing certain about more.
fn first_n(base: &Base<'_>, candidates: &[Candidate], totals: &[PoolTotals]) -> Option<Command> {
    if candidates.len() < 2 {
        return None;
    }
    let mut min = 1;
    let mut max = candidates.len().min(MAX_PARALLEL);
    if candidates.len() <= max {
        max = candidates.len() - 1;
    }
    let mut found = None;
    while min <= max {
        let mid = (min + max) / 2;
        let together: Vec<&Candidate> = candidates[..=mid].iter().collect();
        let command = consolidate(base, &together, Method::MultiNodeConsolidation)
            .ok()
            .and_then(|command| without_same_type(base, command, &together))
            .filter(|command| totals.is_empty() || super::balanced::approves(base, command, &together, totals));
        match command {
            Some(command) => {
                found = Some(command);
                min = mid + 1;
            }
            None => max = mid - 1,
        }
    }
    found
}

/// Replacing nodes by one of a type that is among them would be the same as deleting the others: where such a type is
/// among the options, only types cheaper than the cheapest of those nodes are kept.
fn without_same_type(base: &Base<'_>, mut command: Command, candidates: &[&Candidate]) -> Option<Command> {
    let Some(replacement) = command.replacements.first_mut() else { return Some(command) };
    let catalogue = base.snapshot.catalogue;
    let mut max_price = f64::MAX;
    for index in &replacement.instance_types {
        let same: Vec<_> = candidates.iter().filter(|candidate| candidate.instance_type == Some(*index)).collect();
        if same.is_empty() {
            continue;
        }
        let cheapest = same
            .iter()
            .filter_map(|candidate| {
                let labels = labels_of(base, candidate);
                let offerings = &catalogue.get(*index).offerings;
                let suits = offerings.iter().filter(|offering| offering.suits(&labels));
                suits.map(|offering| offering.price.as_f64()).min_by(f64::total_cmp)
            })
            .min_by(f64::total_cmp);
        // A node whose offering is unknown counts as free, so that nothing is cheaper.
        max_price = max_price.min(cheapest.unwrap_or(0.0));
    }
    let types = cheaper_types(base, &replacement.instance_types, &replacement.requirements, max_price).ok()?;
    if types.is_empty() {
        return None;
    }
    replacement.instance_types = types;
    command.estimate_savings(base);
    Some(command)
}

fn labels_of(base: &Base<'_>, candidate: &Candidate) -> Requirements {
    (*base.existing.labels_of(&base.existing.nodes[candidate.existing], &base.snapshot.cluster.specs)).clone()
}
