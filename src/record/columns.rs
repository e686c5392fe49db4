//! Every column of every table: its name, unit, upstream name, meaning, and where its cells come from.
//!
//! The writers take the tables' shape from here and from nowhere else. Names are those of kube-state-metrics, the
//! Cluster Autoscaler and OpenCost without their prefix, else ours in the same style; `upstream` holds the full metric
//! name, for exporters that need it. Times are seconds from the scenario's start; where the scenario states when that is,
//! each has a timestamp beside it.

use super::{Cells, HpaMetricRow, HpaRow, Recorder, Replicas, SampleRow, ServiceValues, waits};
use crate::cost::CapacityType;
use crate::sim::{Extent, NodeRow, Outcome, PodRow};

/// What a column's numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A name or a word.
    Text,
    Count,
    /// Of a count over time.
    Mean,
    Seconds,
    /// RFC 3339, UTC. These columns are in the tables of runs whose scenario states its start.
    Timestamp,
    Cores,
    Bytes,
    Gpus,
    Usd,
    UsdPerHour,
    NodeHours,
    CoreHours,
    ByteHours,
    GpuHours,
    /// The demand's own unit: cores or requests a second.
    Demand,
    /// Demand's unit × seconds.
    DemandSeconds,
    /// A metric's own.
    Metric,
    /// One over another of the same unit.
    Ratio,
}

impl Unit {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Unit::Text => "text",
            Unit::Count => "count",
            Unit::Mean => "count, mean over time",
            Unit::Seconds => "seconds",
            Unit::Timestamp => "RFC 3339, UTC",
            Unit::Cores => "cores",
            Unit::Bytes => "bytes",
            Unit::Gpus => "GPUs",
            Unit::Usd => "USD",
            Unit::UsdPerHour => "USD an hour",
            Unit::NodeHours => "node hours",
            Unit::CoreHours => "core hours",
            Unit::ByteHours => "byte hours",
            Unit::GpuHours => "GPU hours",
            Unit::Demand => "requests a second, or cores",
            Unit::DemandSeconds => "requests, or core-seconds",
            Unit::Ratio => "ratio",
            Unit::Metric => "the metric's own, or percent",
        }
    }
}

/// A column of a table whose rows are `Row`, given `Context`.
pub struct Column<Row, Context = ()> {
    pub name: &'static str,
    pub unit: Unit,
    /// Name of the metric that a live cluster exports; empty where none does.
    pub upstream: &'static str,
    pub doc: &'static str,
    /// Appends exactly one cell.
    pub(super) cell: fn(&Row, &Context, &mut Cells),
}

pub(super) const fn column<Row, Context>(
    name: &'static str,
    unit: Unit,
    upstream: &'static str,
    doc: &'static str,
    cell: fn(&Row, &Context, &mut Cells),
) -> Column<Row, Context> {
    Column { name, unit, upstream, doc, cell }
}

/// `timeseries.csv`, the columns that every run has. Gauges are the state at the instant; hours and `cost_usd` add up
/// from the start, so the last row holds the run's totals. Beside each count stand its lowest, mean and highest since
/// the row before (both instants included), so that nothing is lost between two samples: the maximum of `nodes_max` is
/// `nodes.peak` of the summary.
#[rustfmt::skip]
pub const SAMPLE: &[Column<SampleRow>] = &[
    column("time", Unit::Seconds, "", "instant of the sample", |row, _, out| out.time(row.at)),
    column("timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(Some(row.at))),
    column("nodes", Unit::Count, "kube_node_created", "registered nodes", |row, _, out| out.integer(row.nodes)),
    column("nodes_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.nodes.min)),
    column("nodes_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.nodes.mean)),
    column("nodes_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.nodes.max)),
    column("nodes_ready", Unit::Count, "kube_node_status_condition", "nodes that are Ready", |row, _, out| out.integer(row.nodes_ready)),
    column("nodes_ready_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.nodes_ready.min)),
    column("nodes_ready_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.nodes_ready.mean)),
    column("nodes_ready_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.nodes_ready.max)),
    column("nodes_upcoming", Unit::Count, "", "asked of the cloud, not yet registered", |row, _, out| out.integer(row.nodes_upcoming)),
    column("nodes_upcoming_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.nodes_upcoming.min)),
    column("nodes_upcoming_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.nodes_upcoming.mean)),
    column("nodes_upcoming_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.nodes_upcoming.max)),
    column("pods_pending", Unit::Count, "kube_pod_status_phase", "not bound, or bound and not yet running", |row, _, out| out.integer(row.pods.pending)),
    column("pods_pending_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.pods_pending.min)),
    column("pods_pending_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.pods_pending.mean)),
    column("pods_pending_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.pods_pending.max)),
    column("pods_unbound", Unit::Count, "kube_pod_status_unscheduled_time", "of the pending ones, those without a node", |row, _, out| out.integer(row.pods.unbound)),
    column("pods_unbound_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.pods_unbound.min)),
    column("pods_unbound_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.pods_unbound.mean)),
    column("pods_unbound_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.pods_unbound.max)),
    column("pods_running", Unit::Count, "kube_pod_status_phase", "in phase Running; those that restart or are being deleted too", |row, _, out| out.integer(row.pods.running)),
    column("pods_running_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.pods_running.min)),
    column("pods_running_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.pods_running.mean)),
    column("pods_running_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.pods_running.max)),
    column("pods_ready", Unit::Count, "kube_pod_status_ready", "with condition Ready", |row, _, out| out.integer(row.pods.ready)),
    column("pods_ready_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.pods_ready.min)),
    column("pods_ready_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.pods_ready.mean)),
    column("pods_ready_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.pods_ready.max)),
    column("pods_succeeded", Unit::Count, "kube_pod_status_phase", "ended well since the start", |row, _, out| out.integer(row.pods.succeeded)),
    column("pods_failed", Unit::Count, "kube_pod_status_phase", "failed or evicted by the kubelet, since the start", |row, _, out| out.integer(row.pods.failed)),
    column("pods_deleted", Unit::Count, "", "gone before they ended, since the start: scaled down, drained, preempted, lost", |row, _, out| out.integer(row.pods.deleted)),
    column("cpu_allocatable_cores", Unit::Cores, "kube_node_status_allocatable", "of ready nodes", |row, _, out| out.cores(row.allocatable.cpu)),
    column("cpu_requested_cores", Unit::Cores, "kube_pod_container_resource_requests", "of bound pods", |row, _, out| out.cores(row.requested.cpu)),
    column("cpu_used_cores", Unit::Cores, "", "true use at the instant", |row, _, out| out.cores(row.used.cpu)),
    column("memory_allocatable_bytes", Unit::Bytes, "kube_node_status_allocatable", "of ready nodes", |row, _, out| out.memory(row.allocatable.memory)),
    column("memory_requested_bytes", Unit::Bytes, "kube_pod_container_resource_requests", "of bound pods", |row, _, out| out.memory(row.requested.memory)),
    column("memory_used_bytes", Unit::Bytes, "", "true use at the instant", |row, _, out| out.memory(row.used.memory)),
    column("gpu_allocatable", Unit::Gpus, "kube_node_status_allocatable", "of ready nodes", |row, _, out| out.gpus(row.allocatable.gpu)),
    column("gpu_requested", Unit::Gpus, "kube_pod_container_resource_requests", "of bound pods", |row, _, out| out.gpus(row.requested.gpu)),
    column("gpu_used", Unit::Gpus, "", "GPUs times their duty cycle", |row, _, out| out.gpus(row.used.gpu)),
    column("hourly_cost_usd", Unit::UsdPerHour, "node_total_hourly_cost", "of all billed nodes and all reserved capacity, before commitments", |row, _, out| out.usd_per_hour(row.cost_rate)),
    column("cost_usd", Unit::Usd, "", "billed since the start", |row, _, out| out.usd(row.cost)),
    column("node_hours", Unit::NodeHours, "", "registered nodes, summed over time", |row, _, out| out.float(row.hours.nodes)),
    column("cpu_allocatable_core_hours", Unit::CoreHours, "", "summed over time", |row, _, out| out.float(row.hours.allocatable[0])),
    column("cpu_requested_core_hours", Unit::CoreHours, "", "summed over time", |row, _, out| out.float(row.hours.requested[0])),
    column("cpu_used_core_hours", Unit::CoreHours, "", "summed over time", |row, _, out| out.float(row.hours.used[0])),
    column("memory_allocatable_byte_hours", Unit::ByteHours, "", "summed over time", |row, _, out| out.float(row.hours.allocatable[1])),
    column("memory_requested_byte_hours", Unit::ByteHours, "", "summed over time", |row, _, out| out.float(row.hours.requested[1])),
    column("memory_used_byte_hours", Unit::ByteHours, "", "summed over time", |row, _, out| out.float(row.hours.used[1])),
    column("gpu_allocatable_hours", Unit::GpuHours, "", "summed over time", |row, _, out| out.float(row.hours.allocatable[2])),
    column("gpu_requested_hours", Unit::GpuHours, "", "summed over time", |row, _, out| out.float(row.hours.requested[2])),
    column("gpu_used_hours", Unit::GpuHours, "", "summed over time", |row, _, out| out.float(row.hours.used[2])),
];

/// `timeseries.csv`, of runs that train.
#[rustfmt::skip]
pub const TRAINING: &[Column<SampleRow>] = &[
    column("jobs_arrived", Unit::Count, "", "training jobs since the start", |row, _, out| out.integer(row.training.arrived)),
    column("jobs_completed", Unit::Count, "", "training jobs that did all their steps, since the start", |row, _, out| out.integer(row.training.completed)),
    column("jobs_waiting", Unit::Count, "", "queued for the first time, or again after an interruption", |row, _, out| out.integer(row.training.waiting)),
    column("jobs_waiting_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.jobs_waiting.min)),
    column("jobs_waiting_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.jobs_waiting.mean)),
    column("jobs_waiting_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.jobs_waiting.max)),
    column("jobs_running", Unit::Count, "", "all workers run", |row, _, out| out.integer(row.training.running)),
    column("jobs_running_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents.jobs_running.min)),
    column("jobs_running_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents.jobs_running.mean)),
    column("jobs_running_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents.jobs_running.max)),
    column("jobs_gpus", Unit::Count, "", "GPUs of the running jobs", |row, _, out| out.integer(row.training.gpus)),
];

/// `timeseries.csv`, once a node group, with `.GROUP` appended to the name.
#[rustfmt::skip]
pub const NODE_GROUP: &[Column<(u32, Extent)>] = &[
    column("nodes", Unit::Count, "kube_node_created", "registered nodes of the group", |(nodes, _), _, out| out.integer(*nodes)),
    column("nodes_min", Unit::Count, "", "lowest since the last sample", |(_, extent), _, out| out.integer(extent.min)),
    column("nodes_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |(_, extent), _, out| out.float(extent.mean)),
    column("nodes_max", Unit::Count, "", "highest since the last sample", |(_, extent), _, out| out.integer(extent.max)),
];

/// `timeseries.csv`, once a replicated workload, with `.NAMESPACE/NAME` appended to the name.
#[rustfmt::skip]
pub const WORKLOAD: &[Column<Replicas>] = &[
    column("replicas_desired", Unit::Count, "kube_deployment_spec_replicas", "what its controller is asked to keep", |row, _, out| out.integer(row.desired)),
    column("replicas_desired_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents[0].min)),
    column("replicas_desired_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents[0].mean)),
    column("replicas_desired_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents[0].max)),
    column("replicas", Unit::Count, "kube_deployment_status_replicas", "pods that neither ended nor are being deleted", |row, _, out| out.integer(row.current)),
    column("replicas_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents[1].min)),
    column("replicas_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents[1].mean)),
    column("replicas_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents[1].max)),
    column("replicas_ready", Unit::Count, "kube_deployment_status_replicas_ready", "pods that serve", |row, _, out| out.integer(row.ready)),
    column("replicas_ready_min", Unit::Count, "", "lowest since the last sample", |row, _, out| out.integer(row.extents[2].min)),
    column("replicas_ready_mean", Unit::Mean, "", "mean, weighted by time, since the last sample", |row, _, out| out.float(row.extents[2].mean)),
    column("replicas_ready_max", Unit::Count, "", "highest since the last sample", |row, _, out| out.integer(row.extents[2].max)),
];

/// `timeseries.csv`, once a service, with `.NAMESPACE/NAME` of its workload appended to the name.
#[rustfmt::skip]
pub const SERVICE: &[Column<ServiceValues>] = &[
    column("demand", Unit::Demand, "", "asked for, mean since the last sample", |row, _, out| out.float(row.demand)),
    column("served", Unit::Demand, "", "done, mean since the last sample", |row, _, out| out.float(row.served)),
    column("dropped", Unit::Demand, "", "given up for want of room or of time, mean since the last sample", |row, _, out| out.float(row.dropped)),
    column("capacity", Unit::Demand, "", "what the ready pods can do at the instant; empty where nothing bounds them", |row, _, out| out.float(row.capacity)),
    column("backlog", Unit::DemandSeconds, "", "work that waits at the instant", |row, _, out| out.float(row.backlog)),
    column("latency_mean_seconds", Unit::Seconds, "", "modelled mean latency; empty for plain CPU work", |row, _, out| out.float(row.latency_mean)),
    column("latency_p95_seconds", Unit::Seconds, "", "modelled 95th percentile; empty for plain CPU work", |row, _, out| out.float(row.latency_p95)),
];

/// `timeseries.csv`, once an HPA, with `.NAMESPACE/HPA` appended to the name.
#[rustfmt::skip]
pub const HPA: &[Column<HpaRow>] = &[
    column("hpa_desired_replicas", Unit::Count, "kube_horizontalpodautoscaler_status_desired_replicas", "what its workload is asked to keep", |row, _, out| out.integer(row.desired)),
    column("hpa_min_replicas", Unit::Count, "kube_horizontalpodautoscaler_spec_min_replicas", "its lower limit", |row, _, out| out.integer(row.min)),
    column("hpa_max_replicas", Unit::Count, "kube_horizontalpodautoscaler_spec_max_replicas", "its upper limit", |row, _, out| out.integer(row.max)),
    column("hpa_at_max_replicas", Unit::Count, "", "1 where its workload is asked to keep maxReplicas or more, else 0", |row, _, out| out.integer(u32::from(row.desired >= row.max))),
];

/// `timeseries.csv`, once a metric of an HPA, with `.NAMESPACE/HPA.METRIC` appended to the name.
#[rustfmt::skip]
pub const HPA_METRIC: &[Column<HpaMetricRow>] = &[
    column("hpa_metric", Unit::Metric, "kube_horizontalpodautoscaler_status_target_metric", "as the last sync read it; empty where that failed or did not look", |row, _, out| out.float(milli(row.sample.last))),
    column("hpa_metric_min", Unit::Metric, "", "lowest that a sync read since the last sample", |row, _, out| out.float(milli(row.sample.range.map(|range| range.0)))),
    column("hpa_metric_max", Unit::Metric, "", "highest that a sync read since the last sample", |row, _, out| out.float(milli(row.sample.range.map(|range| range.1)))),
    column("hpa_target", Unit::Metric, "kube_horizontalpodautoscaler_spec_target_metric", "what the HPA aims at (percent of the requests where `averageUtilization` is set); within its tolerance it does nothing", |row, _, out| out.float(milli(row.target))),
];

fn milli(value: Option<i64>) -> f64 {
    value.map_or(f64::NAN, |value| value as f64 / 1e3)
}

/// `decisions.csv`, by the decision's place in the record.
#[rustfmt::skip]
pub const DECISION: &[Column<usize, Recorder>] = &[
    column("time", Unit::Seconds, "", "when it fell", |row, record, out| out.time(record.decision_at(*row).at)),
    column("timestamp", Unit::Timestamp, "", "the same as a date", |row, record, out| out.timestamp(Some(record.decision_at(*row).at))),
    column("controller", Unit::Text, "", "who decided", |row, record, out| out.text(record.decision_at(*row).controller.name())),
    column("object", Unit::Text, "", "about what: KIND/NAME, or KIND/NAMESPACE/NAME", |row, record, out| out.text(record.decision_at(*row).object)),
    column("from", Unit::Text, "", "before", |row, record, out| out.text(record.decision_at(*row).from)),
    column("to", Unit::Text, "", "after", |row, record, out| out.text(record.decision_at(*row).to)),
    column("reason", Unit::Text, "", "why", |row, record, out| out.text(record.decision_at(*row).reason)),
];

/// `pods.csv`.
#[rustfmt::skip]
pub const POD: &[Column<PodRow, Outcome>] = &[
    column("pod", Unit::Text, "kube_pod_info", "name", |row, _, out| out.text(&row.name)),
    column("namespace", Unit::Text, "kube_pod_info", "", |row, _, out| out.text(&row.namespace)),
    column("workload", Unit::Text, "kube_pod_owner", "its owner, or the trace it came from: NAMESPACE/NAME, the key of cost.by_workload", |row, _, out| out.text(&row.workload)),
    column("node", Unit::Text, "kube_pod_info", "where it was bound; empty if never", |row, outcome, out| match row.node {
        Some(index) => out.text(outcome.nodes.get(index as usize).map_or("", |node| &*node.name)),
        None => out.empty(),
    }),
    column("phase", Unit::Text, "kube_pod_status_phase", "at the end of the run; Deleted: taken out of the API server before it ended by itself", |row, _, out| out.text(if row.deleted { "Deleted" } else { row.phase.name() })),
    column("reason", Unit::Text, "kube_pod_status_reason", "why it ended, or is being deleted; empty else", |row, _, out| out.text(row.reason)),
    column("unscheduled_reason", Unit::Text, "", "of a pod that never had a node: why, as was last said; empty else", |row, _, out| out.text(row.unscheduled.as_ref().map_or("", |verdict| &verdict.reason))),
    column("qos_class", Unit::Text, "kube_pod_status_qos_class", "", |row, _, out| out.text(row.qos)),
    column("priority", Unit::Count, "", "value of its priority class", |row, _, out| out.integer(row.priority)),
    column("created_time", Unit::Seconds, "kube_pod_created", "", |row, _, out| out.time(row.created)),
    column("created_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(Some(row.created))),
    column("scheduled_time", Unit::Seconds, "kube_pod_status_scheduled_time", "bound to its node", |row, _, out| out.maybe_time(row.scheduled)),
    column("scheduled_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.scheduled)),
    column("start_time", Unit::Seconds, "", "its container ran for the first time", |row, _, out| out.maybe_time(row.started)),
    column("start_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.started)),
    column("ready_time", Unit::Seconds, "kube_pod_status_ready_time", "first Ready", |row, _, out| out.maybe_time(row.ready)),
    column("ready_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.ready)),
    column("completion_time", Unit::Seconds, "kube_pod_completion_time", "ended or deleted", |row, _, out| out.maybe_time(row.finished)),
    column("completion_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.finished)),
    column("wait_seconds", Unit::Seconds, "", "from creation to binding; of a pod that was never bound, to its end or the run's", |row, outcome, out| out.decimal::<9>(waits::of_pod(row, outcome).lasted.nanos())),
    column("wait_censored", Unit::Text, "", "true: it was never bound, its wait is only so far", |row, outcome, out| out.boolean(waits::of_pod(row, outcome).is_censored)),
    column("startup_seconds", Unit::Seconds, "", "from creation to Ready; of a pod that never was, to its end or the run's", |row, outcome, out| out.decimal::<9>(waits::startup_of_pod(row, outcome).lasted.nanos())),
    column("startup_censored", Unit::Text, "", "true: it was never Ready, its startup is only so far", |row, outcome, out| out.boolean(waits::startup_of_pod(row, outcome).is_censored)),
    column("restarts_total", Unit::Count, "kube_pod_container_status_restarts_total", "", |row, _, out| out.integer(row.restarts)),
    column("cpu_requested_cores", Unit::Cores, "kube_pod_container_resource_requests", "", |row, _, out| out.cores(row.cpu)),
    column("memory_requested_bytes", Unit::Bytes, "kube_pod_container_resource_requests", "", |row, _, out| out.memory(row.memory)),
    column("gpu_requested", Unit::Gpus, "kube_pod_container_resource_requests", "", |row, _, out| out.gpus(row.gpu)),
    column("cpu_cost_usd", Unit::Usd, "", "owed for CPU: the larger of request and use, at its node's price", |row, _, out| out.usd(row.costs[0])),
    column("ram_cost_usd", Unit::Usd, "", "owed for memory", |row, _, out| out.usd(row.costs[1])),
    column("gpu_cost_usd", Unit::Usd, "", "owed for GPUs", |row, _, out| out.usd(row.costs[2])),
    column("cost_usd", Unit::Usd, "", "its share of its node's bill: the three before", |row, _, out| out.usd(row.cost)),
];

/// `nodes.csv`.
#[rustfmt::skip]
pub const NODE: &[Column<NodeRow, Outcome>] = &[
    column("node", Unit::Text, "kube_node_info", "name", |row, _, out| out.text(&row.name)),
    column("node_group", Unit::Text, "", "empty for fixed nodes", |row, _, out| out.text(&row.group)),
    column("instance_type", Unit::Text, "", "the cloud's name for its kind", |row, _, out| out.text(&row.instance_type)),
    column("zone", Unit::Text, "", "availability zone", |row, _, out| out.text(&row.zone)),
    column("capacity_type", Unit::Text, "kubecost_node_is_spot", "on-demand, spot or reserved: how it was paid at the end", |row, _, out| out.text(capacity_type(row.capacity_type))),
    column("hourly_cost_usd", Unit::UsdPerHour, "node_total_hourly_cost", "price at the end", |row, _, out| out.usd_per_hour(row.price)),
    column("requested_time", Unit::Seconds, "", "asked of the cloud; billing starts", |row, _, out| out.time(row.requested)),
    column("requested_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(Some(row.requested))),
    column("created_time", Unit::Seconds, "kube_node_created", "registered", |row, _, out| out.maybe_time(row.registered)),
    column("created_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.registered)),
    column("ready_time", Unit::Seconds, "", "first Ready", |row, _, out| out.maybe_time(row.ready)),
    column("ready_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.ready)),
    column("deleted_time", Unit::Seconds, "", "its Node object left the API server; empty while it is there", |row, _, out| out.maybe_time(row.deleted)),
    column("deleted_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.deleted)),
    column("removed_time", Unit::Seconds, "", "billing ended; empty while it lives", |row, _, out| out.maybe_time(row.removed)),
    column("removed_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.removed)),
    column("reason", Unit::Text, "", "why it went; empty while it lives", |row, _, out| out.text(row.reason)),
    column("cpu_allocatable_cores", Unit::Cores, "kube_node_status_allocatable", "", |row, _, out| out.cores(row.allocatable.cpu)),
    column("memory_allocatable_bytes", Unit::Bytes, "kube_node_status_allocatable", "", |row, _, out| out.memory(row.allocatable.memory)),
    column("gpu_allocatable", Unit::Gpus, "kube_node_status_allocatable", "", |row, _, out| out.gpus(row.allocatable.gpu)),
    column("pods_run_total", Unit::Count, "", "pods that were bound to it, those of DaemonSets too", |row, _, out| out.integer(row.pods_run)),
    column("cost_usd", Unit::Usd, "", "billed", |row, _, out| out.usd(row.cost)),
    column("idle_cost_usd", Unit::Usd, "", "of this, the share that no pod owes; below zero where pods use more than is left", |row, _, out| out.usd(row.idle_cost)),
    column("idle_cpu_cost_usd", Unit::Usd, "", "of the idle cost, that of CPU", |row, _, out| out.usd(row.idle_costs[0])),
    column("idle_ram_cost_usd", Unit::Usd, "", "of the idle cost, that of memory", |row, _, out| out.usd(row.idle_costs[1])),
    column("idle_gpu_cost_usd", Unit::Usd, "", "of the idle cost, that of GPUs", |row, _, out| out.usd(row.idle_costs[2])),
];

const fn capacity_type(capacity_type: CapacityType) -> &'static str {
    match capacity_type {
        CapacityType::OnDemand => "on-demand",
        CapacityType::Spot => "spot",
        CapacityType::Reserved => "reserved",
    }
}
