//! Spread constraints, pod affinity and anti-affinity over existing nodes and nodes to come.
//!
//! Follows `pkg/controllers/provisioning/scheduling/topology.go` (kubernetes-sigs/karpenter 22664681). Groups of
//! required anti-affinity are kept twice: for the pods that state it, and ("inverse") for the pods that it keeps away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::existing_node::ExistingNodes;
use super::options::PreferencePolicy;
use super::requirement::Requirement;
use super::requirements::Requirements;
use super::template::Templates;
use super::topology_group::{DomainGroup, GroupKey, Namespaces, NodeFilter, TopologyGroup, TopologyType};
use crate::cluster::{
    ClusterState, ClusterView, NodeId, PodAffinityTerm, PodId, PodSpec, PodSpecId, Taint, WhenUnsatisfiable, label,
};

/// A pod to be placed: its position in the solve.
pub(super) type Owner = u32;

type GroupIndexes = SmallVec<[u32; 2]>;

/// Why no domain suits.
#[derive(Clone, Debug)]
pub(super) struct Unsatisfiable {
    pub kind: TopologyType,
    pub key: String,
    pub counts: Vec<(Arc<str>, i32)>,
}

pub(super) struct Topology<'a> {
    cluster: &'a ClusterState,
    policy: PreferencePolicy,
    groups: Vec<TopologyGroup>,
    inverse: Vec<TopologyGroup>,
    /// Groups that a pod obeys, and those that its anti-affinity feeds.
    owned: FxHashMap<Owner, GroupIndexes>,
    owned_inverse: FxHashMap<Owner, GroupIndexes>,
    domain_groups: BTreeMap<String, DomainGroup>,
    /// Pods that are being placed do not count where they are now.
    excluded: FxHashSet<PodId>,
    /// Hostnames registered so far, for groups that are made later.
    hostnames: Vec<Arc<str>>,
}

impl<'a> Topology<'a> {
    pub fn new(cluster: &'a ClusterState, policy: PreferencePolicy, excluded: FxHashSet<PodId>) -> Topology<'a> {
        Topology {
            cluster,
            policy,
            groups: Vec::new(),
            inverse: Vec::new(),
            owned: FxHashMap::default(),
            owned_inverse: FxHashMap::default(),
            domain_groups: BTreeMap::new(),
            excluded,
            hostnames: Vec::new(),
        }
    }

    /// Takes up the required anti-affinity of pods that run already.
    pub fn track_running_anti_affinity(&mut self, templates: &Templates<'_>) {
        let cluster = self.cluster;
        for node in cluster.node_views().filter(|node| node.state.pods_with_required_anti_affinity > 0) {
            for held in &node.state.pods {
                if self.excluded.contains(&held.pod) {
                    continue;
                }
                let pod = cluster.specs.pod(held.spec);
                for term in &pod.affinity.pod_anti.required {
                    let group = self.inverse_group(pod, term, templates);
                    if let Some(domain) = node.label(&term.topology_key) {
                        self.inverse[group as usize].record(&Arc::from(domain));
                    }
                }
            }
        }
    }

    /// Whether anything is counted at all.
    pub fn has_groups(&self) -> bool {
        !self.groups.is_empty() || !self.inverse.is_empty()
    }

    /// True where neither the pod nor anybody's anti-affinity against it restricts its place: then only nodes that
    /// fill up can change where it fits.
    pub fn is_unconstrained(&self, owner: Owner, pod: &PodSpec) -> bool {
        self.owned.get(&owner).is_none_or(|groups| groups.is_empty())
            && !self.inverse.iter().any(|group| group.selects(pod))
    }

    /// Makes the groups that the pod, as relaxed so far, obeys. Called again whenever it is relaxed.
    pub fn update(
        &mut self,
        owner: Owner,
        pod: &PodSpec,
        templates: &Templates<'_>,
        existing: &ExistingNodes,
        is_active: &dyn Fn(usize) -> bool,
    ) {
        if pod.topology_spread_constraints.is_empty() && pod.affinity.pod == Default::default() {
            let anti = &pod.affinity.pod_anti;
            if anti.required.is_empty() && anti.preferred.is_empty() {
                self.owned.remove(&owner);
                return;
            }
        }
        let mut feeds = GroupIndexes::new();
        for term in &pod.affinity.pod_anti.required {
            feeds.push(self.inverse_group(pod, term, templates));
        }
        if !feeds.is_empty() {
            self.owned_inverse.insert(owner, feeds);
        }
        let mut obeys = GroupIndexes::new();
        for (id, min_domains) in self.group_keys(pod) {
            let known = self.groups.iter().position(|group| group.id == id);
            let index = known.unwrap_or_else(|| {
                let universe = domain_group(&mut self.domain_groups, &id.key, templates);
                let mut group = TopologyGroup::new(id, min_domains, pod, Some(universe));
                self.count(&mut group, existing, is_active);
                if group.id.key == label::HOSTNAME {
                    self.hostnames.iter().for_each(|hostname| group.register(hostname));
                }
                self.groups.push(group);
                self.groups.len() - 1
            });
            obeys.push(index as u32);
        }
        self.owned.insert(owner, obeys);
    }

    fn group_keys(&self, pod: &PodSpec) -> Vec<(GroupKey, Option<i32>)> {
        let respects = self.policy == PreferencePolicy::Respect;
        let mut keys = Vec::new();
        for constraint in &pod.topology_spread_constraints {
            if !respects && constraint.when_unsatisfiable == WhenUnsatisfiable::ScheduleAnyway {
                continue;
            }
            let filter = NodeFilter::of_pod(pod, constraint.node_affinity_policy, constraint.node_taints_policy);
            let id = GroupKey {
                key: constraint.topology_key.clone(),
                kind: TopologyType::Spread,
                namespaces: Namespaces::Listed(BTreeSet::from([pod.namespace.clone()])),
                selector: constraint.selector.clone(),
                max_skew: constraint.max_skew,
                filter,
            };
            keys.push((id, constraint.min_domains));
        }
        for (kind, affinity) in
            [(TopologyType::PodAffinity, &pod.affinity.pod), (TopologyType::PodAntiAffinity, &pod.affinity.pod_anti)]
        {
            let soft = affinity.preferred.iter().filter(|_| respects).map(|preference| &preference.term);
            keys.extend(affinity.required.iter().chain(soft).map(|term| (affinity_key(pod, term, kind), None)));
        }
        keys
    }

    fn inverse_group(&mut self, pod: &PodSpec, term: &PodAffinityTerm, templates: &Templates<'_>) -> u32 {
        let id = affinity_key(pod, term, TopologyType::PodAntiAffinity);
        let known = self.inverse.iter().position(|group| group.id == id);
        let index = known.unwrap_or_else(|| {
            let universe = domain_group(&mut self.domain_groups, &id.key, templates);
            let mut group = TopologyGroup::new(id, None, pod, Some(universe));
            if group.id.key == label::HOSTNAME {
                self.hostnames.iter().for_each(|hostname| group.register(hostname));
            }
            self.inverse.push(group);
            self.inverse.len() - 1
        });
        index as u32
    }

    /// Domains of active nodes, and the pods that run in them.
    fn count(&self, group: &mut TopologyGroup, existing: &ExistingNodes, is_active: &dyn Fn(usize) -> bool) {
        for (index, node) in existing.nodes.iter().enumerate() {
            if node.node.is_none() || !is_active(index) {
                continue;
            }
            let Some(domain) = existing.label(node, self.cluster, &group.id.key) else { continue };
            if group.id.filter.matches(&node.all_taints, &existing.requirements_of(node)) {
                group.register(&Arc::from(domain));
            }
        }
        // Whether the group selects a pod depends on its spec alone.
        let mut selected: FxHashMap<PodSpecId, bool> = FxHashMap::default();
        for node in self.cluster.node_views() {
            let mut domain: Option<Option<Arc<str>>> = None;
            for held in &node.state.pods {
                let spec = self.cluster.specs.pod(held.spec);
                if !*selected.entry(held.spec).or_insert_with(|| group.selects(spec)) {
                    continue;
                }
                let info = self.cluster.pod(held.pod);
                if info.is_terminal() || info.deletion.is_some() || self.excluded.contains(&held.pod) {
                    continue;
                }
                let domain = domain.get_or_insert_with(|| self.counted_domain(group, node.id));
                if let Some(domain) = domain {
                    group.record(domain);
                }
            }
        }
    }

    /// The node's domain, where the group counts its pods.
    fn counted_domain(&self, group: &TopologyGroup, node: NodeId) -> Option<Arc<str>> {
        let node = self.cluster.node_view(node)?;
        let domain = node.label(&group.id.key)?;
        let taints: Vec<Taint> = node.taints().cloned().collect();
        let mut requirements = Requirements::from_labels(&node.shape.labels);
        requirements.add(Requirement::value(label::HOSTNAME, node.state.hostname()));
        group.id.filter.matches(&taints, &requirements).then(|| Arc::from(domain))
    }

    /// Narrows a node's requirements to where the pod's constraints let it go.
    pub fn add_requirements(
        &self,
        owner: Owner,
        pod: &PodSpec,
        taints: &[Taint],
        of_pod: &Requirements,
        of_node: &Requirements,
    ) -> Result<Requirements, Unsatisfiable> {
        let mut narrowed = of_node.clone();
        let owned = self.owned.get(&owner).into_iter().flatten().map(|index| &self.groups[*index as usize]);
        let against = self.inverse.iter().filter(|group| group.counts(pod, taints, of_node));
        for group in owned.chain(against) {
            let key = &group.id.key;
            let any = || Requirement::exists(key);
            let pod_domains = of_pod.get(key).cloned().unwrap_or_else(any);
            let node_domains = of_node.get(key).cloned().unwrap_or_else(any);
            let domains = group.next_domains(pod, &pod_domains, &node_domains);
            if domains.allowed_count() == Some(0) {
                let counts = group.domains.iter().map(|(domain, count)| (Arc::clone(domain), *count)).collect();
                return Err(Unsatisfiable { kind: group.id.kind, key: key.clone(), counts });
            }
            narrowed.add(domains);
        }
        Ok(narrowed)
    }

    /// Counts the pod where it went. Spread and affinity need to know the domain; anti-affinity bars all possible ones.
    pub fn record(&mut self, owner: Owner, pod: &PodSpec, taints: &[Taint], requirements: &Requirements) {
        for group in &mut self.groups {
            if !group.counts(pod, taints, requirements) {
                continue;
            }
            let Some(domains) = requirements.get(&group.id.key) else { continue };
            if group.id.kind == TopologyType::PodAntiAffinity {
                domains.values().for_each(|domain| group.record(domain));
            } else if let Some(domain) = domains.single() {
                group.record(domain);
            }
        }
        for index in self.owned_inverse.get(&owner).into_iter().flatten() {
            let group = &mut self.inverse[*index as usize];
            if let Some(domains) = requirements.get(&group.id.key) {
                domains.values().for_each(|domain| group.record(domain));
            }
        }
    }

    pub fn register_hostname(&mut self, hostname: &Arc<str>) {
        let all = self.groups.iter_mut().chain(&mut self.inverse);
        all.filter(|group| group.id.key == label::HOSTNAME).for_each(|group| group.register(hostname));
        self.hostnames.push(Arc::clone(hostname));
    }
}

fn affinity_key(pod: &PodSpec, term: &PodAffinityTerm, kind: TopologyType) -> GroupKey {
    let namespaces = match &term.namespace_selector {
        Some(selector) if selector.is_empty() => Namespaces::All,
        Some(_) => Namespaces::Listed(term.namespaces.iter().cloned().collect()),
        None if term.namespaces.is_empty() => Namespaces::Listed(BTreeSet::from([pod.namespace.clone()])),
        None => Namespaces::Listed(term.namespaces.iter().cloned().collect()),
    };
    GroupKey {
        key: term.topology_key.clone(),
        kind,
        namespaces,
        selector: term.selector.clone(),
        max_skew: i32::MAX,
        filter: NodeFilter::none(),
    }
}

/// The domains of `key` that the pools' nodes could be in.
fn domain_group<'g>(
    groups: &'g mut BTreeMap<String, DomainGroup>,
    key: &str,
    templates: &Templates<'_>,
) -> &'g DomainGroup {
    groups.entry(key.to_owned()).or_insert_with(|| templates.domains_of(key))
}
