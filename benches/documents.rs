//! Reading 10,000 objects (a file may hold 500,000 values): a dump of kinds that have no part, of Deployments with their HPAs, and one with a mistake in
//! each. `cargo bench --bench documents`; the time an object must not grow with their number (`tests/bounds` holds that).

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use windtunnel::scenario::ScenarioFiles;

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: dump}\nspec:\n  duration: 1h\n  \
    nodes: [{name: n, instanceType: m6i.large}]\n";

fn config_map(index: usize) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{index}}}\ndata: {{a: b}}\n")
}

fn deployment(index: usize, replicas: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{index}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: a{index}}}}}\n  template:\n    metadata: {{labels: {{app: a{index}}}}}\n    \
         spec: {{containers: [{{name: c, resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]}}\n"
    )
}

fn scaled(index: usize) -> String {
    let hpa = format!(
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: d{index}}}\nspec:\n  \
         scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: d{index}}}\n  minReplicas: 1\n  maxReplicas: 3\n  \
         metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}}}]\n"
    );
    deployment(index, "1") + &hpa
}

/// How many errors there are.
fn read(text: &str) -> usize {
    let files = ScenarioFiles::of_text("dump.yaml", text.to_owned()).expect("it is YAML");
    files.load(&[]).map_or_else(|mistakes| mistakes.len(), |_| 0)
}

fn documents(c: &mut Criterion) {
    let mut group = c.benchmark_group("documents");
    group.sample_size(10);
    for objects in [1_000, 10_000] {
        group.throughput(Throughput::Elements(objects as u64));
        let texts = [
            ("without a part", (0..objects).map(config_map).collect::<String>(), 0),
            ("Deployments with HPAs", (0..objects / 2).map(scaled).collect(), 0),
            ("a mistake in each", (0..objects).map(|index| deployment(index, "x")).collect(), objects),
        ];
        for (name, body, mistakes) in texts {
            let text = format!("{HEAD}{body}");
            group.bench_function(BenchmarkId::new(name, objects), |bencher| {
                bencher.iter(|| assert!(black_box(read(&text)) >= mistakes));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, documents);
criterion_main!(benches);
