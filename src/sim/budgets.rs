//! PodDisruptionBudgets as the disruption controller keeps them (`pkg/controller/disruption/disruption.go`, 1.34), and the
//! eviction API's answer by them.

use super::entities::Role;
use super::world::World;
use crate::cluster::IntOrPercent::{Int, Percent};
use crate::cluster::{ClusterView, DisruptionBudget, PodId, PodPhase};
use crate::scenario::WorkloadKind;

/// Where a budget stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    pub healthy: i64,
    pub desired_healthy: i64,
    /// `status.expectedPods`.
    pub expected: i64,
    /// `status.disruptionsAllowed`.
    pub allowed: i64,
}

/// Pods that a budget selects beside those of replicated workloads: of Jobs, DaemonSets, and of nobody.
#[derive(Clone, Copy, Debug, Default)]
struct Others {
    healthy: i64,
    count: i64,
    /// Those of a controller that the scenario does not hold: as many are its scale.
    scale: i64,
    /// One of them belongs to a controller that has no `scale` subresource.
    without_scale: bool,
}

impl World<'_> {
    /// The scenario's budgets with `disruptions_allowed` as of now.
    pub(super) fn budgets_now(&self) -> Vec<DisruptionBudget> {
        let mut budgets = self.scenario.disruption_budgets.clone();
        for (index, budget) in budgets.iter_mut().enumerate() {
            budget.disruptions_allowed = self.standing(index).allowed as i32;
        }
        budgets
    }

    /// Pods of one replicated workload share their labels, so of those a budget is judged by workload.
    pub(super) fn standing(&self, index: usize) -> Standing {
        let budget = &self.scenario.disruption_budgets[index];
        // Of the controllers that have a scale.
        let (mut healthy, mut expected) = (0, 0);
        for workload in &self.scenario.workloads {
            let WorkloadKind::Replicated { spec, .. } = self.kind(workload.id) else { continue };
            if budget.selects(&workload.namespace, &self.cluster.specs.pod(*spec).labels) {
                let run = &self.workloads[workload.id.index()];
                healthy += i64::from(run.ready);
                expected += i64::from(run.desired);
            }
        }
        let others = self.others_of(index);
        healthy += others.healthy;
        expected += others.scale;
        let needs_scale = budget.max_unavailable.is_some() || matches!(budget.min_available, Some(Percent(_)));
        if needs_scale && others.without_scale {
            // The controller fails on such a pod and, to be safe, allows nothing.
            return Standing::default();
        }
        // Percentages round up. Pods of nobody are no part of the scale.
        let amount = |value| match value {
            Int(count) => i64::from(count),
            Percent(percent) => (expected * i64::from(percent) + 99).div_euclid(100),
        };
        let desired_healthy = match (budget.max_unavailable, budget.min_available) {
            (Some(most), _) => (expected - amount(most)).max(0),
            (None, Some(least)) => amount(least),
            // The controller expects no pods then, and allows nothing.
            (None, None) => return Standing { healthy, ..Standing::default() },
        };
        // A plain number holds for whatever the selector finds.
        let expects_any = expected > 0 || (!needs_scale && others.count > 0);
        let allowed = if expects_any { (healthy - desired_healthy).max(0) } else { 0 };
        Standing { healthy, desired_healthy, expected, allowed }
    }

    fn others_of(&self, index: usize) -> Others {
        let mut others = Others::default();
        if !self.selects_others(index) {
            return others;
        }
        let budget = &self.scenario.disruption_budgets[index];
        for held in self.cluster.node_views().flat_map(|node| &node.state.pods) {
            let spec = self.cluster.specs.pod(held.spec);
            let is_replica = matches!(self.pods[held.pod.index()].role, Role::Replica { .. });
            if is_replica || !budget.selects(&spec.namespace, &spec.labels) {
                continue;
            }
            let info = self.cluster.pod(held.pod);
            others.count += 1;
            others.healthy += i64::from(info.ready && info.deletion.is_none());
            let kind = spec.controller.as_ref().map(|controller| &*controller.kind);
            match kind {
                Some("Job" | "DaemonSet" | "Node") => others.without_scale = true,
                Some(_) => others.scale += 1,
                None => {}
            }
        }
        others
    }

    /// Whether some pod that is no replica of anything can have labels that the budget selects. The answer is known
    /// from the start, for no change gives such a pod other labels.
    fn selects_others(&self, index: usize) -> bool {
        let scenario = self.scenario;
        let answers = self.budgets_of_others.get_or_init(|| {
            let jobs = scenario.workloads.iter().filter_map(|workload| match &workload.kind {
                WorkloadKind::Job(job) => Some(job.spec),
                _ => None,
            });
            let training = scenario.training_jobs.iter().map(|job| job.spec);
            let traced = scenario.trace_pods.iter().map(|pod| pod.spec);
            let daemons = scenario.daemon_sets.iter().map(|daemon| daemon.spec);
            let mut specs: Vec<_> = jobs.chain(training).chain(traced).chain(daemons).collect();
            specs.sort_unstable();
            specs.dedup();
            let selects = |budget: &DisruptionBudget| {
                let mut pods = specs.iter().map(|spec| scenario.specs.pod(*spec));
                pods.any(|pod| budget.selects(&pod.namespace, &pod.labels))
            };
            scenario.disruption_budgets.iter().map(selects).collect()
        });
        answers[index]
    }

    /// Whether the eviction API would let the pod go now (`unhealthyPodEvictionPolicy`). It fails for a
    /// pod of two budgets, whatever they allow (`pkg/registry/core/pod/storage/eviction.go`, 1.34).
    pub(super) fn may_evict(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        if info.phase == PodPhase::Pending {
            return true;
        }
        let spec = self.cluster.specs.pod(info.spec);
        let budgets = self.scenario.disruption_budgets.iter().enumerate();
        let mut selecting = budgets.filter(|(_, budget)| budget.selects(&spec.namespace, &spec.labels));
        let Some((index, budget)) = selecting.next() else { return true };
        let Standing { healthy, desired_healthy, allowed, .. } = self.standing(index);
        let is_unhealthy_to_spare =
            !info.ready && (budget.always_allows_unhealthy || healthy >= desired_healthy && desired_healthy > 0);
        selecting.next().is_none() && (allowed > 0 || is_unhealthy_to_spare)
    }
}
