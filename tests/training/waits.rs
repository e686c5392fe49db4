//! Waits in a queue of single-GPU jobs against queueing theory: M/M/c, and the exact recursion of Kiefer and Wolfowitz.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_pcg::Pcg64Mcg;
use windtunnel::scenario;
use windtunnel::sim::RunOptions;

use crate::watch::watch;

/// Jobs of one run: as many batches as the interval is made of, and one to warm up.
const JOBS: usize = 60_000;
const BATCHES: usize = 20;

/// A mean of 1,000 s a job, at this part of what the servers can do; all in whole milliseconds.
fn draw(servers: u32, load: f64, seed: u64) -> Vec<(i64, i64)> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut draw = |mean: f64| ((Distribution::<f64>::sample(&Exp1, &mut random) * mean * 1e3).round() as i64).max(1);
    let gap = 1_000.0 / (f64::from(servers) * load);
    let mut at = 0;
    let mut next = || {
        at += draw(gap);
        (at, draw(1_000.0))
    };
    (0..JOBS).map(|_| next()).collect()
}

/// First come, first served: each job gets the server that is free first.
fn first_come(jobs: &[(i64, i64)], servers: u32) -> Vec<i64> {
    let mut free: BinaryHeap<Reverse<i64>> = (0..servers).map(|_| Reverse(0)).collect();
    let mut start = |(arrival, takes): &(i64, i64)| {
        let Reverse(at) = free.pop().expect("a server");
        let start = at.max(*arrival);
        free.push(Reverse(start + takes));
        start - arrival
    };
    jobs.iter().map(&mut start).collect()
}

/// Erlang's C: how likely it is to wait, by the recursion of his B.
fn waits_with(servers: u32, load: f64) -> f64 {
    let offered = f64::from(servers) * load;
    let blocked =
        (1..=servers).fold(1.0, |blocked, server| offered * blocked / (f64::from(server) + offered * blocked));
    blocked / (1.0 - load * (1.0 - blocked))
}

fn waits(servers: u32, jobs: &[(i64, i64)]) -> Vec<i64> {
    let folder = tempfile::tempdir().unwrap();
    let milli = |value: i64| format!("{}.{:03}", value / 1_000, value % 1_000);
    let rows: Vec<String> = jobs.iter().map(|(at, takes)| format!("{},{},1\n", milli(*at), milli(*takes))).collect();
    fs::write(folder.path().join("jobs.csv"), format!("arrival_s,duration_s,num_gpus\n{}", rows.concat())).unwrap();
    let nodes = servers / 8;
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: waits}}
spec:
  duration: 1000d
  sampleInterval: 100d
  metrics: {{resolution: 100d}}
  kubelet: {{containerStart: 0s, termination: 0s}}
  nodes: [{{name: n, count: {nodes}, capacity: {{cpu: 64, memory: 512Gi, nvidia.com/gpu: 8}}}}]
  jobs:
    format: philly
    jobs: jobs.csv
    scheduling: {{passing: nobody}}
    training: {{cpuPerGpu: 1, memoryPerGpu: 1Gi, phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s}}}}}}
"
    );
    let path = folder.path().join("waits.yaml");
    fs::write(&path, text).unwrap();
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let run = watch(&loaded.scenario, 1, RunOptions::default());
    let wait = |job: &windtunnel::sim::TrainingRow| (job.started.expect("all start") - job.arrival).nanos();
    run.outcome
        .training
        .iter()
        .map(wait)
        .inspect(|wait| assert_eq!(wait % 1_000_000, 0))
        .map(|wait| wait / 1_000_000)
        .collect()
}

/// The mean of batches and the half of its interval at 99.9 % (Student's t with 19 degrees of freedom).
fn interval(values: &[f64]) -> (f64, f64) {
    let means: Vec<f64> = values
        .chunks(values.len() / BATCHES)
        .take(BATCHES)
        .map(|batch| batch.iter().sum::<f64>() / batch.len() as f64)
        .collect();
    let mean = means.iter().sum::<f64>() / BATCHES as f64;
    let variance = means.iter().map(|of| (of - mean).powi(2)).sum::<f64>() / (BATCHES - 1) as f64;
    (mean, 3.883 * (variance / BATCHES as f64).sqrt())
}

/// 95 % of 16 and of 64 GPUs: every wait is that of the recursion, and their mean and how many wait are as Erlang has them.
#[test]
fn waits_at_95_percent_of_16_and_64_gpus_are_those_of_theory() {
    for (servers, seed) in [(16, 11), (64, 12)] {
        let load = 0.95;
        let jobs = draw(servers, load, seed);
        let (ours, exact) = (waits(servers, &jobs), first_come(&jobs, servers));
        assert!(
            ours == exact,
            "{servers}: job {:?} waits otherwise",
            ours.iter().zip(&exact).position(|(a, b)| a != b)
        );
        let after = &ours[JOBS / (BATCHES + 1)..];
        let likely = waits_with(servers, load);
        let expected = likely * 1_000.0 / (f64::from(servers) * (1.0 - load));
        let (mean, half) = interval(&after.iter().map(|wait| *wait as f64 / 1e3).collect::<Vec<f64>>());
        assert!(
            (mean - expected).abs() <= half && half < expected,
            "{servers}: {mean} ± {half} s, {expected} expected"
        );
        let (waited, half) = interval(&after.iter().map(|wait| f64::from(u8::from(*wait > 0))).collect::<Vec<f64>>());
        assert!((waited - likely).abs() <= half && half < 0.3, "{servers}: {waited} ± {half} wait, {likely} expected");
    }
}

#[test]
fn erlang_is_right_about_small_cases() {
    assert!((waits_with(1, 0.8) - 0.8).abs() < 1e-12);
    // Two servers at half: 1/3.
    assert!((waits_with(2, 0.5) - 1.0 / 3.0).abs() < 1e-12);
}
