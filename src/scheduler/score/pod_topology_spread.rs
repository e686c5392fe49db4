//! PodTopologySpread: nodes in the domains with the fewest matching pods.

use std::cell::RefCell;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::{
    ClusterView, Controller, NodeId, NodeView, PodSpec, SpreadPolicy, TopologySpreadConstraint, WhenUnsatisfiable,
    label,
};
use crate::scheduler::Cycle;
use crate::scheduler::filter::Scope;
use crate::scheduler::profile::SchedulerOptions;
use crate::scheduler::spread::{Constraint, has_every_key, stated};
use crate::scheduler::terms::{BySpec, PodMatcher};

pub struct PodTopologySpread;

/// Raw score of a node that lacks a topology key; all others are zero or more.
const IGNORED: i64 = -1;

impl Score for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn default_weight(&self) -> i64 {
        2
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        scoring.spread.is_some()
    }

    /// Matching pods over the node's domains, each weighted by the logarithm of how many domains there are.
    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let Some(scores) = &scoring.spread else { return 0 };
        if scores.needs_every_key && !scores.constraints.iter().all(|c| node.label(c.constraint.topology_key).is_some())
        {
            return IGNORED;
        }
        let mut sum = 0.0;
        for ScoredConstraint { constraint, weight, domains, counted } in &scores.constraints {
            let Some(value) = node.label(constraint.topology_key) else { continue };
            let count = match domains {
                Some(domains) => domains.get(value).copied().unwrap_or(0),
                None => constraint.count_on(scores.view, node, scoring.cycle.pod, &mut counted.borrow_mut()),
            };
            sum += count as f64 * weight + (constraint.max_skew - 1) as f64;
        }
        f64::round(sum) as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        let taking_part = || scores.iter().copied().filter(|score| *score != IGNORED);
        let (lowest, highest) = (taking_part().min().unwrap_or(0), taking_part().max().unwrap_or(0));
        for score in scores {
            *score = match *score {
                IGNORED => 0,
                _ if highest == 0 => MAX_NODE_SCORE,
                raw => MAX_NODE_SCORE * (highest + lowest - raw) / highest,
            };
        }
    }
}

/// Matching pods by domain for each `ScheduleAnyway` constraint.
pub struct SpreadScores<'a> {
    view: &'a dyn ClusterView,
    constraints: Vec<ScoredConstraint<'a>>,
    /// Nodes that lack a key are ignored; the default constraints are content with the keys that there are.
    needs_every_key: bool,
}

struct ScoredConstraint<'a> {
    constraint: Constraint<'a>,
    weight: f64,
    /// Counts of the domains of feasible nodes; `None` for the hostname, whose pods are counted node by node.
    domains: Option<FxHashMap<&'a str, i64>>,
    counted: RefCell<BySpec<bool>>,
}

/// What upstream adds to pods that state no constraint.
static SYSTEM_DEFAULTS: LazyLock<[TopologySpreadConstraint; 2]> = LazyLock::new(|| {
    [(label::HOSTNAME, 3), (label::ZONE, 5)].map(|(key, max_skew)| TopologySpreadConstraint {
        max_skew,
        topology_key: key.into(),
        when_unsatisfiable: WhenUnsatisfiable::ScheduleAnyway,
        selector: None,
        min_domains: None,
        node_affinity_policy: SpreadPolicy::Honor,
        node_taints_policy: SpreadPolicy::Ignore,
    })
});

impl<'a> SpreadScores<'a> {
    pub fn is_wanted(pod: &PodSpec, options: &SchedulerOptions) -> bool {
        stated(pod, WhenUnsatisfiable::ScheduleAnyway).next().is_some() || default_selector(pod, options).is_some()
    }

    /// `None` where the pod has no such constraint and gets no default one.
    pub fn new(
        view: &'a dyn ClusterView,
        cycle: &Cycle<'a>,
        options: &SchedulerOptions,
        feasible: &[NodeId],
    ) -> Option<SpreadScores<'a>> {
        let pod = cycle.pod;
        let constraints: Vec<Constraint<'a>> = match default_selector(pod, options) {
            Some(controller) => {
                let matcher = PodMatcher::SameController(controller);
                SYSTEM_DEFAULTS.iter().map(|raw| Constraint::new(raw, matcher)).collect()
            }
            None => stated(pod, WhenUnsatisfiable::ScheduleAnyway).collect(),
        };
        if constraints.is_empty() {
            return None;
        }
        let needs_every_key = !pod.topology_spread_constraints.is_empty();
        let takes_part = |node: &NodeView<'_>| !needs_every_key || has_every_key(node, &constraints);
        let scored: Vec<NodeView<'a>> =
            feasible.iter().filter_map(|id| view.node_view(*id)).filter(takes_part).collect();
        let mut domains: Vec<_> = constraints.iter().map(|c| domains_of(c, &scored)).collect();
        let mut counted = vec![BySpec::default(); constraints.len()];
        for node in view.node_views().filter(takes_part) {
            for ((constraint, domains), counted) in constraints.iter().zip(&mut domains).zip(&mut counted) {
                let Some(domains) = domains else { continue };
                // As upstream, nodes without the label make up a domain of their own.
                let domain = domains.get_mut(node.label(constraint.topology_key).unwrap_or_default());
                if let Some(domain) = domain.filter(|_| constraint.includes(pod, &node)) {
                    *domain += constraint.count_on(view, &node, pod, counted);
                }
            }
        }
        let with_weight = |(constraint, domains): (Constraint<'a>, Option<FxHashMap<&'a str, i64>>)| {
            let size = domains.as_ref().map_or(scored.len(), FxHashMap::len);
            let weight = ((size + 2) as f64).ln();
            ScoredConstraint { constraint, weight, domains, counted: RefCell::default() }
        };
        let constraints = constraints.into_iter().zip(domains).map(with_weight).collect();
        Some(SpreadScores { view, constraints, needs_every_key })
    }
}

fn domains_of<'a>(constraint: &Constraint<'_>, scored: &[NodeView<'a>]) -> Option<FxHashMap<&'a str, i64>> {
    if constraint.topology_key == label::HOSTNAME {
        return None;
    }
    Some(scored.iter().map(|node| (node.label(constraint.topology_key).unwrap_or_default(), 0)).collect())
}

/// Upstream selects by the selectors of the pod's services and of its controller. The latter's pods are those of the
/// same owner; services are not modelled, but those of a workload select all of its pods alike.
fn default_selector<'a>(pod: &'a PodSpec, options: &SchedulerOptions) -> Option<&'a Controller> {
    if !options.default_spread_constraints || !pod.topology_spread_constraints.is_empty() {
        return None;
    }
    let spread = |kind: &str| matches!(kind, "ReplicaSet" | "StatefulSet" | "ReplicationController" | "Deployment");
    pod.controller.as_ref().filter(|controller| spread(&controller.kind))
}
