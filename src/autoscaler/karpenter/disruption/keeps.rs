//! What keeps a claim's node, by the rules that candidates are chosen by, for whoever counts by reason.
//!
//! The methods say it in words for people, each for itself; here is the one reason that counts in the end.

use super::Method;
use super::budget::allowed_disruptions;
use crate::autoscaler::karpenter::Snapshot;
use crate::autoscaler::karpenter::node_pool::{ConsolidationPolicy, NodePool};
use crate::autoscaler::karpenter::pods::{eviction_cost, first_blocking, is_disruptable, is_reschedulable};
use crate::cluster::{ClusterView, PodId};

/// Why a claim's node stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// No node yet, or one that is not initialized.
    Starting,
    /// It does not stay: its disruption or deletion has begun.
    Leaving,
    Nominated,
    NodeAnnotated,
    PodAnnotated(PodId),
    PodDisruptionBudget(PodId),
    /// `consolidateAfter: Never`, or pods run there and the policy is `WhenEmpty`.
    ConsolidationOff,
    ConsolidateAfter,
    /// The NodePool's disruption budgets are used up.
    NodeBudget,
    /// All rules let it go, but its pods would not fit on fewer or cheaper nodes.
    NoCheaperPlacement,
    /// Its NodePool is gone.
    NoPool,
}

/// Of every claim of the snapshot, in its order. Every comparison with time is one of which the loop's
/// [`next_possible_change`](super::Disruption::next_possible_change) tells when it turns.
pub fn keeps(snapshot: &Snapshot<'_>) -> Vec<Keeps> {
    let allowed = [Method::Emptiness, Method::SingleNodeConsolidation]
        .map(|method| allowed_disruptions(snapshot, method.reason()));
    (0..snapshot.claims.len()).map(|claim| of_claim(snapshot, claim, &allowed)).collect()
}

fn of_claim(snapshot: &Snapshot<'_>, claim: usize, allowed: &[Vec<usize>; 2]) -> Keeps {
    let claim = &snapshot.claims[claim];
    if claim.is_marked_for_deletion() {
        return Keeps::Leaving;
    }
    let node = claim.node.and_then(|node| snapshot.cluster.node(node));
    let Some(node) = node.filter(|_| claim.initialized.is_some()) else { return Keeps::Starting };
    if claim.is_nominated(snapshot.now) {
        return Keeps::Nominated;
    }
    if claim.do_not_disrupt {
        return Keeps::NodeAnnotated;
    }
    let Some(pool) = snapshot.pools.iter().position(|pool| pool.name == claim.node_pool) else { return Keeps::NoPool };
    let spec_of = |pod: PodId| snapshot.cluster.specs.pod(snapshot.cluster.pod(pod).spec);
    let pods = || node.pods.iter().map(|held| held.pod);
    if let Some(pod) = pods().find(|pod| !is_disruptable(snapshot.cluster.pod(*pod), spec_of(*pod), snapshot.now)) {
        return Keeps::PodAnnotated(pod);
    }
    if let Some(pod) = pods().find(|pod| first_blocking(snapshot, &[*pod]).is_some()) {
        return Keeps::PodDisruptionBudget(pod);
    }
    let is_empty = !pods()
        .any(|pod| is_reschedulable(snapshot.cluster.pod(pod), spec_of(pod)) && eviction_cost(spec_of(pod)) > 0.0);
    let NodePool { consolidate_after, consolidation_policy, .. } = &snapshot.pools[pool];
    let Some(after) = consolidate_after.filter(|_| is_empty || *consolidation_policy != ConsolidationPolicy::WhenEmpty)
    else {
        return Keeps::ConsolidationOff;
    };
    if claim.consolidatable_from(after).is_none_or(|from| from > snapshot.now) {
        return Keeps::ConsolidateAfter;
    }
    if allowed[usize::from(!is_empty)][pool] == 0 {
        return Keeps::NodeBudget;
    }
    // An empty node that nothing holds is on its way out: the command waits for its validation.
    if is_empty { Keeps::Leaving } else { Keeps::NoCheaperPlacement }
}
