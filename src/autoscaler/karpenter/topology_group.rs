//! One spread constraint or affinity term of many pods: how many pods it counts in each domain, and where the next may go.
//!
//! Follows `topologygroup.go`, `topologynodefilter.go` and `topologydomaingroup.go` under
//! `pkg/controllers/provisioning/scheduling/` (kubernetes-sigs/karpenter 22664681). Where upstream takes whatever its
//! map yields first among equal domains, the smallest name is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::requirement::{Operator, Requirement};
use super::requirements::{Requirements, Undefined};
use crate::cluster::{LabelSelector, PodSpec, SpreadPolicy, Taint, Toleration, label};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TopologyType {
    Spread,
    PodAffinity,
    PodAntiAffinity,
}

/// Namespaces whose pods a term selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Namespaces {
    All,
    Listed(BTreeSet<String>),
}

impl Namespaces {
    fn has(&self, namespace: &str) -> bool {
        match self {
            Namespaces::All => true,
            Namespaces::Listed(listed) => listed.contains(namespace),
        }
    }
}

/// Which nodes a spread constraint counts; affinity terms count all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodeFilter {
    /// Alternatives: the pod's node selector with each of its required terms. Empty: every node.
    alternatives: Vec<Requirements>,
    honor_affinity: bool,
    pub honor_taints: bool,
    tolerations: Vec<Toleration>,
}

impl NodeFilter {
    pub fn none() -> NodeFilter {
        NodeFilter { alternatives: Vec::new(), honor_affinity: false, honor_taints: false, tolerations: Vec::new() }
    }

    pub fn of_pod(pod: &PodSpec, affinity: SpreadPolicy, taints: SpreadPolicy) -> NodeFilter {
        let selector = Requirements::from_labels(&pod.node_selector);
        let alternatives = match &pod.affinity.node.required {
            None => vec![selector],
            Some(terms) => terms
                .iter()
                .map(|term| {
                    let mut requirements = selector.clone();
                    requirements.add_all(&Requirements::from_selector(&term.match_expressions));
                    requirements
                })
                .collect(),
        };
        NodeFilter {
            alternatives,
            honor_affinity: affinity == SpreadPolicy::Honor,
            honor_taints: taints == SpreadPolicy::Honor,
            tolerations: pod.tolerations.clone(),
        }
    }

    /// It matches every node.
    pub fn admits_all(&self) -> bool {
        let any_label = !self.honor_affinity
            || self.alternatives.is_empty()
            || self.alternatives.iter().any(Requirements::is_empty);
        any_label && !self.honor_taints
    }

    pub fn matches(&self, taints: &[Taint], requirements: &Requirements) -> bool {
        let by_affinity = !self.honor_affinity
            || self.alternatives.is_empty()
            || self.alternatives.iter().any(|asked| requirements.is_compatible(asked, Undefined::Denied));
        by_affinity && (!self.honor_taints || tolerates_all(&self.tolerations, taints))
    }
}

/// Every taint is tolerated, `PreferNoSchedule` ones included.
pub(super) fn tolerates_all(tolerations: &[Toleration], taints: &[Taint]) -> bool {
    first_untolerated(tolerations, taints).is_none()
}

pub(super) fn first_untolerated<'a>(tolerations: &[Toleration], taints: &'a [Taint]) -> Option<&'a Taint> {
    taints.iter().find(|taint| !tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}

/// The domains of one topology key that some pool could launch a node in, each with the taints it would have there.
#[derive(Clone, Debug, Default)]
pub(super) struct DomainGroup {
    taints_by_domain: BTreeMap<Arc<str>, Vec<Vec<Taint>>>,
}

impl DomainGroup {
    pub fn insert(&mut self, domain: &Arc<str>, taints: &[Taint]) {
        let known = self.taints_by_domain.entry(Arc::clone(domain)).or_default();
        // A pool without taints serves every pod: the others need not be asked.
        if taints.is_empty() {
            *known = vec![Vec::new()];
        } else if !known.first().is_some_and(Vec::is_empty) && !known.iter().any(|other| other == taints) {
            known.push(taints.to_vec());
        }
    }

    fn domains<'a>(&'a self, pod: &'a PodSpec, honor_taints: bool) -> impl Iterator<Item = &'a Arc<str>> {
        self.taints_by_domain.iter().filter_map(move |(domain, taints)| {
            let is_open = !honor_taints || taints.iter().any(|taints| tolerates_all(&pod.tolerations, taints));
            is_open.then_some(domain)
        })
    }
}

/// What tells one group from another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GroupKey {
    pub key: String,
    pub kind: TopologyType,
    pub namespaces: Namespaces,
    pub selector: Option<LabelSelector>,
    pub max_skew: i32,
    pub filter: NodeFilter,
}

#[derive(Clone, Debug)]
pub(super) struct TopologyGroup {
    pub id: GroupKey,
    /// As requirements have it.
    key: Arc<str>,
    min_domains: Option<i32>,
    pub domains: BTreeMap<Arc<str>, i32>,
    /// How many of `domains` count no pod.
    empty: usize,
}

impl TopologyGroup {
    pub fn new(id: GroupKey, min_domains: Option<i32>, pod: &PodSpec, universe: Option<&DomainGroup>) -> TopologyGroup {
        let domains: BTreeMap<Arc<str>, i32> = universe
            .into_iter()
            .flat_map(|group| group.domains(pod, id.filter.honor_taints))
            .map(|domain| (Arc::clone(domain), 0))
            .collect();
        let empty = domains.len();
        let key = Requirement::exists(&id.key).key;
        TopologyGroup { key, id, min_domains, domains, empty }
    }

    /// A selector that is absent selects nothing.
    pub fn selects(&self, pod: &PodSpec) -> bool {
        self.id.namespaces.has(&pod.namespace)
            && self.id.selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
    }

    /// Whether the pod would be counted on a node like that.
    pub fn counts(&self, pod: &PodSpec, taints: &[Taint], requirements: &Requirements) -> bool {
        self.selects(pod) && self.id.filter.matches(taints, requirements)
    }

    pub fn record(&mut self, domain: &Arc<str>) {
        self.record_pods(domain, 1);
    }

    /// Counts one or more pods in a domain.
    pub fn record_pods(&mut self, domain: &Arc<str>, pods: i32) {
        match self.domains.get_mut(domain) {
            Some(count) => {
                self.empty -= usize::from(*count == 0);
                *count += pods;
            }
            None => {
                self.domains.insert(Arc::clone(domain), pods);
            }
        }
    }

    pub fn register(&mut self, domain: &Arc<str>) {
        if !self.domains.contains_key(domain) {
            self.domains.insert(Arc::clone(domain), 0);
            self.empty += 1;
        }
    }

    fn count(&self, domain: &str) -> i32 {
        self.domains.get(domain).copied().unwrap_or(0)
    }

    /// The domains that the pod may go to, of those that pod and node allow; a requirement that nothing meets where
    /// there is none.
    pub fn next_domains(&self, pod: &PodSpec, of_pod: &Requirement, of_node: &Requirement) -> Requirement {
        match self.id.kind {
            TopologyType::Spread => self.next_by_spread(pod, of_pod, of_node),
            TopologyType::PodAffinity => self.next_by_affinity(pod, of_pod, of_node),
            TopologyType::PodAntiAffinity => self.next_by_anti_affinity(of_pod, of_node),
        }
    }

    /// The hostname of the node in question: its domain may not be known until a pod is on it.
    fn hostname<'a>(&self, of_node: &'a Requirement) -> Option<&'a Arc<str>> {
        if self.id.key != label::HOSTNAME {
            return None;
        }
        let mut values = of_node.values();
        let only = values.next();
        if values.next().is_none() { only } else { None }
    }

    fn none(&self) -> Requirement {
        Requirement::no_value(&self.key)
    }

    fn only(&self, domain: &Arc<str>) -> Requirement {
        Requirement::one(&self.key, domain)
    }

    fn next_by_spread(&self, pod: &PodSpec, of_pod: &Requirement, of_node: &Requirement) -> Requirement {
        let own = i32::from(self.selects(pod));
        // A new node is always possible, so that the least count of hostnames is zero.
        if let Some(hostname) = self.hostname(of_node) {
            let fits = self.count(hostname) + own <= self.id.max_skew;
            return if fits { self.only(hostname) } else { self.none() };
        }
        let min = self.min_count(of_pod);
        let candidates: Box<dyn Iterator<Item = (&Arc<str>, i32)>> = if of_node.operator() == Operator::In {
            Box::new(of_node.values().filter_map(|domain| Some((domain, *self.domains.get(domain)?))))
        } else {
            let allowed = self.domains.iter().filter(|(domain, _)| of_node.has(domain));
            Box::new(allowed.map(|(domain, count)| (domain, *count)))
        };
        let best = candidates
            .filter(|(_, count)| (count + own).saturating_sub(min) <= self.id.max_skew)
            .min_by_key(|(_, count)| *count);
        best.map_or_else(|| self.none(), |(domain, _)| self.only(domain))
    }

    fn min_count(&self, of_pod: &Requirement) -> i32 {
        if self.id.key == label::HOSTNAME {
            return 0;
        }
        let supported = self.domains.iter().filter(|(domain, _)| of_pod.has(domain));
        let (number, min) = supported.fold((0, i32::MAX), |(number, min), (_, count)| (number + 1, min.min(*count)));
        if self.min_domains.is_some_and(|min_domains| number < min_domains) { 0 } else { min }
    }

    fn next_by_affinity(&self, pod: &PodSpec, of_pod: &Requirement, of_node: &Requirement) -> Requirement {
        // The first pod of its kind, or the first where this pod may go, may found a domain.
        let may_found = || {
            let counted = self.domains.iter().any(|(domain, count)| *count > 0 && of_pod.has(domain));
            self.selects(pod) && (self.domains.len() == self.empty || !counted)
        };
        if let Some(hostname) = self.hostname(of_node) {
            let fits = of_pod.has(hostname) && (self.count(hostname) > 0 || may_found());
            return if fits { self.only(hostname) } else { self.none() };
        }
        let occupied = |domain: &Arc<str>| of_pod.has(domain) && self.count(domain) > 0;
        let mut options = self.none();
        if of_node.operator() == Operator::In {
            of_node.values().filter(|domain| occupied(domain)).for_each(|domain| options.insert(Arc::clone(domain)));
        } else {
            let allowed = self.domains.keys().filter(|domain| of_node.has(domain) && occupied(domain));
            allowed.for_each(|domain| options.insert(Arc::clone(domain)));
        }
        if options.allowed_count() == Some(0) && may_found() {
            // The node's own domain where it can be, and any that the pod allows beside it.
            let shared = of_pod.intersection(of_node);
            let of_both = self.domains.keys().find(|domain| shared.has(domain));
            let of_pod_alone = self.domains.keys().find(|domain| of_pod.has(domain));
            of_both.into_iter().chain(of_pod_alone).for_each(|domain| options.insert(Arc::clone(domain)));
        }
        options
    }

    fn next_by_anti_affinity(&self, of_pod: &Requirement, of_node: &Requirement) -> Requirement {
        if let Some(hostname) = self.hostname(of_node) {
            return if self.count(hostname) == 0 { self.only(hostname) } else { self.none() };
        }
        let mut options = self.none();
        let free = |domain: &Arc<str>| self.domains.get(domain) == Some(&0) && of_pod.has(domain);
        if of_node.operator() == Operator::In {
            of_node.values().filter(|domain| free(domain)).for_each(|domain| options.insert(Arc::clone(domain)));
        } else {
            let allowed = self.domains.keys().filter(|domain| of_node.has(domain) && free(domain));
            allowed.for_each(|domain| options.insert(Arc::clone(domain)));
        }
        options
    }
}
