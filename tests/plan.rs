//! A small made-up cluster and its work in plain numbers, which proptest can draw and shrink, and the [`Scenario`] that
//! they make.

mod gangs;
mod money;

use windtunnel::autoscaler::cluster_autoscaler::{self, GroupOptions};
use windtunnel::autoscaler::hpa::{HpaSpec, MetricSpec, ResourceTarget};
use windtunnel::cluster::SpreadPolicy;
use windtunnel::cluster::{
    Affinity, Container, Controller, DisruptionBudget, GpuShare, IntOrPercent, LabelSelector, Labels, NodeGroupId,
    NodeShape, PodAffinity, PodAffinityTerm, PodSpec, PodSpecId, Resources, RestartPolicy, Specs, Taint, TaintEffect,
    Toleration, TolerationOperator, TopologySpreadConstraint, WhenUnsatisfiable, WorkloadId, label, resource,
};
use windtunnel::controller::UpdateOptions;
use windtunnel::load::SignalSpec;
use windtunnel::scenario::{
    BatchJob, CloudLimits, DaemonSet, Demand, FixedNode, GpuUsage, Hpa, KubeletOptions, NodeGroup, Outage, Owner,
    ReplicaChange, Scenario, ServiceLoad, StockOut, TracePod, UsageModel, Workload, WorkloadKind,
};
use windtunnel::training::order::Discipline;
use windtunnel::units::distribution::{Distribution, LogNormal};
use windtunnel::units::random::entity_of_name;
use windtunnel::units::{Bytes, Millicores, SimDuration, SimTime, UsdPerHour};

const MIB: i64 = 1 << 20;

/// Everything that a drawn scenario holds.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub minutes: i64,
    pub nodes: Vec<NodePlan>,
    pub groups: Vec<GroupPlan>,
    pub pods: Vec<PodPlan>,
    pub replicated: Vec<ReplicatedPlan>,
    pub jobs: Vec<JobPlan>,
    pub gangs: Vec<GangPlan>,
    /// A gang scheduler with this queue places them.
    pub gang_queue: Option<Discipline>,
    /// (second, index of a replicated workload, replicas)
    pub changes: Vec<(i64, usize, u32)>,
    /// (second, zone)
    pub outages: Vec<(i64, u8)>,
    pub daemon_set: bool,
    /// Cents an hour.
    pub commitment_cents: Option<i64>,
    /// Milliseconds from binding to start, and the median of what an end takes.
    pub start_millis: i64,
    pub end_millis: i64,
    pub most_allocated: bool,
}

#[derive(Clone, Debug)]
pub struct NodePlan {
    pub cores: i64,
    pub gib: i64,
    pub max_pods: i64,
    pub zone: u8,
    pub taint: Option<TaintEffect>,
    pub gpus: GpuPlan,
}

/// Devices of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuPlan {
    None,
    Whole(i64),
    Shared(u16),
}

#[derive(Clone, Debug)]
pub struct GroupPlan {
    pub node: NodePlan,
    pub zones: u8,
    pub initial: u32,
    pub max: u32,
    pub boot_seconds: i64,
    pub startup_seconds: i64,
    pub spot: bool,
    /// Reserved nodes, of a group that is not spot.
    pub reserved: Option<u32>,
    /// Interruptions or failures of a node an hour.
    pub losses_per_hour: f64,
    pub start_failures: f64,
    pub quota: Option<u32>,
    pub stock_out_minutes: Option<(i64, i64)>,
    pub price_cents: i64,
}

/// What a pod asks for and how it behaves.
#[derive(Clone, Debug)]
pub struct AskPlan {
    pub cpu: i64,
    pub mib: i64,
    /// Thousandths of one device, or whole devices as thousands; 0: none.
    pub gpu_milli: u16,
    pub priority: i32,
    pub tolerates: bool,
    pub zone: Option<u8>,
    /// Kept apart from its own kind by host.
    pub anti_affinity: bool,
    /// Spread over zones with this skew.
    pub spread: Option<i32>,
    /// Memory in use, in percent of the request; the limit is 120 % of it.
    pub memory_use: u32,
    pub never_restarts: bool,
}

#[derive(Clone, Debug)]
pub struct PodPlan {
    pub ask: AskPlan,
    pub arrival: i64,
    pub seconds: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct ReplicatedPlan {
    pub ask: AskPlan,
    pub stateful: bool,
    pub replicas: u32,
    pub ready_seconds: i64,
    pub load: LoadPlan,
    /// (minimum, maximum, percent of the CPU request)
    pub hpa: Option<(i32, i32, i32)>,
    /// `minAvailable`, or `maxUnavailable` where negative, in percent from 100 on.
    pub budget: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadPlan {
    None,
    Constant(i64),
    Step(i64, i64),
    Noisy(i64, i64),
}

#[derive(Clone, Debug)]
pub struct JobPlan {
    pub ask: AskPlan,
    pub arrival: i64,
    pub parallelism: u32,
    pub completions: u32,
    pub seconds: i64,
}

#[derive(Clone, Debug)]
pub struct GangPlan {
    pub ask: AskPlan,
    pub arrival: i64,
    pub workers: u32,
    pub steps: u64,
}

impl Plan {
    pub fn scenario(&self) -> Scenario {
        self.scenario_on(Scenario::default())
    }

    /// On top of a scenario that has autoscalers, and as yet no workloads.
    pub fn scenario_on(&self, base: Scenario) -> Scenario {
        let mut builder = Builder {
            scenario: Scenario {
                name: "drawn".into(),
                duration: SimDuration::from_mins(self.minutes.max(1)),
                sample_interval: SimDuration::from_secs(97),
                kubelet: KubeletOptions {
                    container_start: Distribution::Constant(SimDuration::from_millis(self.start_millis)),
                    termination: about(SimDuration::from_millis(self.end_millis)),
                    ..KubeletOptions::default()
                },
                ..base
            },
        };
        if self.most_allocated {
            builder.scenario.scheduler.scoring_strategy.kind = windtunnel::scheduler::StrategyType::MostAllocated;
        }
        // Interned first, so that GPUs have an id.
        builder.scenario.specs.resources.intern(resource::NVIDIA_GPU);
        builder.nodes(self);
        builder.replicated(self);
        builder.batch(self);
        builder.gangs(self);
        if self.daemon_set {
            let workload = builder.workload("agent", WorkloadKind::Replayed, 50);
            let ask = AskPlan { cpu: 50, mib: 64, ..AskPlan::default() };
            let spec = builder.spec("agent", "DaemonSet", &ask);
            builder.scenario.daemon_sets.push(DaemonSet { workload, spec });
        }
        for (second, zone) in &self.outages {
            builder.scenario.outages.push(Outage {
                at: SimTime::from_secs(*second),
                zone: Some(zone_name(*zone).into()),
                node: None,
            });
        }
        builder.scenario
    }
}

impl Default for AskPlan {
    fn default() -> AskPlan {
        AskPlan {
            cpu: 500,
            mib: 512,
            gpu_milli: 0,
            priority: 0,
            tolerates: false,
            zone: None,
            anti_affinity: false,
            spread: None,
            memory_use: 50,
            never_restarts: false,
        }
    }
}

impl Default for NodePlan {
    fn default() -> NodePlan {
        NodePlan { cores: 4, gib: 16, max_pods: 110, zone: 0, taint: None, gpus: GpuPlan::None }
    }
}

impl Default for GroupPlan {
    fn default() -> GroupPlan {
        GroupPlan {
            node: NodePlan::default(),
            zones: 1,
            initial: 0,
            max: 10,
            boot_seconds: 60,
            startup_seconds: 0,
            spot: false,
            reserved: None,
            losses_per_hour: 0.0,
            start_failures: 0.0,
            quota: None,
            stock_out_minutes: None,
            price_cents: 20,
        }
    }
}

/// A distribution with this median and a tail; constant where it is zero.
pub fn about(median: SimDuration) -> Distribution {
    if median <= SimDuration::ZERO {
        return Distribution::Constant(SimDuration::ZERO);
    }
    Distribution::LogNormal(LogNormal { median, p95: median * 2 })
}

pub fn zone_name(zone: u8) -> &'static str {
    ["zone-a", "zone-b", "zone-c"][usize::from(zone % 3)]
}

struct Builder {
    scenario: Scenario,
}

impl Builder {
    fn nodes(&mut self, plan: &Plan) {
        for (index, node) in plan.nodes.iter().enumerate() {
            let shape = node.shape(&mut self.scenario.specs, None, node.zone);
            let shape = self.scenario.specs.intern_shape(shape);
            let price = UsdPerHour::from_nanos(48_000_000 * node.cores);
            let name = format!("fixed-{index}").into();
            self.scenario.nodes.push(FixedNode { name, shape, instance_type: None, price });
        }
        for (index, group) in plan.groups.iter().enumerate() {
            let id = NodeGroupId::new(index);
            let shapes = (0..group.zones.max(1))
                .map(|zone| {
                    let shape = group.node.shape(&mut self.scenario.specs, Some(id), zone);
                    self.scenario.specs.intern_shape(shape)
                })
                .collect();
            let minutes = |(from, to): (i64, i64)| {
                StockOut::of(SimTime::from_secs(from * 60), SimTime::from_secs((from + to) * 60))
            };
            self.scenario.node_groups.push(NodeGroup {
                id,
                name: format!("group-{index}").into(),
                instance_type: None,
                shapes,
                min_size: 0,
                max_size: group.max,
                initial_size: group.initial.min(group.max),
                price: UsdPerHour::from_nanos(group.price_cents * 10_000_000),
                capacity_type: money::capacity_type(group),
                priority: None,
                autoscaling: GroupOptions::default(),
                is_node_pool: false,
                provisioning: about(SimDuration::from_secs(group.boot_seconds)),
                startup: Distribution::Constant(SimDuration::from_secs(group.startup_seconds)),
                device_startup: Distribution::Constant(SimDuration::from_secs(group.startup_seconds / 2)),
                deprovisioning: Distribution::Constant(SimDuration::ZERO),
                limits: CloudLimits {
                    quota: group.quota,
                    stock_outs: group.stock_out_minutes.map(minutes).into_iter().collect(),
                    failure_probability: group.start_failures,
                },
                interruptions_per_hour: if group.spot { group.losses_per_hour } else { 0.0 },
                interruptions_by_type: Default::default(),
                interruption_notice: SimDuration::from_secs(120),
                interruption_handling: Default::default(),
                failure_detection: Some(SimDuration::from_mins(5)),
                failures_per_hour: if group.spot { 0.0 } else { group.losses_per_hour },
            });
        }
        money::reserve(plan, &mut self.scenario);
        if !plan.groups.is_empty() {
            // Short enough that a run of an hour sees nodes go.
            self.scenario.cluster_autoscaler = Some(cluster_autoscaler::Options {
                scale_down_unneeded_time: SimDuration::from_mins(3),
                scale_down_delay_after_add: SimDuration::from_mins(2),
                ..Default::default()
            });
        }
    }

    fn replicated(&mut self, plan: &Plan) {
        for (index, of) in plan.replicated.iter().enumerate() {
            let name = format!("web-{index}");
            let (owner, kind) =
                if of.stateful { (Owner::StatefulSet, "StatefulSet") } else { (Owner::Deployment, "ReplicaSet") };
            let spec = self.spec(&name, kind, &AskPlan { never_restarts: false, ..of.ask.clone() });
            let kind = WorkloadKind::Replicated {
                owner,
                replicas: of.replicas,
                spec,
                selector: selector(&name),
                ordered: of.stateful,
                readiness_delay: Distribution::Constant(SimDuration::from_secs(of.ready_seconds)),
                update: UpdateOptions::default(),
            };
            let target = self.workload(&name, kind, of.ask.memory_use);
            self.load(target, of.load);
            if let Some((min, max, percent)) = of.hpa {
                self.scenario.hpas.push(Hpa {
                    name: name.clone().into(),
                    target,
                    spec: HpaSpec {
                        min_replicas: min.max(1),
                        max_replicas: max.max(min).max(1),
                        metrics: vec![MetricSpec::Resource {
                            resource: "cpu".into(),
                            target: ResourceTarget::Utilization(percent),
                        }],
                        behavior: None,
                    },
                    scaled_to_zero: false,
                });
            }
            if let Some(budget) = of.budget {
                let amount = |amount: i32| {
                    if amount >= 100 { IntOrPercent::Percent(amount - 100) } else { IntOrPercent::Int(amount) }
                };
                self.scenario.disruption_budgets.push(DisruptionBudget {
                    name: name.clone().into(),
                    namespace: "default".into(),
                    selector: Some(selector(&name)),
                    min_available: (budget >= 0).then(|| amount(budget)),
                    max_unavailable: (budget < 0).then(|| amount(-budget)),
                    always_allows_unhealthy: false,
                    disruptions_allowed: 0,
                    disrupted_pods: Default::default(),
                });
            }
        }
        for (second, target, replicas) in &plan.changes {
            if *target < plan.replicated.len() {
                let target = WorkloadId::new(*target);
                let at = SimTime::from_secs(*second);
                self.scenario.replica_changes.push(ReplicaChange { at, target, replicas: *replicas });
            }
        }
    }

    fn load(&mut self, target: WorkloadId, load: LoadPlan) {
        let text = match load {
            LoadPlan::None => return,
            LoadPlan::Constant(milli) => format!("{{constant: {milli}m}}"),
            LoadPlan::Step(before, after) => {
                format!(
                    "{{step: {{initial: {before}m, steps: [{{at: 10m, to: {after}m}}, {{at: 35m, to: {before}m}}]}}}}"
                )
            }
            LoadPlan::Noisy(trough, peak) => {
                let peak = peak.max(trough);
                format!(
                    "{{diurnal: {{trough: {trough}m, peak: {peak}m, peakAt: \"00:30\"}}, \
                     noise: {{ornsteinUhlenbeck: {{sigma: 0.3, halfLife: 2m}}}}}}"
                )
            }
        };
        let signal: SignalSpec = serde_saphyr::from_str(&text).expect("a signal as the documentation has it");
        self.scenario.loads.push(ServiceLoad {
            target,
            demand: Demand::Cpu,
            signal: Some(signal),
            log: None,
            each_request: false,
            entity: entity_of_name(&self.scenario.workloads[target.index()].name),
            queue: Default::default(),
            request_sizes: std::sync::Arc::from([]),
        });
    }

    fn batch(&mut self, plan: &Plan) {
        let mut pods: Vec<(usize, &PodPlan)> = plan.pods.iter().enumerate().collect();
        pods.sort_by_key(|(_, pod)| pod.arrival);
        for (index, pod) in pods {
            let name = format!("trace-{index}");
            let spec = self.spec("trace", "ReplicaSet", &pod.ask);
            let workload = self.workload(&name, WorkloadKind::Replayed, pod.ask.memory_use);
            self.scenario.trace_pods.push(TracePod {
                name: name.into(),
                spec,
                workload,
                arrival: SimTime::from_secs(pod.arrival),
                duration: pod.seconds.map(SimDuration::from_secs),
                is_resubmitted: true,
            });
        }
        for (index, job) in plan.jobs.iter().enumerate() {
            let name = format!("job-{index}");
            let spec = self.spec(&name, "Job", &job.ask);
            let kind = WorkloadKind::Job(BatchJob {
                spec,
                arrival: SimTime::from_secs(job.arrival),
                parallelism: job.parallelism,
                completions: Some(job.completions),
                backoff_limit: 2,
                duration: about(SimDuration::from_secs(job.seconds)),
                ..BatchJob::default()
            });
            self.workload(&name, kind, job.ask.memory_use);
        }
    }

    fn workload(&mut self, name: &str, kind: WorkloadKind, memory_use: u32) -> WorkloadId {
        let id = WorkloadId::new(self.scenario.workloads.len());
        let usage = UsageModel { cpu: 0.6, memory: f64::from(memory_use) / 100.0, gpu: GpuUsage(0.8) };
        self.scenario.workloads.push(Workload {
            id,
            name: name.into(),
            namespace: "default".into(),
            kind,
            usage,
            volumes: vec![],
        });
        id
    }

    fn spec(&mut self, app: &str, owner: &str, ask: &AskPlan) -> PodSpecId {
        let specs = &mut self.scenario.specs;
        let mut requests = Resources::new(Millicores(ask.cpu), Bytes(ask.mib * MIB));
        let mut gpu_share = None;
        match ask.gpu_milli {
            0 => {}
            whole if whole % 1000 == 0 => {
                let gpu = specs.resources.intern(resource::NVIDIA_GPU);
                requests.set_extended(gpu, i64::from(whole / 1000));
            }
            milli => gpu_share = Some(GpuShare { count: 1, milli }),
        }
        let keep_apart = PodAffinityTerm {
            selector: Some(selector(app)),
            topology_key: label::HOSTNAME.into(),
            ..PodAffinityTerm::default()
        };
        let spread = |max_skew| TopologySpreadConstraint {
            max_skew,
            topology_key: label::ZONE.into(),
            when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
            selector: Some(selector(app)),
            min_domains: None,
            node_affinity_policy: SpreadPolicy::Honor,
            node_taints_policy: SpreadPolicy::Ignore,
        };
        specs.intern_pod(PodSpec {
            namespace: "default".into(),
            labels: labels(&[("app", app)]),
            containers: vec![Container {
                name: "main".into(),
                requests,
                has_request: (true, true),
                cpu_limit: Some(Millicores(ask.cpu * 2)),
                memory_limit: Some(Bytes(ask.mib * MIB * 12 / 10)),
                ..Container::default()
            }],
            node_selector: ask.zone.map_or_else(Labels::new, |zone| labels(&[(label::ZONE, zone_name(zone))])),
            affinity: Affinity {
                pod_anti: PodAffinity {
                    required: if ask.anti_affinity { vec![keep_apart] } else { Vec::new() },
                    preferred: Vec::new(),
                },
                ..Affinity::default()
            },
            tolerations: if ask.tolerates { vec![toleration()] } else { Vec::new() },
            topology_spread_constraints: ask.spread.map(spread).into_iter().collect(),
            priority: ask.priority,
            preempts: true,
            restart_policy: if ask.never_restarts { RestartPolicy::Never } else { RestartPolicy::Always },
            termination_grace_period: SimDuration::from_secs(30),
            controller: Some(Controller { kind: owner.into(), name: app.into(), uid: app.into() }),
            gpu_share,
            ..PodSpec::default()
        })
    }
}

impl NodePlan {
    fn shape(&self, specs: &mut Specs, group: Option<NodeGroupId>, zone: u8) -> NodeShape {
        let mut capacity = Resources::new(Millicores(self.cores * 1000), Bytes(self.gib * 1024 * MIB));
        let gpu = specs.resources.intern(resource::NVIDIA_GPU);
        let mut shared_gpus = 0;
        match self.gpus {
            GpuPlan::None => {}
            GpuPlan::Whole(devices) => capacity.set_extended(gpu, devices),
            GpuPlan::Shared(devices) => {
                capacity.set_extended(gpu, i64::from(devices));
                shared_gpus = devices;
            }
        }
        let allocatable = {
            let mut rest = capacity.clone();
            rest.cpu -= Millicores(100);
            rest.memory -= Bytes(512 * MIB);
            rest
        };
        let mut node_labels = labels(&[(label::ZONE, zone_name(zone))]);
        if self.gpus != GpuPlan::None {
            // To the Cluster Autoscaler a node that says so and has none is never ready.
            node_labels.extend(labels(&[(label::GPU_PRODUCT, "V100")]));
        }
        let key = "dedicated".to_owned();
        let taint = |effect| Taint { key: key.clone(), value: "yes".into(), effect };
        NodeShape {
            labels: node_labels,
            taints: self.taint.map(taint).into_iter().collect(),
            capacity,
            allocatable,
            max_pods: self.max_pods,
            shared_gpus,
            group,
            ..NodeShape::default()
        }
    }
}

fn toleration() -> Toleration {
    Toleration {
        key: "dedicated".into(),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: None,
        toleration_seconds: None,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn selector(app: &str) -> LabelSelector {
    LabelSelector { match_labels: labels(&[("app", app)]), ..LabelSelector::default() }
}
