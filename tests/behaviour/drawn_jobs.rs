//! Training jobs that are drawn: whose they are, on which GPUs they are how fast, and what that is of the peak.

use windtunnel::scenario::{self, Override};
use windtunnel::sim::{Outcome, RunOptions};

use crate::watch::watch;

fn run(sets: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("scenario.yaml");
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: drawn}
spec:
  duration: 10d
  sampleInterval: 1h
  kubelet: {containerStart: 0s, termination: 0s}
  jobs:
    training: {cpuPerGpu: 1, memoryPerGpu: 1Gi, maxGpusPerWorker: 8, phases: {load: {duration: 0s}, checkpoint: {interval: 0s}}}
    templates:
      - {name: small, team: vision, queue: shared, arrivals: {constant: 6}, gpus: {1: 3, 4: 1}, duration: 30m, referenceGpu: H100, mfu: 0.4}
      - {name: large, queue: night, arrivals: {constant: 0.2}, gpus: {8: 1}, duration: 2h, limit: 20, priority: 7}
  nodes: [{name: n, count: 16, gpuModel: H100, capacity: {cpu: 64, memory: 512Gi, nvidia.com/gpu: 8}}]
";
    std::fs::write(&path, text).expect("room");
    let sets: Vec<Override> = sets.iter().map(|set| Override::parse(set).expect("a path and a value")).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
    watch(&loaded.scenario, 1, RunOptions { audit_every: 500, ..RunOptions::default() }).outcome
}

#[test]
fn templates_say_whose_jobs_come_how_large_and_how_long() {
    let run = run(&[]);
    let of = |name: &str| run.training.iter().filter(|job| job.name.starts_with(name)).collect::<Vec<_>>();
    let (small, large) = (of("small-"), of("large-"));
    // 1,440 in the mean; four standard deviations.
    assert!((1_288..=1_592).contains(&small.len()), "{}", small.len());
    assert_eq!(large.len(), 20);
    let ones = small.iter().filter(|job| job.gpus == 1).count() as f64 / small.len() as f64;
    assert!((ones - 0.75).abs() < 0.05 && small.iter().all(|job| [1, 4].contains(&job.gpus)), "{ones}");
    assert!(small.iter().all(|job| (&*job.team, &*job.queue, &*job.model) == ("vision", "shared", "small")));
    assert!(large.iter().all(|job| (&*job.team, &*job.queue, &*job.model) == ("night", "night", "large")));
    // Nobody waits here.
    for job in small.iter().filter(|job| job.finished.is_some()) {
        assert_eq!(job.times.goodput.nanos(), 1_800_000_000_000, "{}", job.name);
        assert!((job.mfu().expect("known") - 0.4).abs() < 1e-9);
    }
    assert!(large.iter().all(|job| job.mfu().is_none()));
}

#[test]
fn on_a_slower_gpu_a_job_takes_longer_by_what_that_makes_at_most() {
    let run = run(&["nodes[0].gpuModel=A100", "jobs.templates[0].limit=5"]);
    let job = run.training.iter().find(|job| job.name.starts_with("small-")).expect("one");
    let took = job.times.goodput.nanos() as f64 / 1e9;
    assert!((took - 1_800.0 * 989.0 / 312.0).abs() < 1e-6, "{took}");
    assert!((job.mfu().expect("known") - 0.4).abs() < 1e-9);
    let large = run.training.iter().find(|job| job.name.starts_with("large-")).expect("one");
    assert_eq!(large.times.goodput.nanos(), 7_200_000_000_000);
}

/// One more list of draws, and the first stays as it is.
#[test]
fn draws_of_one_template_do_not_hang_on_another_or_on_the_runs_seed() {
    let arrivals = |run: &Outcome| -> Vec<_> {
        run.training.iter().filter(|job| job.name.starts_with("small-")).map(|job| (job.arrival, job.gpus)).collect()
    };
    let plain = arrivals(&run(&[]));
    assert_eq!(plain, arrivals(&run(&["jobs.templates[1].arrivals.constant=0.3", "seed=9"])));
    assert_ne!(plain, arrivals(&run(&["jobs.templates[0].seed=9"])));
}
