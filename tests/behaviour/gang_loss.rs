//! What a gang loses when one of its machines goes: nothing with notice, the work since the last save without.

use std::path::Path;

use windtunnel::scenario::{self, Override};
use windtunnel::sim::RunOptions;
use windtunnel::units::SimTime;

use crate::watch::{Watched, watch};

fn spot(sets: &[&str]) -> Watched {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/scenarios/spot/spot.yaml");
    let shorter = ["duration=6d", "sampleInterval=6h"];
    let sets = sets.iter().chain(&shorter);
    let sets: Vec<Override> = sets.map(|set| Override::parse(set).expect("a path and a value")).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
    crate::golden::as_on_record(&loaded.scenario, loaded.scenario.seed);
    watch(&loaded.scenario, loaded.scenario.seed, RunOptions { audit_every: 20, ..RunOptions::default() })
}

/// Some thirty interruptions with two minutes' notice; a save takes ten seconds.
#[test]
fn a_notice_that_leaves_time_for_a_save_costs_no_steps() {
    let run = spot(&[]);
    let job = &run.outcome.training[0];
    assert!(job.interruptions > 15, "{job:?}");
    assert_eq!(job.steps_lost, 0.0);
    // A worker ends when the save is done, not a second after it was told.
    let told = run.outcome.pods.iter().find(|pod| pod.reason == "Interrupted").expect("one is evicted");
    let line = run.decisions.iter().find(|line| line.contains("spot interruption")).expect("a notice");
    let ended = told.finished.expect("it ended");
    let seconds = |at: SimTime| at.nanos() as f64 / 1e9;
    let noticed: windtunnel::units::SimDuration = line.split(' ').next().unwrap().parse().unwrap();
    assert!((seconds(ended) - noticed.nanos() as f64 / 1e9 - 10.0).abs() < 1e-6, "{line}: {ended}");
}

#[test]
fn a_save_that_does_not_fit_or_is_not_made_costs_what_was_done_since_the_last() {
    let lost = |set: &str| spot(&[set]).outcome.training[0].steps_lost;
    assert!(lost("jobs.training.phases.checkpoint.onTermination=false") > 100_000.0);
    assert!(lost("nodeGroups[0].interruptionNotice=9s") > 100_000.0);
    assert!(lost("jobs.training.terminationGracePeriod=9s") > 100_000.0);
    assert!(lost("nodeGroups[0].interruptionHandling=none") > 100_000.0);
}

/// Runs a scenario of one job of 16 GPUs that takes longer than any run of these.
fn one_gang(text: &str, sets: &[&str]) -> Watched {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let jobs = "job,arrival_s,model,batch_size,num_gpus,total_steps\nj,0,M,,16,3600000\n";
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/scenarios/spot/t.csv");
    std::fs::copy(source, folder.path().join("t.csv")).expect("there is room for a table");
    std::fs::write(folder.path().join("j.csv"), jobs).expect("there is room for a trace");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, text).expect("there is room for a scenario");
    let sets: Vec<Override> = sets.iter().map(|set| Override::parse(set).expect("a path and a value")).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
    crate::golden::as_on_record(&loaded.scenario, 1);
    watch(&loaded.scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() })
}

/// Two workers on two nodes, two more to spare; both machines die at 1,000 s.
fn outage(sets: &[&str]) -> Watched {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: gang}
spec:
  duration: 2h
  jobs:
    jobs: j.csv
    throughputs: t.csv
    training: {gpusPerWorker: 8, cpuPerGpu: 1, memoryPerGpu: 1Gi, phases: {load: {duration: 60s}, checkpoint: {interval: 5m, duration: 10s}}}
  nodes:
    - {name: a, count: 2, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100}
    - {name: spare, count: 2, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100, taints: [{key: later, effect: PreferNoSchedule}]}
  outages: [{at: 1000s, node: a-0}, {at: 1000s, node: a-1}]
";
    one_gang(text, sets)
}

/// Seconds from the outage to the creation of the second gang's workers.
fn restarted(run: &Watched) -> f64 {
    let again = run.outcome.pods.iter().find(|pod| pod.name.ends_with("-r1")).expect("the gang starts again");
    again.created.nanos() as f64 / 1e9 - 1_000.0
}

#[test]
fn a_gang_waits_for_a_silent_worker_until_its_pod_is_evicted_or_its_own_timeout() {
    let run = outage(&[]);
    // The pods go with their tolerations, as any others.
    assert!((340.0..=360.0).contains(&restarted(&run)), "{}", restarted(&run));
    let job = &run.outcome.training[0];
    assert_eq!(job.interruptions, 1);
    // 310 s from one save to the next, the third at 1,000 s: 940 s of compute and saves since the load.
    assert!(job.steps_lost > 0.0 && job.steps_lost <= 310.0, "{job:?}");
    let sooner = outage(&["jobs.training.collectiveTimeout=90s"]);
    assert_eq!(restarted(&sooner), 90.0);
}

/// The second machine dies while both workers save; nobody is left to save for, and the end of the save that was planned
/// means nothing to the gang that waits for room by then.
#[test]
fn a_save_that_a_machine_did_not_live_to_see_is_over_once() {
    let text = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: gang}
spec:
  duration: 2h
  jobs:
    jobs: j.csv
    throughputs: t.csv
    training: {gpusPerWorker: 8, cpuPerGpu: 1, memoryPerGpu: 1Gi, terminationGracePeriod: 5m, phases: {load: {duration: 60s}, checkpoint: {interval: 5m, duration: 100s}}}
  nodes:
    - {name: a, count: 2, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100}
    - {name: spare, capacity: {cpu: 64, memory: 400Gi, nvidia.com/gpu: 8}, gpuModel: V100, taints: [{key: later, effect: PreferNoSchedule}]}
  outages: [{at: 1060s, node: a-1}]
  workloads: [{target: {kind: Job, name: urgent}, arrival: 1000s, duration: 10m}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: batch/v1
kind: Job
metadata: {name: urgent}
spec: {template: {spec: {restartPolicy: Never, priorityClassName: high, nodeSelector: {kubernetes.io/hostname: a-0}, containers: [{name: c, image: i, resources: {limits: {nvidia.com/gpu: 8}}}]}}}
";
    let run = one_gang(text, &[]);
    let gang: Vec<_> = run.outcome.pods.iter().filter(|pod| pod.name.starts_with("j-")).collect();
    let job = &run.outcome.training[0];
    assert_eq!(job.interruptions, 1, "{job:?}");
    assert_eq!(gang.len(), 4, "two workers, and two after them: {:?} {:#?}", gang, run.decisions);
}
