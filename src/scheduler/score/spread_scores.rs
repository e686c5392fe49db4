//! What PodTopologySpread finds once a pod and not once a node.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::candidate::Candidate;
use crate::cluster::{
    ClusterView, NodeId, NodeView, PodSpec, SpreadPolicy, TopologySpreadConstraint, WhenUnsatisfiable, label,
};
use crate::scheduler::Cycle;
use crate::scheduler::options::SchedulerOptions;
use crate::scheduler::spread::{Constraint, default_selector, has_every_key, stated};
use crate::scheduler::terms::{PodMatcher, Seen};

/// Matching pods by domain for each `ScheduleAnyway` constraint.
pub struct SpreadScores<'a> {
    pub(super) constraints: Vec<ScoredConstraint<'a>>,
    /// Nodes that lack a key are ignored; the default constraints are content with the keys that there are.
    pub(super) needs_every_key: bool,
}

/// One constraint.
pub(super) struct ScoredConstraint<'a> {
    pub(super) constraint: Constraint<'a>,
    pub(super) weight: f64,
    pub(super) counts: Counts<'a>,
}

/// Matching pods.
pub(super) enum Counts<'a> {
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
