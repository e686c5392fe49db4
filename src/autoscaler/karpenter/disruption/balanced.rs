//! The policy `Balanced`: a move must save a large enough share of the pool's cost for the share of its pods it disturbs.
//!
//! Follows `pkg/controllers/disruption/balanced.go` (kubernetes-sigs/karpenter 22664681).

use super::candidate::{Candidate, claim_price, node_disruption_cost};
use super::command::Command;
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::node_pool::ConsolidationPolicy;

/// A move passes with a score of one over this.
const K: f64 = 2.0;

/// What a pool's nodes cost an hour, and what it would cost to disturb them all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PoolTotals {
    pub cost: f64,
    pub disruption: f64,
}

/// By position of the pool; empty where no pool is `Balanced`, so that nothing need be asked.
pub(super) fn totals(base: &Base<'_>, candidates: &[Candidate]) -> Vec<PoolTotals> {
    let snapshot = base.snapshot;
    if !snapshot.pools.iter().any(|pool| pool.consolidation_policy == ConsolidationPolicy::Balanced) {
        return Vec::new();
    }
    let mut totals = vec![PoolTotals::default(); snapshot.pools.len()];
    for (index, claim) in snapshot.claims.iter().enumerate() {
        let Some(pool) = snapshot.pools.iter().position(|pool| pool.name == claim.node_pool) else { continue };
        totals[pool].cost += claim_price(snapshot, index);
        let of_candidate = candidates.iter().find(|candidate| candidate.claim == index);
        totals[pool].disruption += match (of_candidate, claim.node) {
            (Some(candidate), _) => candidate.reschedule_cost,
            (None, Some(node)) => node_disruption_cost(snapshot, node),
            (None, None) => super::candidate::NODE_DISRUPTION_COST,
        };
    }
    totals
}

fn is_approved(savings: f64, disruption: f64, totals: PoolTotals) -> bool {
    if totals.cost <= 0.0 || totals.disruption <= 0.0 || savings <= 0.0 {
        return false;
    }
    let disturbed = disruption / totals.disruption;
    disturbed == 0.0 || (savings / totals.cost) / disturbed >= 1.0 / K
}

/// Whether every `Balanced` pool finds the move worth it; savings are split by what the pools' nodes cost.
pub(super) fn approves(base: &Base<'_>, command: &Command, candidates: &[&Candidate], totals: &[PoolTotals]) -> bool {
    let price_of = |pool: Option<usize>| -> f64 {
        candidates.iter().filter(|c| pool.is_none_or(|pool| c.pool == pool)).map(|c| c.price).sum()
    };
    let whole = price_of(None);
    let several = candidates.iter().any(|candidate| candidate.pool != candidates[0].pool);
    (0..totals.len()).all(|pool| {
        let of_pool = || candidates.iter().filter(move |candidate| candidate.pool == pool);
        let is_balanced = base.snapshot.pools[pool].consolidation_policy == ConsolidationPolicy::Balanced;
        if !is_balanced || of_pool().next().is_none() {
            return true;
        }
        let savings = if whole > 0.0 && several {
            command.savings_per_hour * (price_of(Some(pool)) / whole)
        } else {
            command.savings_per_hour
        };
        is_approved(savings, of_pool().map(|candidate| candidate.reschedule_cost).sum(), totals[pool])
    })
}

/// Whether deleting the node, the most that can be saved, would pass.
pub(super) fn can_pass(base: &Base<'_>, candidate: &Candidate, totals: &[PoolTotals]) -> bool {
    let is_balanced = base.snapshot.pools[candidate.pool].consolidation_policy == ConsolidationPolicy::Balanced;
    let totals = totals[candidate.pool];
    !is_balanced || totals.cost <= 0.0 || is_approved(candidate.price, candidate.reschedule_cost, totals)
}
