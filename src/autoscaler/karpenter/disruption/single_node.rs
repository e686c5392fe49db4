//! Single-node consolidation: one node goes, or makes way for a cheaper one.
//!
//! Follows `pkg/controllers/disruption/singlenodeconsolidation.go` (kubernetes-sigs/karpenter 22664681), without its
//! timeout of three minutes and what that leaves to remember.

use std::collections::BTreeMap;

use super::balanced::{PoolTotals, approves, can_pass};
use super::candidate::Candidate;
use super::command::{Command, Method};
use super::consolidation::{consolidate, sort};
use crate::autoscaler::karpenter::base::Base;

pub(super) fn command(
    base: &Base<'_>,
    candidates: Vec<Candidate>,
    allowed: &[usize],
    totals: &[PoolTotals],
    blocked: &mut Vec<(usize, String)>,
) -> Option<Command> {
    for candidate in interweave(base, candidates) {
        if allowed[candidate.pool] == 0 {
            let pool = &base.snapshot.pools[candidate.pool].name;
            blocked.push((candidate.claim, format!("the disruption budgets of NodePool {pool} are used up")));
            continue;
        }
        if !totals.is_empty() && !can_pass(base, &candidate, totals) {
            blocked.push((candidate.claim, "even its deletion would save too little for the disruption".into()));
            continue;
        }
        match consolidate(base, &[&candidate], Method::SingleNodeConsolidation) {
            Ok(command) if totals.is_empty() || approves(base, &command, &[&candidate], totals) => {
                return Some(command);
            }
            Ok(_) => blocked.push((candidate.claim, "the move saves too little for the disruption".into())),
            Err(why) => blocked.push((candidate.claim, why)),
        }
    }
    None
}

/// The best of every pool, then the second best of every pool, and so on; pools by name (upstream: in any order).
fn interweave(base: &Base<'_>, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    sort(&mut candidates);
    let mut by_pool: BTreeMap<&str, Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_pool.entry(&base.snapshot.pools[candidate.pool].name).or_default().push(candidate);
    }
    let mut pools: Vec<_> = by_pool.into_values().map(Vec::into_iter).collect();
    let mut woven = Vec::new();
    loop {
        let before = woven.len();
        woven.extend(pools.iter_mut().filter_map(Iterator::next));
        if woven.len() == before {
            return woven;
        }
    }
}
