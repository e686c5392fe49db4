//! Spread selectors against pods, and counts by topology domain.

use rustc_hash::FxHashMap;

use crate::cluster::{Controller, LabelSelector, NodeView, PodSpec, PodSpecId};

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

/// Answers by spec, each worked out at first need.
#[derive(Clone, Debug, Default)]
pub struct Seen<T> {
    answers: FxHashMap<PodSpecId, T>,
}

impl<T> Seen<T> {
    pub fn of(&mut self, spec: PodSpecId, work_out: impl FnOnce() -> T) -> &T {
        self.answers.entry(spec).or_insert_with(work_out)
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
