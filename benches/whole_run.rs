//! Whole runs on the workloads that the nearest peer is measured on: pods of five sizes with log-normal durations that
//! arrive evenly, so many that about 70 % of the nodes' CPU is asked for.
//!
//! `fast/…` is what users get, `plain/…` the same run without the class index and without skipped loops, and
//! `per_pod/…` the same load on ever more nodes, which must not cost more.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::RngExt;
use rand_distr::{Distribution as _, LogNormal};
use windtunnel::autoscaler::cluster_autoscaler::GroupOptions;
use windtunnel::cluster::{Container, NodeGroupId, NodeShape, NodeShapeId, PodSpec, PodSpecId, Resources, WorkloadId};
use windtunnel::cost::CapacityType;
use windtunnel::scenario::{
    CloudLimits, FixedNode, GpuUsage, KubeletOptions, NodeGroup, Scenario, TracePod, UsageModel, Workload, WorkloadKind,
};
use windtunnel::sim::{RunOptions, run_with};
use windtunnel::units::random::stream;
use windtunnel::units::{Bytes, Distribution, Millicores, SimDuration, SimTime, UsdPerHour};

const NODE_CORES: i64 = 64;
const NODE_GIB: i64 = 256;
/// Cores, GiB and weight of each size of pod.
const SIZES: [(i64, i64, u32); 5] = [(1, 4, 40), (2, 8, 30), (4, 16, 15), (8, 32, 10), (16, 64, 5)];

/// `pods` pods sized for `nodes` nodes; `nodes` fixed ones are there, or as many may be added from none.
fn scenario(nodes: u32, pods: u32, fixed: u32) -> Scenario {
    let mut scenario = Scenario { name: "bench".into(), ..Scenario::default() };
    let specs: Vec<PodSpecId> = SIZES.iter().map(|(cores, gib, _)| pod_spec(&mut scenario, *cores, *gib)).collect();
    let mut rng = stream(7, "whole-run", 0);
    let life: LogNormal<f64> = LogNormal::new(6.5, 1.2).expect("the standard deviation is positive");
    let mut work: Vec<(usize, f64)> = Vec::new();
    for _ in 0..pods {
        let mut draw = rng.random_range(0..SIZES.iter().map(|(.., weight)| weight).sum());
        let size = SIZES.iter().position(|(.., weight)| draw.checked_sub(*weight).map(|left| draw = left).is_none());
        work.push((size.expect("a draw is below the sum"), life.sample(&mut rng).clamp(10.0, 86_400.0)));
    }
    let busy: f64 = work.iter().map(|(size, seconds)| SIZES[*size].0 as f64 * seconds).sum();
    let horizon = busy / (0.7 * f64::from(nodes) * NODE_CORES as f64);
    let mut arrivals: Vec<f64> = (0..pods).map(|_| rng.random_range(0.0..horizon)).collect();
    arrivals.sort_by(f64::total_cmp);
    scenario.trace_pods = work
        .iter()
        .zip(&arrivals)
        .enumerate()
        .map(|(index, ((size, seconds), arrival))| TracePod {
            name: format!("pod_{index}").into(),
            spec: specs[*size],
            workload: WorkloadId(0),
            arrival: SimTime::from_secs_f64(*arrival),
            duration: Some(SimDuration::from_secs_f64(*seconds)),
            is_resubmitted: true,
        })
        .collect();
    let last = work.iter().zip(&arrivals).map(|((_, seconds), arrival)| arrival + seconds).fold(0.0, f64::max);
    scenario.duration = SimDuration::from_secs_f64(last + 600.0);
    scenario.workloads = vec![Workload {
        id: WorkloadId(0),
        name: "pods".into(),
        namespace: "default".into(),
        kind: WorkloadKind::Replayed,
        usage: UsageModel { cpu: 1.0, memory: 1.0, gpu: GpuUsage(0.0) },
        volumes: Vec::new(),
    }];
    scenario.kubelet = KubeletOptions {
        container_start: Distribution::Constant(SimDuration::from_secs(1)),
        ..KubeletOptions::default()
    };
    let shape = node_shape(&mut scenario, None);
    scenario.nodes = (0..fixed)
        .map(|index| FixedNode {
            name: format!("node_{index}").into(),
            shape,
            instance_type: None,
            price: UsdPerHour::from_nanos(3_000_000_000),
        })
        .collect();
    if fixed == 0 {
        let shape = node_shape(&mut scenario, Some(NodeGroupId(0)));
        scenario.node_groups = vec![group(shape, nodes)];
        scenario.cluster_autoscaler = Some(Default::default());
    }
    scenario
}

fn pod_spec(scenario: &mut Scenario, cores: i64, gib: i64) -> PodSpecId {
    scenario.specs.intern_pod(PodSpec {
        containers: vec![Container {
            requests: Resources::new(Millicores(cores * 1000), Bytes(gib << 30)),
            has_request: (true, true),
            ..Container::default()
        }],
        ..PodSpec::default()
    })
}

fn node_shape(scenario: &mut Scenario, group: Option<NodeGroupId>) -> NodeShapeId {
    let all = Resources::new(Millicores(NODE_CORES * 1000), Bytes(NODE_GIB << 30));
    let shape = NodeShape { capacity: all.clone(), allocatable: all, max_pods: 110, group, ..NodeShape::default() };
    scenario.specs.intern_shape(shape)
}

fn group(shape: NodeShapeId, max_size: u32) -> NodeGroup {
    let at_once = Distribution::Constant(SimDuration::ZERO);
    NodeGroup {
        id: NodeGroupId(0),
        name: "general".into(),
        instance_type: None,
        shapes: vec![shape],
        min_size: 0,
        max_size,
        initial_size: 0,
        price: UsdPerHour::from_nanos(3_000_000_000),
        capacity_type: CapacityType::OnDemand,
        priority: None,
        autoscaling: GroupOptions::default(),
        is_node_pool: false,
        provisioning: Distribution::Constant(SimDuration::from_secs(60)),
        startup: at_once,
        device_startup: at_once,
        deprovisioning: at_once,
        limits: CloudLimits::default(),
        interruptions_per_hour: 0.0,
        interruptions_by_type: Default::default(),
        interruption_notice: SimDuration::ZERO,
        interruption_handling: Default::default(),
        failures_per_hour: 0.0,
        failure_detection: None,
    }
}

fn whole_run(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole_run");
    group.sample_size(10);
    let fast = RunOptions::default();
    let plain = RunOptions { plain: true, ..RunOptions::default() };
    let cases: [(&str, [u32; 3], RunOptions); 8] = [
        ("fast/1000_nodes_10000_pods", [1_000, 10_000, 1_000], fast),
        ("fast/1000_nodes_100000_pods", [1_000, 100_000, 1_000], fast),
        ("fast/autoscaled_10000_pods", [1_000, 10_000, 0], fast),
        ("fast/100_nodes_2000_pods", [100, 2_000, 100], fast),
        ("plain/100_nodes_2000_pods", [100, 2_000, 100], plain),
        ("per_pod/100_nodes", [100, 10_000, 100], fast),
        ("per_pod/1000_nodes", [1_000, 10_000, 1_000], fast),
        ("per_pod/10000_nodes", [10_000, 10_000, 10_000], fast),
    ];
    for (name, [nodes, pods, fixed], options) in cases {
        let scenario = scenario(nodes, pods, fixed);
        group.throughput(Throughput::Elements(pods.into()));
        group.bench_with_input(BenchmarkId::from_parameter(name), &scenario, |bencher, scenario| {
            bencher.iter(|| black_box(run_with(scenario, 1, options, &mut ())));
        });
    }
    group.finish();
}

criterion_group!(benches, whole_run);
criterion_main!(benches);
