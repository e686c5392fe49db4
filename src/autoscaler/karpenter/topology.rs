//! Spread constraints, pod affinity and anti-affinity over existing nodes and nodes to come.
//!
//! Follows `pkg/controllers/provisioning/scheduling/topology.go` (kubernetes-sigs/karpenter 22664681). Groups of
//! required anti-affinity are kept twice: for the pods that state it, and ("inverse") for the pods that it keeps away.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::existing_node::ExistingNodes;
use super::options::PreferencePolicy;
use super::preferences::Variant;
use super::requirement::{Operator, Requirement};
use super::requirements::Requirements;
use super::survey::Surveys;
use super::template::Templates;
use super::topology_group::{DomainGroup, GroupKey, Namespaces, NodeFilter, TopologyGroup, TopologyType};
use crate::cluster::{
    ClusterState, ClusterView, PodAffinityTerm, PodId, PodSpec, PodSpecId, Taint, WhenUnsatisfiable, label,
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

/// Pods as a set that is made when somebody asks.
struct Excluded {
    listed: Vec<PodId>,
    set: OnceCell<FxHashSet<PodId>>,
}

impl Excluded {
    fn set(&self) -> &FxHashSet<PodId> {
        self.set.get_or_init(|| self.listed.iter().copied().collect())
    }
}

pub(super) struct Topology<'a> {
    cluster: &'a ClusterState,
    surveys: Rc<Surveys>,
    policy: PreferencePolicy,
    groups: Vec<TopologyGroup>,
    inverse: Vec<TopologyGroup>,
    /// Groups that a pod obeys, and those that its anti-affinity feeds.
    owned: FxHashMap<Owner, GroupIndexes>,
    owned_inverse: FxHashMap<Owner, GroupIndexes>,
    /// By spec and level of relaxation: what [`Topology::update`] found for such a pod, obeyed and fed.
    of_variant: FxHashMap<(PodSpecId, usize), (GroupIndexes, GroupIndexes)>,
    domain_groups: BTreeMap<String, DomainGroup>,
    /// Pods that are being placed do not count where they are now.
    excluded: Excluded,
    /// Hostnames of planned nodes so far, for groups that are made later; and whether those of existing nodes are known.
    hostnames: Vec<Arc<str>>,
    knows_existing: bool,
}

impl<'a> Topology<'a> {
    pub fn new(
        cluster: &'a ClusterState,
        surveys: Rc<Surveys>,
        policy: PreferencePolicy,
        excluded: Vec<PodId>,
    ) -> Topology<'a> {
        Topology {
            cluster,
            surveys,
            policy,
            groups: Vec::new(),
            inverse: Vec::new(),
            owned: FxHashMap::default(),
            owned_inverse: FxHashMap::default(),
            of_variant: FxHashMap::default(),
            domain_groups: BTreeMap::new(),
            excluded: Excluded { listed: excluded, set: OnceCell::new() },
            hostnames: Vec::new(),
            knows_existing: false,
        }
    }

    /// Of a simulation without pods.
    pub fn of_nobody(cluster: &'a ClusterState) -> Topology<'a> {
        Topology::new(cluster, Rc::default(), PreferencePolicy::Respect, Vec::new())
    }

    /// Takes up the required anti-affinity of pods that run already.
    pub fn track_running_anti_affinity(&mut self, templates: &Templates<'_>) {
        let cluster = self.cluster;
        for node in cluster.node_views().filter(|node| node.state.pods_with_required_anti_affinity > 0) {
            for held in &node.state.pods {
                if self.excluded.set().contains(&held.pod) {
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
        variant: &Variant,
        templates: &Templates<'_>,
        existing: &ExistingNodes,
        is_active: &dyn Fn(usize) -> bool,
    ) {
        let pod = &variant.pod;
        if pod.topology_spread_constraints.is_empty() && pod.affinity.pod == Default::default() {
            let anti = &pod.affinity.pod_anti;
            if anti.required.is_empty() && anti.preferred.is_empty() {
                self.owned.remove(&owner);
                return;
            }
        }
        if let Some((obeys, feeds)) = self.of_variant.get(&(variant.spec, variant.level)) {
            if !feeds.is_empty() {
                self.owned_inverse.insert(owner, feeds.clone());
            }
            self.owned.insert(owner, obeys.clone());
            return;
        }
        let mut feeds = GroupIndexes::new();
        for term in &pod.affinity.pod_anti.required {
            let groups = self.inverse.len();
            let group = self.inverse_group(pod, term, templates);
            feeds.push(group);
            if self.knows_existing && self.inverse.len() > groups {
                register_active(&mut self.inverse[group as usize], existing, is_active);
            }
        }
        if !feeds.is_empty() {
            self.owned_inverse.insert(owner, feeds.clone());
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
                if self.knows_existing {
                    register_active(&mut group, existing, is_active);
                }
                self.groups.push(group);
                self.groups.len() - 1
            });
            obeys.push(index as u32);
        }
        self.of_variant.insert((variant.spec, variant.level), (obeys.clone(), feeds));
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
        let survey = self.surveys.of(group, self.cluster, existing);
        survey.active_domains(is_active).for_each(|domain| group.register(domain));
        survey.counts_without(self.excluded.set()).for_each(|(domain, pods)| group.record_pods(domain, pods));
    }

    /// Narrows a node's requirements to where the pod's constraints let it go.
    pub fn add_requirements(
        &self,
        owner: Owner,
        pod: &PodSpec,
        of_pod: &Requirements,
        of_node: &Requirements,
    ) -> Result<Requirements, Unsatisfiable> {
        let mut narrowed = of_node.clone();
        for group in self.groups_of(owner, pod) {
            narrowed.add(next_domains(group, pod, of_pod, of_node.get(&group.id.key))?);
        }
        Ok(narrowed)
    }

    /// Whether the pod's constraints let it go to a node that exists and whose labels, narrowed to what the pod asks
    /// for, are `of_node`: [`Topology::add_requirements`] finds domains, and the node is in them.
    pub fn permits<'r>(
        &self,
        owner: Owner,
        pod: &PodSpec,
        of_pod: &Requirements,
        of_node: impl Fn(&str) -> Option<&'r Requirement>,
    ) -> bool {
        let mut narrowed: SmallVec<[Requirement; 2]> = SmallVec::new();
        for group in self.groups_of(owner, pod) {
            let Ok(domains) = next_domains(group, pod, of_pod, of_node(&group.id.key)) else { return false };
            let key = Arc::clone(&domains.key);
            match narrowed.iter_mut().find(|other| other.key == key) {
                Some(other) => *other = domains.intersection(other),
                None => narrowed.push(match of_node(&key) {
                    Some(other) => domains.intersection(other),
                    None => domains,
                }),
            }
        }
        let may_be_absent =
            |requirement: &Requirement| matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist);
        narrowed.iter().all(|asked| match of_node(&asked.key) {
            Some(existing) => existing.intersects(asked) || may_be_absent(existing) && may_be_absent(asked),
            None => may_be_absent(asked),
        })
    }

    /// Groups that the pod obeys, and those that keep it away.
    fn groups_of<'t>(&'t self, owner: Owner, pod: &'t PodSpec) -> impl Iterator<Item = &'t TopologyGroup> {
        let owned = self.owned.get(&owner).into_iter().flatten().map(|index| &self.groups[*index as usize]);
        // Anti-affinity counts all nodes, so that whom it selects it keeps away.
        owned.chain(self.inverse.iter().filter(move |group| group.selects(pod)))
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

    /// The hostnames of the nodes that exist are domains from now on.
    pub fn register_existing(&mut self, existing: &ExistingNodes, is_active: &dyn Fn(usize) -> bool) {
        for group in self.groups.iter_mut().chain(&mut self.inverse) {
            register_active(group, existing, is_active);
        }
        self.knows_existing = true;
    }

    pub fn register_hostname(&mut self, hostname: &Arc<str>) {
        let all = self.groups.iter_mut().chain(&mut self.inverse);
        all.filter(|group| group.id.key == label::HOSTNAME).for_each(|group| group.register(hostname));
        self.hostnames.push(Arc::clone(hostname));
    }
}

/// A group by hostname knows the existing nodes that are not taken away.
fn register_active(group: &mut TopologyGroup, existing: &ExistingNodes, is_active: &dyn Fn(usize) -> bool) {
    if group.id.key == label::HOSTNAME {
        let active = existing.nodes.iter().enumerate().filter(|(index, _)| is_active(*index));
        active.for_each(|(_, node)| group.register(&node.hostname));
    }
}

fn next_domains(
    group: &TopologyGroup,
    pod: &PodSpec,
    of_pod: &Requirements,
    of_node: Option<&Requirement>,
) -> Result<Requirement, Unsatisfiable> {
    let key = &group.id.key;
    let any = Requirement::exists(key);
    let domains = group.next_domains(pod, of_pod.get(key).unwrap_or(&any), of_node.unwrap_or(&any));
    if domains.allowed_count() == Some(0) {
        let counts = group.domains.iter().map(|(domain, count)| (Arc::clone(domain), *count)).collect();
        return Err(Unsatisfiable { kind: group.id.kind, key: key.clone(), counts });
    }
    Ok(domains)
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
