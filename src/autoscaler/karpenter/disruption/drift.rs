//! Drift: nodes that no longer fit their NodePool are replaced, one a pass, the oldest drift first.
//!
//! Follows `pkg/controllers/disruption/drift.go` and `pkg/controllers/nodeclaim/disruption/drift.go`
//! (kubernetes-sigs/karpenter 22664681).

use super::candidate::Candidate;
use super::command::{Command, Method};
use super::simulation::{first_failure, simulate};
use crate::autoscaler::karpenter::Snapshot;
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::requirements::{Requirements, Undefined};
use crate::cluster::label;
use crate::units::SimDuration;

/// Why a claim has drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftReason {
    /// Its labels do not meet the pool's requirements.
    RequirementsDrifted,
    /// Its instance type or offering is no longer in the catalogue (looked at from an hour after its creation).
    InstanceTypeNotFound,
}

/// Whether the claim has drifted, for the caller to note in [`NodeClaim::drifted`](crate::autoscaler::karpenter::NodeClaim::drifted).
/// Changes of a pool's other fields show upstream by its hash; here pools do not change.
pub fn drift_reason(snapshot: &Snapshot<'_>, claim: usize) -> Option<DriftReason> {
    let claim = &snapshot.claims[claim];
    let pool = snapshot.pools.iter().find(|pool| pool.name == claim.node_pool)?;
    let labels = &snapshot.cluster.specs.shape(claim.shape).labels;
    if !Requirements::from_labels(labels).is_compatible(&pool.stated_requirements, Undefined::Denied) {
        return Some(DriftReason::RequirementsDrifted);
    }
    if snapshot.now.since(claim.created) <= SimDuration::from_secs(3600) {
        return None;
    }
    // A label that the claim does not have asks for nothing.
    let value = |key: &str| labels.get(key).map(String::as_str);
    let known = value(label::INSTANCE_TYPE).and_then(|name| snapshot.catalogue.by_name(name));
    let offered = known.is_some_and(|instance_type| {
        instance_type.offerings.iter().any(|offering| {
            let name = offering.capacity_type.name();
            // A reserved node may have been turned into an on-demand one.
            let is_wanted = |wanted: &str| name == wanted || wanted == "reserved" && name == "on-demand";
            value(label::CAPACITY_TYPE).is_none_or(is_wanted)
                && value(label::ZONE).is_none_or(|zone| *offering.zone == *zone)
        })
    });
    (!offered).then_some(DriftReason::InstanceTypeNotFound)
}

pub(super) fn should_disrupt(base: &Base<'_>, candidate: &Candidate) -> Result<(), String> {
    match base.snapshot.claims[candidate.claim].drifted {
        Some(_) => Ok(()),
        None => Err("it has not drifted".into()),
    }
}

pub(super) fn command(
    base: &Base<'_>,
    mut candidates: Vec<Candidate>,
    allowed: &[usize],
    blocked: &mut Vec<(usize, String)>,
) -> Option<Command> {
    // Empty ones first: their pods' place is not asked for, and others' pods shall not land there to move again.
    candidates
        .sort_by_key(|candidate| (!candidate.reschedulable.is_empty(), base.snapshot.claims[candidate.claim].drifted));
    for candidate in candidates.iter().filter(|candidate| allowed[candidate.pool] > 0) {
        let solution = simulate(base, &[candidate], false);
        match first_failure(base, &solution) {
            Some(failure) => blocked.push((candidate.claim, failure)),
            None => return Some(Command::new(base, Method::Drift, &[candidate], &solution)),
        }
    }
    None
}
