//! What a topology group counts in a snapshot, looked up once and shared by all simulations over it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::existing_node::ExistingNodes;
use super::requirement::Requirement;
use super::requirements::Requirements;
use super::topology_group::{GroupKey, TopologyGroup};
use crate::cluster::{ClusterState, ClusterView, NodeId, PodId, PodSpecId, Taint, label};

/// Surveys by group, made at first need.
#[derive(Debug, Default)]
pub(super) struct Surveys {
    known: RefCell<Vec<(GroupKey, Rc<Survey>)>>,
}

/// Domains of the nodes that exist, and the pods that a group counts in them.
#[derive(Debug, Default)]
pub(super) struct Survey {
    domains: Vec<Arc<str>>,
    /// By position in [`ExistingNodes::nodes`]: position in `domains`.
    of_node: Vec<Option<u32>>,
    /// Where each counted pod is.
    of_pod: FxHashMap<PodId, u32>,
    /// By position in `domains`.
    pods: Vec<i32>,
}

impl Surveys {
    pub fn of(&self, group: &TopologyGroup, cluster: &ClusterState, existing: &ExistingNodes) -> Rc<Survey> {
        let mut known = self.known.borrow_mut();
        if let Some((_, survey)) = known.iter().find(|(id, _)| *id == group.id) {
            return Rc::clone(survey);
        }
        let survey = Rc::new(Survey::new(group, cluster, existing));
        known.push((group.id.clone(), Rc::clone(&survey)));
        survey
    }
}

impl Survey {
    fn new(group: &TopologyGroup, cluster: &ClusterState, existing: &ExistingNodes) -> Survey {
        let mut survey = Survey::default();
        let mut positions: FxHashMap<Arc<str>, u32> = FxHashMap::default();
        let mut position = |domain: &str, survey: &mut Survey| match positions.get(domain) {
            Some(at) => *at,
            None => {
                let (domain, at) = (Arc::<str>::from(domain), survey.domains.len() as u32);
                survey.domains.push(Arc::clone(&domain));
                survey.pods.push(0);
                positions.insert(domain, at);
                at
            }
        };
        for node in &existing.nodes {
            let domain = node.node.and_then(|_| existing.label(node, cluster, &group.id.key));
            let filter = &group.id.filter;
            let counted = domain.filter(|_| {
                filter.admits_all() || filter.matches(&node.all_taints, &existing.requirements_of(node, &cluster.specs))
            });
            let at = counted.map(|domain| position(domain, &mut survey));
            survey.of_node.push(at);
        }
        // Whether the group selects a pod depends on its spec alone.
        let mut selected: FxHashMap<PodSpecId, bool> = FxHashMap::default();
        for node in cluster.node_views() {
            let mut domain: Option<Option<u32>> = None;
            for held in &node.state.pods {
                let spec = cluster.specs.pod(held.spec);
                let info = cluster.pod(held.pod);
                if info.is_terminal()
                    || info.deletion.is_some()
                    || !*selected.entry(held.spec).or_insert_with(|| group.selects(spec))
                {
                    continue;
                }
                let of_node = || counted_domain(group, cluster, node.id).map(|domain| position(domain, &mut survey));
                if let Some(at) = *domain.get_or_insert_with(of_node) {
                    survey.of_pod.insert(held.pod, at);
                    survey.pods[at as usize] += 1;
                }
            }
        }
        survey
    }

    /// Domains that have an active node.
    pub fn active_domains(&self, is_active: &dyn Fn(usize) -> bool) -> impl Iterator<Item = &Arc<str>> {
        let mut has_node = vec![false; self.domains.len()];
        for (index, domain) in self.of_node.iter().enumerate() {
            if let Some(at) = domain.filter(|_| is_active(index)) {
                has_node[at as usize] = true;
            }
        }
        self.domains.iter().zip(has_node).filter_map(|(domain, has_node)| has_node.then_some(domain))
    }

    /// Counted pods by domain, but for those that are `excluded`.
    pub fn counts_without(&self, excluded: &FxHashSet<PodId>) -> impl Iterator<Item = (&Arc<str>, i32)> {
        let mut pods = self.pods.clone();
        for at in excluded.iter().filter_map(|pod| self.of_pod.get(pod)) {
            pods[*at as usize] -= 1;
        }
        self.domains.iter().zip(pods).filter(|(_, pods)| *pods > 0)
    }
}

/// The node's domain, where the group counts its pods.
fn counted_domain<'c>(group: &TopologyGroup, cluster: &'c ClusterState, node: NodeId) -> Option<&'c str> {
    let node = cluster.node_view(node)?;
    let domain = node.label(&group.id.key)?;
    if group.id.filter.admits_all() {
        return Some(domain);
    }
    let taints: Vec<Taint> = node.taints().cloned().collect();
    let mut requirements = Requirements::from_labels(&node.shape.labels);
    requirements.add(Requirement::value(label::HOSTNAME, node.state.hostname()));
    group.id.filter.matches(&taints, &requirements).then_some(domain)
}
