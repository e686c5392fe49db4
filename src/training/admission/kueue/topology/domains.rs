//! The domains of a topology as a tree, with what is free at its leaves.
//!
//! Kueue (0.20): `pkg/cache/scheduler/tas_topology_tree.go`, `tas_nodes_cache.go`, `fillLeafCounts` of
//! `tas_flavor_snapshot.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::names::ResourceIx;
use super::super::workload::PodSet;
use crate::cluster::{Labels, Taint, TaintEffect, Toleration, label};

/// A node as topology-aware scheduling sees it.
#[derive(Clone, Debug)]
pub struct TopologyNode {
    pub labels: Labels,
    pub taints: Vec<Taint>,
    /// Ready and not cordoned.
    pub usable: bool,
    /// Allocatable, less what pods take that Kueue does not place; `pods` among it.
    pub free: BTreeMap<ResourceIx, i64>,
}

#[derive(Clone, Debug)]
pub struct Domain {
    /// Its labels' values from the widest level down to its own.
    pub values: Vec<Arc<str>>,
    pub children: Vec<usize>,
    leaf: Option<Leaf>,
}

#[derive(Clone, Debug, Default)]
struct Leaf {
    free: BTreeMap<ResourceIx, i64>,
    /// Of the node, where the lowest level is one.
    labels: Labels,
    taints: Vec<Taint>,
}

/// All domains; those of a level in order of their values.
#[derive(Clone, Debug)]
pub struct Domains {
    pub levels: Vec<Arc<str>>,
    pub by_level: Vec<Vec<usize>>,
    pub all: Vec<Domain>,
    tolerations: Vec<Toleration>,
}

impl Domains {
    /// Of the usable nodes that bear a flavor's labels and those of all levels.
    pub fn new(
        levels: &[String],
        flavor_labels: &Labels,
        tolerations: &[Toleration],
        nodes: &[TopologyNode],
    ) -> Domains {
        let mut by_values: Vec<BTreeMap<Vec<Arc<str>>, usize>> = vec![BTreeMap::new(); levels.len()];
        let mut all: Vec<Domain> = Vec::new();
        let belongs = |node: &&TopologyNode| {
            node.usable && flavor_labels.iter().all(|(key, value)| node.labels.get(key) == Some(value))
        };
        for node in nodes.iter().filter(belongs) {
            let values: Option<Vec<Arc<str>>> =
                levels.iter().map(|level| node.labels.get(level).map(|value| value.as_str().into())).collect();
            let Some(values) = values else { continue };
            let mut parent: Option<usize> = None;
            for level in 0..levels.len() {
                let key = values[..=level].to_vec();
                let index = *by_values[level].entry(key.clone()).or_insert_with(|| {
                    all.push(Domain { values: key, children: Vec::new(), leaf: None });
                    all.len() - 1
                });
                if let Some(parent) = parent
                    && !all[parent].children.contains(&index)
                {
                    all[parent].children.push(index);
                }
                parent = Some(index);
            }
            let Some(index) = parent else { continue };
            let leaf = all[index].leaf.get_or_insert_with(Leaf::default);
            (leaf.labels, leaf.taints) = (node.labels.clone(), node.taints.clone());
            for (resource, amount) in &node.free {
                *leaf.free.entry(*resource).or_default() += amount;
            }
        }
        Domains {
            levels: levels.iter().map(|level| level.as_str().into()).collect(),
            by_level: by_values.into_iter().map(|level| level.into_values().collect()).collect(),
            all,
            tolerations: tolerations.to_vec(),
        }
    }

    pub fn lowest_is_node(&self) -> bool {
        self.levels.last().is_some_and(|level| **level == *label::HOSTNAME)
    }

    pub fn level(&self, name: &str) -> Option<usize> {
        self.levels.iter().position(|level| **level == *name)
    }

    /// How many pods of a pod set a leaf has room for; none of an inner domain.
    pub fn room(&self, domain: usize, set: &PodSet, pods: ResourceIx) -> i32 {
        let Some(leaf) = &self.all[domain].leaf else { return 0 };
        if self.lowest_is_node() && !self.may_go_to(leaf, set) {
            return 0;
        }
        let wants = set.pod.requests.iter().copied().chain([(pods, 1)]).filter(|(_, each)| *each > 0);
        let fit = wants.map(|(resource, each)| leaf.free.get(&resource).copied().unwrap_or(0).max(0) / each);
        fit.min().unwrap_or(0).min(i64::from(i32::MAX)) as i32
    }

    fn may_go_to(&self, leaf: &Leaf, set: &PodSet) -> bool {
        let tolerations = || set.pod.tolerations.iter().chain(&self.tolerations);
        let hard = leaf.taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        let tolerated = hard.into_iter().all(|taint| tolerations().any(|toleration| toleration.tolerates(taint)));
        let selected = set.pod.node_selector.iter().all(|(key, value)| leaf.labels.get(key) == Some(value));
        let matches = |term: &crate::cluster::NodeSelectorTerm| {
            !term.match_expressions.is_empty()
                && term.match_expressions.iter().all(|one| one.matches(leaf.labels.get(&one.key).map(String::as_str)))
        };
        let affine = set.pod.required.as_ref().is_none_or(|terms| terms.iter().any(matches));
        tolerated && selected && affine
    }

    /// Takes the room of so many pods at a leaf.
    pub fn take(&mut self, domain: usize, set: &PodSet, pods: ResourceIx, count: i32) {
        let Some(leaf) = &mut self.all[domain].leaf else { return };
        for (resource, each) in set.pod.requests.iter().copied().chain([(pods, 1)]) {
            *leaf.free.entry(resource).or_default() -= each * i64::from(count);
        }
    }
}
