//! What InterPodAffinity finds once a pod and not once a node.

use crate::cluster::{ClusterView, PodAffinityTerm, PodSpec, Weighted};
use crate::scheduler::Cycle;
use crate::scheduler::options::SchedulerOptions;
use crate::scheduler::terms::{Seen, TopologyCounts};

/// Weights by topology domain.
pub struct AffinityScores {
    pub(super) weights: TopologyCounts,
}

/// What a running pod adds to its domains, by topology key.
type Contribution = Vec<(String, i64)>;

impl AffinityScores {
    /// Whether anything could be found: the pod has preferences, or running pods may have some.
    pub fn is_wanted(cycle: &Cycle<'_>, options: &SchedulerOptions) -> bool {
        cycle.specs.touched_by_affinity(cycle.spec)
            && (has_preferences(cycle.pod) || !options.ignore_preferred_terms_of_existing_pods)
    }

    /// `None` where no term matches.
    pub fn new(view: &dyn ClusterView, cycle: &Cycle<'_>, options: &SchedulerOptions) -> Option<AffinityScores> {
        if !AffinityScores::is_wanted(cycle, options) {
            return None;
        }
        let mut seen = Seen::default();
        let mut weights = TopologyCounts::default();
        view.visit_related(cycle.spec, &mut |other, node, held| {
            for (key, weight) in seen.of(other, || contribution(cycle.pod, cycle.specs.pod(other), options)) {
                weights.add(key, node, *weight * i64::from(held.pods));
            }
        });
        (!weights.is_empty()).then_some(AffinityScores { weights })
    }
}

fn has_preferences(pod: &PodSpec) -> bool {
    !pod.affinity.pod.preferred.is_empty() || !pod.affinity.pod_anti.preferred.is_empty()
}

fn contribution(pod: &PodSpec, other: &PodSpec, options: &SchedulerOptions) -> Contribution {
    let mut sum = Contribution::new();
    let mut add = |term: &PodAffinityTerm, weight: i64| match sum.iter_mut().find(|(key, _)| *key == term.topology_key)
    {
        Some((_, so_far)) => *so_far += weight,
        None => sum.push((term.topology_key.clone(), weight)),
    };
    let mut add_all = |terms: &[Weighted<PodAffinityTerm>], owner: &PodSpec, target: &PodSpec, sign: i64| {
        for weighted in terms.iter().filter(|weighted| weighted.term.selects(&owner.namespace, target)) {
            add(&weighted.term, sign * i64::from(weighted.weight));
        }
    };
    add_all(&pod.affinity.pod.preferred, pod, other, 1);
    add_all(&pod.affinity.pod_anti.preferred, pod, other, -1);
    add_all(&other.affinity.pod.preferred, other, pod, 1);
    add_all(&other.affinity.pod_anti.preferred, other, pod, -1);
    let hard = i64::from(options.hard_pod_affinity_weight);
    for term in other.affinity.pod.required.iter().filter(|term| hard > 0 && term.selects(&other.namespace, pod)) {
        add(term, hard);
    }
    sum
}
