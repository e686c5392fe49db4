//! Where a job's copies lie, what feeds its GPUs, and workers to spare: whole runs against times worked out by hand.

use windtunnel::scenario::{self, Override};
use windtunnel::sim::{RunOptions, TrainingRow};

use crate::watch::{Watched, watch};

/// One job of two workers on nodes a-0 and a-1 of 8 GPUs, 3,000 s of compute from 60 s on; a-1 dies at 1,000 s, and there are two more nodes.
const SCENARIO: &str = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: copies}
spec:
  duration: 3h
  kubelet: {containerStart: 0s, termination: 0s}
  jobs:
    format: philly
    jobs: j.csv
    training:
      gpusPerWorker: 8
      cpuPerGpu: 1
      memoryPerGpu: 1Gi
      collectiveTimeout: 40s
      phases: {load: {duration: 60s}, checkpoint: {interval: 20m, duration: 10s}}
  nodes:
    - {name: a, count: 2, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100}
    - {name: more, count: 2, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100, taints: [{key: later, effect: PreferNoSchedule}]}
  outages: [{at: 1000s, node: a-1}]
";

fn run(sets: &[&str]) -> Watched {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    std::fs::write(folder.path().join("j.csv"), "arrival_s,duration_s,num_gpus,team\n0,3000,16,vision\n")
        .expect("room");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, SCENARIO).expect("room");
    let sets: Vec<Override> = sets.iter().map(|set| Override::parse(set).expect("a path and a value")).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
    crate::golden::as_on_record(&loaded.scenario, 1);
    watch(&loaded.scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() })
}

fn seconds(span: windtunnel::units::SimDuration) -> f64 {
    span.nanos() as f64 / 1e9
}

fn job(run: &Watched) -> &TrainingRow {
    &run.outcome.training[0]
}

/// When all its workers ran, start by start.
fn starts(run: &Watched) -> Vec<f64> {
    job(run).attempts.iter().filter_map(|attempt| attempt.started).map(|at| at.nanos() as f64 / 1e9).collect()
}

#[test]
fn a_copy_in_memory_that_a_peer_holds_outlives_one_node() {
    let remote = run(&[]);
    // No save had been due by 1,000 s.
    assert_eq!(seconds(job(&remote).times.lost), 940.0);
    let memory = "jobs.training.phases.checkpoint.tiers.memory";
    let sets = |copies: u32| [format!("{memory}.interval=100s"), format!("{memory}.copies={copies}")];
    let with = |copies: u32| {
        let sets = sets(copies);
        let spec =
            format!("jobs.training.phases.checkpoint.tiers={{memory: {{interval: 100s, copies: {copies}, load: 5s}}}}");
        assert_eq!(sets.len(), 2);
        run(&[&spec])
    };
    // Alone it went with its node.
    assert_eq!(seconds(job(&with(1)).times.lost), 940.0);
    let peer = with(2);
    assert_eq!((starts(&peer).len(), seconds(job(&peer).times.lost)), (2, 40.0));
    assert_eq!(seconds(job(&peer).times.load), 65.0);
    assert_eq!(seconds(job(&peer).times.goodput), 3_000.0);
}

#[test]
fn a_spare_worker_steps_in_and_the_others_stay() {
    let sets = ["jobs.training.spares=1", "jobs.training.swap=20s"];
    let swapped = run(&sets);
    let of = job(&swapped);
    assert_eq!((of.gpus, of.workers, of.interruptions), (24, 3, 1));
    // The others give up after 40 s; 20 s later they load again, from the beginning, for no save had been due.
    assert_eq!(starts(&swapped), [0.0, 1_040.0]);
    assert_eq!((seconds(of.times.detect), seconds(of.times.load), seconds(of.times.lost)), (40.0, 140.0, 940.0));
    assert_eq!(of.times.queue.nanos() + of.times.image.nanos(), 0);
    // A save of 10 s after every 20 minutes of the 3,000 s.
    assert_eq!(of.finished.map(|at| at.nanos() as f64 / 1e9), Some(1_040.0 + 80.0 + 3_000.0 + 20.0));
    // 24 GPUs to the outage's end, then 16.
    assert!((of.gpu_hours - (24.0 * 1_040.0 + 16.0 * 3_100.0) / 3_600.0).abs() < 1e-9, "{}", of.gpu_hours);
    assert_eq!(of.causes, [("NodeLost", 1)].into());
    assert_eq!(&*of.team, "vision");
    // Nobody was made anew.
    assert_eq!(swapped.outcome.pods.len(), 3);
    // Without one all are.
    assert_eq!(run(&[]).outcome.pods.len(), 4);
    // With a gang scheduler too.
    let scheduled = run(&[sets[0], sets[1], "jobs.scheduling={passing: easy}"]);
    assert_eq!(job(&scheduled).finished, of.finished);
    // A copy with a peer and a spare: 100 s of work at most.
    let tiers = "jobs.training.phases.checkpoint.tiers={memory: {interval: 100s, copies: 2, load: 5s}}";
    let both = run(&[sets[0], sets[1], tiers]);
    assert_eq!((seconds(job(&both).times.lost), seconds(job(&both).times.load)), (40.0, 60.0 + 20.0 + 5.0));
}

#[test]
fn gpus_wait_for_what_too_few_cpus_prepare_and_a_thin_link_brings() {
    let end = |sets: &[&str]| {
        let run = run(&[&["outages=[]", "jobs.training.phases.checkpoint.interval=0s"], sets].concat());
        let of = job(&run).clone();
        assert_eq!(seconds(of.times.goodput), 3_000.0, "{sets:?}");
        (seconds(of.times.data), of.finished.map(|at| at.nanos() as f64 / 1e9))
    };
    assert_eq!(end(&[]), (0.0, Some(3_060.0)));
    // A CPU a GPU where 1.5 are wanted: half as long again.
    assert_eq!(end(&["jobs.training.phases.data.cpuPerGpu=1.5"]), (1_500.0, Some(4_560.0)));
    // 4 GB/s for 8 GPUs of 1 GB/s each.
    let link = "jobs.training.phases.data={cpuPerGpu: 1.5, readPerGpu: 1G, nodeBandwidth: 4G}";
    assert_eq!(end(&[link]), (3_000.0, Some(6_060.0)));
    assert_eq!(end(&["jobs.training.phases.data={readPerGpu: 1G, nodeBandwidth: 8G}"]), (0.0, Some(3_060.0)));
}

/// Steps of a millisecond, 16 V100 of 125 TFLOP/s at most.
#[test]
fn mfu_is_what_was_kept_of_what_the_gpus_could_do_while_they_were_held() {
    let flops = 16.0 * 125e12 * 0.4 / 1e3;
    let of = |more: &[&str]| {
        let steps = format!("jobs.training.flopsPerStep={{\"\": {flops:e}}}");
        let run = run(&[&[steps.as_str(), "outages=[]", "jobs.training.phases.checkpoint.interval=0s"], more].concat());
        job(&run).mfu()
    };
    // 40 % of the peak for 3,000 of 3,060 s.
    let near =
        |mfu: Option<f64>, expected: f64| assert!((mfu.expect("known") - expected).abs() < 1e-9, "{mfu:?} {expected}");
    near(of(&[]), 0.4 * 3_000.0 / 3_060.0);
    near(of(&["jobs.training.peakFlops={V100: 100e12}"]), 0.4 * 1.25 * 3_000.0 / 3_060.0);
    near(of(&["jobs.training.spares=1"]), 0.4 * 3_000.0 / 3_060.0 * 16.0 / 24.0);
    assert_eq!(job(&run(&[])).mfu(), None);
}

/// Alone on more than it needs it is as fast as it can be; with others it has a part.
#[test]
fn fairness_is_against_a_fair_part_of_the_cluster() {
    let alone = run(&["outages=[]"]);
    let took = seconds(alone.outcome.training[0].finished.expect("it ends").since(job(&alone).arrival));
    let ideal = seconds(job(&alone).ideal);
    assert_eq!(job(&alone).finish_time_fairness(&alone.outcome), Some(took / ideal));
    assert_eq!(job(&alone).jobs_present, 1.0);
}
