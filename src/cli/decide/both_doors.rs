//! What the tests of both doors have in common: a scenario made of what a `decide` input holds.

use std::sync::Arc;

use crate::cluster::{
    ClusterState, DisruptionBudget, IntOrPercent, LabelSelector, NodeGroupId, NodeShapeId, PodSpecId, WorkloadId,
};
use crate::scenario::{GpuUsage, NodeGroup, Owner, Scenario, UsageModel, Workload, WorkloadKind};
use crate::sim::DecisionRecord;
use crate::units::{Distribution, SimDuration};

/// A group of the cloud's that delivers at once and never fails.
pub(super) fn node_group(id: NodeGroupId, name: &Arc<str>, shape: NodeShapeId) -> NodeGroup {
    let at_once = || Distribution::constant(SimDuration::ZERO);
    NodeGroup {
        id,
        name: Arc::clone(name),
        instance_type: None,
        shapes: vec![shape],
        min_size: 0,
        max_size: 0,
        initial_size: 0,
        price: Default::default(),
        capacity_type: Default::default(),
        priority: None,
        autoscaling: Default::default(),
        is_node_pool: false,
        provisioning: at_once(),
        startup: at_once(),
        device_startup: at_once(),
        deprovisioning: at_once(),
        limits: Default::default(),
        interruptions_per_hour: 0.0,
        interruptions_by_type: Default::default(),
        interruption_notice: SimDuration::ZERO,
        interruption_handling: Default::default(),
        failure_detection: None,
        failures_per_hour: 0.0,
    }
}

/// A workload that keeps pods of a spec alive; without one, whatever is replayed.
pub(super) fn workload(id: WorkloadId, namespace: &str, name: &str, spec: Option<PodSpecId>) -> Workload {
    let kind = match spec {
        None => WorkloadKind::Replayed,
        Some(spec) => WorkloadKind::Replicated {
            owner: Owner::ReplicaSet,
            replicas: 0,
            spec,
            selector: LabelSelector::default(),
            ordered: false,
            readiness_delay: Distribution::constant(SimDuration::ZERO),
            update: Default::default(),
        },
    };
    let usage = UsageModel { cpu: 0.0, memory: 0.0, gpu: GpuUsage(0.0) };
    Workload { id, name: name.into(), namespace: namespace.into(), kind, usage, volumes: Vec::new() }
}

/// Adds workloads of which so many replicas are ready, somewhere, that each budget allows what its status says.
pub(super) fn allow(
    budgets: &[DisruptionBudget],
    cluster: &ClusterState,
    scenario: &mut Scenario,
    counts: &mut Vec<(u32, u32)>,
) {
    for budget in budgets {
        let selected = cluster.pods().iter().map(|pod| pod.spec).find(|spec| {
            let spec = cluster.specs.pod(*spec);
            budget.selects(&spec.namespace, &spec.labels)
        });
        let Some(spec) = selected else { continue };
        let allowed = budget.disruptions_allowed.max(0) as u32;
        // Of a percentage that leaves room both ways.
        let wanted = 100 * (allowed + 1);
        let amount = |value: IntOrPercent| match value {
            IntOrPercent::Int(count) => count as u32,
            IntOrPercent::Percent(percent) => wanted * percent as u32 / 100,
        };
        let desired_healthy = match (budget.max_unavailable, budget.min_available) {
            (Some(most), _) => wanted.saturating_sub(amount(most)),
            (None, least) => least.map_or(0, amount),
        };
        let id = WorkloadId::new(scenario.workloads.len());
        scenario.workloads.push(workload(id, &budget.namespace, &format!("of-{}", budget.name), Some(spec)));
        counts.push((wanted, desired_healthy + allowed));
    }
}

/// A run's row as `decide` says it.
pub(super) fn said(row: &DecisionRecord<'_>) -> String {
    match row.object.split_once('/') {
        Some(("nodegroup", group)) => format!("group {group}: {}", row.reason),
        Some(("pod", pod)) => format!("pod {}: {}", pod.rsplit('/').next().unwrap_or(pod), row.reason),
        Some((kind, name)) => format!("{kind} {name}: {}", row.reason),
        None => row.reason.to_string(),
    }
}
