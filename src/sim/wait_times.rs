//! How long pods waited, and for what: every pod without a node waits for one reason at a time.
//!
//! A pod starts out waiting for the scheduler; a refusal, an autoscaler's loop or a promise of room changes the reason,
//! and the time in between is booked on the one before. So the parts sum to the waits exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entities::Role;
use super::explanation::{Mechanism, WaitReason, WaitRow};
use super::state::idle::Account;
use super::world::World;
use crate::cluster::PodId;
use crate::scheduler::queue::Cure;
use crate::units::SimTime;

impl World<'_> {
    /// From now on the pod waits for this; not one that no scheduler of ours is to place.
    pub(super) fn set_wait(&mut self, pod: PodId, reason: Mechanism, account: Account) {
        if self.pods[pod.index()].scheduled.is_some() {
            return;
        }
        let run = &self.pods[pod.index()].wait;
        let is_ours = !matches!(run.reason, Mechanism::Gated | Mechanism::OtherScheduler | Mechanism::NamedNode);
        if is_ours && (run.reason, run.account) != (reason, account) {
            self.book_wait(pod, None);
            let run = &mut self.pods[pod.index()].wait;
            (run.reason, run.account) = (reason, account);
        }
    }

    /// [`World::set_wait`] on the account of the pod's own workload.
    pub(super) fn set_own_wait(&mut self, pod: PodId, reason: Mechanism) {
        self.set_wait(pod, reason, Account::Workload(self.pods[pod.index()].workload));
    }

    /// Books what the pod has waited since the last booking; the part after `backed_off` was the scheduler's back-off.
    fn book_wait(&mut self, pod: PodId, backed_off: Option<SimTime>) {
        let now = self.now;
        let record = &mut self.pods[pod.index()];
        let workload = Account::Workload(record.workload);
        let run = &mut record.wait;
        let (from, reason, account) = (run.since, run.reason, run.account);
        let until = backed_off.map_or(now, |at| at.max(from));
        if let (Role::Worker { job }, Mechanism::OnItsWay, true) = (record.role, reason, until > from)
            && self.jobs[job as usize].leads(pod)
        {
            self.jobs[job as usize].ledger.provision += until - from;
        }
        let run = &mut record.wait;
        self.wait_times.add(run, reason, account, from, until);
        self.wait_times.add(run, Mechanism::SchedulerBackoff, workload, until, now);
        run.since = now;
    }

    /// The pod got its node: what it last sat out in the scheduler's back-off was for that alone.
    pub(super) fn end_wait(&mut self, pod: PodId) {
        if self.pods[pod.index()].wait.since < self.now {
            let queued = match self.pods[pod.index()].role {
                Role::Worker { job } => self.gang_leader(job).unwrap_or(pod),
                _ => pod,
            };
            self.book_wait(pod, self.queue.backed_off(queued));
        }
    }

    /// The pod was unbound in the instant of its booking, or waits no longer without having had a node.
    pub(super) fn give_up_wait(&mut self, pod: PodId) {
        self.book_wait(pod, None);
    }

    /// The scheduler found no node for it. The first refusal decides; where there is an autoscaler, its word comes next.
    pub(super) fn refused_wait(&mut self, pod: PodId, cure: Cure) {
        if self.pods[pod.index()].wait.reason != Mechanism::Scheduler {
            return;
        }
        let reason = if self.has_node_autoscaler() {
            Mechanism::NotLookedAt
        } else if cure == Cure::Room && !self.is_larger_than_any_node(self.cluster.pod(pod).spec) {
            Mechanism::NoRoom
        } else {
            Mechanism::NoFittingType
        };
        self.set_own_wait(pod, reason);
    }

    /// A worker of a gang that was refused: it would have fitted, or is where the first did not.
    pub(super) fn refused_gang_wait(&mut self, worker: PodId, fits: bool, cure: Cure) {
        let is_first = self.pods[worker.index()].wait.reason == Mechanism::Scheduler;
        if fits && is_first && !self.has_node_autoscaler() {
            self.set_own_wait(worker, Mechanism::GangIncomplete);
        } else {
            self.refused_wait(worker, cure);
        }
    }

    pub(super) fn has_node_autoscaler(&self) -> bool {
        self.scenario.cluster_autoscaler.is_some() || self.scenario.karpenter.is_some()
    }

    /// A node's room was promised to it, or is no longer.
    pub(super) fn nominated_wait(&mut self, pod: PodId, is_nominated: bool) {
        if self.pods[pod.index()].scheduled.is_some() || self.cluster.pod(pod).is_terminal() {
            return;
        }
        if is_nominated {
            self.set_own_wait(pod, Mechanism::Preemption);
        } else if self.pods[pod.index()].wait.reason == Mechanism::Preemption {
            self.set_own_wait(pod, Mechanism::Scheduler);
        }
    }

    /// The run is over: waits so far are booked. Ascending by reason and name.
    pub(super) fn wait_rows(&mut self) -> (Vec<WaitRow>, Vec<WaitReason>) {
        for index in 0..self.pods.len() {
            let pod = PodId::new(index);
            if self.pods[index].scheduled.is_none() && !self.cluster.pod(pod).is_terminal() {
                self.give_up_wait(pod);
            }
        }
        let mut rows: BTreeMap<(Mechanism, Arc<str>), i128> = BTreeMap::new();
        for ((reason, account), time) in &self.wait_times.sums {
            *rows.entry((*reason, self.account_name(*account))).or_default() += time;
        }
        let rows = rows.into_iter().map(|((reason, by), pod_time)| WaitRow { reason, by, pod_time }).collect();
        let reasons = self.wait_times.reasons.iter();
        let reasons = reasons.map(|(reason, (pods, first))| WaitReason { reason: *reason, pods: *pods, first: *first });
        (rows, reasons.collect())
    }

    /// What is booked by reason is what pods have waited. For the audit.
    pub(super) fn audit_waits(&self) -> Result<(), String> {
        let mut waited = 0i128;
        for (info, run) in self.cluster.pods().iter().zip(&self.pods) {
            let until = run.scheduled.or(run.finished).unwrap_or(run.wait.since);
            waited += i128::from((until - info.created).nanos());
        }
        let booked: i128 = self.wait_times.sums.values().sum();
        if waited == booked { Ok(()) } else { Err(format!("pods waited {waited} ns, booked by reason {booked} ns")) }
    }
}
