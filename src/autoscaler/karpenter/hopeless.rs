//! Pods that find no place whatever becomes of the others, decided once for all simulations over a snapshot.
//!
//! Nodes only fill up in a simulation, and a planned node only narrows: what neither an existing node as it is nor an empty
//! new one takes, none takes later. That holds where no topology counts for the pod and no pool is limited.

use super::base::{Base, PodError};
use super::existing_node::names_a_host;
use super::topology::Topology;
use crate::cluster::{PodSpec, PodSpecId};

/// Why no pod of the spec finds a place, as long as no other pod's anti-affinity keeps it away too; `None`: one may.
pub(super) fn why(base: &Base<'_>, spec: PodSpecId) -> Option<PodError> {
    if let Some(known) = base.hopeless.borrow().get(&spec) {
        return known.clone();
    }
    let why = find_out(base, spec);
    base.hopeless.borrow_mut().insert(spec, why.clone());
    why
}

fn find_out(base: &Base<'_>, spec: PodSpecId) -> Option<PodError> {
    let templates = &base.templates.templates;
    if templates.is_empty() || !base.is_unlimited() || minds_others(base.snapshot.cluster.specs.pod(spec)) {
        return None;
    }
    let mut fork = base.take_fork();
    let start = fork.checkpoint();
    let cycle = base.cycle(spec);
    let nobody = Topology::of_nobody(base.snapshot.cluster);
    let mut error = None;
    let mut level = 0;
    let is_hopeless = loop {
        let Some(pod) = base.variant(spec, level) else { break true };
        if names_a_host(&pod.pod, &pod.requirements) {
            // Why a new node does not suit depends on the name that it would have.
            break false;
        }
        // What templates answer is known from other passes.
        let refusal = |index| base.first_fit((index, 1), &pod, &nobody, |fit| fit.as_ref().err().cloned());
        let refusals = (0..templates.len()).map(|index| Some((index, refusal(index)?)));
        let Some(refusals) = refusals.collect::<Option<Vec<_>>>() else { break false };
        let mut room = base.room_of(&pod);
        let mut nodes = base.existing.nodes.iter().zip(&mut *room).filter(|(node, _)| !node.marked_for_deletion);
        if nodes.any(|(node, has_room)| *has_room.get_or_insert_with(|| base.has_room(&fork, &pod, &cycle, node))) {
            break false;
        }
        error = Some(PodError::NoPool(refusals.into()));
        level += 1;
    };
    base.hand_back(fork, start);
    error.filter(|_| is_hopeless)
}

/// Other pods decide where it may go.
fn minds_others(pod: &PodSpec) -> bool {
    !pod.topology_spread_constraints.is_empty()
        || pod.affinity.pod != Default::default()
        || pod.affinity.pod_anti != Default::default()
}
