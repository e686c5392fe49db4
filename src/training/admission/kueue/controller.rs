//! Kueue's own state from cycle to cycle: who waits, who holds quota, and what an eviction or an end sets off.
//!
//! Kueue (0.20): `pkg/controller/core/workload_controller.go`, `pkg/controller/jobframework/reconciler.go`,
//! `pkg/workload/evict`.

use super::cache::{Cache, Snapshot};
use super::checks;
use super::cycle::{Moment, Verdict, run};
use super::flavors::Assignment;
use super::names::FlavorId;
use super::objects::{Mark, Options, PreemptionReason, Waiting};
use super::pods_ready::WaitForPodsReady;
use super::queues::Queues;
use super::tree::NodeId;
use super::workload::{Admission, CheckState, CheckStatus, Eviction, PodSetAdmission, Workload, WorkloadId};
use crate::units::SimTime;

/// What came of a cycle.
#[derive(Clone, Debug, Default)]
pub struct CycleReport {
    /// How many heads there were.
    pub heads: usize,
    /// Who got quota, and whether it may start at once.
    pub admitted: Vec<(WorkloadId, bool)>,
    /// Victims newly marked, why, and for whom.
    pub preempted: Vec<(WorkloadId, PreemptionReason, WorkloadId)>,
    /// Heads that went back, why they wait, and in words.
    pub waiting: Vec<(WorkloadId, Waiting, String)>,
    /// How many preemptions were put off.
    pub skipped: Vec<(NodeId, u32)>,
}

/// Kueue as a whole: its queues, its cache and its options.
#[derive(Clone, Debug)]
pub struct Kueue {
    pub cache: Cache,
    pub queues: Queues,
    pub options: Options,
    pub wait_for_pods_ready: Option<WaitForPodsReady>,
    workloads: Vec<Workload>,
    cycles: u64,
}

impl Kueue {
    pub fn new(cache: Cache, options: Options) -> Kueue {
        Kueue { cache, queues: Queues::default(), options, wait_for_pods_ready: None, workloads: Vec::new(), cycles: 0 }
    }

    pub fn workload(&self, id: WorkloadId) -> &Workload {
        &self.workloads[id.index()]
    }

    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    pub fn ids(&self) -> impl Iterator<Item = WorkloadId> + use<> {
        (0..self.workloads.len() as u32).map(WorkloadId)
    }

    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(&self.cache, &self.workloads, &self.options)
    }

    /// Takes a workload in: it holds quota if its status says so, else it waits.
    pub fn add(&mut self, workload: Workload, now: SimTime) -> WorkloadId {
        let id = WorkloadId(self.workloads.len() as u32);
        self.workloads.push(workload);
        let workload = &self.workloads[id.index()];
        if workload.reserved.is_some() && !workload.finished {
            self.cache.hold(id, workload, &self.options);
        } else {
            self.queues.add(id, workload, &self.cache, &self.options, now);
        }
        id
    }

    /// Whether a cycle would have anything to do.
    pub fn has_heads(&self) -> bool {
        self.queues.has_heads(&self.cache)
    }

    /// One scheduling cycle, applied. Victims keep their quota until [`Kueue::release`].
    pub fn cycle(&mut self, now: SimTime) -> CycleReport {
        self.cycles += 1;
        let heads = self.queues.heads(&self.cache);
        let mut report = CycleReport { heads: heads.len(), ..CycleReport::default() };
        if heads.is_empty() {
            return report;
        }
        let moment = Moment { now, cycle: self.cycles, blocked: self.is_blocked() };
        let mut snapshot = Snapshot::new(&self.cache, &self.workloads, &self.options);
        let result = run(&mut snapshot, heads, moment);
        for outcome in &result.outcomes {
            for target in &outcome.preempts {
                let is_new = !self.workloads[target.workload.index()].is_evicted()
                    && !report.preempted.iter().any(|(victim, ..)| *victim == target.workload);
                if is_new {
                    report.preempted.push((target.workload, target.reason, outcome.head.workload));
                }
            }
        }
        report.skipped = result.skipped;
        for outcome in result.outcomes {
            let (id, queue) = (outcome.head.workload, outcome.head.queue);
            match outcome.verdict {
                Verdict::Admitted { assignment, ready } => {
                    self.admit(id, queue, &assignment, ready, now);
                    report.admitted.push((id, ready));
                }
                Verdict::Back { why, waiting, message } => {
                    let workload = &self.workloads[id.index()];
                    self.queues.requeue(outcome.head, workload, why, &self.cache, &self.options, now);
                    report.waiting.push((id, waiting, message));
                }
            }
        }
        for (victim, reason, _) in &report.preempted {
            self.evict(*victim, Eviction::Preempted, now);
            self.workloads[victim.index()].preempted = Some(Mark { at: now, reason: Some(*reason) });
        }
        report
    }

    /// `waitForPodsReady.blockAdmission`: some admitted workload is not ready.
    fn is_blocked(&self) -> bool {
        self.wait_for_pods_ready.is_some_and(|wait| wait.block_admission)
            && self.workloads.iter().any(|workload| {
                let ready = workload.pods_ready.as_ref().is_some_and(|state| state.ready);
                workload.admitted.is_some() && !workload.finished && !ready
            })
    }

    fn admit(&mut self, id: WorkloadId, queue: NodeId, assignment: &Assignment, ready: bool, now: SimTime) {
        let state = self.cache.queue(queue);
        let admission = admission_of(&state.name, assignment);
        let flavors: Vec<FlavorId> =
            admission.pod_sets.iter().flat_map(|set| set.flavors.iter().map(|(_, flavor)| *flavor)).collect();
        let wanted = checks::required(state, &flavors, &self.cache.names);
        let workload = &mut self.workloads[id.index()];
        workload.admission = Some(admission);
        workload.reserved = Some(now);
        workload.admitted = ready.then_some(now);
        (workload.evicted, workload.preempted) = (None, None);
        for name in wanted {
            if !workload.checks.iter().any(|check| check.name == name) {
                workload.checks.push(CheckState {
                    name,
                    status: CheckStatus::Pending,
                    retries: 0,
                    requeue_after: None,
                    at: now,
                });
            }
        }
        self.queues.remove_from(queue, id);
        self.cache.hold(id, &self.workloads[id.index()], &self.options);
    }

    /// Marks a workload evicted; its quota stays taken until [`Kueue::release`].
    pub fn evict(&mut self, id: WorkloadId, reason: Eviction, now: SimTime) {
        let workload = &mut self.workloads[id.index()];
        if workload.evicted.is_none() {
            workload.evicted = Some(Mark { at: now, reason });
        }
        for check in &mut workload.checks {
            (check.status, check.at) = (CheckStatus::Pending, now);
        }
    }

    /// The pods of an evicted workload are gone: its quota is free, and it waits again unless it has to sit out a
    /// back-off. The ClusterQueues that may have room now.
    pub fn release(&mut self, id: WorkloadId, now: SimTime) -> Vec<NodeId> {
        let woken = self.cache.release(id).map(|queue| self.cache.tree_of(queue)).unwrap_or_default();
        let workload = &mut self.workloads[id.index()];
        (workload.admission, workload.reserved, workload.admitted) = (None, None, None);
        workload.pods_ready = None;
        let returns_at_once = matches!(
            workload.evicted.as_ref().map(|mark| &mark.reason),
            None | Some(Eviction::Preempted | Eviction::NodeFailures)
        );
        workload.requeued = Some(returns_at_once);
        self.queues.add(id, &self.workloads[id.index()], &self.cache, &self.options, now);
        woken
    }

    /// A back-off is over.
    pub fn back_off_ends(&mut self, id: WorkloadId, now: SimTime) {
        let workload = &mut self.workloads[id.index()];
        (workload.requeued, workload.requeue_at) = (Some(true), None);
        self.queues.add(id, &self.workloads[id.index()], &self.cache, &self.options, now);
    }

    /// A workload has ended or was deleted. The ClusterQueues that may have room now.
    pub fn finish(&mut self, id: WorkloadId) -> Vec<NodeId> {
        let workload = &mut self.workloads[id.index()];
        workload.finished = true;
        let waits_in = workload.local_queue.as_ref().and_then(|local| self.cache.queue_of(local));
        if let Some(queue) = waits_in {
            self.queues.remove_from(queue, id);
        }
        let held = self.cache.release(id);
        held.or(waits_in).map(|queue| self.cache.tree_of(queue)).unwrap_or_default()
    }

    /// Lets the parked of these ClusterQueues be tried again.
    pub fn wake(&mut self, queues: &[NodeId], now: SimTime) -> usize {
        self.queues.wake(queues, &self.workloads, &self.cache, now)
    }

    /// Changes what is known of a workload; what it holds is booked anew.
    pub fn update(&mut self, id: WorkloadId, change: impl FnOnce(&mut Workload)) {
        change(&mut self.workloads[id.index()]);
        if self.cache.holder(id).is_some() {
            self.cache.hold(id, &self.workloads[id.index()], &self.options);
        }
    }
}

/// `status.admission` of an assignment.
pub fn admission_of(cluster_queue: &std::sync::Arc<str>, assignment: &Assignment) -> Admission {
    let set = |set: &super::flavors::PodSetAssignment| PodSetAdmission {
        name: set.name.clone(),
        count: set.count,
        flavors: set.flavors.iter().map(|(resource, flavor)| (*resource, flavor.flavor)).collect(),
        usage: set.requests.iter().filter(|(resource, _)| set.flavors.contains_key(resource)).copied().collect(),
        topology: None,
    };
    Admission { cluster_queue: cluster_queue.clone(), pod_sets: assignment.pod_sets.iter().map(set).collect() }
}
