//! Emptiness: nodes without pods go, as many at once as the budgets allow.
//!
//! Follows `pkg/controllers/disruption/emptiness.go` (kubernetes-sigs/karpenter 22664681).

use super::candidate::Candidate;
use super::command::{Command, Method};
use super::consolidation::{is_consolidatable, sort};
use crate::autoscaler::karpenter::base::Base;

pub(super) fn should_disrupt(base: &Base<'_>, candidate: &Candidate) -> Result<(), String> {
    let pool = &base.snapshot.pools[candidate.pool];
    if pool.consolidate_after.is_none() {
        return Err(format!("NodePool {} has consolidation disabled", pool.name));
    }
    if !candidate.is_empty() {
        return Err("it is not empty".into());
    }
    if !is_consolidatable(base, candidate) {
        return Err("its consolidateAfter has not passed since pods last came or went".into());
    }
    Ok(())
}

/// `allowed` by pool; what is taken is subtracted.
pub(super) fn command(base: &Base<'_>, mut candidates: Vec<Candidate>, allowed: &mut [usize]) -> Option<Command> {
    sort(&mut candidates);
    candidates.retain(|candidate| {
        let left = &mut allowed[candidate.pool];
        let may_go = *left > 0;
        *left = left.saturating_sub(1);
        may_go
    });
    (!candidates.is_empty()).then(|| Command::delete(base, Method::Emptiness, &candidates))
}
