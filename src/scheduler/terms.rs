//! Pod affinity terms and spread selectors against pods, and counts by topology domain.

use rustc_hash::FxHashMap;

use crate::cluster::{
    Controller, LabelSelector, NodeView, PodAffinityTerm, PodSpec, PodSpecId, SelectorRequirement, Specs,
};

/// The label that every namespace carries; other namespace labels are not modelled.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// True where `term`, stated by a pod of `owner_namespace`, selects `pod`.
pub fn term_matches(term: &PodAffinityTerm, owner_namespace: &str, pod: &PodSpec) -> bool {
    namespace_matches(term, owner_namespace, &pod.namespace)
        && term.selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
}

fn namespace_matches(term: &PodAffinityTerm, owner: &str, namespace: &str) -> bool {
    let selected = |selector: &LabelSelector| {
        let value = |key: &str| (key == NAMESPACE_NAME).then_some(namespace);
        let holds = |requirement: &SelectorRequirement| requirement.matches(value(&requirement.key));
        selector.match_labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
            && selector.match_expressions.iter().all(holds)
    };
    if term.namespaces.is_empty() && term.namespace_selector.is_none() {
        return owner == namespace;
    }
    term.namespaces.iter().any(|name| name == namespace) || term.namespace_selector.as_ref().is_some_and(selected)
}

/// Which pods a spread constraint counts, all of the pod's own namespace.
#[derive(Clone, Copy, Debug)]
pub enum PodMatcher<'a> {
    /// A missing selector.
    Nothing,
    Labels(&'a LabelSelector),
    /// The default constraints' selector: pods of the same ReplicaSet, StatefulSet or ReplicationController.
    SameController(&'a Controller),
}

impl PodMatcher<'_> {
    /// What upstream's selector says of a pod's labels.
    pub fn matches(&self, pod: &PodSpec) -> bool {
        match self {
            PodMatcher::Nothing => false,
            PodMatcher::Labels(selector) => selector.matches(&pod.labels),
            PodMatcher::SameController(controller) => pod
                .controller
                .as_ref()
                .is_some_and(|other| other.kind == controller.kind && other.name == controller.name),
        }
    }

    /// As [`PodMatcher::matches`], but an empty selector counts no pod, as in upstream's `countPodsMatchSelector`.
    pub fn counts(&self, pod: &PodSpec) -> bool {
        !matches!(self, PodMatcher::Labels(selector) if selector.is_empty()) && self.matches(pod)
    }
}

/// Answers by spec, worked out at first need: pods with one spec are matched once a cycle.
#[derive(Clone, Debug, Default)]
pub struct BySpec<T> {
    answers: Vec<Option<T>>,
}

impl<T: Clone> BySpec<T> {
    pub fn get(&mut self, specs: &Specs, spec: PodSpecId, work_out: impl FnOnce(&PodSpec) -> T) -> &T {
        if self.answers.is_empty() {
            self.answers = vec![None; specs.pod_count()];
        }
        self.answers[spec.index()].get_or_insert_with(|| work_out(specs.pod(spec)))
    }
}

/// Counts by topology key and value; an entry that comes to zero is gone.
#[derive(Clone, Debug, Default)]
pub struct TopologyCounts {
    keys: Vec<(String, FxHashMap<Box<str>, i64>)>,
}

impl TopologyCounts {
    /// Adds to the domain that the node is in; nothing where it has no such label.
    pub fn add(&mut self, key: &str, node: &NodeView<'_>, amount: i64) {
        let Some(value) = node.label(key) else { return };
        let at = self.keys.iter().position(|(other, _)| other == key).unwrap_or_else(|| {
            self.keys.push((key.to_owned(), FxHashMap::default()));
            self.keys.len() - 1
        });
        let values = &mut self.keys[at].1;
        match values.get_mut(value) {
            Some(count) => {
                *count += amount;
                if *count == 0 {
                    values.remove(value);
                }
            }
            None if amount != 0 => drop(values.insert(value.into(), amount)),
            None => {}
        }
    }

    /// The count of the domain that the node is in.
    pub fn at(&self, key: &str, node: &NodeView<'_>) -> i64 {
        self.keys
            .iter()
            .find(|(other, _)| other == key)
            .and_then(|(_, values)| values.get(node.label(key)?))
            .copied()
            .unwrap_or(0)
    }

    /// Keys in the order of their first mention.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(key, _)| key.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.keys.iter().all(|(_, values)| values.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Labels;

    fn pod(namespace: &str, app: &str) -> PodSpec {
        let labels = Labels::from([("app".to_owned(), app.to_owned())]);
        PodSpec { namespace: namespace.into(), labels, ..PodSpec::default() }
    }

    fn term(namespaces: &[&str], namespace_selector: Option<LabelSelector>) -> PodAffinityTerm {
        PodAffinityTerm {
            selector: Some(LabelSelector::default()),
            namespaces: namespaces.iter().map(|name| name.to_string()).collect(),
            namespace_selector,
            topology_key: "zone".into(),
        }
    }

    #[test]
    fn a_term_without_namespaces_selects_its_owners_namespace() {
        assert!(term_matches(&term(&[], None), "a", &pod("a", "x")));
        assert!(!term_matches(&term(&[], None), "a", &pod("b", "x")));
        assert!(term_matches(&term(&["b"], None), "a", &pod("b", "x")));
        assert!(!term_matches(&term(&["b"], None), "a", &pod("a", "x")));
    }

    #[test]
    fn a_namespace_selector_sees_the_namespaces_name_label() {
        let by_name = |name: &str| LabelSelector {
            match_labels: Labels::from([(NAMESPACE_NAME.to_owned(), name.to_owned())]),
            ..LabelSelector::default()
        };
        assert!(term_matches(&term(&[], Some(LabelSelector::default())), "a", &pod("b", "x")));
        assert!(term_matches(&term(&[], Some(by_name("b"))), "a", &pod("b", "x")));
        assert!(!term_matches(&term(&[], Some(by_name("c"))), "a", &pod("b", "x")));
    }

    #[test]
    fn a_nil_selector_selects_nothing() {
        let term = PodAffinityTerm { selector: None, ..term(&[], None) };
        assert!(!term_matches(&term, "a", &pod("a", "x")));
    }
}
