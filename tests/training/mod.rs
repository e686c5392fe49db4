//! Training jobs against references that nobody here made: who starts when.

mod gavel;
mod pollux;
mod properties;
mod waits;

use std::fs;

use windtunnel::scenario;
use windtunnel::sim::RunOptions;

use crate::watch::watch;

const PHILLY: &str = include_str!("data/philly-a.csv");

/// No start-up, no delay: jobs hold their GPUs for just their duration.
fn philly(queue: &str, placement: &str) -> String {
    format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: philly}}
spec:
  duration: 100d
  sampleInterval: 10d
  metrics: {{resolution: 10d}}
  kubelet: {{containerStart: 0s, termination: 0s}}
  nodes: [{{name: n, count: 24, capacity: {{cpu: 64, memory: 512Gi, nvidia.com/gpu: 8}}}}]
  jobs:
    format: philly
    jobs: jobs.csv
    placement: {placement}
    scheduling: {{passing: {queue}}}
    training: {{cpuPerGpu: 1, memoryPerGpu: 1Gi, phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s}}}}}}
"
    )
}

/// Every start to the second: the column of the reference has each job's wait.
fn starts_as_the_reference(queue: &str, placement: &str, column: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("philly.yaml");
    fs::write(folder.path().join("jobs.csv"), PHILLY).unwrap();
    fs::write(&path, philly(queue, placement)).unwrap();
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let run = watch(&loaded.scenario, 1, RunOptions::default());
    let mut lines = PHILLY.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    let reference: Vec<Vec<i64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert_eq!((run.outcome.training.len(), reference.len()), (12_000, 12_000));
    for (index, (job, row)) in run.outcome.training.iter().zip(&reference).enumerate() {
        let started = job.started.map(|at| at.nanos());
        assert_eq!(started, Some((row[0] + row[column]) * 1_000_000_000), "job {index} under {queue}, {placement}");
        let finished = job.finished.map(|at| at.nanos());
        assert_eq!(finished, Some((row[0] + row[column] + row[1]) * 1_000_000_000), "job {index}");
    }
}

#[test]
fn strict_fifo_starts_every_job_to_the_second() {
    starts_as_the_reference("nobody", "fewestNodes", "fifo_node");
    starts_as_the_reference("nobody", "fill", "fifo_pod");
}

#[test]
fn easy_backfill_starts_every_job_to_the_second() {
    starts_as_the_reference("easy", "fewestNodes", "easy_node");
    starts_as_the_reference("easy", "fill", "easy_pod");
}

#[test]
fn a_first_fit_scan_starts_every_job_to_the_second() {
    starts_as_the_reference("everybody", "fewestNodes", "scan_node");
    starts_as_the_reference("everybody", "fill", "scan_pod");
}
