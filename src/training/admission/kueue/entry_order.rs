//! In which order the heads of a cycle are dealt with.
//!
//! Kueue (0.20): `makeClassicalIterator` of `pkg/scheduler/scheduler.go`, `pkg/scheduler/fair_sharing_iterator.go`.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::amount::Amount;
use super::cache::Snapshot;
use super::names::Fr;
use super::objects::Options;
use super::share::Share;
use super::tree::NodeId;
use super::workload::{Workload, WorkloadId};

/// What of an entry decides its turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'w> {
    pub workload: &'w Workload,
    pub level: u32,
    /// Whether it issued preemptions before.
    pub preemptor: bool,
}

/// Those that hold quota, then by borrowing level, priority and age.
pub fn classic_order(a: Turn<'_>, b: Turn<'_>, options: &Options) -> Ordering {
    let holds = |turn: Turn<'_>| turn.workload.reserved.is_some();
    let preempts = |turn: Turn<'_>| options.gates.prioritize_preemptors && turn.preemptor;
    let priority =
        |turn: Turn<'_>| if options.gates.priority_sorting_within_cohort { turn.workload.priority(options) } else { 0 };
    let time = |turn: Turn<'_>| turn.workload.order_time(options);
    holds(b)
        .cmp(&holds(a))
        .then_with(|| preempts(b).cmp(&preempts(a)))
        .then_with(|| a.level.cmp(&b.level))
        .then_with(|| priority(b).cmp(&priority(a)))
        .then_with(|| time(a).cmp(&time(b)))
        .then_with(|| a.workload.uid.cmp(&b.workload.uid))
}

/// An entry of the tournament.
#[derive(Clone, Debug)]
pub struct Contender {
    /// The caller's index.
    pub entry: usize,
    pub queue: NodeId,
    pub workload: WorkloadId,
    pub usage: Vec<(Fr, Amount)>,
    pub preemptor: bool,
}

/// Fair sharing's next entry: from the leaves up each cohort elects one of its children's winners. `None` where none
/// is left. Upstream serves trees in no order; here in that of the ClusterQueues' names.
pub fn fair_next(snapshot: &mut Snapshot<'_>, left: &[Contender]) -> Option<usize> {
    let first = left.iter().min_by(|a, b| snapshot.queue(a.queue).name.cmp(&snapshot.queue(b.queue).name))?;
    if !snapshot.books.tree.has_parent(first.queue) {
        return Some(first.entry);
    }
    let root = snapshot.books.tree.root(first.queue);
    let mut shares: FxHashMap<(NodeId, WorkloadId), Share> = FxHashMap::default();
    let mut by_queue: FxHashMap<NodeId, &Contender> = FxHashMap::default();
    for contender in left {
        let queue = contender.queue;
        if snapshot.books.tree.root(queue) != root {
            continue;
        }
        by_queue.insert(queue, contender);
        snapshot.book(queue, &contender.usage);
        let mut share = snapshot.share(queue);
        for ancestor in snapshot.books.tree.ancestors(queue) {
            shares.insert((ancestor, contender.workload), share);
            share = snapshot.share(ancestor);
        }
        snapshot.unbook(queue, &contender.usage);
    }
    let tournament = Tournament { snapshot, shares: &shares, by_queue: &by_queue };
    tournament.winner(root).map(|winner| winner.entry)
}

struct Tournament<'t, 's> {
    snapshot: &'t Snapshot<'s>,
    shares: &'t FxHashMap<(NodeId, WorkloadId), Share>,
    by_queue: &'t FxHashMap<NodeId, &'t Contender>,
}

impl<'t> Tournament<'t, '_> {
    fn winner(&self, cohort: NodeId) -> Option<&'t Contender> {
        let node = self.snapshot.books.tree.node(cohort);
        let below = node.cohorts.iter().filter_map(|child| self.winner(*child));
        let own = node.queues.iter().filter_map(|queue| self.by_queue.get(queue).copied());
        below.chain(own).reduce(
            |best, next| {
                if self.compare(next, best, cohort) == Ordering::Less { next } else { best }
            },
        )
    }

    fn compare(&self, a: &Contender, b: &Contender, cohort: NodeId) -> Ordering {
        let options = self.snapshot.options;
        let share = |of: &Contender| &self.shares[&(cohort, of.workload)];
        let (mine, theirs) = (share(a), share(b));
        let preempts = |of: &Contender| options.gates.prioritize_preemptors && of.preemptor;
        let borrows =
            |of: &Contender, share: &Share| options.gates.prioritize_non_borrowing && share.borrows_any(&of.usage);
        let workload = |of: &Contender| self.snapshot.workload(of.workload);
        let priority = |of: &Contender| {
            if options.gates.priority_sorting_within_cohort { workload(of).priority(options) } else { 0 }
        };
        preempts(b)
            .cmp(&preempts(a))
            .then_with(|| borrows(a, mine).cmp(&borrows(b, theirs)))
            .then_with(|| mine.compare(theirs))
            .then_with(|| priority(b).cmp(&priority(a)))
            .then_with(|| workload(a).order_time(options).cmp(&workload(b).order_time(options)))
    }
}
