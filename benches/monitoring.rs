//! Exposing a run, and evaluating rules on it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use windtunnel::cluster::{Container, NodeShape, PodSpec, Resources, WorkloadId};
use windtunnel::monitoring;
use windtunnel::record::metrics::openmetrics::{Packing, Tape, write};
use windtunnel::record::metrics::{Exporter, Watched};
use windtunnel::scenario::{
    FixedNode, GpuUsage, Monitoring, Scenario, TracePod, UsageModel, Workload, WorkloadKind, read_rules,
};
use windtunnel::sim;
use windtunnel::units::{Bytes, Millicores, SimDuration, SimTime, UsdPerHour};

/// So many pods on nodes of sixteen, all day.
fn scenario(pods: usize, hours: i64) -> Scenario {
    let mut scenario = Scenario { start_epoch_seconds: 1_767_571_200, ..Scenario::default() };
    scenario.duration = SimDuration::from_mins(60 * hours);
    let size = Resources::new(Millicores(4_000), Bytes(16 << 30));
    let shape = NodeShape { capacity: size.clone(), allocatable: size, max_pods: 110, ..NodeShape::default() };
    let shape = scenario.specs.intern_shape(shape);
    let price = UsdPerHour::from_nanos(192_000_000);
    for node in 0..pods.div_ceil(16) {
        scenario.nodes.push(FixedNode { name: format!("node-{node}").into(), shape, instance_type: None, price });
    }
    let usage = UsageModel { cpu: 0.5, memory: 0.5, gpu: GpuUsage(0.0) };
    let (id, namespace) = (WorkloadId(0), "default".into());
    let kind = WorkloadKind::Replayed;
    scenario.workloads.push(Workload { id, name: "batch".into(), namespace, kind, usage, volumes: vec![] });
    let container = Container {
        name: "c".into(),
        requests: Resources::new(Millicores(200), Bytes(1 << 29)),
        has_request: (true, true),
        ..Container::default()
    };
    let spec = PodSpec { namespace: "default".into(), containers: vec![container], ..PodSpec::default() };
    let spec = scenario.specs.intern_pod(spec);
    scenario.trace_pods = (0..pods)
        .map(|pod| TracePod {
            name: format!("pod-{pod}").into(),
            spec,
            workload: id,
            arrival: SimTime::from_secs(pod as i64),
            duration: None,
            is_resubmitted: true,
        })
        .collect();
    scenario
}

/// Two hundred rules as clusters have them: rates, ratios, states that last.
fn rules() -> String {
    let mut text = "groups:\n- name: g\n  interval: 30s\n  rules:\n".to_owned();
    for index in 0..50 {
        let limit = f64::from(index) / 10.0;
        for (kind, expr) in [
            (
                "record: r:cpu:",
                format!("sum by (namespace, pod) (rate(container_cpu_usage_seconds_total[5m])) * {limit}"),
            ),
            (
                "alert: NotReady",
                format!("min_over_time(kube_pod_status_ready{{condition=\"true\"}}[10m]) < {limit} - 5"),
            ),
            (
                "alert: Memory",
                format!(
                    "sum by (pod) (container_memory_working_set_bytes) / on (pod) sum by (pod) (kube_pod_container_resource_requests{{resource=\"memory\"}}) > 1 + {limit}"
                ),
            ),
            (
                "alert: Pending",
                format!("sum by (namespace) (kube_pod_status_phase{{phase=\"Pending\"}}) > {limit} + 1000"),
            ),
        ] {
            let separator = if kind.ends_with(':') { "n" } else { "" };
            text += &format!("  - {kind}{separator}{index}\n    expr: '{expr}'\n");
        }
    }
    text
}

/// Under `cargo bench`; tests pass once over what is short.
fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn exposition(c: &mut Criterion) {
    let mut group = c.benchmark_group("exposition");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    let scenario = scenario(1_000, 1);
    let day = self::scenario(1_000, 24);
    let hour = [(&scenario, "an hour", Packing::Plain), (&scenario, "an hour, packed", Packing::Gzip)];
    let days = [(&day, "a day", Packing::Plain)].into_iter().filter(|_| is_measured());
    for (scenario, name, packing) in hour.into_iter().chain(days) {
        group.bench_function(format!("1000 pods, {name} at 15 s, to nowhere"), |b| {
            b.iter(|| {
                let mut tape = Tape::default();
                let exporter = Exporter::new(scenario.start_epoch_seconds, vec![&mut tape]);
                let mut watched = Watched { inner: &mut (), exporter: Some((exporter, SimDuration::from_secs(15))) };
                sim::run(scenario, 1, &mut watched);
                drop(watched);
                write(&mut tape, scenario.start_epoch_seconds, packing, &mut std::io::sink())
                    .expect("nowhere takes all");
            });
        });
    }
    group.finish();
}

fn evaluation(c: &mut Criterion) {
    let mut group = c.benchmark_group("rules");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.yaml");
    std::fs::write(&file, rules()).expect("written");
    let (groups, mistakes) = read_rules(&[file]);
    assert!(mistakes.is_empty(), "the rules are read");
    for (hours, name) in [(1, "an hour"), (24, "a day")].into_iter().filter(|(hours, _)| *hours == 1 || is_measured()) {
        let mut scenario = scenario(500, hours);
        scenario.monitoring = Some(Monitoring { groups: Arc::from(&*groups), ..Monitoring::default() });
        group.bench_function(format!("200 rules at 30 s, 500 pods, {name}"), |b| {
            b.iter(|| black_box(monitoring::simulate(&scenario, 1, &mut ())));
        });
    }
    group.finish();
}

criterion_group!(benches, exposition, evaluation);
criterion_main!(benches);
