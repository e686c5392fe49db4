//! Which pod specs matter to one another: whose spread constraints and affinity terms select whose pods.
//!
//! Whoever counts pods for a constraint so looks at the pods of a few specs, and not at all pods of all nodes.

use rustc_hash::FxHashMap;

use super::{LabelSelector, PodAffinityTerm, PodSpec, PodSpecId, SelectorOperator};

/// A label's key and value.
type Pair = (String, String);

/// Grows with the specs it is told of.
#[derive(Clone, Debug, Default)]
pub(super) struct Relations {
    of: Vec<Related>,
    /// Specs by each label that they bear.
    bearers: FxHashMap<Pair, Vec<PodSpecId>>,
    /// Specs by the labels that one of their selectors asks for.
    seekers: FxHashMap<Pair, Vec<PodSpecId>>,
    /// Specs with a selector that asks for no certain label.
    seekers_of_any: Vec<PodSpecId>,
    /// Specs by namespace, kind and name of their controller: what upstream's default constraints select.
    siblings: FxHashMap<(String, String, String), Vec<PodSpecId>>,
    late: u32,
}

/// What is known of one spec.
#[derive(Clone, Debug, Default)]
struct Related {
    /// Specs that one of its selectors selects, or that select it, or that share its controller; ascending.
    specs: Vec<PodSpecId>,
    /// It or a related spec states affinity or anti-affinity to pods.
    has_affinity: bool,
}

impl Relations {
    /// Takes in the last of `specs`; `spec(id)` are those before and it.
    pub fn add<'a>(&mut self, id: PodSpecId, spec: impl Fn(PodSpecId) -> &'a PodSpec) {
        let own = spec(id);
        self.of.push(Related { specs: Vec::new(), has_affinity: own.has_pod_affinity() });
        let labels = || own.labels.iter().map(|(key, value)| (key.clone(), value.clone()));
        for pair in labels() {
            self.bearers.entry(pair).or_default().push(id);
        }
        let mut candidates: Vec<PodSpecId> = self.seekers_of_any.clone();
        for pair in labels() {
            candidates.extend(self.seekers.get(&pair).into_iter().flatten());
        }
        for selector in selectors(own) {
            match sought(selector) {
                Some(pairs) => {
                    for pair in pairs {
                        candidates.extend(self.bearers.get(&pair).into_iter().flatten());
                        self.seekers.entry(pair).or_default().push(id);
                    }
                }
                None => {
                    candidates.extend((0..=id.0).map(PodSpecId));
                    if self.seekers_of_any.last() != Some(&id) {
                        self.seekers_of_any.push(id);
                    }
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|other| selects(own, spec(*other)) || selects(spec(*other), own));
        if let Some(controller) = own.controller.as_ref().filter(|controller| controller.is_spread_by_default()) {
            let key = (own.namespace.clone(), controller.kind.clone(), controller.name.clone());
            let siblings = self.siblings.entry(key).or_default();
            siblings.push(id);
            candidates.extend_from_slice(siblings);
            candidates.sort_unstable();
            candidates.dedup();
        }
        for other in &candidates {
            if *other != id {
                let has_affinity = own.has_pod_affinity();
                let related = &mut self.of[other.index()];
                self.late += u32::from(related.specs.is_empty());
                related.specs.push(id);
                related.has_affinity |= has_affinity;
            }
            self.of[id.index()].has_affinity |= spec(*other).has_pod_affinity();
        }
        self.of[id.index()].specs = candidates;
    }

    pub fn of(&self, id: PodSpecId) -> &[PodSpecId] {
        &self.of[id.index()].specs
    }

    pub fn has_affinity(&self, id: PodSpecId) -> bool {
        self.of[id.index()].has_affinity
    }

    /// Grows each time a spec that mattered to nobody comes to matter, whose pods nobody has counted so far.
    pub fn late(&self) -> u32 {
        self.late
    }
}

/// All selectors of pods that a spec states; one that is missing selects nothing.
fn selectors(spec: &PodSpec) -> impl Iterator<Item = &LabelSelector> {
    let spread = spec.topology_spread_constraints.iter().filter_map(|constraint| constraint.selector.as_ref());
    spread.chain(spec.pod_affinity_terms().filter_map(|term| term.selector.as_ref()))
}

/// Labels of which a pod must bear one to be selected; `None` where the selector asks for no value.
fn sought(selector: &LabelSelector) -> Option<Vec<Pair>> {
    if let Some((key, value)) = selector.match_labels.iter().next() {
        return Some(vec![(key.clone(), value.clone())]);
    }
    let one_of = selector.match_expressions.iter().find(|requirement| requirement.operator == SelectorOperator::In)?;
    Some(one_of.values.iter().map(|value| (one_of.key.clone(), value.clone())).collect())
}

/// Whether a constraint or term of `spec` selects `other`.
fn selects(spec: &PodSpec, other: &PodSpec) -> bool {
    let spread = || {
        spec.namespace == other.namespace
            && spec
                .topology_spread_constraints
                .iter()
                .filter_map(|constraint| constraint.selector.as_ref())
                .any(|selector| selector.matches(&other.labels))
    };
    spec.pod_affinity_terms().any(|term: &PodAffinityTerm| term.selects(&spec.namespace, other)) || spread()
}

#[cfg(test)]
mod tests {
    use super::super::{Controller, Labels, PodAffinity, SelectorRequirement, Specs};
    use super::*;

    fn labelled(app: &str) -> PodSpec {
        PodSpec {
            namespace: "default".into(),
            labels: Labels::from([("app".to_owned(), app.to_owned())]),
            ..PodSpec::default()
        }
    }

    fn avoiding(mut spec: PodSpec, selector: LabelSelector) -> PodSpec {
        let term = PodAffinityTerm { selector: Some(selector), topology_key: "zone".into(), ..Default::default() };
        spec.affinity.pod_anti = PodAffinity { required: vec![term], preferred: vec![] };
        spec
    }

    fn app(name: &str) -> LabelSelector {
        LabelSelector { match_labels: labelled(name).labels, ..LabelSelector::default() }
    }

    #[test]
    fn selecting_and_being_selected_relate_whichever_spec_came_first() {
        let mut specs = Specs::default();
        let web = specs.intern_pod(labelled("web"));
        let db = specs.intern_pod(labelled("db"));
        assert!(specs.related(web).is_empty());
        let late = specs.late_relations();
        let shy = specs.intern_pod(avoiding(labelled("shy"), app("web")));
        assert_eq!((specs.related(web), specs.related(db), specs.related(shy)), (&[shy][..], &[][..], &[web][..]));
        assert_eq!(specs.late_relations(), late + 1);
        let second = specs.intern_pod(PodSpec { priority: 7, ..labelled("web") });
        assert_eq!((specs.related(second), specs.related(shy)), (&[shy][..], &[web, second][..]));
        assert!(specs.touched_by_affinity(web) && !specs.touched_by_affinity(db));
    }

    #[test]
    fn a_selector_without_a_certain_label_is_held_against_all() {
        let mut specs = Specs::default();
        let web = specs.intern_pod(labelled("web"));
        let lonely = specs.intern_pod(avoiding(PodSpec::default(), LabelSelector::default()));
        assert_eq!(specs.related(lonely), [lonely], "of another namespace than the others");
        let not_db = LabelSelector {
            match_expressions: vec![SelectorRequirement {
                key: "app".into(),
                operator: SelectorOperator::NotIn,
                values: vec!["db".into()],
            }],
            ..LabelSelector::default()
        };
        let picky = specs.intern_pod(avoiding(labelled("db"), not_db));
        let other = specs.intern_pod(labelled("other"));
        assert_eq!(specs.related(picky), [web, other]);
    }

    #[test]
    fn pods_of_one_controller_matter_to_one_another() {
        let mut specs = Specs::default();
        let of = |kind: &str, priority| PodSpec {
            priority,
            controller: Some(Controller { kind: kind.into(), name: "web".into(), uid: String::new() }),
            ..labelled("web")
        };
        let ids: Vec<_> = [("ReplicaSet", 1), ("ReplicaSet", 2), ("Job", 1), ("Job", 2)]
            .map(|(kind, priority)| specs.intern_pod(of(kind, priority)))
            .into();
        assert_eq!(specs.related(ids[0]), [ids[0], ids[1]]);
        assert!(specs.related(ids[2]).is_empty());
    }
}
