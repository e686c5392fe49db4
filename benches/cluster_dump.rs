//! A dump of a cluster of 5,000 pods, made into a scenario: `cargo bench --bench cluster_dump`. The text is what costs.

use std::fmt::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::scenario::diagnostic::Source;
use windtunnel::scenario::dump::{Settings, Usage, import};
use windtunnel::units::SimDuration;

const PODS: usize = 5_000;

fn node(index: usize) -> String {
    format!(
        "- apiVersion: v1
  kind: Node
  metadata:
    name: node-a{index}
    labels:
      eks.amazonaws.com/nodegroup: workers
      node.kubernetes.io/instance-type: m6i.4xlarge
  status:
    allocatable: {{cpu: 15890m, memory: 60Gi, pods: \"110\"}}
    capacity: {{cpu: \"16\", memory: 64Gi, pods: \"110\"}}
"
    )
}

/// The containers of a pod, each line after so many blanks.
fn containers(app: usize, indent: usize) -> String {
    let mut lines =
        vec!["containers:".to_owned(), "- name: main".into(), format!("  image: registry.example/app-{app}:1")];
    lines.push("  resources: {requests: {cpu: 200m, memory: 512Mi}}".into());
    lines.push("  env:".into());
    for variable in 0..60 {
        lines.push(format!("  - name: VARIABLE_{variable}"));
        lines.push("    value: some value that is not short".into());
    }
    lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

fn deployment(app: usize) -> String {
    format!(
        "- apiVersion: apps/v1
  kind: Deployment
  metadata: {{name: app-{app}, namespace: default, uid: d{app}}}
  spec:
    replicas: 10
    selector: {{matchLabels: {{app: app-{app}}}}}
    template:
      metadata: {{labels: {{app: app-{app}}}}}
      spec:
{}",
        containers(app, 8)
    )
}

fn pod(app: usize, pod: usize, node: usize) -> String {
    format!(
        "- apiVersion: v1
  kind: Pod
  metadata:
    name: app-{app}-5d9c-{pod}
    namespace: default
    ownerReferences:
    - {{apiVersion: apps/v1, controller: true, kind: ReplicaSet, name: app-{app}-5d9c, uid: r{app}}}
  spec:
    nodeName: node-a{node}
{}  status: {{phase: Running, startTime: \"2026-03-02T09:00:00Z\"}}
",
        containers(app, 4)
    )
}

/// As `kubectl get deploy,pods,nodes -A -o yaml` prints it.
fn dump() -> String {
    let mut text = "apiVersion: v1\nitems:\n".to_owned();
    let nodes = PODS / 25;
    (0..nodes).for_each(|index| text.push_str(&node(index)));
    for app in 0..PODS / 10 {
        text.push_str(&deployment(app));
        for index in 0..10 {
            let _ = write!(text, "{}", pod(app, index, (app * 10 + index) % nodes));
        }
    }
    text.push_str("kind: List\n");
    text
}

fn cluster_dump(criterion: &mut Criterion) {
    let text = dump();
    let settings = Settings::new("dump".into(), SimDuration::from_secs(86_400), &[]).expect("a day");
    let mut group = criterion.benchmark_group("cluster_dump");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("5000_pods", |bencher| {
        bencher.iter(|| {
            let imported = import(vec![Source::new("dump.yaml", text.clone())], Usage::default(), &settings);
            assert_eq!(imported.running, PODS, "{:?}", imported.broken.first());
            imported
        });
    });
    group.finish();
}

criterion_group!(benches, cluster_dump);
criterion_main!(benches);
