//! Commands: which nodes go, and what comes in their place.

use std::sync::Arc;

use super::candidate::Candidate;
use crate::autoscaler::karpenter::base::Base;
use crate::autoscaler::karpenter::node_pool::DisruptionReason;
use crate::autoscaler::karpenter::provisioning::{CreateClaim, create};
use crate::autoscaler::karpenter::scheduler::Solution;
use crate::cluster::NodeId;

/// Ways to disrupt, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Emptiness,
    Drift,
    MultiNodeConsolidation,
    SingleNodeConsolidation,
}

impl Method {
    pub const ALL: [Method; 4] =
        [Method::Emptiness, Method::Drift, Method::MultiNodeConsolidation, Method::SingleNodeConsolidation];

    pub fn reason(self) -> DisruptionReason {
        match self {
            Method::Emptiness => DisruptionReason::Empty,
            Method::Drift => DisruptionReason::Drifted,
            Method::MultiNodeConsolidation | Method::SingleNodeConsolidation => DisruptionReason::Underutilized,
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Method::Emptiness => "emptiness",
            Method::Drift => "drift",
            Method::MultiNodeConsolidation => "multi-node consolidation",
            Method::SingleNodeConsolidation => "single-node consolidation",
        }
    }
}

/// A node that goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Disrupted {
    /// The claim's name, which outlives the snapshot.
    pub claim: Arc<str>,
    pub node: NodeId,
    /// What it costs an hour; 0 where unknown.
    pub price: f64,
    /// In pods.
    pub disruption_cost: f64,
}

/// Nodes to be removed, once the nodes that replace them are initialized.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub method: Method,
    pub nodes: Vec<Disrupted>,
    /// Consolidation makes one at most; drift as many as the pods need.
    pub replacements: Vec<CreateClaim>,
    /// Dollars an hour, if each replacement is launched at its cheapest; negative where drift makes things dearer.
    pub savings_per_hour: f64,
    /// Claims that moved pods are expected on, to be nominated as after provisioning.
    pub nominated: Vec<Arc<str>>,
}

impl Command {
    pub(super) fn new(base: &Base<'_>, method: Method, candidates: &[&Candidate], solution: &Solution) -> Command {
        let replacements: Vec<CreateClaim> =
            solution.planned.iter().map(|planned| create(base, solution, planned)).collect();
        let nodes: Vec<Disrupted> = candidates.iter().map(|candidate| disrupted(base, candidate)).collect();
        let mut nominated: Vec<Arc<str>> = solution
            .on_existing
            .iter()
            .filter_map(|(_, index)| base.existing.nodes[*index].claim)
            .map(|claim| Arc::clone(&base.snapshot.claims[claim].name))
            .collect();
        nominated.sort();
        nominated.dedup();
        let mut command = Command { method, nodes, replacements, savings_per_hour: 0.0, nominated };
        command.estimate_savings(base);
        command
    }

    /// Deletes nodes that hold nothing.
    pub(super) fn delete(base: &Base<'_>, method: Method, candidates: &[Candidate]) -> Command {
        let nodes = candidates.iter().map(|candidate| disrupted(base, candidate)).collect();
        let mut command =
            Command { method, nodes, replacements: Vec::new(), savings_per_hour: 0.0, nominated: Vec::new() };
        command.estimate_savings(base);
        command
    }

    pub fn reason(&self) -> DisruptionReason {
        self.method.reason()
    }

    pub(super) fn estimate_savings(&mut self, base: &Base<'_>) {
        let before: f64 = self.nodes.iter().map(|node| node.price).sum();
        let catalogue = base.snapshot.catalogue;
        let after = self.replacements.iter().filter_map(|claim| {
            let first = claim.instance_types.first()?;
            Some(catalogue.get(*first).cheapest_price(&claim.requirements)).filter(|price| price.is_finite())
        });
        self.savings_per_hour = before - after.sum::<f64>();
    }
}

fn disrupted(base: &Base<'_>, candidate: &Candidate) -> Disrupted {
    Disrupted {
        claim: Arc::clone(&base.snapshot.claims[candidate.claim].name),
        node: candidate.node,
        price: candidate.price,
        disruption_cost: candidate.reschedule_cost,
    }
}
