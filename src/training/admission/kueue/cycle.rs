//! One scheduling cycle: the heads of all ClusterQueues are judged on one snapshot, put in order, and admitted, made to
//! preempt, or sent back.
//!
//! Kueue (0.20): `pkg/scheduler/scheduler.go`.

use std::collections::BTreeSet;

use super::amount::Amount;
use super::cache::Snapshot;
use super::entry_order::{Contender, Turn, classic_order, fair_next};
use super::flavors::{Assigner, Assignment, Mode, Nominated, Progress};
use super::names::Fr;
use super::objects::{Policy, Waiting};
use super::partial::reduce;
use super::preemption::{Search, Target, simulate};
use super::queues::{Head, Requeue};
use super::tree::NodeId;
use super::workload::{CheckStatus, WorkloadId};
use crate::units::SimTime;

/// What a cycle decided for one head.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Its quota is reserved; `ready` where no check is open, so that it may start.
    Admitted { assignment: Box<Assignment>, ready: bool },
    /// It goes back to its queue.
    Back { why: Requeue, waiting: Waiting, message: String },
}

/// What a cycle decided about one head of a queue.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub head: Head,
    pub verdict: Verdict,
    /// Its targets, those under eviction before included.
    pub preempts: Vec<Target>,
}

/// What a cycle decided.
#[derive(Clone, Debug, Default)]
pub struct CycleResult {
    /// In the order in which the heads were dealt with.
    pub outcomes: Vec<Outcome>,
    /// How many preemptions were put off, by ClusterQueue.
    pub skipped: Vec<(NodeId, u32)>,
}

impl CycleResult {
    fn skip(&mut self, queue: NodeId) {
        match self.skipped.iter_mut().find(|(other, _)| *other == queue) {
            Some((_, count)) => *count += 1,
            None => self.skipped.push((queue, 1)),
        }
    }
}

/// When a cycle happens and what else decides it.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: SimTime,
    /// The number of the cycle.
    pub cycle: u64,
    /// Whether `waitForPodsReady` blocks admission now: some admitted workload is not ready.
    pub blocked: bool,
}

struct Entry {
    head: Head,
    assignment: Assignment,
    targets: Vec<Target>,
}

/// Judges the heads. The snapshot is left as the cycle booked it.
pub fn run(snapshot: &mut Snapshot<'_>, heads: Vec<Head>, moment: Moment) -> CycleResult {
    let mut result = CycleResult::default();
    let mut entries: Vec<Option<Entry>> = Vec::new();
    let mut refused = Vec::new();
    for head in heads {
        match why_not_nominated(snapshot, &head) {
            Some(verdict) => refused.push(Outcome { head, verdict, preempts: Vec::new() }),
            None => entries.push(Some(nominate(snapshot, head, moment, None))),
        }
    }
    let mut taken = Taken::default();
    if snapshot.options.fair_sharing.is_some() {
        let mut left: Vec<Contender> = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let entry = entry.as_ref()?;
                Some(Contender {
                    entry: index,
                    queue: entry.head.queue,
                    workload: entry.head.workload,
                    usage: entry.assignment.usage.clone(),
                    preemptor: entry.head.preemptor,
                })
            })
            .collect();
        while let Some(next) = fair_next(snapshot, &left) {
            left.retain(|contender| contender.entry != next);
            if let Some(entry) = entries[next].take() {
                process(snapshot, entry, moment, &mut taken, &mut result);
            }
        }
    } else {
        let mut sorted: Vec<Entry> = entries.into_iter().flatten().collect();
        sorted.sort_by(|a, b| {
            let turn = |entry: &Entry| Turn {
                workload: snapshot.workload(entry.head.workload),
                level: entry.assignment.level,
                preemptor: entry.head.preemptor,
            };
            classic_order(turn(a), turn(b), snapshot.options)
        });
        for entry in sorted {
            process(snapshot, entry, moment, &mut taken, &mut result);
        }
    }
    result.outcomes.extend(refused);
    result
}

fn back(why: Requeue, waiting: Waiting, message: impl Into<String>) -> Verdict {
    Verdict::Back { why, waiting, message: message.into() }
}

/// Why a head is not even looked at.
fn why_not_nominated(snapshot: &Snapshot<'_>, head: &Head) -> Option<Verdict> {
    let workload = snapshot.workload(head.workload);
    let failed = |status: CheckStatus| matches!(status, CheckStatus::Retry | CheckStatus::Rejected);
    if workload.checks.iter().any(|check| failed(check.status)) {
        return Some(back(Requeue::Generic, Waiting::PendingEvaluation, "its admission checks have failed"));
    }
    let queue = snapshot.queue(head.queue);
    if let Some(why) = &queue.inactive {
        let message = format!("ClusterQueue {} is inactive: {why}", queue.name);
        return Some(back(Requeue::Generic, Waiting::Suspended, message));
    }
    let Some(labels) = snapshot.cache.namespace(&workload.namespace) else {
        let message = format!("there is no namespace {}", workload.namespace);
        return Some(back(Requeue::Generic, Waiting::Misconfigured, message));
    };
    if !queue.namespace_selector.as_ref().is_some_and(|selector| selector.matches(labels)) {
        let message = format!("namespace {} is not one that ClusterQueue {} takes", workload.namespace, queue.name);
        return Some(back(Requeue::NamespaceMismatch, Waiting::Misconfigured, message));
    }
    let invalid = workload.pod_sets.iter().find_map(|set| set.pod.invalid.clone());
    invalid.map(|message| back(Requeue::Generic, Waiting::Misconfigured, message))
}

/// Whether the progress of an earlier cycle says nothing any more.
fn is_outdated(snapshot: &Snapshot<'_>, head: &Head, progress: &Progress, moment: Moment) -> bool {
    if snapshot.options.gates.preserve_scan_progress {
        if progress.shape != head.shape {
            return true;
        }
        if moment.cycle.saturating_sub(progress.cycle) <= 1 {
            return false;
        }
    }
    snapshot.queue(head.queue).generation > progress.generation
}

/// Flavors and targets for a head, at full size or the largest smaller one that can be had.
fn nominate(snapshot: &mut Snapshot<'_>, mut head: Head, moment: Moment, nominated: Option<&Nominated>) -> Entry {
    let (id, queue) = (head.workload, head.queue);
    let workload = snapshot.workload(id);
    let requested = workload.requested(snapshot.options);
    let progress = head.progress.take().filter(|progress| !is_outdated(snapshot, &head, progress, moment));
    let assigner = Assigner { workload, queue, requested: &requested, progress: progress.as_ref(), nominated };
    let mut oracle =
        |snapshot: &mut Snapshot<'_>, pair: Fr, amount: Amount| simulate(snapshot, id, queue, pair, amount, moment.now);
    let full = assigner.assign(snapshot, None, &mut oracle);
    let targets_of = |snapshot: &mut Snapshot<'_>, assignment: &Assignment| -> Vec<Target> {
        let search = Search::for_assignment(snapshot, id, queue, assignment, moment.now);
        search.targets(snapshot)
    };
    let mut found = match full.mode() {
        Mode::Fit => Some((full.clone(), Vec::new())),
        Mode::Preempt => Some(targets_of(snapshot, &full))
            .filter(|targets| !targets.is_empty())
            .map(|targets| (full.clone(), targets)),
        _ => None,
    };
    if found.is_none() && snapshot.options.gates.partial_admission && workload.can_shrink() {
        let counts: Vec<i32> = workload.pod_sets.iter().map(|set| set.count).collect();
        let spare: Vec<i32> =
            workload.pod_sets.iter().map(|set| (set.count - set.min_count.unwrap_or(set.count)).max(0)).collect();
        found = reduce(&counts, &spare, |counts| {
            let assignment = assigner.assign(snapshot, Some(counts), &mut oracle);
            let targets = match assignment.mode() {
                Mode::Fit => Vec::new(),
                Mode::Preempt => Some(targets_of(snapshot, &assignment)).filter(|targets| !targets.is_empty())?,
                _ => return None,
            };
            Some((assignment, targets))
        });
    }
    let (assignment, targets) = found.unwrap_or((full, Vec::new()));
    head.progress = Some(Progress {
        tried: assignment.tried(),
        generation: snapshot.queue(queue).generation,
        cycle: moment.cycle,
        shape: head.shape,
    });
    Entry { head, assignment, targets }
}

/// Targets that were chosen earlier in the cycle.
#[derive(Default)]
struct Taken(BTreeSet<WorkloadId>);

impl Taken {
    fn meets(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.0.contains(&target.workload))
    }
}

/// Whether the entry fits once all that was taken, and its own targets, are gone.
fn fits(snapshot: &mut Snapshot<'_>, entry: &Entry, taken: &Taken) -> bool {
    let gone: BTreeSet<WorkloadId> =
        taken.0.iter().copied().chain(entry.targets.iter().map(|target| target.workload)).collect();
    gone.iter().for_each(|id| snapshot.remove_usage(*id));
    let fits = snapshot.has_room(entry.head.queue, &entry.assignment.usage);
    gone.iter().for_each(|id| snapshot.add_usage(*id));
    fits
}

fn process(snapshot: &mut Snapshot<'_>, mut entry: Entry, moment: Moment, taken: &mut Taken, result: &mut CycleResult) {
    let queue = entry.head.queue;
    let names = &snapshot.cache.names;
    if snapshot.options.gates.recompute_on_overlap && taken.meets(&entry.targets) {
        entry = nominate_again(snapshot, entry, moment, taken);
    }
    let fits = fits(snapshot, &entry, taken);
    let mode = entry.assignment.mode();
    let message = entry.assignment.message(names);
    let mut finish = |head: Head, verdict: Verdict, preempts: Vec<Target>| {
        result.outcomes.push(Outcome { head, verdict, preempts });
    };
    match mode {
        Mode::NoFit => {
            let waiting = entry.assignment.waiting;
            return finish(entry.head, back(Requeue::NoFit, waiting, message), Vec::new());
        }
        Mode::Preempt if entry.targets.is_empty() => {
            let preemption = snapshot.queue(queue).preemption;
            let preempts_first = snapshot.options.gates.prioritize_preemptors && entry.head.preemptor;
            if preemption.reclaim_within_cohort != Policy::Any || preempts_first {
                let reserved = to_reserve(snapshot, queue, &entry.assignment);
                snapshot.book(queue, &reserved);
            }
            let why = Requeue::PreemptionNoCandidates;
            return finish(entry.head, back(why, Waiting::WaitingForQuota, message), Vec::new());
        }
        Mode::DeferredFit => {
            snapshot.book(queue, &entry.assignment.usage);
            entry.head.progress = None;
            let message = "it fits once preemptions that another workload issued have ended";
            let verdict = back(Requeue::PendingPreemption, Waiting::WaitingForPreemptedWorkloads, message);
            return finish(entry.head, verdict, Vec::new());
        }
        Mode::Preempt | Mode::Fit => {}
    }
    let overlaps = taken.meets(&entry.targets);
    if overlaps || !fits {
        if !snapshot.options.gates.preserve_scan_progress {
            entry.head.progress = None;
        }
        let message = if overlaps {
            "it would preempt a workload that another one preempts already"
        } else {
            "it no longer fits after another workload was dealt with"
        };
        finish(entry.head, back(Requeue::FailedAfterNomination, Waiting::WaitingForQuota, message), Vec::new());
        if overlaps || mode == Mode::Preempt {
            result.skip(queue);
        }
        return;
    }
    taken.0.extend(entry.targets.iter().map(|target| target.workload));
    snapshot.book(queue, &entry.assignment.usage);
    if mode == Mode::Preempt {
        entry.head.progress = None;
        let message = format!("{message}; waits for {} preempted workloads to end", entry.targets.len());
        let verdict = back(Requeue::PendingPreemption, Waiting::WaitingForPreemptedWorkloads, message);
        return finish(entry.head, verdict, entry.targets);
    }
    if moment.blocked {
        let message = "admitted workloads are not ready yet";
        let verdict = back(Requeue::FailedAfterNomination, Waiting::WaitingForPodsReady, message);
        return finish(entry.head, verdict, Vec::new());
    }
    let ready = has_all_required(snapshot, &entry);
    finish(entry.head, Verdict::Admitted { assignment: Box::new(entry.assignment), ready }, Vec::new());
}

fn has_all_required(snapshot: &Snapshot<'_>, entry: &Entry) -> bool {
    let flavors = entry.assignment.pod_sets.iter().flat_map(|set| set.flavors.values().map(|flavor| flavor.flavor));
    let flavors: Vec<_> = flavors.collect();
    super::checks::are_all_ready(
        &super::checks::required(snapshot.queue(entry.head.queue), &flavors, &snapshot.cache.names),
        &snapshot.workload(entry.head.workload).checks,
    )
}

/// Its targets are another's already: what is left for it once those are gone, in the flavors that it was nominated
/// with.
fn nominate_again(snapshot: &mut Snapshot<'_>, entry: Entry, moment: Moment, taken: &Taken) -> Entry {
    let nominated: Nominated = entry
        .assignment
        .pod_sets
        .iter()
        .map(|set| (set.name.clone(), set.flavors.iter().map(|(id, flavor)| (*id, flavor.flavor)).collect()))
        .collect();
    let head = Head { progress: None, ..entry.head };
    taken.0.iter().for_each(|id| snapshot.remove(*id));
    let mut again = nominate(snapshot, head, moment, Some(&nominated));
    taken.0.iter().for_each(|id| snapshot.put_back(*id));
    if again.assignment.mode() == Mode::Fit {
        again.assignment.decided = Some(Mode::DeferredFit);
    }
    again
}

/// What a workload without targets keeps from others, so that they do not take what it waits for.
pub fn to_reserve(snapshot: &Snapshot<'_>, queue: NodeId, assignment: &Assignment) -> Vec<(Fr, Amount)> {
    reserve(snapshot, queue, assignment.mode(), assignment.level, &assignment.usage)
}

/// As [`to_reserve`], from its parts.
pub fn reserve(
    snapshot: &Snapshot<'_>,
    queue: NodeId,
    mode: Mode,
    level: u32,
    usage: &[(Fr, Amount)],
) -> Vec<(Fr, Amount)> {
    if mode != Mode::Preempt {
        return usage.to_vec();
    }
    let of = |pair: Fr, amount: Amount| {
        let quota = snapshot.books.tree.quota(queue, pair);
        let used = snapshot.books.used(queue, pair);
        match (level, quota.borrowing_limit) {
            (0, _) => amount.min(quota.nominal - used).above_zero(),
            (_, Some(limit)) => amount.min(quota.nominal + limit - used),
            (_, None) => amount,
        }
    };
    usage.iter().map(|(pair, amount)| (*pair, of(*pair, *amount))).collect()
}
