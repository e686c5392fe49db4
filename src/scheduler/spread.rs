//! Topology spread constraints as both the filter and the score see them.

use super::node_terms::{matches_node_selector_and_affinity, untolerated_taint};
use super::terms::PodMatcher;
use crate::cluster::{Controller, NodeView, PodSpec, SpreadPolicy, TopologySpreadConstraint, WhenUnsatisfiable};

/// A constraint with what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Constraint<'a> {
    pub max_skew: i64,
    pub topology_key: &'a str,
    pub matcher: PodMatcher<'a>,
    pub min_domains: usize,
    node_affinity_policy: SpreadPolicy,
    node_taints_policy: SpreadPolicy,
}

impl<'a> Constraint<'a> {
    /// One with the pod's own selector.
    pub fn stated(raw: &'a TopologySpreadConstraint) -> Constraint<'a> {
        let matcher = raw.selector.as_ref().map_or(PodMatcher::Nothing, PodMatcher::Labels);
        Constraint::new(raw, matcher)
    }

    pub fn new(raw: &'a TopologySpreadConstraint, matcher: PodMatcher<'a>) -> Constraint<'a> {
        Constraint {
            max_skew: i64::from(raw.max_skew),
            topology_key: &raw.topology_key,
            matcher,
            min_domains: raw.min_domains.map_or(1, |domains| domains.max(0) as usize),
            node_affinity_policy: raw.node_affinity_policy,
            node_taints_policy: raw.node_taints_policy,
        }
    }

    /// Whether pods of this node count towards the skew that `pod` would see.
    pub fn includes(&self, pod: &PodSpec, node: &NodeView<'_>) -> bool {
        (self.node_affinity_policy == SpreadPolicy::Ignore || matches_node_selector_and_affinity(pod, node))
            && (self.node_taints_policy == SpreadPolicy::Ignore || untolerated_taint(pod, node).is_none())
    }

    /// Whether the constraint of `pod` counts `other`.
    pub fn counts(&self, pod: &PodSpec, other: &PodSpec) -> bool {
        other.namespace == pod.namespace && self.matcher.counts(other)
    }

    /// Whether all nodes of one shape are in or out for this pod, whatever their state.
    pub fn is_of_shape(&self, pod: &PodSpec) -> bool {
        self.node_taints_policy == SpreadPolicy::Ignore
            && (self.node_affinity_policy == SpreadPolicy::Ignore || !pod.names_hosts())
    }
}

/// The pod's own constraints of one kind.
pub fn stated(pod: &PodSpec, when: WhenUnsatisfiable) -> impl Iterator<Item = Constraint<'_>> {
    pod.topology_spread_constraints.iter().filter(move |raw| raw.when_unsatisfiable == when).map(Constraint::stated)
}

/// Nodes without one of the topology keys take no part.
pub fn has_every_key(node: &NodeView<'_>, constraints: &[Constraint<'_>]) -> bool {
    constraints.iter().all(|constraint| node.label(constraint.topology_key).is_some())
}

/// The pod's controller, where its pods get upstream's default constraints.
pub fn default_selector(pod: &PodSpec, default_spread_constraints: bool) -> Option<&Controller> {
    if !default_spread_constraints || !pod.topology_spread_constraints.is_empty() {
        return None;
    }
    pod.controller.as_ref().filter(|controller| controller.is_spread_by_default())
}
