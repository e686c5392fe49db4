//! From which ClusterQueue fair sharing preempts next: down the tree by the highest share.
//!
//! Kueue (0.20): `pkg/scheduler/preemption/fairsharing/ordering.go`, `target.go`, `least_common_ancestor.go`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashSet;

use super::super::cache::Snapshot;
use super::super::share::Share;
use super::super::tree::NodeId;
use super::super::workload::WorkloadId;
use super::candidate_order;
use crate::units::SimTime;

/// Candidates by ClusterQueue, and what was dropped for good.
pub struct TargetOrder {
    own: NodeId,
    on_the_way: FxHashSet<NodeId>,
    candidates: BTreeMap<NodeId, VecDeque<WorkloadId>>,
    dropped: FxHashSet<NodeId>,
    now: SimTime,
}

impl TargetOrder {
    /// `candidates` in candidate order, each with its ClusterQueue.
    pub fn new(snapshot: &Snapshot<'_>, own: NodeId, candidates: &[WorkloadId], now: SimTime) -> TargetOrder {
        let mut by_queue: BTreeMap<NodeId, VecDeque<WorkloadId>> = BTreeMap::new();
        for id in candidates {
            by_queue.entry(snapshot.holder(*id).queue).or_default().push_back(*id);
        }
        let on_the_way = snapshot.books.tree.ancestors(own).collect();
        TargetOrder { own, on_the_way, candidates: by_queue, dropped: FxHashSet::default(), now }
    }

    /// The next ClusterQueue; `None` at the end. Between two calls a candidate is taken or the ClusterQueue dropped.
    pub fn next(&mut self, snapshot: &Snapshot<'_>) -> Option<NodeId> {
        let tree = &snapshot.books.tree;
        if !tree.has_parent(self.own) {
            return (!self.dropped.contains(&self.own) && self.has(self.own)).then_some(self.own);
        }
        let root = tree.root(self.own);
        while !self.dropped.contains(&root) {
            if let Some(queue) = self.below(snapshot, root) {
                return Some(queue);
            }
        }
        None
    }

    fn has(&self, queue: NodeId) -> bool {
        self.candidates.get(&queue).is_some_and(|left| !left.is_empty())
    }

    pub fn take(&mut self, queue: NodeId) -> Option<WorkloadId> {
        self.candidates.get_mut(&queue)?.pop_front()
    }

    pub fn drop(&mut self, queue: NodeId) {
        self.dropped.insert(queue);
    }

    fn first(&self, queue: NodeId) -> Option<WorkloadId> {
        self.candidates.get(&queue)?.front().copied()
    }

    fn below(&mut self, snapshot: &Snapshot<'_>, cohort: NodeId) -> Option<NodeId> {
        let tree = &snapshot.books.tree;
        let mut best_queue: Option<NodeId> = None;
        let mut best_queue_share = Share::lowest();
        for queue in &tree.node(cohort).queues {
            if self.dropped.contains(queue) {
                continue;
            }
            let share = snapshot.share(*queue);
            if (!share.borrows && *queue != self.own) || !self.has(*queue) {
                self.dropped.insert(*queue);
                continue;
            }
            let is_better = match share.compare(&best_queue_share) {
                Ordering::Greater => true,
                Ordering::Equal => best_queue.is_some_and(|best| self.comes_before(snapshot, *queue, best)),
                Ordering::Less => false,
            };
            if is_better {
                (best_queue, best_queue_share) = (Some(*queue), share);
            }
        }
        let mut best_cohort: Option<NodeId> = None;
        let mut best_cohort_share = Share::lowest();
        for child in &tree.node(cohort).cohorts {
            if self.dropped.contains(child) {
                continue;
            }
            let share = snapshot.share(*child);
            if !share.borrows && !self.on_the_way.contains(child) {
                self.dropped.insert(*child);
            } else if share.compare(&best_cohort_share) != Ordering::Less {
                (best_cohort, best_cohort_share) = (Some(*child), share);
            }
        }
        match (best_cohort, best_queue) {
            (None, None) => {
                self.dropped.insert(cohort);
                None
            }
            // A cohort wins a tie: within it the most unfair child can be chosen.
            (Some(child), _) if best_cohort_share.compare(&best_queue_share) != Ordering::Less => {
                self.below(snapshot, child)
            }
            (_, queue) => queue,
        }
    }

    fn comes_before(&self, snapshot: &Snapshot<'_>, queue: NodeId, other: NodeId) -> bool {
        let (Some(mine), Some(theirs)) = (self.first(queue), self.first(other)) else { return false };
        let name = |queue: NodeId| &*snapshot.queue(queue).name;
        let a = (snapshot.workload(mine), name(queue));
        let b = (snapshot.workload(theirs), name(other));
        candidate_order(a, b, name(self.own), self.now, snapshot.options) == Ordering::Less
    }

    /// The shares that are compared: of the children of the nearest common ancestor on the preemptor's way and on the
    /// target's.
    pub fn shares(&self, snapshot: &Snapshot<'_>, target: NodeId) -> (Share, Share) {
        let tree = &snapshot.books.tree;
        let ancestor = tree.ancestors(target).find(|cohort| self.on_the_way.contains(cohort));
        let child_on_way = |queue: NodeId| {
            let way = std::iter::once(queue).chain(tree.ancestors(queue));
            way.take_while(|node| Some(*node) != ancestor).last().unwrap_or(queue)
        };
        (snapshot.share(child_on_way(self.own)), snapshot.share(child_on_way(target)))
    }
}
