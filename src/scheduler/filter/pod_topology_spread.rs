//! PodTopologySpread: no domain may hold `maxSkew` more matching pods than the emptiest one.

use rustc_hash::FxHashMap;

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::cluster::{ClusterView, PodSpec, WhenUnsatisfiable};
use crate::scheduler::spread::{Constraint, has_every_key, stated};
use crate::scheduler::terms::BySpec;

pub struct PodTopologySpread;

impl Filter for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        cycle.spread.is_some()
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let Some(counts) = &cycle.spread else { return Ok(()) };
        for domains in &counts.constraints {
            let constraint = &domains.constraint;
            let Some(value) = node.label(constraint.topology_key) else { return Err(Reason::SpreadLabelMissing) };
            let matching = domains.counts.get(value).copied().unwrap_or(0);
            let itself = i64::from(constraint.matcher.matches(cycle.pod));
            if matching + itself - domains.global_minimum() > constraint.max_skew {
                return Err(Reason::SpreadSkew);
            }
        }
        Ok(())
    }
}

/// Matching pods by domain for each `DoNotSchedule` constraint of a pod: upstream's PreFilter state (as of 1.33, where
/// each constraint keeps counts of its own).
#[derive(Clone, Debug)]
pub struct SpreadCounts<'a> {
    constraints: Vec<Domains<'a>>,
}

#[derive(Clone, Debug)]
struct Domains<'a> {
    constraint: Constraint<'a>,
    counts: FxHashMap<Box<str>, i64>,
    fewest: i64,
}

impl<'a> SpreadCounts<'a> {
    /// `None` where the pod has no such constraint.
    pub(in crate::scheduler) fn new(view: &dyn ClusterView, pod: &'a PodSpec) -> Option<SpreadCounts<'a>> {
        let constraints: Vec<_> = stated(pod, WhenUnsatisfiable::DoNotSchedule).collect();
        if constraints.is_empty() {
            return None;
        }
        let mut counted = vec![BySpec::default(); constraints.len()];
        let mut domains: Vec<_> = constraints
            .iter()
            .map(|constraint| Domains { constraint: *constraint, counts: FxHashMap::default(), fewest: 0 })
            .collect();
        for node in view.node_views().filter(|node| has_every_key(node, &constraints)) {
            for (domains, counted) in domains.iter_mut().zip(&mut counted) {
                if domains.constraint.includes(pod, &node) {
                    let count = domains.constraint.count_on(view, &node, pod, counted);
                    domains.add(&node, count);
                }
            }
        }
        domains.iter_mut().for_each(Domains::find_fewest);
        Some(SpreadCounts { constraints: domains })
    }

    /// A pod came to (`by` = 1) or left (-1) a node. As upstream, terminating pods are not told apart here.
    pub(in crate::scheduler) fn change(&mut self, pod: &PodSpec, other: &PodSpec, node: &NodeView<'_>, by: i64) {
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

impl Domains<'_> {
    fn add(&mut self, node: &NodeView<'_>, count: i64) {
        let value = node.label(self.constraint.topology_key).expect("nodes without the key were left out");
        match self.counts.get_mut(value) {
            Some(sum) => *sum += count,
            None => drop(self.counts.insert(value.into(), count)),
        }
    }

    fn find_fewest(&mut self) {
        self.fewest = self.counts.values().copied().min().unwrap_or(0);
    }

    /// Zero where there are fewer domains than `minDomains`.
    fn global_minimum(&self) -> i64 {
        if self.counts.len() < self.constraint.min_domains { 0 } else { self.fewest }
    }
}
