//! What InterPodAffinity counts once a pod and not once a node.

use super::terms::{Seen, TopologyCounts};
use crate::cluster::{ClusterView, NodeView, PodSpec, PodSpecId};

/// Pods that matter to a pod's required terms, by topology domain: upstream's PreFilter state.
#[derive(Clone, Debug, Default)]
pub struct AffinityCounts {
    /// Running pods that match all of the pod's affinity terms.
    affinity: TopologyCounts,
    /// Matches of the pod's anti-affinity terms.
    anti_affinity: TopologyCounts,
    /// Anti-affinity terms of running pods that match the pod.
    existing_anti_affinity: TopologyCounts,
}

impl AffinityCounts {
    /// `None` where neither the pod nor a running pod has a term that matters.
    pub(super) fn new(view: &dyn ClusterView, spec: PodSpecId) -> Option<AffinityCounts> {
        let specs = view.specs();
        if !specs.touched_by_affinity(spec) {
            return None;
        }
        let pod = specs.pod(spec);
        let has_terms = has_required_terms(pod);
        let mut counts = AffinityCounts::default();
        let mut seen = Seen::default();
        view.visit_related(spec, &mut |other_id, node, held| {
            let (other, pods) = (specs.pod(other_id), i64::from(held.pods));
            counts.count_existing(pod, other, node, pods);
            if has_terms {
                let matches_all = *seen.of(other_id, || matches_every_term(pod, other));
                counts.count_incoming(pod, other, matches_all, node, pods);
            }
        });
        (has_terms || !counts.existing_anti_affinity.is_empty()).then_some(counts)
    }

    /// A pod came to (`by` = 1) or left (-1) a node.
    pub(super) fn change(&mut self, pod: &PodSpec, other: &PodSpec, node: &NodeView<'_>, by: i64) {
        self.count_existing(pod, other, node, by);
        self.count_incoming(pod, other, matches_every_term(pod, other), node, by);
    }

    fn count_existing(&mut self, pod: &PodSpec, other: &PodSpec, node: &NodeView<'_>, by: i64) {
        for term in &other.affinity.pod_anti.required {
            if term.selects(&other.namespace, pod) {
                self.existing_anti_affinity.add(&term.topology_key, node, by);
            }
        }
    }

    fn count_incoming(&mut self, pod: &PodSpec, other: &PodSpec, matches_all: bool, node: &NodeView<'_>, by: i64) {
        if matches_all {
            for term in &pod.affinity.pod.required {
                self.affinity.add(&term.topology_key, node, by);
            }
        }
        for term in &pod.affinity.pod_anti.required {
            if term.selects(&pod.namespace, other) {
                self.anti_affinity.add(&term.topology_key, node, by);
            }
        }
    }

    /// Every domain that the pod's affinity asks for holds a pod that it wants.
    pub(super) fn satisfies_affinity(&self, pod: &PodSpec, node: &NodeView<'_>) -> bool {
        let terms = &pod.affinity.pod.required;
        if terms.iter().any(|term| node.label(&term.topology_key).is_none()) {
            return false;
        }
        // The first of a group of pods with affinity to one another may go anywhere.
        terms.iter().all(|term| self.affinity.at(&term.topology_key, node) > 0)
            || (self.affinity.is_empty() && matches_every_term(pod, pod))
    }

    /// The node's domains hold a pod that the pod's anti-affinity avoids.
    pub(super) fn violates_anti_affinity(&self, pod: &PodSpec, node: &NodeView<'_>) -> bool {
        let anti = &pod.affinity.pod_anti.required;
        anti.iter().any(|term| self.anti_affinity.at(&term.topology_key, node) > 0)
    }

    /// The node's domains hold a pod whose anti-affinity avoids the pod.
    pub(super) fn violates_existing_anti_affinity(&self, node: &NodeView<'_>) -> bool {
        self.existing_anti_affinity.keys().any(|key| self.existing_anti_affinity.at(key, node) > 0)
    }
}

fn has_required_terms(pod: &PodSpec) -> bool {
    !pod.affinity.pod.required.is_empty() || !pod.affinity.pod_anti.required.is_empty()
}

/// True where `other` matches all required affinity terms of `pod`, and there are any.
fn matches_every_term(pod: &PodSpec, other: &PodSpec) -> bool {
    let terms = &pod.affinity.pod.required;
    !terms.is_empty() && terms.iter().all(|term| term.selects(&pod.namespace, other))
}
