//! Why a pod has no node: what its autoscaler (or, where there is none, the scheduler) last said of it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::entities::Role;
use super::observer::{Mechanism, Verdict};
use super::world::World;
use crate::autoscaler::cluster_autoscaler::{Decision, NoScaleUp, ScaleUpResult, SkipReason, UnhelpedPods};
use crate::autoscaler::karpenter::{Provisioning, Unplaced};
use crate::cluster::{ClusterState, ClusterView, NodeGroupId, NodeId, PodId, PodInfo, PodSpecId};
use crate::scheduler::Cycle;
use crate::scheduler::filter::{FILTERS, Scope};
use crate::scheduler::queue::Cure;
use crate::units::SimTime;

/// Names that one reason lists.
const MOST_NAMES: usize = 3;

/// What was last said of pods that wait, and what was said of those that went without a node.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By the Cluster Autoscaler, in its last loop that looked at pods.
    unhelped: Vec<UnhelpedPods>,
    /// The cluster has as many nodes as `max-nodes-total` allows.
    is_full: bool,
    /// By Karpenter, in its last batch.
    unplaced: Vec<Unplaced>,
    /// When one of them last looked at pods.
    looked_at: Option<SimTime>,
    /// Pods that ended without ever having had a node.
    left: Vec<(PodId, Arc<Verdict>)>,
    /// An empty node of every shape of every node group, to hold pods against; made when it is first asked.
    templates: Option<(ClusterState, Vec<Vec<NodeId>>)>,
}

impl Waiting {
    pub fn hear_cluster_autoscaler(&mut self, decision: &mut Decision, now: SimTime) {
        if matches!(decision.scale_up_result, ScaleUpResult::NotTried | ScaleUpResult::InCooldown) {
            return;
        }
        self.is_full = decision.scale_up_result == ScaleUpResult::LimitedByMaxNodesTotal;
        self.unhelped = std::mem::take(&mut decision.unhelped);
        self.looked_at = Some(now);
    }

    pub fn hear_karpenter(&mut self, provisioning: Provisioning, now: SimTime) {
        self.unplaced = provisioning.unschedulable;
        self.looked_at = Some(now);
    }
}

impl World<'_> {
    /// To be called as a pod ends: one that never had a node leaves with the last word on it.
    pub(super) fn note_end_of_wait(&mut self, pod: PodId) {
        if self.pods[pod.index()].scheduled.is_none() && self.pods[pod.index()].role != Role::Daemon {
            let verdict = Arc::new(self.verdict_on(pod));
            self.waiting.left.push((pod, verdict));
        }
    }

    /// Of every pod that never had a node, ascending by pod.
    pub(super) fn verdicts(&mut self) -> Vec<(PodId, Arc<Verdict>)> {
        let mut verdicts = std::mem::take(&mut self.waiting.left);
        for index in 0..self.pods.len() {
            let pod = PodId::new(index);
            if self.pods[index].scheduled.is_none() && !self.cluster.pod(pod).is_terminal() {
                verdicts.push((pod, Arc::new(self.verdict_on(pod))));
            }
        }
        verdicts.sort_unstable_by_key(|(pod, _)| *pod);
        verdicts
    }

    fn verdict_on(&mut self, pod: PodId) -> Verdict {
        let spec = self.cluster.pod(pod).spec;
        let gates = &self.cluster.specs.pod(spec).scheduling_gates;
        if !gates.is_empty() {
            return verdict(
                Mechanism::Gated,
                format!("scheduling gates hold it: {}", listed(gates.iter().map(|g| &**g))),
            );
        }
        if let Some(name) = &self.cluster.specs.pod(spec).scheduler_name {
            return verdict(Mechanism::OtherScheduler, format!("the scheduler {name} is not modelled"));
        }
        if let Some(name) = &self.cluster.specs.pod(spec).node_name {
            let why = match self.pods[pod.index()].reason {
                reason if super::admission::is_refusal(reason) => format!("node {name} refused it: {reason}"),
                _ => format!("node {name} is not there"),
            };
            return verdict(Mechanism::NamedNode, why);
        }
        if self.cluster.pod(pod).nominated_node.is_some() {
            return verdict(Mechanism::OnItsWay, "pods of lower priority made way for it");
        }
        if let Some(unhelped) = self.waiting.unhelped.iter().position(|unhelped| unhelped.pods.contains(&pod)) {
            return self.cluster_autoscaler_said(spec, unhelped);
        }
        if let Some(unplaced) = self.waiting.unplaced.iter().find(|unplaced| unplaced.pod == pod) {
            return self.karpenter_said(unplaced);
        }
        if self.scenario.cluster_autoscaler.is_some() || self.scenario.karpenter.is_some() {
            // Whom an autoscaler looked at and said nothing against has a node to come.
            let since = self.cluster.pod(pod).unschedulable_since;
            if since.is_some_and(|since| self.waiting.looked_at.is_some_and(|looked_at| looked_at >= since)) {
                return verdict(Mechanism::OnItsWay, "a node for it was on its way");
            }
            return verdict(Mechanism::NotLookedAt, "its autoscaler had not looked at it yet");
        }
        match self.cure_for(spec) {
            Cure::Room => verdict(Mechanism::NoRoom, "no node had room, and nothing adds nodes"),
            Cure::Node => self.no_node_could_hold(spec),
        }
    }

    fn cluster_autoscaler_said(&mut self, spec: PodSpecId, unhelped: usize) -> Verdict {
        if self.waiting.is_full {
            return verdict(Mechanism::Quota, "the cluster has as many nodes as max-nodes-total allows");
        }
        let reasons = self.waiting.unhelped[unhelped].reasons.clone();
        // The autoscaler does not look whether a group that it skips could hold the pod; a reader must know.
        let skipped: Vec<(NodeGroupId, &SkipReason)> = reasons
            .iter()
            .filter_map(|(group, reason)| match reason {
                NoScaleUp::Skipped(reason) if self.could_hold(*group, spec).is_ok() => Some((*group, reason)),
                _ => None,
            })
            .collect();
        let names = |which: fn(&SkipReason) -> bool| -> Vec<&str> {
            let of = skipped.iter().filter(|(_, reason)| which(reason));
            of.map(|(group, _)| &*self.scenario.node_groups[group.index()].name).collect()
        };
        let at_maximum = names(|reason| matches!(reason, SkipReason::MaxSizeReached));
        if !at_maximum.is_empty() {
            let be = if at_maximum.len() == 1 { "is at its maximum" } else { "are at their maximum" };
            return verdict(Mechanism::GroupAtMaximum, format!("{} {be}", groups(&at_maximum)));
        }
        let over_quota =
            names(|reason| matches!(reason, SkipReason::QuotaExceeded(_) | SkipReason::AtomicExceedsMaxNodesTotal));
        if !over_quota.is_empty() {
            return verdict(
                Mechanism::Quota,
                format!("{} would exceed a resource limit of the cluster", groups(&over_quota)),
            );
        }
        let refused = names(|reason| matches!(reason, SkipReason::Backoff));
        if !refused.is_empty() {
            let be = if refused.len() == 1 { "is" } else { "are" };
            return verdict(
                Mechanism::CloudRefused,
                format!("{} {be} in back-off after failed scale-ups", groups(&refused)),
            );
        }
        let unready = names(|reason| matches!(reason, SkipReason::NotReady));
        if !unready.is_empty() {
            return verdict(Mechanism::CloudRefused, format!("{} not ready for scale-up", groups(&unready)));
        }
        let failed = reasons.iter().any(|(_, reason)| {
            matches!(reason, NoScaleUp::AllOrNothing | NoScaleUp::FilteredOut | NoScaleUp::ExecutionError)
        });
        if failed {
            return verdict(Mechanism::CloudRefused, "no group's scale-up could be carried out");
        }
        self.no_node_could_hold(spec)
    }

    fn karpenter_said(&self, unplaced: &Unplaced) -> Verdict {
        let pools = self.scenario.karpenter.as_ref().map_or(&[][..], |spec| &spec.node_pools);
        let name = |pool: usize| pools.get(pool).map_or("", |pool| &*pool.name);
        let at_limit: Vec<&str> =
            unplaced.pools.iter().filter(|refusal| refusal.why.contains("limit")).map(|r| name(r.pool)).collect();
        if !at_limit.is_empty() {
            let (noun, be) = if at_limit.len() == 1 {
                ("NodePool", "is at its limits")
            } else {
                ("NodePools", "are at their limits")
            };
            return verdict(Mechanism::Quota, format!("{noun} {} {be}", listed(at_limit.into_iter())));
        }
        let Some(first) = unplaced.pools.first() else {
            let why = unplaced.why.clone().unwrap_or_else(|| "there is no NodePool".to_owned());
            let is_near = why.contains("not initialized");
            return verdict(if is_near { Mechanism::OnItsWay } else { Mechanism::NoFittingType }, why);
        };
        let more = unplaced.pools.len() - 1;
        let more = if more > 0 { format!("; and {more} more NodePools") } else { String::new() };
        verdict(Mechanism::NoFittingType, format!("no instance type fits: {}: {}{more}", name(first.pool), first.why))
    }

    /// The first refusals of what there is: groups, or the nodes of a cluster without any.
    fn no_node_could_hold(&mut self, spec: PodSpecId) -> Verdict {
        let scenario = self.scenario;
        let mut refusals: Vec<(&str, String)> = Vec::new();
        for group in scenario.node_groups.iter().filter(|group| !group.is_node_pool) {
            if let Err(why) = self.could_hold(group.id, spec) {
                refusals.push((&group.name, why));
            }
        }
        if refusals.is_empty() {
            let node = self.cluster.node_views().next().map(|node| node.id);
            let why = node.and_then(|node| refusal_on(&self.cluster, node, spec));
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return verdict(Mechanism::NoFittingType, format!("no node could hold it{why}"));
        }
        let mut text = "no node type could hold it".to_owned();
        for (index, (name, why)) in refusals.iter().take(MOST_NAMES).enumerate() {
            let _ = write!(text, "{} {name}: {why}", if index == 0 { ":" } else { ";" });
        }
        verdict(Mechanism::NoFittingType, text)
    }

    /// Whether an empty node of the group would take the pod, and if not, why.
    fn could_hold(&mut self, group: NodeGroupId, spec: PodSpecId) -> Result<(), String> {
        let scenario = self.scenario;
        let (cluster, nodes) = self.waiting.templates.get_or_insert_with(|| {
            let mut cluster = ClusterState::new(scenario.specs.clone());
            let mut nodes: Vec<Vec<NodeId>> = Vec::new();
            for group in &scenario.node_groups {
                nodes
                    .push(group.shapes.iter().map(|shape| cluster.add_node(Arc::clone(&group.name), *shape)).collect());
            }
            for node in nodes.iter().flatten() {
                for daemon in &scenario.daemon_sets {
                    if refusal_on(&cluster, *node, daemon.spec).is_none() {
                        let pod = cluster.add_pod(PodInfo::new("daemon".into(), daemon.spec, SimTime::ZERO));
                        cluster.bind(pod, *node);
                    }
                }
            }
            (cluster, nodes)
        });
        let mut first = None;
        for node in &nodes[group.index()] {
            match refusal_on(cluster, *node, spec) {
                Some(why) => _ = first.get_or_insert(why),
                None => return Ok(()),
            }
        }
        first.map_or(Ok(()), Err)
    }
}

fn verdict(mechanism: Mechanism, reason: impl Into<String>) -> Verdict {
    Verdict { mechanism, reason: reason.into() }
}

/// Why this node does not take the pod, other pods' places aside.
fn refusal_on(cluster: &ClusterState, node: NodeId, spec: PodSpecId) -> Option<String> {
    let cycle = Cycle::new(cluster, spec);
    let view = cluster.node_view(node)?;
    let filters = FILTERS.iter().filter(|filter| filter.scope() != Scope::Cluster);
    let reason = filters.map(|filter| filter.filter(&cycle, &view)).find_map(Result::err)?;
    Some(reason.display(&cluster.specs).to_string())
}

fn groups(names: &[&str]) -> String {
    format!("{} {}", if names.len() == 1 { "group" } else { "groups" }, listed(names.iter().copied()))
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => String::new(),
        1 => names[0].to_owned(),
        count if count <= MOST_NAMES => format!("{} and {}", names[..count - 1].join(", "), names[count - 1]),
        count => format!("{} and {} more", names[..MOST_NAMES].join(", "), count - MOST_NAMES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_people_do() {
        let of = |names: &[&str]| groups(names);
        assert_eq!(of(&["general"]), "group general");
        assert_eq!(of(&["a", "b"]), "groups a and b");
        assert_eq!(of(&["a", "b", "c"]), "groups a, b and c");
        assert_eq!(of(&["a", "b", "c", "d", "e"]), "groups a, b, c and 2 more");
    }
}
