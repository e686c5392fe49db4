//! Consolidation commands are looked at again after 15 s: has anything changed that speaks against them?
//!
//! Follows `pkg/controllers/disruption/validation.go` (kubernetes-sigs/karpenter 22664681).

use super::budget::allowed_disruptions;
use super::candidate::{Candidate, Candidates, Class};
use super::command::{Command, Method};
use super::simulation::{first_failure, simulate};
use super::{consolidation, emptiness};
use crate::autoscaler::karpenter::base::Base;

/// The command as it may be carried out now, or why it may not.
pub(super) fn validate(base: &Base<'_>, candidates: &Candidates, command: &Command) -> Result<Command, String> {
    let is_emptiness = command.method == Method::Emptiness;
    let mut allowed = allowed_disruptions(base.snapshot, command.reason());
    let listed = &candidates.of(Class::Graceful, base).candidates;
    let current: Vec<Candidate> = listed
        .iter()
        .filter(|candidate| {
            let still = match command.method {
                Method::Emptiness => emptiness::should_disrupt(base, candidate),
                _ => consolidation::should_consolidate(base, candidate),
            };
            let name = &base.snapshot.claims[candidate.claim].name;
            still.is_ok() && command.nodes.iter().any(|node| node.claim == *name)
        })
        .cloned()
        .collect();
    if is_emptiness {
        return validate_emptiness(base, command, current, &mut allowed);
    }
    if current.len() != command.nodes.len() {
        return Err(format!("{} candidates are no longer valid", command.nodes.len().saturating_sub(current.len())));
    }
    for candidate in &current {
        if allowed[candidate.pool] == 0 {
            return Err("a candidate can no longer be disrupted within the budgets".into());
        }
        allowed[candidate.pool] -= 1;
    }
    let solution = simulate(base, &current.iter().collect::<Vec<_>>(), true);
    if let Some(failure) = first_failure(base, &solution) {
        return Err(failure);
    }
    let is_as_expected = match (&command.replacements[..], &solution.planned[..]) {
        ([], []) => true,
        // Prices are not looked at again: what the command wants must be among what would do.
        ([expected], [planned]) => expected.instance_types.iter().all(|index| planned.types.contains(index)),
        _ => false,
    };
    if is_as_expected { Ok(command.clone()) } else { Err("the pods would now be placed in another way".into()) }
}

/// Those that are still empty may go, as far as the budgets allow.
fn validate_emptiness(
    base: &Base<'_>,
    command: &Command,
    mut current: Vec<Candidate>,
    allowed: &mut [usize],
) -> Result<Command, String> {
    let before = command.nodes.len();
    if current.is_empty() {
        return Err(format!("{before} candidates are no longer valid"));
    }
    current.retain(|candidate| {
        let left = &mut allowed[candidate.pool];
        let may_go = *left > 0;
        *left = left.saturating_sub(1);
        may_go
    });
    if current.is_empty() {
        return Err(format!("{before} candidates can no longer be disrupted within the budgets"));
    }
    Ok(Command::delete(base, Method::Emptiness, &current))
}
