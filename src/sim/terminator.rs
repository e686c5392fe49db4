//! How Karpenter empties a node whose claim is being deleted.
//!
//! Followed: `pkg/controllers/node/termination/` with its `terminator/` (kubernetes-sigs/karpenter 22664681). Its loop
//! looks once a second; here it looks when something could have changed. Volumes detach at once.

use super::state::drain::Step;
use super::state::terminator::{Terminator, Tier};
use super::world::World;
use crate::autoscaler::karpenter::pods::{DISRUPTED_TAINT, do_not_disrupt_until, is_do_not_disrupt_active};
use crate::cluster::{NodeId, PodId, Taint, TaintEffect};
use crate::units::{SimDuration, SimTime};

/// The two looks between the last pod's end and the instance's, one after each condition that is set.
const AFTER_DRAIN: SimDuration = SimDuration::from_secs(2);

/// A pod that is still terminating so long after its deletion timestamp is no longer waited for.
const STUCK_AFTER: SimDuration = SimDuration::from_secs(60);

const EVICTION_MAX_DELAY: SimDuration = SimDuration::from_secs(10);

/// Back-off of an eviction that a budget refused: doubled from the first to the second.
const EVICTION_BASE_DELAY: SimDuration = SimDuration::from_millis(100);

impl World<'_> {
    pub(super) fn terminator_step(&mut self, node: NodeId, terminator: &mut Terminator, reason: &'static str) -> Step {
        let waiting: Vec<PodId> = self.pods_on(node).into_iter().filter(|pod| self.is_waited_for(*pod)).collect();
        if waiting.is_empty() {
            return Step::Delete(AFTER_DRAIN);
        }
        let (late, in_time): (Vec<PodId>, Vec<PodId>) =
            waiting.into_iter().partition(|pod| self.must_be_deleted(*pod, terminator.deadline));
        for pod in late {
            let left = terminator.deadline.map_or(SimDuration::ZERO, |deadline| deadline - self.now);
            self.delete_forcefully(pod, left.max(SimDuration::from_secs(1)), reason);
        }
        let first = in_time.iter().map(|pod| self.tier(*pod)).min();
        let now = self.now;
        for pod in in_time {
            if Some(self.tier(pod)) != first || self.is_leaving(pod) || self.asks_to_stay(pod) {
                continue;
            }
            let known = terminator.refused.iter().position(|(refused, ..)| *refused == pod);
            if known.is_some_and(|known| terminator.refused[known].2 > now) {
                continue;
            }
            if self.may_evict(pod) {
                self.evict_pod(pod, reason, None);
                continue;
            }
            let known = known.unwrap_or_else(|| {
                terminator.refused.push((pod, 0, now));
                terminator.refused.len() - 1
            });
            let (_, tries, next) = &mut terminator.refused[known];
            *next = now + (EVICTION_BASE_DELAY * (1 << (*tries).min(10))).min(EVICTION_MAX_DELAY);
            *tries += 1;
        }
        terminator.refused.retain(|(pod, ..)| !self.is_leaving(*pod));
        Step::Wait(self.next_termination_step(node, terminator))
    }

    /// The next instant at which time alone makes a difference.
    fn next_termination_step(&self, node: NodeId, terminator: &Terminator) -> Option<SimTime> {
        let pods = self.pods_on(node).into_iter().filter(|pod| self.is_waited_for(*pod)).flat_map(|pod| {
            let info = self.cluster.pod(pod);
            let spec = self.cluster.specs.pod(info.spec);
            let deleted_at = terminator.deadline.filter(|_| info.deletion.is_none());
            [
                deleted_at.map(|deadline| deadline - spec.termination_grace_period),
                do_not_disrupt_until(info, spec),
                info.deletion.map(|deletion| deletion + STUCK_AFTER + SimDuration::from_nanos(1)),
            ]
        });
        let retries = terminator.refused.iter().map(|(_, _, next)| Some(*next));
        pods.chain(retries).flatten().filter(|at| *at > self.now).min()
    }

    /// Neither over, nor at home on a disrupted node, nor stuck.
    fn is_waited_for(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        let spec = self.cluster.specs.pod(info.spec);
        let is_stuck = info.deletion.is_some_and(|deletion| self.now - deletion > STUCK_AFTER);
        let stays = spec.tolerations.iter().any(|toleration| toleration.tolerates(&disrupted_taint()));
        !info.is_terminal() && !is_stuck && !stays && !spec.is_mirror_pod()
    }

    /// Its own grace period would not end before the deadline.
    fn must_be_deleted(&self, pod: PodId, deadline: Option<SimTime>) -> bool {
        let Some(deadline) = deadline else { return false };
        let info = self.cluster.pod(pod);
        match info.deletion {
            Some(deletion) => deletion > deadline,
            None => self.now >= deadline - self.cluster.specs.pod(info.spec).termination_grace_period,
        }
    }

    fn asks_to_stay(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        is_do_not_disrupt_active(info, self.cluster.specs.pod(info.spec), self.now)
    }

    fn tier(&self, pod: PodId) -> Tier {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        match (spec.is_critical(), spec.is_daemon_set_pod()) {
            (false, false) => Tier::Plain,
            (false, true) => Tier::Daemon,
            (true, false) => Tier::Critical,
            (true, true) => Tier::CriticalDaemon,
        }
    }
}

/// Karpenter's mark on a node that it disrupts.
pub(super) fn disrupted_taint() -> Taint {
    Taint { key: DISRUPTED_TAINT.into(), value: String::new(), effect: TaintEffect::NoSchedule }
}
