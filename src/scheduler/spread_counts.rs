//! What PodTopologySpread counts once a pod and not once a node.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::spread::{Constraint, has_every_key, stated};
use super::terms::Seen;
use crate::cluster::{ClusterView, NodeId, NodeState, NodeView, PodSpec, PodSpecId, WhenUnsatisfiable, label};

/// Matching pods by domain for each `DoNotSchedule` constraint of a pod: upstream's PreFilter state (as of 1.33, where
/// each constraint keeps counts of its own).
#[derive(Clone, Debug)]
pub struct SpreadCounts<'a> {
    constraints: Vec<Domains<'a>>,
}

/// Those of one constraint.
#[derive(Clone, Debug)]
pub(super) struct Domains<'a> {
    constraint: Constraint<'a>,
    counts: FxHashMap<Box<str>, i64>,
    /// Domains beside those in `counts`, none of which holds a matching pod.
    unlisted: usize,
    fewest: i64,
}

impl<'a> SpreadCounts<'a> {
    /// `None` where the pod has no such constraint.
    pub(super) fn new(view: &'a dyn ClusterView, spec: PodSpecId) -> Option<SpreadCounts<'a>> {
        let specs = view.specs();
        let pod = specs.pod(spec);
        let constraints: Vec<_> = stated(pod, WhenUnsatisfiable::DoNotSchedule).collect();
        if constraints.is_empty() {
            return None;
        }
        let mut domains: Vec<_> = constraints.iter().map(|constraint| Domains::new(*constraint)).collect();
        match view.shapes_in_use().filter(|_| constraints.iter().all(|constraint| constraint.is_of_shape(pod))) {
            Some(shapes) => {
                for (id, nodes) in shapes {
                    let shape = specs.shape(id);
                    let state = NodeState::new(Arc::default(), id, shape);
                    let any = NodeView { id: NodeId(0), state: &state, shape };
                    domains.iter_mut().for_each(|domains| domains.list(pod, &any, nodes, &constraints));
                }
            }
            None => {
                for node in view.node_views() {
                    domains.iter_mut().for_each(|domains| domains.list(pod, &node, 1, &constraints));
                }
            }
        }
        let mut seen = Seen::default();
        view.visit_related(spec, &mut |other, node, held| {
            let counts = |constraint: &Constraint<'_>| constraint.counts(pod, specs.pod(other));
            let matching: &Vec<bool> = seen.of(other, || constraints.iter().map(counts).collect());
            if held.staying() == 0 || !has_every_key(node, &constraints) {
                return;
            }
            for (domains, _) in domains.iter_mut().zip(matching).filter(|(_, matching)| **matching) {
                if domains.constraint.includes(pod, node) {
                    domains.add(node, held.staying());
                }
            }
        });
        domains.iter_mut().for_each(Domains::find_fewest);
        Some(SpreadCounts { constraints: domains })
    }

    /// One for each constraint, as they are stated.
    pub(super) fn constraints(&self) -> &[Domains<'a>] {
        &self.constraints
    }

    /// A pod came to (`by` = 1) or left (-1) a node. As upstream, terminating pods are not told apart here.
    pub(super) fn change(&mut self, pod: &PodSpec, other: &PodSpec, node: &NodeView<'_>, by: i64) {
        let has_every_key =
            self.constraints.iter().all(|domains| node.label(domains.constraint.topology_key).is_some());
        if other.namespace != pod.namespace || !has_every_key {
            return;
        }
        for domains in &mut self.constraints {
            if domains.constraint.matcher.matches(other) && domains.constraint.includes(pod, node) {
                domains.add(node, by);
                domains.find_fewest();
            }
        }
    }
}

impl<'a> Domains<'a> {
    /// How many matching pods the node's domain would have more than the emptiest, with the pod itself; `None` where the
    /// node is in no domain.
    pub(super) fn skew(&self, pod: &PodSpec, node: &NodeView<'_>) -> Option<i64> {
        let value = node.label(self.constraint.topology_key)?;
        let matching = self.counts.get(value).copied().unwrap_or(0);
        let itself = i64::from(self.constraint.matcher.matches(pod));
        Some(matching + itself - self.global_minimum())
    }

    pub(super) fn max_skew(&self) -> i64 {
        self.constraint.max_skew
    }

    fn new(constraint: Constraint<'a>) -> Domains<'a> {
        Domains { constraint, counts: FxHashMap::default(), unlisted: 0, fewest: 0 }
    }

    /// Takes note of the domains that so many nodes like this one are in.
    fn list(&mut self, pod: &PodSpec, node: &NodeView<'_>, nodes: usize, constraints: &[Constraint<'_>]) {
        if !has_every_key(node, constraints) || !self.constraint.includes(pod, node) {
        } else if self.constraint.topology_key == label::HOSTNAME {
            self.unlisted += nodes;
        } else {
            self.add(node, 0);
        }
    }

    fn add(&mut self, node: &NodeView<'_>, count: i64) {
        let value = node.label(self.constraint.topology_key).expect("nodes without the key were left out");
        match self.counts.get_mut(value) {
            Some(sum) => *sum += count,
            None => {
                if self.constraint.topology_key == label::HOSTNAME {
                    self.unlisted = self.unlisted.saturating_sub(1);
                }
                self.counts.insert(value.into(), count);
            }
        }
    }

    fn find_fewest(&mut self) {
        let listed = self.counts.values().copied().min();
        self.fewest = if self.unlisted > 0 { listed.unwrap_or(0).min(0) } else { listed.unwrap_or(0) };
    }

    /// Zero where there are fewer domains than `minDomains`.
    fn global_minimum(&self) -> i64 {
        if self.counts.len() + self.unlisted < self.constraint.min_domains { 0 } else { self.fewest }
    }
}
