//! PodDisruptionBudgets as the disruption controller keeps them, and the eviction API's answer by them.

use super::world::World;
use crate::cluster::{DisruptionBudget, IntOrPercent, PodId, PodPhase};
use crate::scenario::WorkloadKind;

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
            let WorkloadKind::Replicated { spec, .. } = self.kind(workload.id) else { continue };
            if budget.selects(&workload.namespace, &self.cluster.specs.pod(*spec).labels) {
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
    pub(super) fn may_evict(&self, pod: PodId) -> bool {
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
}
