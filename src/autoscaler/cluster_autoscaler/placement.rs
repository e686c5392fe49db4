//! Simulated scheduling: which node would take a pod, by the scheduler's own filters.
//!
//! Follows upstream's `SchedulerPluginRunner` (nodes in a circle, beginning after the last match), `HintingSimulator`
//! (where a pod found room last time is tried first) and `SimilarPodsScheduling` (a pod like one that found no room is
//! not tried again).

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts;
use crate::cluster::{ClusterView, Fork, NodeId, PodId, PodSpecId, Specs};
use crate::scheduler::Cycle;
use crate::scheduler::filter::{Rejection, clearly_lacks_room, fits};

/// Pods of one controller that found no room and are remembered by their likeness; more are not.
const MAX_SPECS_BY_CONTROLLER: usize = 10;

/// Where pods found room, kept from one iteration to the next.
///
/// Upstream forgets a hint after two passes without the pod; here it stays until it misleads, so that skipping an
/// iteration in which nothing changes can't change the next.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    by_pod: FxHashMap<PodId, NodeId>,
    changed: bool,
    /// Hints that were left when pods that are gone were last forgotten.
    kept: usize,
}

impl Hints {
    fn set(&mut self, pod: PodId, node: NodeId) {
        self.changed |= self.by_pod.insert(pod, node) != Some(node);
    }

    /// Whether any hint changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Forgets pods that no longer want a hint, once there may be as many of them as of others.
    pub fn tidy(&mut self, mut wants_hint: impl FnMut(PodId) -> bool) {
        if self.by_pod.len() > 2 * self.kept + 1024 {
            self.by_pod.retain(|pod, _| wants_hint(*pod));
            self.kept = self.by_pod.len();
        }
    }
}

/// The circle in which nodes are tried: the place, among the nodes that are there, of the one that took a pod last. Where
/// a node leaves, those behind it move up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    last: usize,
}

/// Scheduling cycles, made once a spec where that is the same as making one for each pod: where neither the pod nor
/// anything that runs or was placed cares where other pods run.
pub struct Cycles<'c> {
    calm: bool,
    by_spec: FxHashMap<PodSpecId, Cycle<'c>>,
}

impl<'c> Cycles<'c> {
    pub fn new(fork: &Fork<'c>) -> Cycles<'c> {
        let is_calm =
            |view: &dyn ClusterView| view.node_views().all(|node| node.state.pods_with_required_anti_affinity == 0);
        let calm = !fork.specs().any_required_anti_affinity() || (is_calm(fork) && is_calm(fork.base()));
        Cycles { calm, by_spec: FxHashMap::default() }
    }

    /// To be told of every pod that comes to a node of the fork.
    pub fn note(&mut self, specs: &Specs, placed: PodSpecId) {
        self.calm &= specs.pod(placed).affinity.pod_anti.required.is_empty();
    }

    fn with<R>(&mut self, fork: &Fork<'c>, spec: PodSpecId, ask: impl FnOnce(&Cycle<'_>) -> R) -> R {
        if self.calm && !facts::depends_on_other_pods(fork.base().specs.pod(spec)) {
            ask(self.by_spec.entry(spec).or_insert_with(|| Cycle::new(fork.base(), spec)))
        } else {
            ask(&Cycle::new(fork, spec))
        }
    }
}

/// May the pod run there, as far as the filters know?
pub fn check<'c>(fork: &Fork<'c>, cycles: &mut Cycles<'c>, spec: PodSpecId, node: NodeId) -> Result<(), Rejection> {
    let view = fork.node_view(node).expect("callers name nodes of the fork");
    cycles.with(fork, spec, |cycle| fits(cycle, &view))
}

/// Books the pod on `node` if it fits.
pub fn schedule_on<'c>(
    fork: &mut Fork<'c>,
    cycles: &mut Cycles<'c>,
    pod: PodId,
    spec: PodSpecId,
    node: NodeId,
) -> Result<(), Rejection> {
    check(fork, cycles, spec, node)?;
    fork.place(pod, spec, node);
    cycles.note(&fork.base().specs, spec);
    Ok(())
}

/// Books the pod on the first of `nodes` that takes it; cordoned nodes are passed over whatever the pod bears.
pub fn schedule_on_first<'c>(
    fork: &mut Fork<'c>,
    cycles: &mut Cycles<'c>,
    pod: PodId,
    spec: PodSpecId,
    mut nodes: impl Iterator<Item = NodeId>,
) -> Option<NodeId> {
    let found = cycles.with(fork, spec, |cycle| nodes.find(|id| takes(fork, cycle, *id)))?;
    fork.place(pod, spec, found);
    cycles.note(&fork.base().specs, spec);
    Some(found)
}

/// Books the pod on the first acceptable node that takes it, beginning after the last match.
pub fn schedule_on_any<'c>(
    fork: &mut Fork<'c>,
    cycles: &mut Cycles<'c>,
    cursor: &mut Cursor,
    pod: PodId,
    spec: PodSpecId,
    acceptable: impl Fn(NodeId) -> bool,
) -> Option<NodeId> {
    let start = cursor.last + 1;
    let (place, node) = {
        let (fork, nodes) = (&*fork, fork.present());
        let circle = (0..nodes.len()).map(|step| (start + step) % nodes.len());
        let mut acceptable = circle.map(|place| (place, nodes[place])).filter(|(_, id)| acceptable(*id));
        cycles.with(fork, spec, |cycle| acceptable.find(|(_, id)| takes(fork, cycle, *id)))?
    };
    cursor.last = place;
    fork.place(pod, spec, node);
    cycles.note(&fork.base().specs, spec);
    Some(node)
}

/// Cordoned nodes take nothing, whatever the pod bears.
fn takes(fork: &Fork<'_>, cycle: &Cycle<'_>, node: NodeId) -> bool {
    fork.node_view(node).is_some_and(|view| {
        !view.state.unschedulable && !clearly_lacks_room(cycle, &view) && fits(cycle, &view).is_ok()
    })
}

/// Tries a list of pods one by one, with hints, highest priority first.
pub struct Simulator<'s, 'c> {
    pub hints: &'s mut Hints,
    pub cursor: &'s mut Cursor,
    pub cycles: &'s mut Cycles<'c>,
}

impl<'c> Simulator<'_, 'c> {
    /// The pods that found room, in no particular order. With `stop_at_failure` the rest is not tried once one failed.
    pub fn try_schedule(
        &mut self,
        fork: &mut Fork<'c>,
        pods: &[(PodId, PodSpecId)],
        stop_at_failure: bool,
        acceptable: impl Fn(NodeId) -> bool,
    ) -> FxHashSet<PodId> {
        let mut placed = FxHashSet::default();
        let mut similar = SimilarPods::default();
        let priority = |spec: PodSpecId, fork: &Fork<'_>| fork.specs().pod(spec).priority;
        let mut order: Vec<(PodId, PodSpecId)> = pods.to_vec();
        order.sort_by_key(|(_, spec)| std::cmp::Reverse(priority(*spec, fork)));
        let mut rest = &order[..];
        while let Some((_, first)) = rest.first() {
            let level = priority(*first, fork);
            let count = rest.iter().take_while(|(_, spec)| priority(*spec, fork) == level).count();
            let (group, tail) = rest.split_at(count);
            rest = tail;
            let mut without_hint = Vec::new();
            for &(pod, spec) in group {
                if self.try_hint(fork, pod, spec, &acceptable) {
                    placed.insert(pod);
                } else {
                    without_hint.push((pod, spec));
                }
            }
            for (pod, spec) in without_hint {
                if !similar.is_hopeless(&fork.base().specs, spec) {
                    if let Some(node) = schedule_on_any(fork, self.cycles, self.cursor, pod, spec, &acceptable) {
                        self.hints.set(pod, node);
                        placed.insert(pod);
                        continue;
                    }
                    similar.remember(&fork.base().specs, spec);
                }
                if stop_at_failure {
                    break;
                }
            }
        }
        placed
    }

    fn try_hint(
        &mut self,
        fork: &mut Fork<'c>,
        pod: PodId,
        spec: PodSpecId,
        acceptable: &impl Fn(NodeId) -> bool,
    ) -> bool {
        let Some(node) = self.hints.by_pod.get(&pod).copied() else { return false };
        fork.node(node).is_some() && acceptable(node) && schedule_on(fork, self.cycles, pod, spec, node).is_ok()
    }
}

/// Pods that found no room: those like them will not either.
#[derive(Default)]
struct SimilarPods {
    /// Specs whose fate depends on free resources alone. These only dwindle while pods are placed, so one failure
    /// settles all pods of the spec; upstream tries them again and fails again.
    hopeless: FxHashSet<PodSpecId>,
    by_controller: FxHashMap<String, Vec<PodSpecId>>,
}

impl SimilarPods {
    fn is_hopeless(&mut self, specs: &Specs, spec: PodSpecId) -> bool {
        if self.hopeless.contains(&spec) {
            return true;
        }
        let pod = specs.pod(spec);
        let Some(controller) = &pod.controller else { return false };
        let known = self.by_controller.get(&controller.uid);
        known.is_some_and(|known| {
            known.iter().any(|other| *other == spec || facts::are_equivalent(specs.pod(*other), pod))
        })
    }

    fn remember(&mut self, specs: &Specs, spec: PodSpecId) {
        let pod = specs.pod(spec);
        if !facts::depends_on_other_pods(pod) {
            self.hopeless.insert(spec);
        }
        if facts::is_daemon_set_pod(pod) {
            return;
        }
        let Some(controller) = &pod.controller else { return };
        let known = self.by_controller.entry(controller.uid.clone()).or_default();
        if known.len() < MAX_SPECS_BY_CONTROLLER && !known.contains(&spec) {
            known.push(spec);
        }
    }
}
