//! Preemption with fair sharing: from those who borrow most, as long as the preemptor borrows no more.
//!
//! Kueue (0.20): `fairPreemptions` of `pkg/scheduler/preemption/preemption.go`, `fairsharing/strategy.go`.

use std::cmp::Ordering;

use super::super::cache::Snapshot;
use super::super::objects::{Policy, PreemptionReason, Strategy};
use super::super::share::Share;
use super::super::tree::NodeId;
use super::super::workload::WorkloadId;
use super::fair_order::TargetOrder;
use super::{Search, Target, may_preempt, restore, sort_candidates, uses_any};

fn passes(strategy: Strategy, mine: &Share, before: &Share, after: &Share) -> bool {
    match strategy {
        Strategy::LessThanOrEqualToFinalShare => mine.compare(after) != Ordering::Greater,
        Strategy::LessThanInitialShare => mine.compare(before) == Ordering::Less,
    }
}

pub(super) fn targets(search: &Search, snapshot: &mut Snapshot<'_>, strategies: &[Strategy]) -> Vec<Target> {
    let mut candidates = candidates(search, snapshot);
    if candidates.is_empty() {
        return Vec::new();
    }
    sort_candidates(snapshot, &mut candidates, search.queue, search.now);
    // Shares are those with the incoming workload.
    snapshot.book(search.queue, &search.request);
    let first = strategies.first().copied().unwrap_or(Strategy::LessThanOrEqualToFinalShare);
    let mut run = Run { search, targets: Vec::new(), kept: Vec::new() };
    let mut fits = run.first_pass(snapshot, &candidates, first);
    if !fits && strategies.len() > 1 {
        fits = run.second_pass(snapshot);
    }
    snapshot.unbook(search.queue, &search.request);
    if !fits {
        restore(snapshot, &run.targets);
        return Vec::new();
    }
    search.give_back(snapshot, run.targets, true)
}

fn candidates(search: &Search, snapshot: &Snapshot<'_>) -> Vec<WorkloadId> {
    let preemption = snapshot.queue(search.queue).preemption;
    let preemptor = snapshot.workload(search.preemptor);
    let of = |queue: NodeId, policy: Policy| -> Vec<WorkloadId> {
        let may = |id: &WorkloadId| {
            may_preempt(preemptor, snapshot.workload(*id), policy, snapshot.options)
                && uses_any(snapshot, *id, &search.contested)
        };
        snapshot.members(queue).filter(may).collect()
    };
    let mut found = of(search.queue, preemption.within_cluster_queue);
    let tree = &snapshot.books.tree;
    if tree.has_parent(search.queue) && preemption.reclaim_within_cohort != Policy::Never {
        for queue in tree.queues_below(tree.root(search.queue)) {
            if queue != search.queue && !snapshot.books.within_nominal(queue, &search.contested) {
                found.extend(of(queue, preemption.reclaim_within_cohort));
            }
        }
    }
    found
}

struct Run<'s> {
    search: &'s Search,
    targets: Vec<Target>,
    /// Who failed the first strategy.
    kept: Vec<WorkloadId>,
}

impl Run<'_> {
    /// Takes a workload; true if the preemptor fits now.
    fn take(&mut self, snapshot: &mut Snapshot<'_>, workload: WorkloadId, reason: PreemptionReason) -> bool {
        snapshot.remove(workload);
        self.targets.push(Target { workload, reason });
        // Its own usage is booked for the shares' sake and set aside here.
        snapshot.unbook(self.search.queue, &self.search.request);
        let fits = self.search.fits(snapshot, true);
        snapshot.book(self.search.queue, &self.search.request);
        fits
    }

    fn first_pass(&mut self, snapshot: &mut Snapshot<'_>, candidates: &[WorkloadId], strategy: Strategy) -> bool {
        let own = self.search.queue;
        let mut order = TargetOrder::new(snapshot, own, candidates, self.search.now);
        // A ClusterQueue that stays within its own quota may have it, whatever the shares.
        let within_nominal =
            snapshot.options.gates.preempt_within_nominal && snapshot.books.within_nominal(own, &self.search.contested);
        while let Some(queue) = order.next(snapshot) {
            if queue == own || within_nominal {
                let reason =
                    if queue == own { PreemptionReason::InClusterQueue } else { PreemptionReason::InCohortReclamation };
                let Some(workload) = order.take(queue) else { continue };
                if self.take(snapshot, workload, reason) {
                    return true;
                }
                continue;
            }
            let (mine, before) = order.shares(snapshot, queue);
            while let Some(workload) = order.take(queue) {
                snapshot.remove_usage(workload);
                let (_, after) = order.shares(snapshot, queue);
                snapshot.add_usage(workload);
                if !passes(strategy, &mine, &before, &after) {
                    self.kept.push(workload);
                    continue;
                }
                if self.take(snapshot, workload, PreemptionReason::InCohortFairSharing) {
                    return true;
                }
                break;
            }
        }
        false
    }

    fn second_pass(&mut self, snapshot: &mut Snapshot<'_>) -> bool {
        let kept = std::mem::take(&mut self.kept);
        let mut order = TargetOrder::new(snapshot, self.search.queue, &kept, self.search.now);
        while let Some(queue) = order.next(snapshot) {
            let (mine, before) = order.shares(snapshot, queue);
            let Some(workload) = order.take(queue) else { continue };
            if passes(Strategy::LessThanInitialShare, &mine, &before, &before)
                && self.take(snapshot, workload, PreemptionReason::InCohortFairSharing)
            {
                return true;
            }
            order.drop(queue);
        }
        false
    }
}
