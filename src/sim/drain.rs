//! The drain of a node before it goes: taint and cordon, evictions within the budgets, and the hand-back to the cloud.

use super::entities::Role;
use super::event::Event;
use super::observer::Controller;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, Taint};
use crate::units::SimDuration;

/// How often an eviction that a budget refused is tried again (Cluster Autoscaler's `EvictionRetryTime`).
const EVICTION_RETRY: SimDuration = SimDuration::from_secs(10);

impl World<'_> {
    pub(super) fn cordon(&mut self, id: NodeId) {
        self.change_node(id, |node| node.unschedulable = true);
    }

    /// Begins the removal of a node: no pod may come any more; after `delay` those on it are evicted, and the machine
    /// goes once it is empty.
    pub(super) fn drain(&mut self, id: NodeId, taint: Taint, delay: SimDuration, reason: &'static str) {
        let is_there = self.change_node(id, |node| {
            node.unschedulable = true;
            node.extra_taints.push(taint);
        });
        if !is_there {
            return;
        }
        let earliest = self.now + delay;
        let instance = self.instance_of_node_mut(id);
        instance.deleting = true;
        instance.reason = reason;
        instance.deletes_not_before = earliest;
        self.events.push(earliest, Event::EvictionRetry { node: id });
    }

    /// The drain took too long: the node serves on.
    pub(super) fn give_up_drain(&mut self, id: NodeId) {
        let taint = self.drain_taint;
        let is_there = self.change_node(id, |node| {
            node.unschedulable = false;
            node.extra_taints.retain(|held| held.key != taint);
        });
        if !is_there {
            return;
        }
        let instance = self.instance_of_node_mut(id);
        instance.deleting = false;
        instance.gives_up_drain_at = None;
        instance.reason = "";
        let object = format!("node/{}", instance.name);
        self.decide(Controller::ClusterAutoscaler, object, "Draining", "Ready", "pods could not be evicted in time");
        self.deletion_given_up(id);
        self.node_may_help(id);
    }

    fn is_daemon(&self, pod: PodId) -> bool {
        self.pods[pod.index()].role == Role::Daemon
    }

    /// A pod left a node: one that is being drained and is empty now may go.
    pub(super) fn drained_by_one(&mut self, id: NodeId) {
        let instance = self.instance_of_node(id);
        if !instance.deleting || self.cluster.node(id).is_none() {
            return;
        }
        if self.pods_on(id).into_iter().all(|pod| self.is_daemon(pod)) {
            let at = self.instance_of_node(id).deletes_not_before.max(self.now);
            self.events.push(at, Event::NodeDeletes { node: id });
        }
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
        if let Some(group) = self.instance_of_node(id).group {
            let run = &mut self.groups[group as usize];
            run.target = run.target.saturating_sub(1);
        }
        self.counts.nodes_removed += 1;
        self.retire(id, reason);
    }

    /// Evicts what the budgets let go; tries again for the rest until the node is empty or gone.
    pub(super) fn evict_from(&mut self, node: NodeId, reason: &'static str) {
        let mut refused = false;
        for pod in self.pods_on(node) {
            if self.pods[pod.index()].role == Role::Daemon || self.cluster.pod(pod).deletion.is_some() {
                continue;
            }
            if self.may_evict(pod) { self.evict_pod(pod, reason) } else { refused = true }
        }
        if refused {
            self.events.push(self.now + EVICTION_RETRY, Event::EvictionRetry { node });
        }
    }

    pub(super) fn eviction_retry(&mut self, node: NodeId) {
        if self.cluster.node(node).is_none() {
            return;
        }
        let instance = self.instance_of_node(node);
        if instance.gives_up_drain_at.is_some_and(|at| at <= self.now) {
            return self.give_up_drain(node);
        }
        if instance.deleting || self.cluster.node(node).is_some_and(|node| node.unschedulable) {
            let reason = if instance.deleting { instance.reason } else { "Interrupted" };
            self.evict_from(node, reason);
            self.drained_by_one(node);
        }
    }
}
