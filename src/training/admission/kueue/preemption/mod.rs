//! Whom a workload preempts: the search for targets, classic and with fair sharing.
//!
//! Kueue (0.20): `pkg/scheduler/preemption/preemption.go`, `preemption_oracle.go`, `common/`.

pub mod classic;
pub mod fair;
pub mod fair_order;

use std::cmp::Ordering;

use super::amount::Amount;
use super::cache::Snapshot;
use super::flavors::{Assignment, Possibility};
use super::names::Fr;
use super::objects::{Options, Policy, PreemptionReason};
use super::tree::NodeId;
use super::workload::{Workload, WorkloadId};
use crate::units::SimTime;

/// A workload to be told to give its quota back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub workload: WorkloadId,
    pub reason: PreemptionReason,
}

/// Who asks for room, and for how much.
#[derive(Clone, Debug)]
pub struct Search {
    pub preemptor: WorkloadId,
    pub queue: NodeId,
    pub request: Vec<(Fr, Amount)>,
    /// Pairs of which some must be freed.
    pub contested: Vec<Fr>,
    pub now: SimTime,
}

impl Search {
    /// The room that an assignment needs.
    pub fn for_assignment(
        snapshot: &Snapshot<'_>,
        preemptor: WorkloadId,
        queue: NodeId,
        assignment: &Assignment,
        now: SimTime,
    ) -> Search {
        let names = &snapshot.cache.names;
        Search { preemptor, queue, request: assignment.requests(names), contested: assignment.contested(names), now }
    }

    /// The workloads to preempt, so that the preemptor fits; none where that is not to be had. The snapshot is as
    /// before afterwards.
    pub fn targets(&self, snapshot: &mut Snapshot<'_>) -> Vec<Target> {
        match snapshot.options.fair_sharing.as_deref() {
            Some(strategies) => fair::targets(self, snapshot, strategies),
            None => classic::targets(self, snapshot),
        }
    }

    /// Whether the request fits as the snapshot stands.
    pub(super) fn fits(&self, snapshot: &Snapshot<'_>, may_borrow: bool) -> bool {
        self.request.iter().all(|(pair, amount)| {
            (may_borrow || !snapshot.books.borrows_with(self.queue, *pair, *amount))
                && *amount <= snapshot.books.available(self.queue, *pair)
        })
    }

    /// Spares whom it can, from the second last target backwards; targets are away from the snapshot before, and back
    /// in it afterwards.
    pub(super) fn give_back(
        &self,
        snapshot: &mut Snapshot<'_>,
        mut targets: Vec<Target>,
        may_borrow: bool,
    ) -> Vec<Target> {
        for index in (0..targets.len().saturating_sub(1)).rev() {
            snapshot.put_back(targets[index].workload);
            if self.fits(snapshot, may_borrow) {
                targets.swap_remove(index);
            } else {
                snapshot.remove(targets[index].workload);
            }
        }
        restore(snapshot, &targets);
        targets
    }
}

pub(super) fn restore(snapshot: &mut Snapshot<'_>, targets: &[Target]) {
    for target in targets {
        snapshot.put_back(target.workload);
    }
}

/// What preemption could do for one pair by itself, and from how far up the quota would then come.
pub fn simulate(
    snapshot: &mut Snapshot<'_>,
    preemptor: WorkloadId,
    queue: NodeId,
    pair: Fr,
    amount: Amount,
    now: SimTime,
) -> (Possibility, u32) {
    let search = Search { preemptor, queue, request: vec![(pair, amount)], contested: vec![pair], now };
    let targets = search.targets(snapshot);
    if targets.is_empty() {
        return (Possibility::NoCandidates, snapshot.books.borrowing_level(queue, pair, amount).0);
    }
    for target in &targets {
        snapshot.remove_usage(target.workload);
    }
    let (level, _) = snapshot.books.borrowing_level(queue, pair, amount);
    for target in &targets {
        snapshot.add_usage(target.workload);
    }
    let own = targets.iter().any(|target| snapshot.holder(target.workload).queue == queue);
    (if own { Possibility::Preempt } else { Possibility::Reclaim }, level)
}

/// Whether a policy lets `preemptor` preempt `candidate`.
pub fn may_preempt(preemptor: &Workload, candidate: &Workload, policy: Policy, options: &Options) -> bool {
    let (mine, theirs) = (preemptor.priority(options), candidate.priority(options));
    match policy {
        Policy::Never => false,
        Policy::LowerPriority => mine > theirs,
        Policy::LowerOrNewerEqualPriority => {
            let newer = mine == theirs && preemptor.order_time(options) < candidate.order_time(options);
            mine > theirs || newer
        }
        Policy::Any => true,
    }
}

/// Who is preempted first: whoever is on the way out, then of other ClusterQueues, then of low priority, then whoever
/// got its quota last.
pub fn candidate_order(
    (a, a_queue): (&Workload, &str),
    (b, b_queue): (&Workload, &str),
    own: &str,
    now: SimTime,
    options: &Options,
) -> Ordering {
    let since = |workload: &Workload| workload.reserved.unwrap_or(now);
    b.is_evicted()
        .cmp(&a.is_evicted())
        .then_with(|| (a_queue == own).cmp(&(b_queue == own)))
        .then_with(|| a.priority(options).cmp(&b.priority(options)))
        .then_with(|| since(b).cmp(&since(a)))
        .then_with(|| a.uid.cmp(&b.uid))
}

pub(super) fn sort_candidates(snapshot: &Snapshot<'_>, candidates: &mut [WorkloadId], own: NodeId, now: SimTime) {
    let name = |id: WorkloadId| &*snapshot.queue(snapshot.holder(id).queue).name;
    let own = &*snapshot.queue(own).name;
    let workload = |id: WorkloadId| snapshot.workload(id);
    candidates.sort_by(|a, b| {
        candidate_order((workload(*a), name(*a)), (workload(*b), name(*b)), own, now, snapshot.options)
    });
}

pub(super) fn uses_any(snapshot: &Snapshot<'_>, id: WorkloadId, pairs: &[Fr]) -> bool {
    snapshot.holder(id).touches.iter().any(|pair| pairs.contains(pair))
}
