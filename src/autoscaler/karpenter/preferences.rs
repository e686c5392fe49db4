//! What pods would rather have, and how it is given up one wish at a time until the pod fits somewhere.
//!
//! A pod is first tried with its heaviest preferences as if they were required. [`Relaxations`] keeps the steps of each
//! pod spec, for they depend on nothing else. Follows `pkg/controllers/provisioning/scheduling/preferences.go`
//! (kubernetes-sigs/karpenter 22664681).

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::options::PreferencePolicy;
use super::requirements::Requirements;
use crate::cluster::{
    PodSpec, PodSpecId, Specs, TaintEffect, Toleration, TolerationOperator, Weighted, WhenUnsatisfiable,
};

/// A pod spec at one step of relaxation, with what scheduling derives from it.
#[derive(Debug)]
pub(super) struct Variant {
    pub spec: PodSpecId,
    /// Wishes given up so far.
    pub level: usize,
    pub pod: PodSpec,
    /// With the heaviest preference.
    pub requirements: Requirements,
    /// What must hold.
    pub strict: Requirements,
}

/// The variants of every spec asked for, made when needed.
pub(super) struct Relaxations<'a> {
    specs: &'a Specs,
    policy: PreferencePolicy,
    /// Some pool taints its nodes with `PreferNoSchedule`, so that tolerating it is a last resort.
    tolerate_prefer_no_schedule: bool,
    /// By level; a chain that is `complete` can't be relaxed further.
    chains: FxHashMap<PodSpecId, Chain>,
}

/// The variants of one spec, as far as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Chain {
    variants: Vec<Rc<Variant>>,
    complete: bool,
}

impl<'a> Relaxations<'a> {
    /// `chains`: those of another simulation under the same policy.
    pub fn new(
        specs: &'a Specs,
        policy: PreferencePolicy,
        tolerate_prefer_no_schedule: bool,
        chains: FxHashMap<PodSpecId, Chain>,
    ) -> Relaxations<'a> {
        Relaxations { specs, policy, tolerate_prefer_no_schedule, chains }
    }

    pub fn into_chains(self) -> FxHashMap<PodSpecId, Chain> {
        self.chains
    }

    /// The spec after `level` steps; `None` where it has fewer wishes.
    pub fn get(&mut self, spec: PodSpecId, level: usize) -> Option<Rc<Variant>> {
        let chain = self.chains.entry(spec).or_default();
        while chain.variants.len() <= level && !chain.complete {
            let pod = match chain.variants.last() {
                None => Some(self.specs.pod(spec).clone()),
                Some(last) => relax(&last.pod, self.tolerate_prefer_no_schedule),
            };
            match pod {
                Some(pod) => chain.variants.push(Rc::new(variant(spec, chain.variants.len(), pod, self.policy))),
                None => chain.complete = true,
            }
        }
        chain.variants.get(level).cloned()
    }

    /// The spec as it is.
    pub fn original(&mut self, spec: PodSpecId) -> Rc<Variant> {
        self.get(spec, 0).expect("every spec has its unrelaxed form")
    }
}

fn variant(spec: PodSpecId, level: usize, pod: PodSpec, policy: PreferencePolicy) -> Variant {
    let strict = Requirements::strict(&pod);
    let requirements = match policy {
        PreferencePolicy::Respect if !pod.affinity.node.preferred.is_empty() => Requirements::with_preference(&pod),
        _ => strict.clone(),
    };
    Variant { spec, level, pod, requirements, strict }
}

/// Gives up the next wish; `None` where there is none left.
fn relax(pod: &PodSpec, tolerate_prefer_no_schedule: bool) -> Option<PodSpec> {
    let mut relaxed = pod.clone();
    let affinity = &mut relaxed.affinity;
    // Alternatives of the required node affinity: only the first was tried.
    if let Some(terms) = affinity.node.required.as_mut().filter(|terms| terms.len() > 1) {
        terms.remove(0);
        return Some(relaxed);
    }
    if remove_heaviest(&mut affinity.pod.preferred)
        || remove_heaviest(&mut affinity.pod_anti.preferred)
        || remove_heaviest(&mut affinity.node.preferred)
    {
        return Some(relaxed);
    }
    let spread = &mut relaxed.topology_spread_constraints;
    if let Some(soft) = spread.iter().position(|c| c.when_unsatisfiable == WhenUnsatisfiable::ScheduleAnyway) {
        spread.swap_remove(soft);
        return Some(relaxed);
    }
    let toleration = Toleration {
        key: String::new(),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: Some(TaintEffect::PreferNoSchedule),
        toleration_seconds: None,
    };
    let is_same = |other: &Toleration| Toleration { toleration_seconds: None, ..other.clone() } == toleration;
    if tolerate_prefer_no_schedule && !relaxed.tolerations.iter().any(is_same) {
        relaxed.tolerations.push(toleration);
        return Some(relaxed);
    }
    None
}

fn remove_heaviest<T>(terms: &mut Vec<Weighted<T>>) -> bool {
    if terms.is_empty() {
        return false;
    }
    terms.sort_by_key(|term| std::cmp::Reverse(term.weight));
    terms.remove(0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{PodAffinityTerm, SpreadPolicy, TopologySpreadConstraint};

    #[test]
    fn wishes_are_given_up_in_upstreams_order() {
        let mut specs = Specs::default();
        let mut pod = PodSpec::default();
        let term = Weighted { weight: 1, term: PodAffinityTerm::default() };
        pod.affinity.pod.preferred = vec![term.clone()];
        pod.affinity.pod_anti.preferred = vec![term];
        pod.affinity.node.required = Some(vec![Default::default(), Default::default()]);
        pod.affinity.node.preferred = vec![Weighted { weight: 1, term: Default::default() }];
        pod.topology_spread_constraints = vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "zone".into(),
            when_unsatisfiable: WhenUnsatisfiable::ScheduleAnyway,
            selector: None,
            min_domains: None,
            node_affinity_policy: SpreadPolicy::Honor,
            node_taints_policy: SpreadPolicy::Ignore,
        }];
        let spec = specs.intern_pod(pod);
        let mut relaxations = Relaxations::new(&specs, PreferencePolicy::Respect, true, FxHashMap::default());
        let left = |pod: &PodSpec| {
            [
                pod.affinity.node.required.as_ref().map_or(0, Vec::len),
                pod.affinity.pod.preferred.len(),
                pod.affinity.pod_anti.preferred.len(),
                pod.affinity.node.preferred.len(),
                pod.topology_spread_constraints.len(),
                pod.tolerations.len(),
            ]
        };
        let steps: Vec<_> = (0..7).map(|level| left(&relaxations.get(spec, level).unwrap().pod)).collect();
        let expected = [
            [2, 1, 1, 1, 1, 0],
            [1, 1, 1, 1, 1, 0],
            [1, 0, 1, 1, 1, 0],
            [1, 0, 0, 1, 1, 0],
            [1, 0, 0, 0, 1, 0],
            [1, 0, 0, 0, 0, 0],
            [1, 0, 0, 0, 0, 1],
        ];
        assert_eq!(steps, expected);
        assert!(relaxations.get(spec, 7).is_none());
    }
}
