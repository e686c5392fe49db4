//! How the Cluster Autoscaler empties a node before it deletes it.
//!
//! Followed: `core/scaledown/actuation/{actuator,drain}.go` and `utils/daemonset` (kubernetes/autoscaler, branch
//! `cluster-autoscaler-release-1.37`). Evictions by pod priority (`drain-priority-config`) and forced ones are not
//! modelled: both are off by default.

use super::state::drain::Step;
use super::state::evictor::{Evictor, Phase};
use super::state::tallies::Tally;
use super::world::World;
use crate::autoscaler::cluster_autoscaler::PodMoves;
use crate::cluster::{NodeId, PodId};
use crate::units::{SimDuration, SimTime};

/// On a DaemonSet's pod: `true` or `false` in place of what the two flags say.
const ENABLE_DS_EVICTION: &str = "cluster-autoscaler.kubernetes.io/enable-ds-eviction";

/// Between two looks whether the evicted pods are gone (`waitPodsToDisappear`).
const DISAPPEARANCE_POLL: SimDuration = SimDuration::from_secs(5);

/// Pods may take this much longer than the grace period to disappear (`DefaultPodEvictionHeadroom`).
const EVICTION_HEADROOM: SimDuration = SimDuration::from_secs(30);

/// Between two tries to evict a pod (`DefaultEvictionRetryTime`).
const EVICTION_RETRY: SimDuration = SimDuration::from_secs(10);

impl World<'_> {
    pub(super) fn evictor_step(&mut self, node: NodeId, evictor: &mut Evictor, reason: &'static str) -> Step {
        loop {
            match &mut evictor.phase {
                Phase::Tainted { until } if *until > self.now => return Step::Wait(Some(*until)),
                Phase::Tainted { .. } => {
                    let moves = match self.look_again(node) {
                        Ok(moves) => moves,
                        Err((pod, why)) => {
                            let name = self.pod_name(pod);
                            return Step::GiveUp(format!("failed to get pods to move: {name} holds the node ({why})"));
                        }
                    };
                    if evictor.is_empty {
                        return self.empty_node_goes(node, &moves, reason);
                    }
                    evictor.phase = self.evictions_of(node);
                }
                Phase::Evicting { pods, unevicted, daemons, next_try, retry_until } => {
                    if *next_try > self.now {
                        return Step::Wait(Some(*next_try));
                    }
                    let is_over = self.now >= *retry_until && !(unevicted.is_empty() && daemons.is_empty());
                    if is_over && !unevicted.is_empty() {
                        return Step::GiveUp(self.refused_evictions(unevicted));
                    }
                    if !is_over {
                        self.try_evictions(unevicted, reason);
                        self.try_evictions(daemons, reason);
                        if !unevicted.is_empty() || !daemons.is_empty() {
                            *next_try = self.now + EVICTION_RETRY;
                            return Step::Wait(Some(*next_try));
                        }
                    }
                    let pods = std::mem::take(pods);
                    evictor.phase = Phase::Disappearing { pods, since: self.now };
                }
                Phase::Disappearing { pods, since } => return self.await_disappearance(pods, *since),
            }
        }
    }

    /// A node without pods to move is deleted as it is, unless one came meanwhile; its daemons may be evicted first, and
    /// nobody waits for them.
    fn empty_node_goes(&mut self, node: NodeId, moves: &PodMoves, reason: &'static str) -> Step {
        if let Some((pod, _)) = moves.pods.first() {
            return Step::GiveUp(format!("failed to delete empty node: {} was scheduled to it", self.pod_name(*pod)));
        }
        let mut daemons = self.daemons_to_evict(node, self.autoscaler_options().daemonset_eviction_for_empty_nodes);
        self.try_evictions(&mut daemons, reason);
        Step::Delete(SimDuration::ZERO)
    }

    fn evictions_of(&self, node: NodeId) -> Phase {
        let options = self.autoscaler_options();
        let pods: Vec<PodId> = self.pods_on(node).into_iter().filter(|pod| !self.is_daemon_or_mirror(*pod)).collect();
        Phase::Evicting {
            unevicted: pods.clone(),
            pods,
            daemons: self.daemons_to_evict(node, options.daemonset_eviction_for_occupied_nodes),
            next_try: self.now,
            retry_until: self.now + options.max_pod_eviction_time,
        }
    }

    fn daemons_to_evict(&self, node: NodeId, by_default: bool) -> Vec<PodId> {
        let wants_eviction = |pod: &PodId| {
            let spec = self.cluster.specs.pod(self.cluster.pod(*pod).spec);
            let asked = spec.annotations.get(ENABLE_DS_EVICTION).map(String::as_str);
            spec.is_daemon_set_pod() && !spec.is_mirror_pod() && asked.map_or(by_default, |asked| asked == "true")
        };
        self.pods_on(node).into_iter().filter(wants_eviction).collect()
    }

    /// Evicts those that the budgets let go, with a grace period of at most `max-graceful-termination-sec`; the others
    /// stay in the list.
    fn try_evictions(&mut self, pods: &mut Vec<PodId>, reason: &'static str) {
        let most = self.longest_grace();
        pods.retain(|pod| {
            if !self.is_leaving(*pod) {
                if !self.may_evict(*pod) {
                    return true;
                }
                let grace = self.cluster.specs.pod(self.cluster.pod(*pod).spec).termination_grace_period;
                let grace = if most > SimDuration::ZERO { grace.min(most) } else { grace };
                self.tally(1, |_| Tally::PodEvicted);
                self.evict_pod(*pod, reason, Some(grace));
            }
            false
        });
    }

    fn await_disappearance(&self, pods: &[PodId], since: SimTime) -> Step {
        let next_look = |at: SimTime| {
            let polls = (at - since).nanos().div_euclid(DISAPPEARANCE_POLL.nanos());
            since + DISAPPEARANCE_POLL * (polls + i64::from((at - since).nanos() % DISAPPEARANCE_POLL.nanos() > 0))
        };
        let look = next_look(self.now);
        let last = next_look(since + self.longest_grace() + EVICTION_HEADROOM);
        let left: Vec<PodId> = pods.iter().copied().filter(|pod| !self.cluster.pod(*pod).is_terminal()).collect();
        match left.first() {
            None if look > self.now => Step::Wait(Some(look)),
            None => Step::Delete(SimDuration::ZERO),
            Some(pod) if self.now >= last => {
                let name = self.pod_name(*pod);
                Step::GiveUp(format!(
                    "failed to drain node: {} pods remain after timeout, {name} among them",
                    left.len()
                ))
            }
            Some(_) => Step::Wait(Some(last)),
        }
    }

    fn refused_evictions(&self, pods: &[PodId]) -> String {
        let most = self.autoscaler_options().max_pod_eviction_time;
        let name = self.pod_name(pods[0]);
        format!("failed to drain node: {} pods could not be evicted within {most}, {name} among them", pods.len())
    }

    fn longest_grace(&self) -> SimDuration {
        SimDuration::from_secs(i64::from(self.autoscaler_options().max_graceful_termination_sec))
    }
}
