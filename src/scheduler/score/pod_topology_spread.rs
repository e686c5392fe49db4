//! PodTopologySpread: nodes in the domains with the fewest matching pods.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::{Candidate, MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::{
    ClusterView, NodeId, NodeView, PodSpec, SpreadPolicy, TopologySpreadConstraint, WhenUnsatisfiable, label,
};
use crate::scheduler::Cycle;
use crate::scheduler::filter::Scope;
use crate::scheduler::options::SchedulerOptions;
use crate::scheduler::spread::{Constraint, default_selector, has_every_key, stated};
use crate::scheduler::terms::{PodMatcher, Seen};

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
        for ScoredConstraint { constraint, weight, counts } in &scores.constraints {
            let Some(value) = node.label(constraint.topology_key) else { continue };
            let count = match counts {
                Counts::ByHost(hosts) => hosts.get(&node.id).copied().unwrap_or(0),
                Counts::ByDomain(domains) => domains.get(value).copied().unwrap_or(0),
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
    constraints: Vec<ScoredConstraint<'a>>,
    /// Nodes that lack a key are ignored; the default constraints are content with the keys that there are.
    needs_every_key: bool,
}

struct ScoredConstraint<'a> {
    constraint: Constraint<'a>,
    weight: f64,
    counts: Counts<'a>,
}

/// Matching pods.
enum Counts<'a> {
    /// On each node that has any.
    ByHost(FxHashMap<NodeId, i64>),
    /// In each domain that a feasible node is in.
    ByDomain(FxHashMap<&'a str, i64>),
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
    /// `None` where the pod has no such constraint and gets no default one.
    pub fn new(
        view: &'a dyn ClusterView,
        cycle: &Cycle<'a>,
        options: &SchedulerOptions,
        feasible: &[Candidate],
    ) -> Option<SpreadScores<'a>> {
        let pod = cycle.pod;
        let constraints: Vec<Constraint<'a>> = match default_selector(pod, options.default_spread_constraints) {
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
        let scored: Vec<(NodeView<'a>, usize)> = feasible
            .iter()
            .filter_map(|candidate| Some((view.node_view(candidate.node)?, candidate.nodes)))
            .filter(|(node, _)| takes_part(node))
            .collect();
        let mut scores: Vec<_> = constraints.iter().map(|c| ScoredConstraint::new(*c, &scored)).collect();
        let mut seen = Seen::default();
        view.visit_related(cycle.spec, &mut |other, node, held| {
            let counted = |c: &Constraint<'_>| c.counts(pod, cycle.specs.pod(other));
            let matching: &Vec<bool> = seen.of(other, || constraints.iter().map(counted).collect());
            if held.staying() == 0 || !takes_part(node) {
                return;
            }
            for (score, _) in scores.iter_mut().zip(matching).filter(|(_, matching)| **matching) {
                score.add(pod, node, held.staying());
            }
        });
        Some(SpreadScores { constraints: scores, needs_every_key })
    }
}

impl<'a> ScoredConstraint<'a> {
    /// `scored` are nodes with how many each stands for.
    fn new(constraint: Constraint<'a>, scored: &[(NodeView<'a>, usize)]) -> ScoredConstraint<'a> {
        // As upstream, nodes without the label make up a domain of their own.
        let domain = |node: &NodeView<'a>| node.label(constraint.topology_key).unwrap_or_default();
        let (size, counts) = if constraint.topology_key == label::HOSTNAME {
            (scored.iter().map(|(_, nodes)| nodes).sum(), Counts::ByHost(FxHashMap::default()))
        } else {
            let domains: FxHashMap<_, _> = scored.iter().map(|(node, _)| (domain(node), 0)).collect();
            (domains.len(), Counts::ByDomain(domains))
        };
        ScoredConstraint { constraint, weight: ((size + 2) as f64).ln(), counts }
    }

    fn add(&mut self, pod: &PodSpec, node: &NodeView<'_>, pods: i64) {
        match &mut self.counts {
            Counts::ByHost(hosts) => *hosts.entry(node.id).or_default() += pods,
            Counts::ByDomain(domains) => {
                let domain = domains.get_mut(node.label(self.constraint.topology_key).unwrap_or_default());
                if let Some(count) = domain.filter(|_| self.constraint.includes(pod, node)) {
                    *count += pods;
                }
            }
        }
    }
}
