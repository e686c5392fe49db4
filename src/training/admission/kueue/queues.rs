//! Who waits in which ClusterQueue: those that may be tried, in order, and those that are parked until something changes.
//!
//! Kueue (0.20): `pkg/cache/queue/cluster_queue.go`, `manager.go`, `inadmissible_workloads.go`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::cache::Cache;
use super::flavors::Progress;
use super::objects::{Options, QueueingStrategy, StopPolicy};
use super::tree::NodeId;
use super::workload::{Workload, WorkloadId};
use crate::units::SimTime;

/// Why a head goes back to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    Generic,
    FailedAfterNomination,
    NamespaceMismatch,
    PendingPreemption,
    PreemptionFailed,
    NoFit,
    PreemptionNoCandidates,
}

impl Requeue {
    pub const NAMES: [(&str, Requeue); 7] = [
        ("Generic", Requeue::Generic),
        ("FailedAfterNomination", Requeue::FailedAfterNomination),
        ("NamespaceMismatch", Requeue::NamespaceMismatch),
        ("PendingPreemption", Requeue::PendingPreemption),
        ("PreemptionFailed", Requeue::PreemptionFailed),
        ("NoFit", Requeue::NoFit),
        ("PreemptionNoCandidates", Requeue::PreemptionNoCandidates),
    ];

    /// Whether it may be head again at once.
    pub fn is_immediate(self, strategy: QueueingStrategy) -> bool {
        match strategy {
            QueueingStrategy::StrictFifo => self != Requeue::NamespaceMismatch,
            QueueingStrategy::BestEffortFifo => {
                matches!(self, Requeue::FailedAfterNomination | Requeue::PendingPreemption | Requeue::PreemptionFailed)
            }
        }
    }

    /// Whether a workload that goes back for this reason stays at the head of its queue.
    pub fn is_sticky(self, strategy: QueueingStrategy) -> bool {
        self == Requeue::PendingPreemption && strategy == QueueingStrategy::BestEffortFifo
    }
}

/// Whether a workload's back-off is over.
pub fn may_return(workload: &Workload, now: SimTime) -> bool {
    workload.requeued != Some(false) && workload.requeue_at.is_none_or(|at| at <= now)
}

/// A workload that waits.
#[derive(Clone, Debug)]
struct Pending {
    place: Place,
    progress: Option<Progress>,
    shape: u64,
}

/// Priority, instant, UID.
pub type Place = (Reverse<i64>, SimTime, Arc<str>, WorkloadId);

/// One ClusterQueue's.
#[derive(Clone, Debug, Default)]
struct Queue {
    heap: BTreeSet<Place>,
    parked: BTreeSet<WorkloadId>,
    pending: FxHashMap<WorkloadId, Pending>,
    blocked_shapes: FxHashSet<u64>,
    pops: u64,
    /// The number of pops when parked workloads were last woken.
    woken_at: Option<u64>,
    /// The last workload that issued preemptions.
    preemptor: Option<WorkloadId>,
}

/// A workload that is tried in a cycle.
#[derive(Clone, Debug)]
pub struct Head {
    pub workload: WorkloadId,
    pub queue: NodeId,
    pub progress: Option<Progress>,
    pub shape: u64,
    pub preemptor: bool,
}

/// The waiting workloads of each queue.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    queues: BTreeMap<NodeId, Queue>,
}

impl Queues {
    /// Puts a waiting workload into its ClusterQueue; nothing where its LocalQueue leads nowhere or it does not wait.
    pub fn add(&mut self, id: WorkloadId, workload: &Workload, cache: &Cache, options: &Options, now: SimTime) {
        let Some(local) = &workload.local_queue else { return };
        let Some(node) = cache.queue_of(local) else { return };
        if !workload.is_pending() || cache.local_queue_stop(local) != StopPolicy::None {
            return;
        }
        let strategy = cache.queue(node).strategy;
        let queue = self.queues.entry(node).or_default();
        let progress = queue.pending.remove(&id).and_then(|pending| {
            queue.heap.remove(&pending.place);
            pending.progress
        });
        queue.parked.remove(&id);
        let shape = shape_of(workload, options);
        let place = place_of(id, workload, options);
        queue.pending.insert(id, Pending { place: place.clone(), progress, shape });
        let is_blocked = strategy == QueueingStrategy::BestEffortFifo
            && options.gates.equivalence_hashing
            && queue.blocked_shapes.contains(&shape);
        if !may_return(workload, now) || is_blocked {
            queue.parked.insert(id);
        } else {
            queue.heap.insert(place);
        }
    }

    /// Forgets a workload: it was admitted, deleted or has ended.
    pub fn remove(&mut self, id: WorkloadId) {
        for queue in self.queues.values_mut() {
            if let Some(pending) = queue.pending.remove(&id) {
                queue.heap.remove(&pending.place);
                queue.parked.remove(&id);
            }
            if queue.preemptor == Some(id) {
                queue.preemptor = None;
            }
        }
    }

    /// As [`Queues::remove`], where its ClusterQueue is known.
    pub fn remove_from(&mut self, node: NodeId, id: WorkloadId) {
        let Some(queue) = self.queues.get_mut(&node) else { return };
        if let Some(pending) = queue.pending.remove(&id) {
            queue.heap.remove(&pending.place);
            queue.parked.remove(&id);
        }
        if queue.preemptor == Some(id) {
            queue.preemptor = None;
        }
    }

    /// The head of every active ClusterQueue, taken out of its heap.
    pub fn heads(&mut self, cache: &Cache) -> Vec<Head> {
        let mut heads = Vec::new();
        for (node, state) in cache.queues() {
            if state.inactive.is_some() {
                continue;
            }
            let Some(queue) = self.queues.get_mut(&node) else { continue };
            queue.pops += 1;
            let is_best_effort = state.strategy == QueueingStrategy::BestEffortFifo;
            let sticky = queue.preemptor.filter(|_| is_best_effort);
            let sticky = sticky.and_then(|id| queue.pending.get(&id)).map(|pending| pending.place.clone());
            let place = sticky.filter(|place| queue.heap.contains(place)).or_else(|| queue.heap.first().cloned());
            let Some(place) = place else { continue };
            queue.heap.remove(&place);
            let Some(pending) = queue.pending.remove(&place.3) else { continue };
            heads.push(Head {
                workload: place.3,
                queue: node,
                progress: pending.progress,
                shape: pending.shape,
                preemptor: queue.preemptor == Some(place.3),
            });
        }
        heads
    }

    /// Whether any active ClusterQueue has a head to give.
    pub fn has_heads(&self, cache: &Cache) -> bool {
        cache.queues().any(|(node, state)| {
            state.inactive.is_none() && self.queues.get(&node).is_some_and(|queue| !queue.heap.is_empty())
        })
    }

    /// Puts a head back, into the heap or among the parked.
    pub fn requeue(
        &mut self,
        head: Head,
        workload: &Workload,
        why: Requeue,
        cache: &Cache,
        options: &Options,
        now: SimTime,
    ) {
        let strategy = cache.queue(head.queue).strategy;
        let queue = self.queues.entry(head.queue).or_default();
        let id = head.workload;
        if why == Requeue::PendingPreemption {
            queue.preemptor = Some(id);
        }
        let flavors_left = head.progress.as_ref().is_some_and(Progress::has_flavors_left);
        let woken = queue.woken_at.is_some_and(|at| at >= queue.pops);
        let place = place_of(id, workload, options);
        queue.pending.insert(id, Pending { place: place.clone(), progress: head.progress, shape: head.shape });
        if may_return(workload, now) && (why.is_immediate(strategy) || woken || flavors_left) {
            queue.heap.insert(place);
            return;
        }
        queue.parked.insert(id);
        let hopeless = matches!(why, Requeue::NoFit | Requeue::PreemptionNoCandidates);
        if hopeless && options.gates.equivalence_hashing && strategy == QueueingStrategy::BestEffortFifo {
            queue.blocked_shapes.insert(head.shape);
            let alike: Vec<Place> =
                queue.heap.iter().filter(|place| queue.pending[&place.3].shape == head.shape).cloned().collect();
            for place in alike {
                queue.heap.remove(&place);
                queue.parked.insert(place.3);
            }
        }
    }

    /// Lets the parked of these ClusterQueues be tried again; returns how many.
    pub fn wake(&mut self, nodes: &[NodeId], workloads: &[Workload], cache: &Cache, now: SimTime) -> usize {
        let mut moved = 0;
        for node in nodes {
            let Some(queue) = self.queues.get_mut(node) else { continue };
            queue.woken_at = Some(queue.pops);
            queue.blocked_shapes.clear();
            let selector = &cache.queue(*node).namespace_selector;
            let may_move = |id: &WorkloadId| {
                let workload = &workloads[id.index()];
                let labels = cache.namespace(&workload.namespace);
                let matches = labels.zip(selector.as_ref()).is_some_and(|(labels, selector)| selector.matches(labels));
                matches && may_return(workload, now)
            };
            let awake: Vec<WorkloadId> = queue.parked.iter().copied().filter(may_move).collect();
            for id in awake {
                queue.parked.remove(&id);
                queue.heap.insert(queue.pending[&id].place.clone());
                moved += 1;
            }
        }
        moved
    }

    /// Workloads that may be tried, in order of their turn, by ClusterQueue.
    pub fn waiting(&self) -> impl Iterator<Item = (NodeId, WorkloadId)> + '_ {
        self.queues.iter().flat_map(|(node, queue)| queue.heap.iter().map(|place| (*node, place.3)))
    }

    pub fn parked(&self) -> impl Iterator<Item = (NodeId, WorkloadId)> + '_ {
        self.queues.iter().flat_map(|(node, queue)| queue.parked.iter().map(|id| (*node, *id)))
    }

    /// How many wait and how many are parked in a ClusterQueue.
    pub fn lengths(&self, node: NodeId) -> (usize, usize) {
        self.queues.get(&node).map_or((0, 0), |queue| (queue.heap.len(), queue.parked.len()))
    }
}

/// What a workload is ordered by in its queue, the first lowest.
pub fn place_of(id: WorkloadId, workload: &Workload, options: &Options) -> Place {
    (Reverse(workload.priority(options)), workload.order_time(options), Arc::clone(&workload.uid), id)
}

/// Workloads of one shape get the same answer of the scheduler.
pub fn shape_of(workload: &Workload, options: &Options) -> u64 {
    let mut hasher = FxHasher::default();
    workload.priority(options).hash(&mut hasher);
    for (set, requested) in workload.pod_sets.iter().zip(workload.requested(options)) {
        requested.hash(&mut hasher);
        set.min_count.hash(&mut hasher);
        set.topology.hash(&mut hasher);
        set.group.hash(&mut hasher);
        set.pod.hash(&mut hasher);
    }
    hasher.finish()
}
