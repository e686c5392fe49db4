//! PodDisruptionBudgets as the disruption controller keeps them, and the eviction API that obeys them.

use super::entities::Role;
use super::event::Event;
use super::world::World;
use crate::cluster::{ClusterView, DisruptionBudget, IntOrPercent, NodeId, PodId, PodPhase};
use crate::scenario::WorkloadKind;
use crate::units::SimDuration;

/// How often an eviction that a budget refused is tried again (Cluster Autoscaler's `EvictionRetryTime`).
const EVICTION_RETRY: SimDuration = SimDuration::from_secs(10);

/// Where a budget stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    healthy: i64,
    desired_healthy: i64,
}

impl World<'_> {
    /// The scenario's budgets with `disruptions_allowed` as of now.
    pub(super) fn budgets_now(&self) -> Vec<DisruptionBudget> {
        let mut budgets = self.scenario.disruption_budgets.clone();
        for budget in &mut budgets {
            let standing = self.standing(budget);
            budget.disruptions_allowed = (standing.healthy - standing.desired_healthy).max(0) as i32;
        }
        budgets
    }

    /// Pods of one workload share their labels, so a budget is judged by workload.
    fn standing(&self, budget: &DisruptionBudget) -> Standing {
        let (mut healthy, mut expected) = (0, 0);
        for workload in &self.scenario.workloads {
            let WorkloadKind::Replicated { spec, .. } = workload.kind else { continue };
            if budget.selects(&workload.namespace, &self.cluster.specs.pod(spec).labels) {
                let run = &self.workloads[workload.id.index()];
                healthy += i64::from(run.ready);
                expected += i64::from(run.desired);
            }
        }
        // Percentages round up, as the disruption controller rounds them (`pkg/controller/disruption`).
        let amount = |value: IntOrPercent| match value {
            IntOrPercent::Int(count) => i64::from(count),
            IntOrPercent::Percent(percent) => (expected * i64::from(percent) + 99).div_euclid(100),
        };
        let desired_healthy = match (budget.max_unavailable, budget.min_available) {
            (Some(most), _) => (expected - amount(most)).max(0),
            (None, Some(least)) => amount(least),
            (None, None) => 0,
        };
        Standing { healthy, desired_healthy }
    }

    /// Whether the eviction API would let the pod go now (`unhealthyPodEvictionPolicy: IfHealthyBudget`).
    fn may_evict(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        if info.phase == PodPhase::Pending {
            return true;
        }
        let spec = self.cluster.specs.pod(info.spec);
        self.scenario.disruption_budgets.iter().filter(|budget| budget.selects(&spec.namespace, &spec.labels)).all(
            |budget| {
                let standing = self.standing(budget);
                let spare = standing.healthy - standing.desired_healthy;
                spare > 0 || (!info.ready && spare >= 0)
            },
        )
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
