//! Why a pod has no node: what its autoscaler (or, where there is none, the scheduler) last said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::entities::Role;
use super::explanation::{Mechanism, Verdict};
use super::state::idle::Account;
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

impl World<'_> {
    /// A full loop of the Cluster Autoscaler looked at `pending`: each of them waits for what it said.
    pub(super) fn hear_cluster_autoscaler(&mut self, decision: &mut Decision, pending: &[PodId]) {
        if matches!(decision.scale_up_result, ScaleUpResult::NotTried | ScaleUpResult::InCooldown) {
            return;
        }
        self.waiting.is_full = decision.scale_up_result == ScaleUpResult::LimitedByMaxNodesTotal;
        let unhelped = std::mem::take(&mut decision.unhelped);
        let mut stuck = Stuck::default();
        for UnhelpedPods { pods, reasons } in &unhelped {
            let Some(spec) = pods.first().map(|pod| self.cluster.pod(*pod).spec) else { continue };
            let said = self.cluster_autoscaler_said(spec, reasons);
            for pod in pods {
                self.stuck_with(*pod, &said, &mut stuck);
            }
        }
        self.waiting.unhelped = unhelped;
        let later: FxHashSet<PodId> = decision.awaiting.iter().chain(&decision.too_young).copied().collect();
        let cutoff = self.autoscaler_options().expendable_pods_priority_cutoff;
        for pod in pending.iter().filter(|pod| !stuck.pods.contains(pod)) {
            let priority = self.cluster.specs.pod(self.cluster.pod(*pod).spec).priority;
            let reason = match () {
                () if priority < cutoff => Mechanism::Expendable,
                () if later.contains(pod) => Mechanism::NotLookedAt,
                () => self.on_its_way(*pod, &stuck),
            };
            self.set_own_wait(*pod, reason);
        }
    }

    /// The same of a batch of Karpenter's; for pods of `out_of_stock` the cloud had nothing.
    pub(super) fn hear_karpenter(
        &mut self,
        provisioning: Provisioning,
        pending: &[PodId],
        out_of_stock: &[(PodId, u32)],
    ) {
        let mut stuck = Stuck::default();
        for unplaced in &provisioning.unschedulable {
            let said = self.karpenter_said(unplaced);
            self.stuck_with(unplaced.pod, &said, &mut stuck);
        }
        self.waiting.unplaced = provisioning.unschedulable;
        for (pod, group) in out_of_stock {
            stuck.pods.insert(*pod);
            self.set_wait(*pod, Mechanism::CloudRefused, Account::Group(*group));
        }
        for pod in pending.iter().filter(|pod| !stuck.pods.contains(pod)) {
            // One that has a promise of room is none of Karpenter's business.
            if self.cluster.pod(*pod).nominated_node.is_some() {
                continue;
            }
            let reason = self.on_its_way(*pod, &stuck);
            self.set_own_wait(*pod, reason);
        }
    }

    fn stuck_with(&mut self, pod: PodId, said: &Said, stuck: &mut Stuck) {
        let mechanism = said.verdict.mechanism;
        match said.account {
            Some(account) => self.set_wait(pod, mechanism, account),
            None => self.set_own_wait(pod, mechanism),
        }
        stuck.pods.insert(pod);
        if let (Role::Worker { job }, false) = (self.pods[pod.index()].role, mechanism == Mechanism::OnItsWay) {
            stuck.gangs.insert(job);
        }
    }

    /// Whom an autoscaler looked at and said nothing against has a node to come, unless its gang waits for others.
    fn on_its_way(&self, pod: PodId, stuck: &Stuck) -> Mechanism {
        match self.pods[pod.index()].role {
            Role::Worker { job } if stuck.gangs.contains(&job) => Mechanism::GangIncomplete,
            _ => Mechanism::OnItsWay,
        }
    }
}

/// Pods that an autoscaler could not help, and gangs that have one among them.
#[derive(Default)]
struct Stuck {
    pods: FxHashSet<PodId>,
    gangs: BTreeSet<u32>,
}

/// A verdict and on whose account it is; `None`: the pod's own workload's.
struct Said {
    verdict: Verdict,
    account: Option<Account>,
}

impl From<Verdict> for Said {
    fn from(verdict: Verdict) -> Said {
        Said { verdict, account: None }
    }
}

impl World<'_> {
    /// To be called as a pod ends: one that never had a node leaves with the last word on it.
    pub(super) fn note_end_of_wait(&mut self, pod: PodId) {
        if self.pods[pod.index()].scheduled.is_none() && self.pods[pod.index()].role != Role::Daemon {
            self.give_up_wait(pod);
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
        if let Role::Worker { job } = self.pods[pod.index()].role
            && let Some(why) = self.gang_never_fits(job)
        {
            return verdict(Mechanism::NoFittingType, why);
        }
        if self.cluster.pod(pod).nominated_node.is_some() {
            return verdict(Mechanism::Preemption, "pods of lower priority made way for it");
        }
        if let Some(unhelped) = self.waiting.unhelped.iter().find(|unhelped| unhelped.pods.contains(&pod)) {
            let reasons = unhelped.reasons.clone();
            return self.cluster_autoscaler_said(spec, &reasons).verdict;
        }
        if let Some(unplaced) = self.waiting.unplaced.iter().find(|unplaced| unplaced.pod == pod) {
            return self.karpenter_said(unplaced).verdict;
        }
        let waits_for = self.pods[pod.index()].wait.reason();
        match waits_for {
            Mechanism::OnItsWay => return verdict(waits_for, "a node for it was on its way"),
            Mechanism::GangIncomplete => return verdict(waits_for, "the rest of its gang found no place"),
            Mechanism::CloudRefused => return verdict(waits_for, "the cloud had no instance that suits it"),
            Mechanism::Expendable => {
                let why = "its priority is below expendablePodsPriorityCutoff, so that no node is added for it";
                return verdict(waits_for, why);
            }
            _ => {}
        }
        if self.has_node_autoscaler() {
            return verdict(Mechanism::NotLookedAt, "its autoscaler had not looked at it yet");
        }
        match self.cure_for(spec) {
            Cure::Room if !self.is_larger_than_any_node(spec) => {
                verdict(Mechanism::NoRoom, format!("{}, and nothing adds nodes", self.why_no_node_takes(pod)))
            }
            Cure::Room | Cure::Node => self.no_node_could_hold(spec),
        }
    }

    /// Which filters refuse the nodes as they are now; where it is for room alone, just that.
    fn why_no_node_takes(&mut self, pod: PodId) -> Arc<str> {
        let (spec, version) = (self.cluster.pod(pod).spec, self.cluster.node_version());
        if let Some((_, known)) = self.waiting.refusals.get(&spec).filter(|(at, _)| *at == version) {
            return Arc::clone(known);
        }
        let told: Arc<str> = self.refusals_of(pod).into();
        self.waiting.refusals.insert(spec, (version, Arc::clone(&told)));
        told
    }

    fn refusals_of(&self, pod: PodId) -> String {
        let cycle = Cycle::for_pod(self.cluster.state(), pod);
        let mut refusals: BTreeMap<&str, usize> = BTreeMap::new();
        for node in self.cluster.node_views() {
            if let Err(refusal) = self.try_filters(&cycle, &node) {
                *refusals.entry(refusal.plugin).or_default() += 1;
            }
        }
        match refusals.keys().collect::<Vec<_>>()[..] {
            [] | [&"NodeResourcesFit"] => "no node had room".to_owned(),
            _ => {
                let counted: Vec<String> =
                    refusals.iter().map(|(plugin, nodes)| format!("{plugin} on {nodes}")).collect();
                format!("no node took it (refused by {})", listed(counted.iter().map(String::as_str)))
            }
        }
    }

    /// No node of the scenario could hold a pod of this spec if it were empty.
    pub(super) fn is_larger_than_any_node(&mut self, spec: PodSpecId) -> bool {
        if let Some(known) = self.waiting.too_large.get(&spec) {
            return *known;
        }
        let requests = &self.cluster.specs.pod(spec).requests;
        let of_groups = self.scenario.node_groups.iter().flat_map(|group| &group.shapes);
        let mut shapes = self.scenario.nodes.iter().map(|node| &node.shape).chain(of_groups);
        let holds = |shape| self.cluster.specs.shape(shape).allocatable.shortfalls(requests).next().is_none();
        let answer = !shapes.any(|shape| holds(*shape));
        self.waiting.too_large.insert(spec, answer);
        answer
    }

    fn cluster_autoscaler_said(&mut self, spec: PodSpecId, reasons: &[(NodeGroupId, NoScaleUp)]) -> Said {
        if self.waiting.is_full {
            let verdict = verdict(Mechanism::Quota, "the cluster has as many nodes as max-nodes-total allows");
            return Said { verdict, account: Some(Account::Cluster) };
        }
        // The autoscaler does not look whether a group that it skips could hold the pod; a reader must know.
        let skipped: Vec<(NodeGroupId, &SkipReason)> = reasons
            .iter()
            .filter_map(|(group, reason)| match reason {
                NoScaleUp::Skipped(reason) if self.could_hold(*group, spec).is_none() => Some((*group, reason)),
                _ => None,
            })
            .collect();
        let scenario = self.scenario;
        // The groups that were skipped for one kind of reason, and on whose account that goes: the first of several.
        let of = |which: fn(&SkipReason) -> bool| -> Option<(Vec<&str>, Account)> {
            let groups = skipped.iter().filter(|(_, reason)| which(reason)).map(|(group, _)| *group);
            let groups: Vec<NodeGroupId> = groups.collect();
            let account = Account::Group(groups.first()?.0);
            Some((groups.iter().map(|group| &*scenario.node_groups[group.index()].name).collect(), account))
        };
        let said =
            |mechanism, reason: String, account| Said { verdict: verdict(mechanism, reason), account: Some(account) };
        if let Some((names, account)) = of(|reason| matches!(reason, SkipReason::MaxSizeReached)) {
            let be = if names.len() == 1 { "is at its maximum" } else { "are at their maximum" };
            return said(Mechanism::GroupAtMaximum, format!("{} {be}", groups(&names)), account);
        }
        let is_quota = |reason: &SkipReason| {
            matches!(reason, SkipReason::QuotaExceeded(_) | SkipReason::AtomicExceedsMaxNodesTotal)
        };
        if let Some((names, account)) = of(is_quota) {
            let why = format!("{} would exceed a resource limit of the cluster", groups(&names));
            return said(Mechanism::Quota, why, account);
        }
        if let Some((names, account)) = of(|reason| matches!(reason, SkipReason::Backoff)) {
            let be = if names.len() == 1 { "is" } else { "are" };
            let why = format!("{} {be} in back-off after failed scale-ups", groups(&names));
            return said(Mechanism::CloudRefused, why, account);
        }
        if let Some((names, account)) = of(|reason| matches!(reason, SkipReason::NotReady)) {
            return said(Mechanism::CloudRefused, format!("{} not ready for scale-up", groups(&names)), account);
        }
        let failed = reasons.iter().any(|(_, reason)| {
            matches!(reason, NoScaleUp::AllOrNothing | NoScaleUp::FilteredOut | NoScaleUp::ExecutionError)
        });
        if failed {
            return verdict(Mechanism::CloudRefused, "no group's scale-up could be carried out").into();
        }
        self.no_node_could_hold(spec).into()
    }

    fn karpenter_said(&self, unplaced: &Unplaced) -> Said {
        let karpenter = self.scenario.karpenter.as_ref();
        let name = |pool: usize| karpenter.and_then(|spec| spec.node_pools.get(pool)).map_or("", |pool| &*pool.name);
        let at_limit: Vec<usize> = unplaced.pools.iter().filter(|refusal| refusal.is_limit).map(|r| r.pool).collect();
        if let Some(first) = at_limit.first() {
            let (noun, be) = if at_limit.len() == 1 {
                ("NodePool", "is at its limits")
            } else {
                ("NodePools", "are at their limits")
            };
            let names = listed(at_limit.iter().map(|pool| name(*pool)));
            let account = karpenter.and_then(|spec| spec.groups.get(*first)).map(|group| Account::Group(group.0));
            return Said { verdict: verdict(Mechanism::Quota, format!("{noun} {names} {be}")), account };
        }
        let Some(first) = unplaced.pools.first() else {
            let why = unplaced.why.clone().unwrap_or_else(|| "there is no NodePool".to_owned());
            let mechanism = if unplaced.waits_for_node { Mechanism::OnItsWay } else { Mechanism::NoFittingType };
            return verdict(mechanism, why).into();
        };
        if self.waiting.wants_stock.contains(&unplaced.pod) {
            let why = "the cloud is out of stock of every instance type that suits it";
            let account = karpenter.and_then(|spec| spec.groups.get(first.pool)).map(|group| Account::Group(group.0));
            return Said { verdict: verdict(Mechanism::CloudRefused, why), account };
        }
        let more = unplaced.pools.len() - 1;
        let more = if more > 0 { format!("; and {more} more NodePools") } else { String::new() };
        let why = format!("no instance type fits: {}: {}{more}", name(first.pool), first.why);
        verdict(Mechanism::NoFittingType, why).into()
    }

    /// The first refusals of what there is: groups, or the nodes of a cluster without any.
    fn no_node_could_hold(&mut self, spec: PodSpecId) -> Verdict {
        let scenario = self.scenario;
        let mut refusals: Vec<(&str, String)> = Vec::new();
        for group in scenario.node_groups.iter().filter(|group| !group.is_node_pool) {
            if let Some(why) = self.could_hold(group.id, spec) {
                refusals.push((&group.name, why));
            }
        }
        if refusals.is_empty() {
            let node = self.cluster.node_views().next().map(|node| node.id);
            let why = node.and_then(|node| refusal_on(&self.cluster, node, spec));
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return verdict(Mechanism::NoFittingType, format!("no node could hold it{why}"));
        }
        let is_only_full = self.cure_for(spec) == Cure::Room && !self.is_larger_than_any_node(spec);
        let (mechanism, mut text) = match is_only_full {
            true => (Mechanism::NoRoom, "no node that could hold it had room, and no group adds such a one".to_owned()),
            false => (Mechanism::NoFittingType, "no node type could hold it".to_owned()),
        };
        for (index, (name, why)) in refusals.iter().take(MOST_NAMES).enumerate() {
            let _ = write!(text, "{} {name}: {why}", if index == 0 { ":" } else { ";" });
        }
        verdict(mechanism, text)
    }

    /// Why no empty node of the group would take the pod; `None` where one would.
    fn could_hold(&mut self, group: NodeGroupId, spec: PodSpecId) -> Option<String> {
        if let Some(answer) = self.waiting.answers.get(&(group, spec)) {
            return answer.clone();
        }
        let answer = self.ask_templates(group, spec);
        self.waiting.answers.insert((group, spec), answer.clone());
        answer
    }

    fn ask_templates(&mut self, group: NodeGroupId, spec: PodSpecId) -> Option<String> {
        let scenario = self.scenario;
        let specs = &self.cluster.specs;
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
        // Specs that a run makes (pods tied to volumes, say) are not among the scenario's.
        if spec.index() >= cluster.specs.pod_count() {
            cluster.specs = specs.clone();
        }
        let mut first = None;
        for node in &nodes[group.index()] {
            match refusal_on(cluster, *node, spec) {
                Some(why) => _ = first.get_or_insert(why),
                None => return None,
            }
        }
        first
    }
}

fn verdict(mechanism: Mechanism, reason: impl Into<String>) -> Verdict {
    Verdict { mechanism, reason: reason.into() }
}

/// Why this node does not take the pod, other pods' places aside.
pub(super) fn refusal_on(cluster: &ClusterState, node: NodeId, spec: PodSpecId) -> Option<String> {
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
