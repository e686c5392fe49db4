//! The validated form of a scenario: ids, integers and compiled signals, nothing left to parse or to refuse.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::Place;
use super::kueue::KueueSetup;
use super::monitoring::Monitoring;
use super::spec::{ExpectationSpec, InterruptionHandling, NodeLifecycleOptions, TestSpec};
use super::workload::{Patch, ReplicaChange, VolumeClaim, Workload};
use crate::autoscaler::cluster_autoscaler::{self, GroupOptions};
use crate::autoscaler::cron::CronScaler;
use crate::autoscaler::hpa::{HpaFlags, HpaSpec};
use crate::autoscaler::karpenter;
use crate::autoscaler::keda::{CronWindow, ScaledObject};
use crate::cluster::{DisruptionBudget, Labels, NodeGroupId, NodeShapeId, PodSpecId, Specs, WorkloadId};
use crate::cost::{AttributionPrices, Billing, CapacityType, Commitment};
use crate::load::each_request::Request;
use crate::load::service::{QueueSpec, RequestCost};
use crate::load::training::{Elastic, Epochs, Pace, Profiles, StepRate, ThroughputTable, TrainingOptions};
use crate::load::{ServiceMetric, SignalSpec, WallClock};
use crate::release::Release;
use crate::scheduler::SchedulerOptions;
use crate::training::order::Discipline;
use crate::training::placement::Placement;
use crate::units::{Bytes, Distribution, SimDuration, SimTime, UsdPerHour};

/// Everything that a run needs beside its seed. Cheap to share between the runs of a sweep.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    /// Default seed; `--seed` overrides it.
    pub seed: u64,
    /// Wall-clock time of the scenario's zero, seconds since the Unix epoch; zero where it states none.
    pub start_epoch_seconds: i64,
    /// The clock on the wall at time zero, for patterns of the day and the week.
    pub wall_clock: WallClock,
    /// The run ends here.
    pub duration: SimDuration,
    /// Interval of the rows of `timeseries.csv`.
    pub sample_interval: SimDuration,
    /// Pods that a run may make; it ends where it comes to them.
    pub max_pods: u64,
    /// Pod specs and node shapes, interned; the run's cluster starts from a copy.
    pub specs: Specs,
    pub nodes: Vec<FixedNode>,
    pub node_groups: Vec<NodeGroup>,
    /// Every workload by [`WorkloadId`]; pods belong to one.
    pub workloads: Vec<Workload>,
    pub daemon_sets: Vec<DaemonSet>,
    /// Nodes of groups and pools that stand when the scenario starts; a group's other first nodes are made.
    pub group_nodes: Vec<GroupNode>,
    /// Pods that run when the scenario starts, by workload.
    pub standing_pods: Vec<StandingPod>,
    /// Pods that arrive on their own, ascending by arrival (trace replays).
    pub trace_pods: Vec<TracePod>,
    /// Training jobs, ascending by arrival.
    pub training_jobs: Vec<TrainingJob>,
    /// Kueue, where its objects are among the manifests.
    pub kueue: Option<KueueSetup>,
    /// What `training_jobs` have in common; `None` where there are none.
    pub training: Option<Training>,
    pub disruption_budgets: Vec<DisruptionBudget>,
    pub loads: Vec<ServiceLoad>,
    pub replica_changes: Vec<ReplicaChange>,
    /// What is changed of the workloads in mid-run, ascending by instant.
    pub patches: Vec<Patch>,
    /// Claims by name that pods of any workload may share.
    pub claims: Vec<VolumeClaim>,
    /// `None`: nobody changes the size of node groups.
    pub cluster_autoscaler: Option<cluster_autoscaler::Options>,
    /// Makes and removes the nodes of its pools.
    pub karpenter: Option<Karpenter>,
    pub hpas: Vec<Hpa>,
    /// What External metrics and KEDA's triggers read, beside the loads.
    pub external_metrics: Vec<ExternalMetric>,
    pub hpa_flags: HpaFlags,
    /// Read into `hpa_flags` and `scheduler`.
    pub release: Release,
    /// Cron and KEDA scalers. The HPA that KEDA makes for an object is among `hpas`.
    pub scalers: Vec<Scaler>,
    pub scheduler: SchedulerOptions,
    pub kubelet: KubeletOptions,
    pub node_lifecycle: NodeLifecycleOptions,
    pub metrics: MetricsOptions,
    /// How a node's price is split over its resources.
    pub attribution_prices: AttributionPrices,
    /// Granularity and minimum of a bill.
    pub billing: Billing,
    /// What is reserved for groups of reserved capacity; one that is not listed has all of its `max_size` reserved.
    pub reservations: Vec<Reservation>,
    /// Savings plans and committed use, those that are used first before the others.
    pub commitments: Vec<Commitment>,
    /// Outages of nodes or zones at given instants.
    pub outages: Vec<Outage>,
    /// Rules that watch the run; `None`: nobody scrapes it.
    pub monitoring: Option<Monitoring>,
    /// What must hold of the run, as written.
    pub expectations: Vec<Expected>,
    /// The scenario with other settings, for checks.
    pub tests: Vec<Test>,
}

/// An expectation as written, and where.
#[derive(Clone, Debug)]
pub struct Expected {
    pub spec: ExpectationSpec,
    pub place: Place,
}

/// A test as written, and where.
#[derive(Clone, Debug)]
pub struct Test {
    pub spec: TestSpec,
    /// Of its settings, or of the test where it has none.
    pub place: Place,
    /// Beside [`Scenario::expectations`].
    pub expectations: Vec<Expected>,
}

impl Default for Scenario {
    /// An empty cluster for one hour, a sample a minute, everybody's options at upstream's defaults and no delays: what
    /// a program that builds its scenarios itself starts from.
    fn default() -> Scenario {
        Scenario {
            name: String::new(),
            seed: 42,
            start_epoch_seconds: 0,
            wall_clock: WallClock::from_unix_seconds(0),
            duration: SimDuration::from_mins(60),
            sample_interval: SimDuration::from_mins(1),
            max_pods: super::size::DEFAULT_MAX_PODS,
            specs: Specs::default(),
            nodes: Vec::new(),
            node_groups: Vec::new(),
            workloads: Vec::new(),
            daemon_sets: Vec::new(),
            group_nodes: Vec::new(),
            standing_pods: Vec::new(),
            trace_pods: Vec::new(),
            training_jobs: Vec::new(),
            kueue: None,
            training: None,
            disruption_budgets: Vec::new(),
            loads: Vec::new(),
            replica_changes: Vec::new(),
            patches: Vec::new(),
            claims: Vec::new(),
            cluster_autoscaler: None,
            karpenter: None,
            hpas: Vec::new(),
            external_metrics: Vec::new(),
            hpa_flags: HpaFlags::default(),
            release: Release::default(),
            scalers: Vec::new(),
            scheduler: SchedulerOptions::default(),
            kubelet: KubeletOptions::default(),
            node_lifecycle: NodeLifecycleOptions::default(),
            metrics: MetricsOptions::default(),
            attribution_prices: AttributionPrices::default(),
            billing: Billing::default(),
            reservations: Vec::new(),
            commitments: Vec::new(),
            outages: Vec::new(),
            monitoring: None,
            expectations: Vec::new(),
            tests: Vec::new(),
        }
    }
}

impl Scenario {
    /// When it starts, seconds since the Unix epoch, where it says so.
    pub fn start(&self) -> Option<i64> {
        Some(self.start_epoch_seconds).filter(|seconds| *seconds != 0)
    }

    /// What is reserved for a group of reserved capacity.
    pub fn reservation(&self, group: &NodeGroup) -> Reservation {
        let (nodes, price) = (group.max_size, group.price);
        let whole = Reservation { group: group.id, nodes, price, on_demand_price: price };
        self.reservations.iter().find(|stated| stated.group == group.id).copied().unwrap_or(whole)
    }
}

/// A node that is there from the start and stays.
#[derive(Clone, Debug)]
pub struct FixedNode {
    pub name: Arc<str>,
    pub shape: NodeShapeId,
    pub instance_type: Option<Arc<str>>,
    pub price: UsdPerHour,
}

/// A node of a group or a NodePool that stands when the scenario starts.
#[derive(Clone, Debug)]
pub struct GroupNode {
    pub group: NodeGroupId,
    pub node: FixedNode,
    pub capacity_type: CapacityType,
    /// Not after the start.
    pub created: SimTime,
}

/// A pod that runs when the scenario starts; its owner makes it there.
#[derive(Clone, Debug)]
pub struct StandingPod {
    pub workload: WorkloadId,
    pub name: Arc<str>,
    /// It keeps that name, which its owner would not give it.
    pub is_named: bool,
    pub node: Arc<str>,
    /// Not after the start.
    pub started: SimTime,
    pub ready: bool,
}

/// Nodes of one kind that the Cluster Autoscaler adds and removes.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    pub id: NodeGroupId,
    pub name: Arc<str>,
    pub instance_type: Option<Arc<str>>,
    /// One shape a zone, in the order in which zones are used in turn. Never empty.
    pub shapes: Vec<NodeShapeId>,
    pub min_size: u32,
    pub max_size: u32,
    pub initial_size: u32,
    pub price: UsdPerHour,
    pub capacity_type: CapacityType,
    /// For the `priority` expander: the highest wins. `None`: as the autoscaler's `priorities` say.
    pub priority: Option<i32>,
    /// What the Cluster Autoscaler does otherwise for this group.
    pub autoscaling: GroupOptions,
    /// A Karpenter NodePool's nodes, of whatever type; the Cluster Autoscaler leaves them alone.
    pub is_node_pool: bool,
    /// From the cloud's acceptance of a request to the node's registration.
    pub provisioning: Distribution,
    /// From registration to Ready (device drivers, CNI).
    pub startup: Distribution,
    /// From Ready until GPUs can be asked for (device plugin, drivers); of nodes that have any.
    pub device_startup: Distribution,
    /// From the delete call to the end of billing.
    pub deprovisioning: Distribution,
    pub limits: CloudLimits,
    /// Interruptions of one spot node an hour (exponential); zero elsewhere.
    pub interruptions_per_hour: f64,
    /// The same, of instance types for which it is known; of groups of several types.
    pub interruptions_by_type: BTreeMap<Arc<str>, f64>,
    pub interruption_notice: SimDuration,
    pub interruption_handling: InterruptionHandling,
    /// From a machine's failure to the moment at which the cloud ends it (and a scaling group replaces it); `None`:
    /// it never notices.
    pub failure_detection: Option<SimDuration>,
    /// Spontaneous failures of one node an hour.
    pub failures_per_hour: f64,
}

/// Machines of a node group that are paid for from the run's start to its end, whether they stand or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub group: NodeGroupId,
    pub nodes: u32,
    /// Of one reserved machine.
    pub price: UsdPerHour,
    /// Of each machine that stands beyond the reserved ones.
    pub on_demand_price: UsdPerHour,
}

impl Reservation {
    /// What all of it costs.
    pub fn rate(&self) -> UsdPerHour {
        UsdPerHour::from_nanos(self.price.nanos().saturating_mul(i64::from(self.nodes)))
    }
}

/// A span in which the cloud has few machines of a group, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockOut {
    pub from: SimTime,
    pub to: SimTime,
    /// Machines that may run nevertheless.
    pub available: u32,
    /// Whether the cloud takes back, at the span's start, what runs beyond them.
    pub interrupts: bool,
}

impl StockOut {
    /// Without any machine, and without taking one back.
    pub const fn of(from: SimTime, to: SimTime) -> StockOut {
        StockOut { from, to, available: 0, interrupts: false }
    }
}

/// What the cloud refuses.
#[derive(Clone, Debug, Default)]
pub struct CloudLimits {
    /// Instances of this group that the cloud will run at once, below `max_size`; `None`: no quota.
    pub quota: Option<u32>,
    /// Spans in which requests fail for lack of capacity, ascending and disjoint.
    pub stock_outs: Vec<StockOut>,
    /// Chance that a single instance fails to come up.
    pub failure_probability: f64,
}

/// A pod on every node that takes it.
#[derive(Clone, Debug)]
pub struct DaemonSet {
    pub workload: WorkloadId,
    pub spec: PodSpecId,
}

/// A pod that arrives on its own: of a trace, or a bare one.
#[derive(Clone, Debug)]
pub struct TracePod {
    pub name: Arc<str>,
    pub spec: PodSpecId,
    pub workload: WorkloadId,
    pub arrival: SimTime,
    /// Work from container start to success; `None`: runs to the end.
    pub duration: Option<SimDuration>,
    /// It comes back where it was evicted, preempted or lost, as whoever submitted it would see to it. A bare pod among
    /// the manifests has nobody.
    pub is_resubmitted: bool,
}

/// A gang of equal workers whose progress is counted in steps.
#[derive(Clone, Debug)]
pub struct TrainingJob {
    pub name: Arc<str>,
    pub workload: WorkloadId,
    pub arrival: SimTime,
    /// Of each worker. Its node affinity keeps it on GPU models (label `nvidia.com/gpu.product`) that the table has a
    /// speed for.
    pub spec: PodSpecId,
    pub workers: u32,
    pub num_gpus: u32,
    pub model: Arc<str>,
    pub batch_size: Option<u32>,
    /// Its work.
    pub epochs: Epochs,
    /// The speeds that it runs through wherever it runs: they were measured.
    pub course: Option<Pace>,
    /// The job's speed wherever it runs: its duration is known. `None`: as measured.
    pub fixed_rate: Option<StepRate>,
    /// Whose queue or team it is; empty where that is not said.
    pub queue: Arc<str>,
    /// `namespace/name` of the Kueue LocalQueue that admits it.
    pub local_queue: Option<Arc<str>>,
    /// Pods beside the workers (a launcher, a head), which are there as long as the gang is.
    pub companions: Vec<Companion>,
}

/// So many pods beside a gang.
#[derive(Clone, Debug)]
pub struct Companion {
    /// What they are called, such as `launcher`.
    pub name: Arc<str>,
    pub spec: PodSpecId,
    pub count: u32,
}

/// How fast training jobs are and how their pods behave.
#[derive(Clone, Debug)]
pub struct Training {
    pub options: Arc<TrainingOptions>,
    pub throughputs: Arc<ThroughputTable>,
    /// Models whose speed hangs on placement and batch.
    pub profiles: Arc<Profiles>,
    pub placement: Placement,
    /// Within which bounds elastic policies choose the number of workers.
    pub elastic: Option<Elastic>,
    /// How the queue of gangs is worked off; `None`: by kube-scheduler's queue, a gang at a time.
    pub discipline: Option<Discipline>,
}

/// Demand for a service, shared by its ready pods.
#[derive(Clone, Debug)]
pub struct ServiceLoad {
    pub target: WorkloadId,
    pub demand: Demand,
    /// Complete (a replayed series is read) and checked: it compiles under every seed. `None` with a `log`.
    pub signal: Option<SignalSpec>,
    /// Single requests, ascending by time.
    pub log: Option<Arc<[Request]>>,
    /// Requests are drawn and served one by one.
    pub each_request: bool,
    /// Names the signal's random streams: the same for the same target whatever else the scenario holds.
    pub entity: u64,
    pub queue: QueueSpec,
    /// Relative sizes of single requests, with a mean of one, each as likely as the others; none where
    /// [`RequestCost::variation`] says how they vary.
    pub request_sizes: Arc<[f64]>,
}

/// What demand is counted in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// Cores of work.
    Cpu,
    /// Requests per second, each at this cost.
    Requests(RequestCost),
}

/// Karpenter, its pools and what it may buy.
#[derive(Clone, Debug)]
pub struct Karpenter {
    pub options: karpenter::Options,
    pub node_pools: Vec<karpenter::NodePool>,
    /// For each pool the node group that its nodes are reported under ([`NodeGroup::is_node_pool`]).
    pub groups: Vec<NodeGroupId>,
    pub catalogue: karpenter::Catalogue,
    pub stock_outs: Vec<OfferingStockOut>,
    /// Spans in which create calls fail for another reason than a lack of capacity.
    pub launch_errors: Vec<(SimTime, SimTime)>,
}

/// Offerings that the cloud has no capacity for, from one instant until just before another.
#[derive(Clone, Debug)]
pub struct OfferingStockOut {
    pub from: SimTime,
    pub to: SimTime,
    /// Instance type, position among its offerings; ascending.
    pub offerings: Vec<(karpenter::TypeIndex, usize)>,
}

impl OfferingStockOut {
    pub fn hits(&self, offering: (karpenter::TypeIndex, usize), now: SimTime) -> bool {
        (self.from..self.to).contains(&now) && self.offerings.binary_search(&offering).is_ok()
    }
}

/// A HorizontalPodAutoscaler.
#[derive(Clone, Debug)]
pub struct Hpa {
    pub name: Arc<str>,
    /// A replicated workload.
    pub target: WorkloadId,
    pub spec: HpaSpec,
    /// Its condition `ScaledToZero` is true when the scenario starts.
    pub scaled_to_zero: bool,
}

/// A scaler beside the HPA.
#[derive(Clone, Debug)]
pub struct Scaler {
    pub name: Arc<str>,
    /// A replicated workload.
    pub target: WorkloadId,
    pub policy: ScalerPolicy,
}

/// Which scaler it is.
#[derive(Clone, Debug)]
pub enum ScalerPolicy {
    Cron(CronScaler),
    Keda(Box<KedaScaler>),
}

/// A KEDA ScaledObject.
#[derive(Clone, Debug)]
pub struct KedaScaler {
    pub object: ScaledObject,
    /// By trigger: the series of [`Scenario::external_metrics`] that it reads; `None` for CPU and memory.
    pub series: Vec<Option<u32>>,
}

/// A series of the external metrics API, or one of the custom metrics API that describes an object.
#[derive(Clone, Debug)]
pub struct ExternalMetric {
    pub name: Arc<str>,
    pub labels: Labels,
    /// Kind and name of what it describes; `None`: nothing in the cluster.
    pub object: Option<(Arc<str>, Arc<str>)>,
    pub source: ExternalSource,
}

/// Where a series' value comes from.
#[derive(Clone, Debug)]
pub enum ExternalSource {
    /// Checked: it compiles under every seed. `entity` names its random streams.
    Signal { signal: Box<SignalSpec>, entity: u64 },
    /// KEDA's cron trigger.
    Cron(Box<CronWindow>),
    /// What the load on a workload reports.
    Service { target: WorkloadId, metric: ServiceMetric },
}

/// Kubelet and container runtime.
#[derive(Clone, Debug)]
pub struct KubeletOptions {
    /// From binding to the start of the first container, image present.
    pub container_start: Distribution,
    /// Bytes a second that a node pulls and unpacks.
    pub image_pull_rate: Bytes,
    /// Images that a node pulls at the same time (1: `serializeImagePulls`); they share its rate.
    pub parallel_pulls: u32,
    /// Size of an image by its name with tag; an image not listed is already on every node.
    pub image_sizes: Vec<(Arc<str>, Bytes)>,
    /// From SIGTERM to the end of the container; at most the pod's grace period.
    pub termination: Distribution,
    /// How long a machine's shutdown waits for its pods, and the part of it that is critical pods'.
    pub shutdown_grace_period: SimDuration,
    pub shutdown_grace_period_critical_pods: SimDuration,
}

impl Default for KubeletOptions {
    /// Containers start and stop at once, and every image is everywhere.
    fn default() -> KubeletOptions {
        KubeletOptions {
            container_start: Distribution::Constant(SimDuration::ZERO),
            image_pull_rate: Bytes::ZERO,
            parallel_pulls: 1,
            image_sizes: Vec::new(),
            termination: Distribution::Constant(SimDuration::ZERO),
            shutdown_grace_period: SimDuration::ZERO,
            shutdown_grace_period_critical_pods: SimDuration::ZERO,
        }
    }
}

/// metrics-server.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// `--metric-resolution`.
    pub resolution: SimDuration,
}

impl Default for MetricsOptions {
    /// 15 s, metrics-server's default.
    fn default() -> MetricsOptions {
        MetricsOptions { resolution: SimDuration::from_secs(15) }
    }
}

/// Nodes that go away without warning.
#[derive(Clone, Debug)]
pub struct Outage {
    pub at: SimTime,
    /// Zone whose nodes fail, or one node's name.
    pub zone: Option<Arc<str>>,
    pub node: Option<Arc<str>>,
}
