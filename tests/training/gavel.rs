//! Gavel's `fifo_perf` on one GPU model, against a program of its own that knows nothing of clusters: rounds, shares that are
//! worked out every 32 minutes, whole steps (rules: stanford-futuredata/gavel, commit c4fa400, simulation mode).

use std::fs;

use windtunnel::scenario;
use windtunnel::sim::RunOptions;

use crate::watch::watch;

const JOBS: &str = include_str!("../../data/gavel/jobs-0e4a51.csv");
const SPEEDS: &str = include_str!("../../data/gavel/throughputs.csv");

/// Of the list; enough for a queue that fills and empties.
const COUNT: usize = 260;

struct Job {
    name: String,
    arrival: f64,
    gpus: u32,
    steps: f64,
    rate: f64,
    first: Option<f64>,
    end: Option<f64>,
    share: bool,
}

/// The first jobs that were measured on V100.
fn jobs() -> Vec<Job> {
    let speed = |model: &str, batch: &str, gpus: &str| {
        let of = |row: &&str| {
            let cells: Vec<&str> = row.split(',').collect();
            cells[..5] == [model, batch, "V100", gpus, "true"]
        };
        SPEEDS.lines().find(of).map(|row| row.rsplit(',').next().unwrap().parse::<f64>().unwrap())
    };
    let job = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        Some(Job {
            name: cells[0].to_owned(),
            arrival: cells[1].parse().unwrap(),
            gpus: cells[4].parse().unwrap(),
            steps: cells[5].parse().unwrap(),
            rate: speed(cells[2], cells[3], cells[4])?,
            first: None,
            end: None,
            share: false,
        })
    };
    JOBS.lines().skip(1).take(COUNT).filter_map(job).collect()
}

/// Strict FIFO in rounds.
fn reference(gpus: u32) -> Vec<Job> {
    let mut jobs = jobs();
    let (mut now, mut computed, mut known, mut ran) = (0.0f64, 0.0f64, Vec::new(), false);
    let mut stale = false;
    loop {
        let here: Vec<usize> =
            (0..jobs.len()).filter(|index| jobs[*index].arrival <= now && jobs[*index].end.is_none()).collect();
        stale |= here != known;
        known.clone_from(&here);
        let to_come = jobs.iter().any(|job| job.arrival > now);
        if stale && (computed == 0.0 || now - computed >= 1920.0 || (!ran && !to_come)) {
            let mut left = gpus;
            jobs.iter_mut().for_each(|job| job.share = false);
            for index in &here {
                if jobs[*index].gpus > left {
                    break;
                }
                left -= jobs[*index].gpus;
                jobs[*index].share = true;
            }
            (computed, stale) = (now, false);
        }
        let mut over = now;
        ran = false;
        for index in here {
            let job = &mut jobs[index];
            if !job.share {
                continue;
            }
            ran = true;
            job.first.get_or_insert(now);
            let steps = (job.rate * 360.0).floor().min(job.steps);
            job.steps -= steps;
            let end = now + steps / job.rate;
            if job.steps == 0.0 {
                job.end = Some(end);
            }
            over = over.max(end);
        }
        if ran {
            now = over;
            continue;
        }
        let next = jobs.iter().map(|job| job.arrival).filter(|arrival| *arrival > now).fold(f64::INFINITY, f64::min);
        if next.is_infinite() && jobs.iter().all(|job| job.end.is_some()) {
            return jobs;
        }
        if next.is_finite() {
            now = next;
        }
    }
}

fn scenario_of(gpus: u32, policy: &str) -> String {
    let nodes = gpus / 4;
    format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: gavel}}
spec:
  duration: 100d
  sampleInterval: 10d
  metrics: {{resolution: 10d}}
  kubelet: {{containerStart: 0s, termination: 0s}}
  nodes: [{{name: v, count: {nodes}, gpuModel: V100, capacity: {{cpu: 64, memory: 512Gi, nvidia.com/gpu: 4}}}}]
  jobs:
    format: gavel
    jobs: jobs.csv
    throughputs: throughputs.csv
    limit: {COUNT}
    scheduling: {{allocation: {{{policy}: {{}}}}}}
    training:
      beyondMeasured: leaveOut
      ignoreSpread: true
      cpuPerGpu: 1
      memoryPerGpu: 1Gi
      phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s, duration: 0s}}}}
"
    )
}

fn run(gpus: u32, policy: &str) -> windtunnel::sim::Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gavel.yaml");
    fs::write(folder.path().join("jobs.csv"), JOBS).unwrap();
    fs::write(folder.path().join("throughputs.csv"), SPEEDS).unwrap();
    fs::write(&path, scenario_of(gpus, policy)).unwrap();
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    watch(&loaded.scenario, 1, RunOptions::default()).outcome
}

#[test]
fn fifo_perf_starts_and_ends_every_job_within_a_millisecond() {
    for gpus in [64, 24] {
        let (ours, theirs) = (run(gpus, "fifoPerf"), reference(gpus));
        assert_eq!(ours.training.len(), theirs.len());
        assert!(theirs.iter().filter(|job| job.first > Some(job.arrival + 3_600.0)).count() > 20, "a queue");
        for (ours, theirs) in ours.training.iter().zip(&theirs) {
            assert_eq!(*ours.name, *theirs.name);
            let near = |ours: Option<windtunnel::units::SimTime>, theirs: Option<f64>| {
                ours.zip(theirs).is_some_and(|(ours, theirs)| (ours.as_secs_f64() - theirs).abs() < 1e-3)
            };
            assert!(near(ours.started, theirs.first), "{}: {:?} {:?}", ours.name, ours.started, theirs.first);
            assert!(near(ours.finished, theirs.end), "{}: {:?} {:?}", ours.name, ours.finished, theirs.end);
        }
    }
}

/// Sharing time keeps short jobs from waiting for long ones: they are slowed down by less.
#[test]
fn least_attained_service_slows_jobs_down_less_than_fifo() {
    let mean = |policy: &str| {
        let jobs = run(24, policy).training;
        jobs.iter().map(|job| job.slowdown().expect("all end")).sum::<f64>() / jobs.len() as f64
    };
    let (fifo, fair) = (mean("fifoPerf"), mean("maxMinFairness"));
    assert!(fair < 0.9 * fifo, "{fair} {fifo}");
}
