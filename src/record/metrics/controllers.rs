//! What the scheduler, the node autoscalers and Kueue say of themselves.

use std::sync::Arc;

use super::pods::sanitized;
use super::series::Teller;
use super::table::Metric;
use super::values::{flag, tell_up, thousandths};
use crate::cluster::{Resources, label};
use crate::sim::{Exposed, ExposedNode, ExposedPod, ExposedQueue, Lasted, Lasting, PodOwner, Tally};
use crate::units::SimTime;

pub(super) fn tell(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, seconds: &dyn Fn(SimTime) -> f64) {
    tell_scheduler(tell, exposed);
    if exposed.scenario().cluster_autoscaler.is_some() {
        tell_cluster_autoscaler(tell, exposed, seconds);
    }
    if exposed.scenario().karpenter.is_some() {
        tell_karpenter(tell, exposed);
    }
    if exposed.scenario().kueue.is_some() {
        tell_up(tell, "kueue", "control-plane", true);
        exposed.cluster_queues().iter().for_each(|queue| tell_queue(tell, queue));
    }
    tell_tallies(tell, exposed);
}

fn tell_scheduler(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    let counts = exposed.counts();
    let active = counts.queued_pods.saturating_sub(counts.unschedulable_pods);
    for (queue, pods) in
        [("unschedulable", counts.unschedulable_pods), ("active", active), ("backoff", 0), ("gated", 0)]
    {
        tell.put(Metric::SchedulerPendingPods, f64::from(pods), || [("queue", queue)]);
    }
    let [bound, refused] = [Tally::PodBound, Tally::PodRefused].map(|tally| exposed.tally(&tally) as f64);
    for (result, count) in [("scheduled", bound), ("unschedulable", refused), ("error", 0.0)] {
        tell.put(Metric::SchedulerAttempts, count, || [("result", result), ("profile", "default-scheduler")]);
    }
    tell.put(Metric::SchedulerPreemptionAttempts, refused, || [("", ""); 0]);
}

/// Things that happened, each from when it first did.
fn tell_tallies(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    for (tally, times) in exposed.tallies() {
        let mut put = |metric: Metric, labels: &[(&str, &str)]| {
            let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
            tell.put_keyed(&format!("{} {}", metric.row().name, values.join("/")), metric, times as f64, labels);
        };
        match tally {
            Tally::ScaleUpFailed { why } => put(Metric::CaFailedScaleUps, &[("reason", why)]),
            Tally::ClaimCreated { pool, why } => {
                let labels = [("nodepool", &**pool), ("reason", *why), ("min_values_relaxed", "false")];
                put(Metric::KarpenterCreated, &labels);
            }
            Tally::ClaimDisrupted { pool, why, capacity } => {
                let labels = [("nodepool", &**pool), ("reason", &**why), ("capacity_type", *capacity)];
                put(Metric::KarpenterDisrupted, &labels);
            }
            Tally::Disruption { decision, why, kind } => {
                let labels = [("decision", *decision), ("reason", *why), ("consolidation_type", *kind)];
                put(Metric::KarpenterDecisions, &labels);
            }
            Tally::AdmissionCycle { admitted } => {
                let result = if *admitted { "success" } else { "inadmissible" };
                put(Metric::KueueAttempts, &[("result", result)]);
            }
            // Whoever holds quota is admitted at once: checks are answered as soon as they are asked for.
            Tally::Admitted { queue } => {
                put(Metric::KueueQuotaReserved, &[("cluster_queue", queue)]);
                put(Metric::KueueAdmitted, &[("cluster_queue", queue)]);
            }
            Tally::Evicted { queue, why } => put(Metric::KueueEvicted, &[("cluster_queue", queue), ("reason", why)]),
            Tally::Preempted { by, why } => {
                put(Metric::KueuePreempted, &[("preempting_cluster_queue", by), ("reason", *why)]);
            }
            Tally::Finished { queue } => put(Metric::KueueFinished, &[("cluster_queue", queue)]),
            // Told elsewhere, from zero on.
            Tally::PodBound
            | Tally::PodRefused
            | Tally::NodesAsked
            | Tally::NodeRemoved { .. }
            | Tally::UnregisteredRemoved
            | Tally::PodEvicted => {}
        }
    }
    for (lasting, lasted) in exposed.lasted() {
        match lasting {
            Lasting::Scheduling => histogram(tell, Metric::SchedulerSli, SLI, lasting, lasted, &[]),
            Lasting::Victims => histogram(tell, Metric::SchedulerVictims, VICTIMS, lasting, lasted, &[]),
            Lasting::Admission { queue } => {
                histogram(tell, Metric::KueueWait, WAIT, lasting, lasted, &[("cluster_queue", queue)]);
            }
        }
    }
}

/// Names of a histogram's series.
type Names = [&'static str; 3];

const SLI: Names = [
    "scheduler_pod_scheduling_sli_duration_seconds_bucket",
    "scheduler_pod_scheduling_sli_duration_seconds_sum",
    "scheduler_pod_scheduling_sli_duration_seconds_count",
];
const VICTIMS: Names =
    ["scheduler_preemption_victims_bucket", "scheduler_preemption_victims_sum", "scheduler_preemption_victims_count"];
const WAIT: Names = [
    "kueue_admission_wait_time_seconds_bucket",
    "kueue_admission_wait_time_seconds_sum",
    "kueue_admission_wait_time_seconds_count",
];

fn histogram(
    tell: &mut Teller<'_, '_>,
    metric: Metric,
    [bucket, sum, count]: Names,
    lasting: &Lasting,
    lasted: &Lasted,
    labels: &[(&str, &str)],
) {
    let of: String = labels.iter().map(|(_, value)| *value).collect();
    let bounds = lasting.bounds().iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (bound, below) in bounds.zip(lasted.cumulative()) {
        let labels = [labels, &[("le", &*bound)]].concat();
        tell.put_keyed_as(&format!("{bucket} {of} {bound}"), metric, bucket, below as f64, &labels);
    }
    tell.put_keyed_as(&format!("{sum} {of}"), metric, sum, lasted.sum(), labels);
    tell.put_keyed_as(&format!("{count} {of}"), metric, count, lasted.count() as f64, labels);
}

fn tell_cluster_autoscaler(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, seconds: &dyn Fn(SimTime) -> f64) {
    let none = || [("", ""); 0];
    let counts = exposed.counts();
    tell_up(tell, "cluster-autoscaler", "control-plane", true);
    tell.put(Metric::CaSafe, 1.0, none);
    let [ready, unready] = exposed.nodes_ready();
    for (state, nodes) in [("ready", ready), ("unready", unready), ("notStarted", counts.nodes_upcoming)] {
        tell.put(Metric::CaNodes, f64::from(nodes), || [("state", state)]);
    }
    tell.put(Metric::CaUnschedulable, f64::from(counts.unschedulable_pods), || [("type", "unschedulable")]);
    let groups = || exposed.groups().filter(|group| !group.group.is_node_pool);
    let (cores, memory) = exposed.capacity();
    tell.put(Metric::CaCores, thousandths(cores), none);
    tell.put(Metric::CaMemory, memory as f64, none);
    tell.put(Metric::CaGroups, groups().count() as f64, || [("node_group_type", "autoscaled")]);
    tell.put(Metric::CaMaxNodes, groups().map(|group| f64::from(group.group.max_size)).sum::<f64>(), none);
    for group in groups() {
        let labels = [("node_group", &*group.group.name)];
        tell.put(Metric::CaGroupTarget, f64::from(group.target), || labels);
        tell.put(Metric::CaGroupMin, f64::from(group.group.min_size), || labels);
        tell.put(Metric::CaGroupMax, f64::from(group.group.max_size), || labels);
    }
    tell.put(Metric::CaScaledUp, exposed.tally(&Tally::NodesAsked) as f64, none);
    for why in ["empty", "underutilized", "unready"] {
        let removed = exposed.tally(&Tally::NodeRemoved { why }) as f64;
        tell.put(Metric::CaScaledDown, removed, || [("reason", why)]);
    }
    tell.put(Metric::CaEvicted, exposed.tally(&Tally::PodEvicted) as f64, none);
    tell.put(Metric::CaUnregistered, exposed.tally(&Tally::UnregisteredRemoved) as f64, none);
    let Some(autoscaler) = exposed.cluster_autoscaler() else { return };
    tell.put(Metric::CaUnneeded, autoscaler.unneeded as f64, none);
    tell.put(Metric::CaInCooldown, flag(autoscaler.in_cooldown), none);
    for (group, backed_off) in exposed.groups().zip(&autoscaler.backed_off) {
        if let Some(backed_off) = backed_off {
            tell.put(Metric::CaBackoff, flag(*backed_off), || [("node_group", &*group.group.name)]);
        }
    }
    for (activity, at) in [
        ("main", autoscaler.last_loop),
        ("scaleUp", autoscaler.last_scale_up),
        ("scaleDown", autoscaler.last_scale_down),
    ] {
        let at = (at >= SimTime::ZERO).then(|| seconds(at));
        tell.put(Metric::CaLastActivity, at, || [("activity", activity)]);
    }
    for (reason, nodes) in &autoscaler.unremovable {
        let key = format!("unremovable {}", reason.name());
        tell.put_keyed(&key, Metric::CaUnremovable, f64::from(*nodes), &[("reason", reason.name())]);
    }
}

fn tell_karpenter(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    tell_up(tell, "karpenter", "control-plane", true);
    for group in exposed.groups().filter(|group| group.group.is_node_pool) {
        let labels = [("nodepool", &*group.group.name)];
        tell.put(Metric::KarpenterTerminated, f64::from(group.gone), || labels);
        tell.put(Metric::KarpenterNodesCreated, f64::from(group.launched), || labels);
        tell.put(Metric::KarpenterNodesTerminated, f64::from(group.gone), || labels);
    }
    let counts = exposed.counts();
    tell.put(Metric::KarpenterQueueDepth, f64::from(counts.unschedulable_pods), || [("", ""); 0]);
    let [ready, unready] = exposed.nodes_ready();
    tell.put(Metric::KarpenterStateNodes, f64::from(ready + unready), || [("", ""); 0]);
    for pool in exposed.pools() {
        for (resource, amount) in amounts(exposed, &pool.usage, None) {
            let labels = [("nodepool", &*pool.name), ("resource_type", &*resource)];
            tell.put_keyed(&format!("usage {} {resource}", pool.name), Metric::KarpenterUsage, amount, &labels);
        }
        let labels = [("nodepool", &*pool.name), ("resource_type", "nodes")];
        tell.put_keyed(&format!("usage {} nodes", pool.name), Metric::KarpenterUsage, pool.nodes as f64, &labels);
        for (resource, limit) in &pool.limits {
            let resource = sanitized(resource);
            let labels = [("nodepool", &*pool.name), ("resource_type", &*resource)];
            tell.put_keyed(&format!("limit {} {resource}", pool.name), Metric::KarpenterLimit, *limit, &labels);
        }
    }
}

/// Resources as Karpenter's metrics name them, in base units; pods where they are given.
fn amounts(exposed: &Exposed<'_>, resources: &Resources, pods: Option<f64>) -> Vec<(String, f64)> {
    let mut amounts = vec![
        ("cpu".to_owned(), thousandths(resources.cpu.get())),
        ("memory".to_owned(), resources.memory.get() as f64),
    ];
    amounts.extend(pods.map(|pods| ("pods".to_owned(), pods)));
    let names = &exposed.specs().resources;
    amounts.extend(resources.iter_extended().map(|(id, amount)| (sanitized(names.name(id)), amount as f64)));
    amounts
}

/// Node labels that Karpenter's metrics bear.
const OF_NODES: [(&str, &str); 7] = [
    ("arch", label::ARCH),
    ("os", label::OS),
    ("region", label::REGION),
    ("zone", label::ZONE),
    ("instance_type", label::INSTANCE_TYPE),
    ("capacity_type", label::CAPACITY_TYPE),
    ("nodepool", "karpenter.sh/nodepool"),
];

/// A node as Karpenter shows it, its own or not.
pub(super) fn tell_karpenter_node(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, node: &ExposedNode<'_>) {
    let labels = &node.shape.labels;
    let is_managed = labels.contains_key("karpenter.sh/nodepool");
    let mut base = vec![("node_name", &*node.state.name), ("managed", if is_managed { "true" } else { "false" })];
    base.extend(OF_NODES.iter().filter_map(|(name, key)| Some((*name, labels.get(*key)?.as_str()))));
    let (mut daemons, mut of_daemons) = (Resources::default(), 0);
    for pod in node.state.pods.iter().filter_map(|held| exposed.pod(held.pod)) {
        if pod.owner() == PodOwner::DaemonSet {
            daemons += &pod.spec.effective_requests();
            of_daemons += 1;
        }
    }
    let overhead = node.shape.capacity.minus(&node.shape.allocatable);
    let others = node.state.requested.minus(&daemons);
    let there = node.state.pods.len() as f64;
    for (metric, resources, pods) in [
        (Metric::KarpenterNodeAllocatable, &node.shape.allocatable, Some(node.shape.max_pods as f64)),
        (Metric::KarpenterNodePodRequests, &others, Some(there - f64::from(of_daemons))),
        (Metric::KarpenterNodeDaemonRequests, &daemons, Some(f64::from(of_daemons))),
        (Metric::KarpenterNodeOverhead, &overhead, None),
    ] {
        for (resource, amount) in amounts(exposed, resources, pods) {
            let key = format!("{} {resource}", metric.row().name);
            tell.put_keyed(&key, metric, amount, &[&base[..], &[("resource_type", &*resource)]].concat());
        }
    }
}

/// A pod as Karpenter shows it.
pub(super) fn tell_karpenter_pod(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, pod: &ExposedPod<'_>, owner: &str) {
    let node = pod.info.node.and_then(|node| exposed.node(node));
    let phase = pod.info.phase.name();
    let mut labels = vec![
        ("name", &*pod.info.name),
        ("namespace", &*pod.spec.namespace),
        ("owner", owner),
        ("phase", phase),
        ("scheduled", if node.is_some() { "true" } else { "false" }),
        ("ready", if pod.info.ready { "true" } else { "false" }),
    ];
    let key = format!("{phase} {} {}", pod.info.ready, node.as_ref().map_or("", |node| &*node.state.name));
    if let Some(node) = &node {
        labels.push(("node", &*node.state.name));
        let of_node = OF_NODES.iter().filter(|(name, _)| !matches!(*name, "os" | "region"));
        labels.extend(of_node.filter_map(|(name, key)| Some((*name, node.shape.labels.get(*key)?.as_str()))));
    }
    tell.put_keyed(&key, Metric::KarpenterPodState, 1.0, &labels);
}

fn tell_queue(tell: &mut Teller<'_, '_>, queue: &ExposedQueue) {
    let name: &Arc<str> = &queue.name;
    let of = [("cluster_queue", &**name)];
    for (status, count) in [("active", queue.pending), ("inadmissible", queue.inadmissible)] {
        tell.put(Metric::KueuePending, count as f64, || [of[0], ("status", status)]);
    }
    tell.put(Metric::KueueReserving, queue.reserving as f64, || of);
    tell.put(Metric::KueueAdmittedActive, queue.admitted as f64, || of);
    for (status, holds) in [("pending", !queue.is_active), ("active", queue.is_active), ("terminating", false)] {
        tell.put(Metric::KueueStatus, flag(holds), || [of[0], ("status", status)]);
    }
    for quota in &queue.quotas {
        let labels = [of[0], ("cohort", &*queue.cohort), ("flavor", &*quota.flavor), ("resource", &*quota.resource)];
        for (metric, amount) in [
            (Metric::KueueNominal, quota.nominal),
            (Metric::KueueBorrowing, quota.borrowing_limit),
            (Metric::KueueLending, quota.lending_limit),
            (Metric::KueueReservation, quota.used),
            (Metric::KueueUsage, quota.used),
        ] {
            tell.put(metric, amount, || labels);
        }
    }
}
