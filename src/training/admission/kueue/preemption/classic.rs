//! Preemption without fair sharing: quota that was lent out is reclaimed, lower priorities give way.
//!
//! Kueue (0.20): `pkg/scheduler/preemption/classical/`, `classicalPreemptions` of `preemption.go`.

use super::super::cache::Snapshot;
use super::super::objects::{Policy, PreemptionReason};
use super::super::tree::NodeId;
use super::super::workload::WorkloadId;
use super::{Search, Target, may_preempt, restore, sort_candidates, uses_any};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Own,
    /// The preemptor stands nearer to the quota.
    Hierarchical,
    OnlyWithoutBorrowing,
    AlsoWhileBorrowing,
}

impl Kind {
    fn reason(self) -> PreemptionReason {
        match self {
            Kind::Own => PreemptionReason::InClusterQueue,
            Kind::Hierarchical | Kind::OnlyWithoutBorrowing => PreemptionReason::InCohortReclamation,
            Kind::AlsoWhileBorrowing => PreemptionReason::InCohortReclaimWhileBorrowing,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    workload: WorkloadId,
    kind: Kind,
    /// The nearest common ancestor of both ClusterQueues.
    ancestor: Option<NodeId>,
}

pub(super) fn targets(search: &Search, snapshot: &mut Snapshot<'_>) -> Vec<Target> {
    let own = own_candidates(search, snapshot);
    let (hierarchical, by_priority) = foreign_candidates(search, snapshot);
    let preemption = snapshot.queue(search.queue).preemption;
    let no_borrowing_within = preemption.borrow_within_cohort.is_none();
    let under_nominal = search
        .contested
        .iter()
        .all(|pair| snapshot.books.tree.quota(search.queue, *pair).nominal > snapshot.books.used(search.queue, *pair));
    let attempts: &[bool] =
        if (hierarchical.is_empty() && by_priority.is_empty()) || (no_borrowing_within && !under_nominal) {
            &[true]
        } else if no_borrowing_within && hierarchical.is_empty() {
            &[false, true]
        } else {
            &[true, false]
        };
    let sequence = in_sequence(search, snapshot, [hierarchical, by_priority, own]);
    for may_borrow in attempts {
        let mut targets = Vec::new();
        for candidate in &sequence {
            if !is_valid(search, snapshot, candidate, *may_borrow) {
                continue;
            }
            snapshot.remove(candidate.workload);
            targets.push(Target { workload: candidate.workload, reason: candidate.kind.reason() });
            if search.fits(snapshot, *may_borrow) {
                return search.give_back(snapshot, targets, *may_borrow);
            }
        }
        restore(snapshot, &targets);
    }
    Vec::new()
}

/// Each list in order, those on their way out before all others.
fn in_sequence(search: &Search, snapshot: &Snapshot<'_>, lists: [Vec<Candidate>; 3]) -> Vec<Candidate> {
    let (mut evicted, mut rest) = (Vec::new(), Vec::new());
    for list in lists {
        let mut ids: Vec<WorkloadId> = list.iter().map(|candidate| candidate.workload).collect();
        sort_candidates(snapshot, &mut ids, search.queue, search.now);
        for id in ids {
            let candidate = list.iter().find(|candidate| candidate.workload == id);
            let to = if snapshot.workload(id).is_evicted() { &mut evicted } else { &mut rest };
            to.extend(candidate.copied());
        }
    }
    evicted.append(&mut rest);
    evicted
}

/// Earlier preemptions may have made a candidate's ClusterQueue one that borrows no more.
fn is_valid(search: &Search, snapshot: &Snapshot<'_>, candidate: &Candidate, may_borrow: bool) -> bool {
    let queue = snapshot.holder(candidate.workload).queue;
    if queue == search.queue {
        return true;
    }
    if may_borrow && candidate.kind == Kind::OnlyWithoutBorrowing {
        return false;
    }
    let cohorts = snapshot.books.tree.ancestors(queue).take_while(|cohort| Some(*cohort) != candidate.ancestor);
    !std::iter::once(queue).chain(cohorts).any(|node| snapshot.books.within_nominal(node, &search.contested))
}

fn own_candidates(search: &Search, snapshot: &Snapshot<'_>) -> Vec<Candidate> {
    if snapshot.queue(search.queue).preemption.within_cluster_queue == Policy::Never {
        return Vec::new();
    }
    candidates_of(search, snapshot, search.queue, None, false)
}

fn candidates_of(
    search: &Search,
    snapshot: &Snapshot<'_>,
    queue: NodeId,
    ancestor: Option<NodeId>,
    advantage: bool,
) -> Vec<Candidate> {
    let members = snapshot.members(queue);
    members
        .filter_map(|workload| {
            let kind = kind_of(search, snapshot, workload, queue, advantage)?;
            Some(Candidate { workload, kind, ancestor })
        })
        .collect()
}

fn kind_of(search: &Search, snapshot: &Snapshot<'_>, id: WorkloadId, queue: NodeId, advantage: bool) -> Option<Kind> {
    if !uses_any(snapshot, id, &search.contested) {
        return None;
    }
    let preemption = snapshot.queue(search.queue).preemption;
    let is_own = queue == search.queue;
    let policy = if is_own { preemption.within_cluster_queue } else { preemption.reclaim_within_cohort };
    let (preemptor, candidate) = (snapshot.workload(search.preemptor), snapshot.workload(id));
    if !may_preempt(preemptor, candidate, policy, snapshot.options) {
        return None;
    }
    if is_own {
        return Some(Kind::Own);
    }
    if advantage {
        return Some(Kind::Hierarchical);
    }
    let Some(borrowing) = preemption.borrow_within_cohort else { return Some(Kind::OnlyWithoutBorrowing) };
    let (mine, theirs) = (preemptor.priority(snapshot.options), candidate.priority(snapshot.options));
    let is_above = borrowing.max_priority_threshold.is_some_and(|most| theirs > i64::from(most));
    Some(if theirs >= mine || is_above { Kind::OnlyWithoutBorrowing } else { Kind::AlsoWhileBorrowing })
}

/// Those over whom the preemptor has an advantage by its place in the tree, and those over whom it has none.
fn foreign_candidates(search: &Search, snapshot: &Snapshot<'_>) -> (Vec<Candidate>, Vec<Candidate>) {
    let (mut hierarchical, mut by_priority) = (Vec::new(), Vec::new());
    if snapshot.queue(search.queue).preemption.reclaim_within_cohort == Policy::Never {
        return (hierarchical, by_priority);
    }
    let books = &snapshot.books;
    let (mut advantage, mut rest) = books.fit_in_own(search.queue, &search.request);
    let mut done = None;
    for cohort in books.tree.ancestors(search.queue) {
        let list = if advantage { &mut hierarchical } else { &mut by_priority };
        collect(search, snapshot, cohort, cohort, done, advantage, list);
        let (fits, next) = books.fit_in_own(cohort, &rest);
        advantage |= fits;
        rest = next;
        done = Some(cohort);
    }
    (hierarchical, by_priority)
}

/// Candidates below `cohort` where more is used than there is of their own.
fn collect(
    search: &Search,
    snapshot: &Snapshot<'_>,
    cohort: NodeId,
    ancestor: NodeId,
    done: Option<NodeId>,
    advantage: bool,
    list: &mut Vec<Candidate>,
) {
    let node = snapshot.books.tree.node(cohort);
    for child in &node.cohorts {
        if Some(*child) != done && !snapshot.books.within_nominal(*child, &search.contested) {
            collect(search, snapshot, *child, ancestor, done, advantage, list);
        }
    }
    for queue in &node.queues {
        if *queue != search.queue && !snapshot.books.within_nominal(*queue, &search.contested) {
            list.extend(candidates_of(search, snapshot, *queue, Some(ancestor), advantage));
        }
    }
}
