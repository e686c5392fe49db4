//! The drain of a node: who empties it and by which rules, its steps, and the hand-back to the cloud.
//!
//! The Cluster Autoscaler's rules stand in `evictor`, Karpenter's in `terminator`, each named after upstream's part. A
//! node termination handler drains as `kubectl drain` does, and hands nothing back: the cloud takes the machine itself.

use super::event::Event;
use super::explanation::IdleReason;
use super::records::Controller;
use super::state::drain::{Drain, Drainer, Step};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId};
use crate::units::{SimDuration, SimTime};

/// How often `kubectl drain` tries an eviction again that a budget refused (`k8s.io/kubectl/pkg/drain`, 1.34).
const KUBECTL_RETRY: SimDuration = SimDuration::from_secs(5);

impl World<'_> {
    /// Taints and cordons the node as its drainer does, and takes the first step at `at`.
    pub(super) fn begin_drain(&mut self, id: NodeId, drain: Drain, reason: &'static str, at: SimTime) {
        let (taint, cordons) = (drain.taint.clone(), drain.cordons);
        let is_there = self.change_node(id, |node| {
            node.unschedulable |= cordons;
            node.extra_taints.extend(taint);
        });
        if !is_there {
            return;
        }
        let hands_back = !matches!(drain.by, Drainer::TerminationHandler);
        let instance = self.instance_of_node_mut(id);
        instance.deleting = hands_back;
        instance.reason = reason;
        instance.drain = Some(drain);
        self.set_idle_in_group(self.instance_of[id.index()], IdleReason::Removing);
        self.plan_drain_step(id, at);
    }

    fn plan_drain_step(&mut self, node: NodeId, at: SimTime) {
        let Some(drain) = &mut self.instance_of_node_mut(node).drain else { return };
        if drain.wakes.is_none_or(|planned| at < planned) {
            drain.wakes = Some(at);
            self.events.push(at, Event::DrainStep { node });
        }
    }

    pub(super) fn drain_step(&mut self, node: NodeId) {
        let now = self.now;
        let Some(drain) = &mut self.instance_of_node_mut(node).drain else { return };
        // A step that an earlier one made needless.
        if drain.wakes == Some(now) {
            drain.wakes = None;
            self.step_drain(node);
        }
    }

    /// A pod left a node: where it is being drained, that may be the last one.
    pub(super) fn drained_by_one(&mut self, node: NodeId) {
        if self.instance_of_node(node).drain.is_some() && self.cluster.node(node).is_some() {
            self.plan_drain_step(node, self.now);
        }
    }

    fn step_drain(&mut self, node: NodeId) {
        if self.cluster.node(node).is_none() {
            return;
        }
        let Some(mut drain) = self.instance_of_node_mut(node).drain.take() else { return };
        let reason = self.instance_of_node(node).reason;
        let step = match &mut drain.by {
            Drainer::ClusterAutoscaler(evictor) => self.evictor_step(node, evictor, reason),
            Drainer::Karpenter(terminator) => self.terminator_step(node, terminator, reason),
            Drainer::TerminationHandler => self.termination_handler_step(node, reason),
        };
        // A give-up wants to know what to undo.
        self.instance_of_node_mut(node).drain = Some(drain);
        match step {
            Step::Wait(None) => {}
            Step::Wait(Some(at)) => self.plan_drain_step(node, at),
            Step::Delete(pause) => self.events.push(self.now + pause, Event::NodeDeletes { node }),
            Step::GiveUp(why) => self.give_up_drain(node, why),
        }
    }

    /// Evicts what the budgets let go, all at once, and tries again for the rest.
    fn termination_handler_step(&mut self, node: NodeId, reason: &'static str) -> Step {
        // The handler goes with its node.
        if self.instance_of_node(node).stopped.is_some() {
            return Step::Wait(None);
        }
        let mut refused = false;
        for pod in self.pods_on(node) {
            let info = self.cluster.pod(pod);
            if self.is_daemon_or_mirror(pod) || info.deletion.is_some() {
                continue;
            }
            if self.may_evict(pod) { self.evict_pod(pod, reason, None) } else { refused = true }
        }
        Step::Wait(refused.then_some(self.now + KUBECTL_RETRY))
    }

    /// The drain failed: the node serves on.
    fn give_up_drain(&mut self, id: NodeId, why: String) {
        let instance = self.instance_of_node_mut(id);
        let Some(drain) = instance.drain.take() else { return };
        instance.deleting = false;
        instance.reason = "";
        let object = format!("node/{}", instance.name);
        self.change_node(id, |node| {
            node.unschedulable &= !drain.cordons;
            if let Some(taint) = &drain.taint {
                node.extra_taints.retain(|held| held.key != taint.key);
            }
        });
        self.decide(Controller::ClusterAutoscaler, object, "ToBeDeleted", "Ready", why);
        self.deletion_given_up(id);
        self.set_idle_standing(id);
        self.node_may_help(id);
    }

    pub(super) fn is_daemon_or_mirror(&self, pod: PodId) -> bool {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        spec.is_daemon_set_pod() || spec.is_mirror_pod()
    }

    /// The drained node leaves the API server; the cloud stops the machine.
    pub(super) fn node_deletes(&mut self, id: NodeId) {
        // The drain may have been given up since.
        if self.cluster.node(id).is_none() || !self.instance_of_node(id).deleting {
            return;
        }
        for pod in self.pods_on(id) {
            self.lose_pod(pod, "NodeDeleted");
        }
        let reason = self.instance_of_node(id).reason;
        let is_counted = !self.instance_of_node(id).returned;
        if let Some(group) = self.instance_of_node(id).group.filter(|_| is_counted) {
            let run = &mut self.groups[group as usize];
            run.target = run.target.saturating_sub(1);
        }
        self.counts.nodes_removed += 1;
        self.retire(id, reason);
    }
}
