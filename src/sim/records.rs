//! What a run tells: decisions as they fall, samples at their interval, and the outcome at the end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::EventCounts;
use super::explanation::{Explanation, Verdict};
use super::state::limit::Stopped;
use crate::cluster::PodPhase;
use crate::cost::CapacityType;
use crate::load::service::Work;
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, Usd, UsdPerHour};

/// The controllers, each with its name in `decisions.csv`.
macro_rules! controllers {
    ($($variant:ident = $name:literal,)*) => {
        /// Whose decision it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Controller {
            $($variant,)*
        }

        impl Controller {
            pub const ALL: &[Controller] = &[$(Controller::$variant,)*];

            /// The name in `decisions.csv`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Controller::$variant => $name,)*
                }
            }
        }
    };
}

controllers! {
    HorizontalPodAutoscaler = "horizontal-pod-autoscaler",
    ClusterAutoscaler = "cluster-autoscaler",
    Karpenter = "karpenter",
    Scheduler = "kube-scheduler",
    GangScheduler = "gang-scheduler",
    Kubelet = "kubelet",
    Cloud = "cloud",
    NodeLifecycle = "node-lifecycle-controller",
    Cron = "cron",
    Keda = "keda",
    Manual = "manual",
    Job = "job-controller",
    CronJob = "cronjob-controller",
    Deployment = "deployment-controller",
    StatefulSet = "statefulset-controller",
    Kueue = "kueue",
}

/// One row of `decisions.csv`.
#[derive(Clone, Debug)]
pub struct DecisionRecord<'a> {
    pub at: SimTime,
    pub controller: Controller,
    /// What was decided about: `hpa/NAMESPACE/NAME`, `pod/NAMESPACE/NAME`, `deployment/NAMESPACE/NAME`, `nodegroup/NAME`,
    /// `node/NAME`.
    pub object: Cow<'a, str>,
    pub from: Cow<'a, str>,
    pub to: Cow<'a, str>,
    pub reason: Cow<'a, str>,
}

/// CPU, memory and GPU at once, of the whole cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

/// Pods by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Not bound, or bound and not yet running.
    pub pending: u32,
    /// Of the pending ones, those not bound to a node.
    pub unbound: u32,
    pub running: u32,
    pub ready: u32,
    /// Ended, since the start of the run.
    pub succeeded: u32,
    pub failed: u32,
    /// Gone without having ended by themselves: scaled down, drained, preempted, lost with their node.
    pub deleted: u32,
}

/// Training jobs at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingCounts {
    /// Since the start of the run.
    pub arrived: u32,
    pub completed: u32,
    /// Neither complete nor running: queued for the first time, or again after an interruption.
    pub waiting: u32,
    /// All workers run.
    pub running: u32,
    /// GPUs of the running jobs.
    pub gpus: u32,
}

/// A count between two samples: the values at both instants, and those that it had for a while in between.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    pub min: u32,
    /// Weighted by time.
    pub mean: f64,
    pub max: u32,
}

/// The counts of a sample over the interval that it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CountExtents {
    pub nodes: Extent,
    pub nodes_ready: Extent,
    pub nodes_upcoming: Extent,
    pub pods_pending: Extent,
    pub pods_unbound: Extent,
    pub pods_running: Extent,
    pub pods_ready: Extent,
    pub jobs_waiting: Extent,
    pub jobs_running: Extent,
}

/// The cluster at one instant, after all events of that instant.
#[derive(Clone, Debug, Default)]
pub struct Sample<'a> {
    pub at: SimTime,
    /// Registered nodes, and of these the ready ones.
    pub nodes: u32,
    pub nodes_ready: u32,
    /// Asked of the cloud and not yet registered.
    pub nodes_upcoming: u32,
    /// Registered nodes by node group (index of [`crate::scenario::Scenario::node_groups`]).
    pub nodes_by_group: &'a [u32],
    pub pods: PodCounts,
    /// `None` where the scenario trains nothing.
    pub training: Option<TrainingCounts>,
    /// Since the sample before.
    pub extents: CountExtents,
    /// Of `nodes_by_group`.
    pub group_extents: &'a [Extent],
    /// Of nodes that have been ready and are still registered, NotReady ones included (as `kube_node_status_allocatable`).
    pub allocatable: Usage,
    pub requested: Usage,
    pub used: Usage,
    /// One entry a replicated workload, in the order of the scenario.
    pub replicas: &'a [ReplicaSample],
    /// One entry a load, in the order of the scenario.
    pub services: &'a [ServiceSample],
    /// One entry a metric of each HPA, in the order of the scenario.
    pub hpa_metrics: &'a [HpaMetricSample],
    pub cost_rate: UsdPerHour,
    pub cost: Usd,
    /// Since the start; `timeseries.csv` and `summary.json` both come from these.
    pub integrals: Integrals,
}

/// Exact time integrals since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integrals {
    /// Node × nanoseconds, registered nodes.
    pub nodes: i128,
    /// Millicores, bytes or GPU-milli × nanoseconds: `[cpu, memory, gpu]`.
    pub allocatable: [i128; 3],
    pub requested: [i128; 3],
    pub used: [i128; 3],
}

/// Replicas of a workload at a sample.
#[derive(Clone, Debug, Default)]
pub struct ReplicaSample {
    /// `namespace/name`.
    pub workload: Arc<str>,
    pub desired: u32,
    pub current: u32,
    pub ready: u32,
    /// Of the three, since the sample before.
    pub extents: [Extent; 3],
}

/// What a service was asked for and what it did in the last interval.
#[derive(Clone, Debug, Default)]
pub struct ServiceSample {
    /// `namespace/name`.
    pub workload: Arc<str>,
    /// Of the demand's own unit (millicores or milli-requests a second), the mean over the interval.
    pub demand_milli: i64,
    pub served_milli: i64,
    pub dropped_milli: i64,
    /// What the ready pods can do a second at this instant, in milli-units; `None` where nothing bounds a pod.
    pub capacity_milli: Option<i64>,
    /// Waiting work at this instant (milli-units × seconds).
    pub backlog_milli: i64,
    /// Mean and 95th percentile of the modelled latency; `None` where the load is plain CPU work.
    pub latency: Option<(SimDuration, SimDuration)>,
}

/// A metric as its HPA's syncs since the last sample read it: thousandths of its unit, or of a percent of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HpaMetricSample {
    /// At the last sync; `None` where it failed, or was not looked at.
    pub last: Option<i64>,
    /// Lowest and highest; `None` where no sync had a value.
    pub range: Option<(i64, i64)>,
}

impl HpaMetricSample {
    /// Takes in what one more sync read.
    pub fn note(&mut self, value: Option<i64>) {
        self.last = value;
        if let Some(value) = value {
            let (low, high) = self.range.unwrap_or((value, value));
            self.range = Some((low.min(value), high.max(value)));
        }
    }
}

/// The end of a run: what `summary.json`, `pods.csv` and `nodes.csv` are made of.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub scenario: String,
    pub seed: u64,
    /// Wall-clock time of the run's zero, seconds since the Unix epoch, where the scenario states one.
    pub start_epoch_seconds: Option<i64>,
    pub simulated: SimDuration,
    pub pods: Vec<PodRow>,
    pub nodes: Vec<NodeRow>,
    /// Jobs that arrived before the end.
    pub training: Vec<TrainingRow>,
    /// One row a load, in the order of the scenario.
    pub services: Vec<ServiceRow>,
    /// Jobs of the scenario that arrive only after its end.
    pub training_to_come: u32,
    pub integrals: Integrals,
    pub cost: Usd,
    pub idle_cost: Usd,
    /// By group, with `fixed` for the nodes of none and `__commitments__` for what commitments change.
    pub cost_by_node_group: Vec<(Arc<str>, Usd)>,
    /// `on-demand` (what no commitment covered), `reserved`, `spot` and, where there are some, `commitment`.
    pub cost_by_capacity_type: Vec<(&'static str, Usd)>,
    /// Part of `idle_cost`: reserved machines that did not stand.
    pub reserved_unused: Usd,
    pub commitments: Vec<CommitmentCost>,
    /// Ascending by key; includes the rows `__idle__` and, where there are commitments, `__commitments__`.
    pub cost_by_workload: Vec<WorkloadCost>,
    /// Why money was idle and pods waited.
    pub explanation: Explanation,
    pub nodes_min: u32,
    pub nodes_peak: u32,
    pub scale_ups: u32,
    pub scale_downs: u32,
    pub nodes_added: u32,
    pub nodes_removed: u32,
    pub hpa_changes: u32,
    pub evicted: u32,
    pub preempted: u32,
    pub oom_kills: u32,
    pub restarts: u32,
    pub interruptions: u32,
    /// Why the run ended before its time; `None`: it did not.
    pub stopped: Option<Stopped>,
    pub figures: EngineFigures,
}

/// Deterministic counts of the engine; wall time is the command line's.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineFigures {
    pub events: u64,
    pub events_by_kind: EventCounts,
    pub scheduling_attempts: u64,
    pub autoscaler_loops: u64,
    pub autoscaler_loops_skipped: u64,
}

/// A savings plan or committed use over the run.
#[derive(Clone, Debug)]
pub struct CommitmentCost {
    pub name: Arc<str>,
    pub paid: Usd,
    /// What it covered, at list prices.
    pub covered: Usd,
    /// Part of `paid` that covered nothing.
    pub unused: Usd,
}

/// What a workload cost, by resource.
#[derive(Clone, Debug, Default)]
pub struct WorkloadCost {
    /// `namespace/name`, or `__idle__`.
    pub workload: Arc<str>,
    pub cost: Usd,
    /// `cost` by resource: `[cpu, memory, gpu]`.
    pub costs: [Usd; 3],
    /// What was held: the larger of request and use, summed over time.
    pub cpu_core_hours: f64,
    pub ram_byte_hours: f64,
    pub gpu_hours: f64,
}

/// One row of `pods.csv`. Instants are `None` where they never came.
#[derive(Clone, Debug)]
pub struct PodRow {
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    /// Its key, `namespace/name`.
    pub workload: Arc<str>,
    /// Index into [`Outcome::nodes`] of the node it was bound to.
    pub node: Option<u32>,
    pub phase: PodPhase,
    /// Taken out of the API server before it ended by itself; `phase` is the one that it had then.
    pub deleted: bool,
    /// Of a pod that never had a node: why.
    pub unscheduled: Option<Arc<Verdict>>,
    /// `Completed`, `OOMKilled`, `Evicted`, `Preempted`, `NodeLost`, `ScaledDown`, …; empty while it lives.
    pub reason: &'static str,
    pub qos: &'static str,
    pub priority: i32,
    pub created: SimTime,
    pub scheduled: Option<SimTime>,
    /// Its container ran for the first time.
    pub started: Option<SimTime>,
    pub ready: Option<SimTime>,
    pub finished: Option<SimTime>,
    pub restarts: u32,
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
    /// By resource: `[cpu, memory, gpu]`.
    pub costs: [Usd; 3],
    pub cost: Usd,
}

/// One row of `nodes.csv`.
#[derive(Clone, Debug)]
pub struct NodeRow {
    pub name: Arc<str>,
    /// Empty for fixed nodes.
    pub group: Arc<str>,
    pub instance_type: Arc<str>,
    pub zone: Arc<str>,
    /// How it is paid at the end: a machine beyond those reserved for its group is paid on demand.
    pub capacity_type: CapacityType,
    pub price: UsdPerHour,
    /// When the cloud was asked for it; billing starts here.
    pub requested: SimTime,
    pub registered: Option<SimTime>,
    pub ready: Option<SimTime>,
    /// When its Node object left the API server: before the end of the bill where it was drained, after it where the
    /// machine stopped unasked.
    pub deleted: Option<SimTime>,
    /// When billing ended.
    pub removed: Option<SimTime>,
    /// `ScaleDown`, `Consolidated`, `Interrupted`, `Failed`, …; empty while it lives.
    pub reason: &'static str,
    pub allocatable: Usage,
    pub pods_run: u32,
    pub cost: Usd,
    /// What no pod owes, by resource: `[cpu, memory, gpu]`.
    pub idle_costs: [Usd; 3],
    pub idle_cost: Usd,
}

/// What became of the demand on one service.
///
/// Amounts are requests where the load is of requests, core-seconds where it is CPU work.
#[derive(Clone, Debug)]
pub struct ServiceRow {
    /// `namespace/name`.
    pub workload: Arc<str>,
    pub of_requests: bool,
    /// All that arrived: it was served, was dropped or waits at the end.
    pub demand: Work,
    pub served: Work,
    pub dropped: Work,
    pub waiting_at_end: Work,
    /// The most that waited at one time.
    pub backlog_max: Work,
    /// How long work waited because the ready pods could not keep up.
    pub saturated: SimDuration,
    /// How long `spec.replicas` stood at its HPA's maximum; `None` without an HPA.
    pub at_max_replicas: Option<SimDuration>,
    /// Of all answered requests; `None` for CPU work, or where nothing was answered.
    pub latency: Option<LatencyFigures>,
}

/// Mean and percentiles over all answered requests of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyFigures {
    pub mean: SimDuration,
    pub p50: SimDuration,
    pub p95: SimDuration,
    pub p99: SimDuration,
}

/// One training job that arrived.
#[derive(Clone, Debug)]
pub struct TrainingRow {
    pub name: Arc<str>,
    pub model: Arc<str>,
    pub gpus: u32,
    pub arrival: SimTime,
    /// All its workers ran for the first time.
    pub started: Option<SimTime>,
    pub finished: Option<SimTime>,
    pub total_steps: u64,
    pub steps_done: f64,
    pub steps_lost: f64,
    pub interruptions: u32,
    pub gpu_hours: f64,
    /// The GPUs that it held, in the mean over the time that it did: other than `gpus` where they changed.
    pub gpus_held: f64,
    /// Whose queue or team it is; empty where that is not said.
    pub queue: Arc<str>,
    pub team: Arc<str>,
    /// Floating-point operations of the steps that it kept; zero where they are not known.
    pub model_flops: f64,
    /// What its GPUs could have made at most while it held them; zero where that is not known.
    pub peak_flops: f64,
    /// Jobs that were there from its arrival to its end or the run's, in the mean.
    pub jobs_present: f64,
    /// Interruptions by their cause.
    pub causes: BTreeMap<&'static str, u32>,
    pub workers: u32,
    /// What it would take at the best speed that was measured, with nothing in its way.
    pub ideal: SimDuration,
    pub times: JobTimes,
    pub attempts: Vec<Attempt>,
    /// What its workers owe.
    pub cost: Usd,
}

/// Where a job's time went, from its arrival to its end or the run's. The parts add up to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTimes {
    /// Without nodes, and none on its way.
    pub queue: SimDuration,
    /// Without nodes, while one for it was on its way.
    pub provision: SimDuration,
    /// From its placement until all containers run: images, start.
    pub image: SimDuration,
    /// Reading the model, data or a checkpoint.
    pub load: SimDuration,
    pub checkpoint: SimDuration,
    /// Computing what an interruption then lost.
    pub lost: SimDuration,
    /// Waiting for a worker that had gone silent.
    pub detect: SimDuration,
    /// Computing slower than its placement allows, for stragglers and jitter.
    pub straggler: SimDuration,
    /// Holding its GPUs after its turn in a round was over.
    pub turn: SimDuration,
    /// Computing slower than its placement allows, for its data do not come faster.
    pub data: SimDuration,
    /// The rest: computing what was kept.
    pub goodput: SimDuration,
}

/// One start of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub queued: SimTime,
    /// Its gang got nodes.
    pub placed: SimTime,
    /// All its workers ran.
    pub started: Option<SimTime>,
    pub ended: Option<SimTime>,
    /// `Completed`, `Interrupted`, or `Running` at the end of the run.
    pub reason: &'static str,
    /// Of all workers.
    pub gpus: u32,
    /// Indexes into [`Outcome::nodes`], ascending.
    pub nodes: Vec<u32>,
}
