//! Where the pods of each spec are, for the specs that matter to others.

use super::{NodeId, NodeState, PodId, PodSpecId, Specs};

/// Pods of one spec on one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub pods: u32,
    /// How many of them are being deleted.
    pub terminating: u32,
}

impl Held {
    pub(super) fn one(terminating: bool) -> Held {
        Held { pods: 1, terminating: u32::from(terminating) }
    }

    /// Those that are not being deleted.
    pub fn staying(self) -> i64 {
        i64::from(self.pods - self.terminating)
    }
}

/// Counts of bound pods by spec and node, for specs with relations ([`Specs::related`]).
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Ascending by node, nodes without such a pod left out.
    by_spec: Vec<Vec<(NodeId, Held)>>,
    /// [`Specs::late_relations`] at the time of counting.
    late: u32,
}

impl Places {
    /// Counts anew.
    pub fn count(specs: &Specs, nodes: &[Option<NodeState>], is_terminating: impl Fn(PodId) -> bool) -> Places {
        let mut places = Places { by_spec: Vec::new(), late: specs.late_relations() };
        for (index, node) in nodes.iter().enumerate() {
            for held in node.iter().flat_map(|node| &node.pods) {
                places.add(specs, held.spec, NodeId::new(index), is_terminating(held.pod));
            }
        }
        places
    }

    /// False where specs came to matter since whose pods are not counted here.
    pub fn are_of(&self, specs: &Specs) -> bool {
        self.late == specs.late_relations()
    }

    pub fn of(&self, spec: PodSpecId) -> &[(NodeId, Held)] {
        self.by_spec.get(spec.index()).map_or(&[], Vec::as_slice)
    }

    pub fn add(&mut self, specs: &Specs, spec: PodSpecId, node: NodeId, terminating: bool) {
        if specs.related(spec).is_empty() {
            return;
        }
        if self.by_spec.len() <= spec.index() {
            self.by_spec.resize_with(spec.index() + 1, Vec::new);
        }
        let places = &mut self.by_spec[spec.index()];
        match places.binary_search_by_key(&node, |(node, _)| *node) {
            Ok(at) => {
                places[at].1.pods += 1;
                places[at].1.terminating += u32::from(terminating);
            }
            Err(at) => places.insert(at, (node, Held::one(terminating))),
        }
    }

    pub fn remove(&mut self, spec: PodSpecId, node: NodeId, terminating: bool) {
        let Some(places) = self.by_spec.get_mut(spec.index()) else { return };
        let Ok(at) = places.binary_search_by_key(&node, |(node, _)| *node) else { return };
        let held = &mut places[at].1;
        held.pods -= 1;
        held.terminating -= u32::from(terminating);
        if held.pods == 0 {
            places.remove(at);
        }
    }

    /// One of the pods there is being deleted from now on.
    pub fn set_terminating(&mut self, spec: PodSpecId, node: NodeId) {
        let Some(places) = self.by_spec.get_mut(spec.index()) else { return };
        if let Ok(at) = places.binary_search_by_key(&node, |(node, _)| *node) {
            places[at].1.terminating += 1;
        }
    }

    pub fn audit(&self, anew: &Places) -> Result<(), String> {
        for spec in (0..self.by_spec.len().max(anew.by_spec.len())).map(PodSpecId::new) {
            if self.of(spec) != anew.of(spec) {
                return Err(format!(
                    "pods of spec {}: counted {:?}, booked {:?}",
                    spec.0,
                    anew.of(spec),
                    self.of(spec)
                ));
            }
        }
        Ok(())
    }
}
