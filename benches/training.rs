//! Training jobs by the hundred thousand: 1,250 nodes of 8 GPUs, two teams whose quota Kueue shares out and lends, and a gang scheduler
//! with EASY backfill; and the same without Kueue. About 90 % of the GPUs are asked for.

use std::fs;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::RngExt;
use rand_distr::{Distribution as _, Exp1, LogNormal};
use windtunnel::scenario::{self, Scenario};
use windtunnel::sim::run;
use windtunnel::units::random::stream;

/// GPUs of a job and how likely they are, in hundredths: as in the Philly trace.
const SIZES: [(u32, u32); 6] = [(1, 70), (2, 8), (4, 10), (8, 9), (16, 2), (32, 1)];
const LOAD: f64 = 0.9;

fn scenario(jobs: u32, nodes: u32, kueue: bool) -> Scenario {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let mut draws = stream(7, "training-bench", 0);
    let life: LogNormal<f64> = LogNormal::new(7.5, 1.5).expect("the standard deviation is positive");
    let size = |mut draw: u32| {
        let of = SIZES.iter().find(|(_, weight)| draw.checked_sub(*weight).map(|left| draw = left).is_none());
        of.map_or(1, |(gpus, _)| *gpus)
    };
    let work: Vec<(u32, f64)> =
        (0..jobs).map(|_| (size(draws.random_range(0..100)), life.sample(&mut draws).clamp(30.0, 500_000.0))).collect();
    let asked: f64 = work.iter().map(|(gpus, seconds)| f64::from(*gpus) * seconds).sum();
    let gap = asked / (LOAD * f64::from(nodes) * 8.0) / f64::from(jobs);
    let mut at = 0.0;
    let mut rows = String::from("arrival_s,duration_s,num_gpus,queue\n");
    for (index, (gpus, seconds)) in work.iter().enumerate() {
        let wait: f64 = Exp1.sample(&mut draws);
        at += wait * gap;
        rows += &format!("{at:.3},{seconds:.3},{gpus},{}\n", if index % 3 == 0 { "one" } else { "two" });
    }
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("there is room for a scenario");
    write("jobs.csv", &rows);
    let quota = nodes * 4;
    let queue = |name: &str| {
        format!(
            "apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {{name: {name}}}
spec:
  cohortName: all
  namespaceSelector: {{}}
  preemption: {{reclaimWithinCohort: Never}}
  resourceGroups:
    - coveredResources: [nvidia.com/gpu, cpu, memory]
      flavors:
        - name: gpus
          resources: [{{name: nvidia.com/gpu, nominalQuota: {quota}}}, {{name: cpu, nominalQuota: {cpu}}}, {{name: memory, nominalQuota: {cpu}Gi}}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {{name: {name}, namespace: default}}
spec: {{clusterQueue: {name}}}
---
",
            cpu = quota * 2
        )
    };
    let flavor = "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ResourceFlavor\nmetadata: {name: gpus}\n---\n";
    write("kueue.yaml", &[flavor.to_owned(), queue("one"), queue("two")].concat());
    let days = (at / 86_400.0).ceil() as u32 + 7;
    let (manifests, admitted) = if kueue { ("  manifests: [kueue.yaml]\n", "    queue: one\n") } else { ("", "") };
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: training-bench}}
spec:
  duration: {days}d
  sampleInterval: 1d
  metrics: {{resolution: 1d}}
  nodes: [{{name: n, count: {nodes}, capacity: {{cpu: 64, memory: 512Gi, nvidia.com/gpu: 8}}}}]
{manifests}  jobs:
    format: philly
    jobs: jobs.csv
{admitted}    scheduling: {{passing: easy}}
    training: {{maxGpusPerWorker: 8, cpuPerGpu: 1, memoryPerGpu: 1Gi, phases: {{load: {{duration: 10s}}, checkpoint: {{interval: 0s}}}}}}
"
    );
    write("scenario.yaml", &text);
    let loaded = scenario::load(&folder.path().join("scenario.yaml"), &[]);
    loaded.unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false))).scenario
}

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10);
    // Whether it works is seen on a small one where nothing is measured.
    let (jobs, nodes) = if cfg!(debug_assertions) { (500, 10) } else { (100_000, 1_250) };
    for (name, kueue) in [("backfill", false), ("kueue_and_backfill", true)] {
        let scenario = scenario(jobs, nodes, kueue);
        group.throughput(Throughput::Elements(u64::from(jobs)));
        group.bench_with_input(BenchmarkId::new(name, jobs), &scenario, |bencher, scenario| {
            bencher.iter(|| black_box(run(scenario, 1, &mut ())));
        });
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
