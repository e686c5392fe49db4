//! Whole runs of what users have: Deployments with constraints on big clusters, HPA services, single requests, Karpenter,
//! a backlog, priorities. A row each of the table in docs/performance.md.
//!
//! Scenarios are written as a user writes them; reading them is not measured.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::RngExt;
use windtunnel::scenario::{self, Scenario};
use windtunnel::units::random::stream;

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: bench}\n";

/// Reads a scenario that stands in a folder with its tables.
fn load(files: &[(&str, &str)]) -> Scenario {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("there is room");
    }
    let loaded = scenario::load(&folder.path().join(files[0].0), &[]);
    loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false))).scenario
}

fn shipped(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false))).scenario
}

/// A Deployment whose pods ask for 250m or more; `pod` is what else their spec says.
fn deployment(name: &str, replicas: u32, cpu: u32, pod: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n{pod}      containers: [{{name: c, image: \"c:1\", resources: {{requests: {{cpu: {cpu}m, \
         memory: 256Mi}}}}}}]\n"
    )
}

fn zones(nodes: u32) -> String {
    let mut text = String::from("  nodes:\n");
    for zone in 0..3 {
        let count = (nodes + 2 - zone) / 3;
        let capacity = "{cpu: \"16\", memory: 64Gi, pods: \"110\"}";
        let _ = writeln!(text, "    - {{name: z{zone}, count: {count}, zone: zone-{zone}, capacity: {capacity}}}");
    }
    text
}

/// 20 Deployments of 50 pods on nodes of three zones, each halved and restored twice.
fn deployments(nodes: u32, replicas: u32, pod: fn(u32) -> String, more: fn(u32) -> String) -> Scenario {
    let mut text = format!("{HEAD}spec:\n  duration: 6h\n{}  replicaChanges:\n", zones(nodes));
    for (turn, index) in (0..4).flat_map(|turn| (0..20).map(move |index| (turn, index))) {
        let replicas = if turn % 2 == 0 { replicas / 2 } else { replicas };
        let at = 600 + turn * 1800 + index;
        let target = format!("{{kind: Deployment, name: d{index}}}");
        let _ = writeln!(text, "    - {{at: {at}s, target: {target}, replicas: {replicas}}}");
    }
    for index in 0..20 {
        text += &deployment(&format!("d{index}"), replicas, 250, &pod(index));
        text += &more(index);
    }
    load(&[("scenario.yaml", &text)])
}

fn constraints(index: u32) -> String {
    let selector = format!("labelSelector: {{matchLabels: {{app: d{index}}}}}");
    format!(
        "      topologySpreadConstraints:\n        - {{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, {selector}}}\n      \
         affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: kubernetes.io/hostname, {selector}}}]}}}}\n"
    )
}

fn budget(index: u32) -> String {
    format!(
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: d{index}}}\nspec: {{minAvailable: 50%, selector: {{matchLabels: {{app: d{index}}}}}}}\n"
    )
}

/// Services with a day's shape and noise, and an HPA each.
fn services(count: u32, hours: u32) -> Scenario {
    let mut text = format!(
        "{HEAD}spec:\n  start: 2026-03-02T00:00:00Z\n  duration: {hours}h\n  sampleInterval: 1m\n  nodeGroups: [{{name: g, instanceType: m6i.4xlarge, minSize: 1, maxSize: 400}}]\n  load:\n"
    );
    for index in 0..count {
        let (trough, peak) = (800 + 37 * index, 4000 + 211 * index);
        let peak_at = format!("{:02}:{:02}", (9 + index * 7) % 24, index * 13 % 60);
        let _ = writeln!(
            text,
            "    - target: {{kind: Deployment, name: s{index}}}\n      cpu:\n        diurnal: {{trough: {trough}m, peak: {peak}m, peakAt: \"{peak_at}\"}}\n        \
             noise: {{ornsteinUhlenbeck: {{sigma: 0.1, halfLife: 5m}}}}"
        );
    }
    for index in 0..count {
        text += &deployment(&format!("s{index}"), 3, 500, "");
        let _ = write!(
            text,
            "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: s{index}}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, \
             name: s{index}}}\n  minReplicas: 2\n  maxReplicas: 60\n  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 60}}}}}}]\n"
        );
    }
    load(&[("scenario.yaml", &text)])
}

/// Pods that arrive evenly over `span` seconds and last 20 minutes on the average; `(cpu, memory in GiB)` by index.
fn pods(count: u32, span: f64, size: impl Fn(u32) -> (u32, u32)) -> String {
    let mut rng = stream(7, "user-scale", 0);
    let mut rows = String::from("name,arrival_s,duration_s,cpu_milli,memory_bytes\n");
    for index in 0..count {
        let arrival = span * f64::from(index) / f64::from(count);
        let duration: f64 = rng.random_range(600.0..1800.0);
        let (cpu, gib) = size(index);
        let _ = writeln!(rows, "pod_{index},{arrival:.3},{duration:.3},{cpu},{}", u64::from(gib) << 30);
    }
    rows
}

const NODE_POOL: &str = "---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
      requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]
      expireAfter: Never
  disruption: {consolidationPolicy: WhenEmptyOrUnderutilized, consolidateAfter: 1m}
";

/// A trace on a NodePool that consolidates, and `huge` pods that no type can hold.
fn karpenter(count: u32, huge: u32) -> Scenario {
    let types = "m6i.xlarge, m6i.2xlarge, m6i.4xlarge, c6i.xlarge, c6i.2xlarge, c6i.4xlarge, r6i.xlarge, r6i.2xlarge, r6i.4xlarge";
    let text = format!(
        "{HEAD}spec:\n  duration: 3h\n  replay: {{format: csv, pods: pods.csv}}\n  nodePools: {{instanceTypes: [{types}]}}\n{NODE_POOL}"
    );
    let rows =
        pods(
            count + huge,
            7200.0,
            |index| {
                if index < huge { (64_000, 256) } else { (500 + 83 * index % 1800, 1 + index % 6) }
            },
        );
    load(&[("scenario.yaml", &text), ("pods.csv", &rows)])
}

/// Replicas that Karpenter spreads over zones, among others that come and go.
fn karpenter_with_spread(replicas: u32) -> Scenario {
    let types = "m6i.xlarge, m6i.2xlarge, c6i.xlarge, c6i.2xlarge, r6i.xlarge, r6i.2xlarge";
    let spread = "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]\n";
    let mut text = format!(
        "{HEAD}spec:\n  duration: 3h\n  replay: {{format: csv, pods: pods.csv}}\n  nodePools: {{instanceTypes: [{types}]}}\n{NODE_POOL}"
    );
    text += &deployment("web", replicas, 500, spread);
    let rows = pods(200, 7200.0, |index| (500 + 83 * index % 1800, 1 + index % 6));
    load(&[("scenario.yaml", &text), ("pods.csv", &rows)])
}

/// A trace on fixed nodes, with one pod that would rather be away from its like.
fn one_with_affinity(count: u32, nodes: u32) -> Scenario {
    let mut text =
        format!("{HEAD}spec:\n  duration: 4h\n  replay: {{format: csv, pods: pods.csv, nodes: nodes.csv}}\n");
    let away = "      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: lone}}}}]}}\n";
    text += &deployment("lone", 1, 100, away);
    let rows = pods(count, 7200.0, |index| (1_000 + 1000 * (index % 5), 4));
    let nodes = format!("name,cpu_milli,memory_bytes,count\nn,64000,274877906944,{nodes}\n");
    load(&[("scenario.yaml", &text), ("pods.csv", &rows), ("nodes.csv", &nodes)])
}

/// A Deployment that takes a node group up to `nodes` nodes and back.
fn autoscaled(nodes: u32) -> Scenario {
    let target = "{kind: Deployment, name: web}";
    let replicas = 2 * nodes;
    let mut text = format!(
        "{HEAD}spec:\n  duration: 4h\n  nodeGroups: [{{name: g, instanceType: m6i.large, minSize: 1, maxSize: {nodes}}}]\n  autoscaling: {{clusterAutoscaler: {{}}}}\n  \
         replicaChanges:\n    - {{at: 600s, target: {target}, replicas: {replicas}}}\n    - {{at: 7200s, target: {target}, replicas: 1}}\n"
    );
    text += &deployment("web", 1, 900, "");
    load(&[("scenario.yaml", &text)])
}

/// Half of a trace's pods preempt the others.
fn two_priorities(count: u32) -> Scenario {
    let text = format!("{HEAD}spec:\n  duration: 12h\n  replay: {{format: csv, pods: pods.csv, nodes: nodes.csv}}\n");
    let rows = pods(count, 7200.0, |index| (1_000 + 1000 * (index % 8), 4));
    let mut rows = rows.lines();
    let mut with_priority = format!("{},priority\n", rows.next().expect("a header"));
    for (index, row) in rows.enumerate() {
        let _ = writeln!(with_priority, "{row},{}", 1000 * (index % 2));
    }
    let nodes = "name,cpu_milli,memory_bytes,count\nn,64000,274877906944,100\n";
    load(&[("scenario.yaml", &text), ("pods.csv", &with_priority), ("nodes.csv", nodes)])
}

/// More pods in an hour than 100 nodes have room for.
fn backlog(count: u32) -> Scenario {
    let text = format!("{HEAD}spec:\n  duration: 12h\n  replay: {{format: csv, pods: pods.csv, nodes: nodes.csv}}\n");
    let nodes = "name,cpu_milli,memory_bytes,count\nn,64000,274877906944,100\n";
    let rows = pods(count, 3600.0, |index| (2_000 + 1000 * (index % 3), 4));
    load(&[("scenario.yaml", &text), ("pods.csv", &rows), ("nodes.csv", nodes)])
}

fn user_scale(criterion: &mut Criterion) {
    let none = |_: u32| String::new();
    // A name, whether it is quick without optimization too, and how the scenario is made.
    type Case<'a> = (&'a str, bool, &'a dyn Fn() -> Scenario);
    let cases: [Case<'_>; 16] = [
        ("deployments/100_nodes", true, &|| deployments(100, 50, none, none)),
        ("deployments/1000_nodes", false, &|| deployments(1_000, 50, none, none)),
        ("deployments/10000_nodes", false, &|| deployments(10_000, 50, none, none)),
        ("one_with_affinity/1000_nodes", false, &|| one_with_affinity(10_000, 1_000)),
        ("constraints/100_nodes", false, &|| deployments(100, 75, constraints, budget)),
        ("services/10_for_1_day", true, &|| services(10, 24)),
        ("services/50_for_4_days", false, &|| services(50, 96)),
        ("services/a_day_of_the_sweep", true, &|| shipped("ai-model-training.yaml")),
        ("requests/llm_chat", true, &|| shipped("llm-chat.yaml")),
        ("karpenter/1000_pods", false, &|| karpenter(1_000, 0)),
        ("karpenter/40_fit_nowhere", false, &|| karpenter(1_000, 40)),
        ("karpenter/300_with_spread", false, &|| karpenter_with_spread(300)),
        ("cluster_autoscaler/500_nodes", false, &|| autoscaled(500)),
        ("cluster_autoscaler/2000_nodes", false, &|| autoscaled(2_000)),
        ("backlog/20000_pods", false, &|| backlog(20_000)),
        ("two_priorities/10000_pods", false, &|| two_priorities(10_000)),
    ];
    let measures = std::env::args().any(|argument| argument == "--bench");
    let mut group = criterion.benchmark_group("user_scale");
    group.sample_size(10);
    for (name, _, make) in cases.iter().filter(|(_, is_quick, _)| *is_quick || measures) {
        let scenario = make();
        group.bench_with_input(BenchmarkId::from_parameter(name), &scenario, |bencher, scenario| {
            bencher.iter(|| black_box(windtunnel::sim::run(scenario, 1, &mut ())));
        });
    }
    group.finish();
}

criterion_group!(benches, user_scale);
criterion_main!(benches);
