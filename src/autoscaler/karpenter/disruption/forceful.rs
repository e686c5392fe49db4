//! Disruption that asks nobody: expiry and interruption. Budgets do not hold it, and nothing is launched ahead of it.
//!
//! Expiry follows `pkg/controllers/nodeclaim/expiration/controller.go` (kubernetes-sigs/karpenter 22664681).
//! Interruptions are handled by the cloud's part of Karpenter, which deletes the claim as soon as the notice comes.

use crate::autoscaler::karpenter::Snapshot;
use crate::units::SimTime;

/// Why a claim is disrupted without a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcefulReason {
    /// `expireAfter` has passed.
    Expired,
    /// The cloud has announced that it takes the instance back.
    Interrupted,
}

/// A claim to be deleted now: the caller sets [`deleting`](crate::autoscaler::karpenter::NodeClaim::deleting), drains
/// the node, and provisions for its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forceful {
    /// Position in the snapshot's claims.
    pub claim: usize,
    pub reason: ForcefulReason,
}

/// Claims that expire or were announced as `interrupted` (positions in the snapshot's claims), and are not being
/// deleted already.
pub fn forceful(snapshot: &Snapshot<'_>, interrupted: &[usize]) -> Vec<Forceful> {
    let live = snapshot.claims.iter().enumerate().filter(|(_, claim)| !claim.deleting);
    live.filter_map(|(index, claim)| {
        let reason = if interrupted.contains(&index) {
            ForcefulReason::Interrupted
        } else if claim.expires().is_some_and(|expires| expires <= snapshot.now) {
            ForcefulReason::Expired
        } else {
            return None;
        };
        Some(Forceful { claim: index, reason })
    })
    .collect()
}

/// When the next claim expires; `None`: none will.
pub fn next_expiry(snapshot: &Snapshot<'_>) -> Option<SimTime> {
    snapshot.claims.iter().filter(|claim| !claim.deleting).filter_map(|claim| claim.expires()).min()
}
