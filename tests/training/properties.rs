//! What holds of any list of gangs under a gang scheduler, judged by the rows alone: all end, nobody waits beside room that is his, a
//! reservation is kept, and whoever is passed is not delayed.

use std::fs;

use proptest::prelude::*;
use windtunnel::scenario;
use windtunnel::sim::{RunOptions, TrainingRow};

use crate::invariants::runs::config;
use crate::watch::watch;

const GPUS: i64 = 24;

/// Seconds to the next arrival, seconds of work, GPUs.
fn lists() -> impl Strategy<Value = Vec<(i64, i64, u32)>> {
    let size = prop_oneof![4 => 1..5u32, 2 => Just(8), 1 => 9..25u32];
    proptest::collection::vec((0..120i64, 1..900i64, size), 1..40)
}

struct Ran {
    arrival: i64,
    start: i64,
    end: i64,
    gpus: i64,
}

fn run(list: &[(i64, i64, u32)], passing: &str) -> Vec<Ran> {
    let folder = tempfile::tempdir().unwrap();
    let mut at = 0;
    let mut row = |(gap, takes, gpus): &(i64, i64, u32)| {
        at += gap;
        format!("{at},{takes},{gpus}\n")
    };
    let rows: String = list.iter().map(&mut row).collect();
    fs::write(folder.path().join("jobs.csv"), format!("arrival_s,duration_s,num_gpus\n{rows}")).unwrap();
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: property}}
spec:
  duration: 20h
  sampleInterval: 10h
  metrics: {{resolution: 10h}}
  kubelet: {{containerStart: 0s, termination: 0s}}
  nodes: [{{name: n, count: 3, capacity: {{cpu: 64, memory: 512Gi, nvidia.com/gpu: 8}}}}]
  jobs:
    format: philly
    jobs: jobs.csv
    placement: fill
    scheduling: {{passing: {passing}}}
    training: {{cpuPerGpu: 1, memoryPerGpu: 1Gi, phases: {{load: {{duration: 0s}}, checkpoint: {{interval: 0s}}}}}}
"
    );
    let path = folder.path().join("property.yaml");
    fs::write(&path, text).unwrap();
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let outcome = watch(&loaded.scenario, 1, RunOptions { audit_every: 50, ..RunOptions::default() }).outcome;
    let ran = |job: &TrainingRow| {
        let seconds =
            |at: Option<windtunnel::units::SimTime>| at.expect("every gang runs and ends").nanos() / 1_000_000_000;
        let (start, end) = (seconds(job.started), seconds(job.finished));
        Ran { arrival: job.arrival.nanos() / 1_000_000_000, start, end, gpus: i64::from(job.gpus) }
    };
    outcome.training.iter().map(ran).collect()
}

/// GPUs in use from an instant on, by those that had started by then.
fn used(jobs: &[Ran], at: i64) -> i64 {
    jobs.iter().filter(|job| job.start <= at && at < job.end).map(|job| job.gpus).sum()
}

/// All instants at which something changes.
fn instants(jobs: &[Ran]) -> Vec<i64> {
    let mut all: Vec<i64> = jobs.iter().flat_map(|job| [job.arrival, job.end]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn every_gang_runs_and_ends_on_gpus_that_there_are(list in lists(), passing in prop_oneof!["nobody", "easy", "conservative", "everybody"]) {
        let jobs = run(&list, &passing);
        for at in instants(&jobs) {
            prop_assert!(used(&jobs, at) <= GPUS, "{} GPUs at {at}", used(&jobs, at));
        }
        for (job, (_, takes, _)) in jobs.iter().zip(&list) {
            prop_assert_eq!(job.end - job.start, *takes);
        }
    }

    /// GPUs that are free are too few: for everybody who waits under a scan, for the first under the others.
    #[test]
    fn nobody_waits_beside_room_that_is_his(list in lists(), passing in prop_oneof!["nobody", "easy", "conservative", "everybody"]) {
        let jobs = run(&list, &passing);
        for at in instants(&jobs) {
            let free = GPUS - used(&jobs, at);
            let mut waiting = jobs.iter().filter(|job| job.arrival <= at && at < job.start);
            let fits = if passing == "everybody" {
                waiting.any(|job| job.gpus <= free)
            } else {
                waiting.next().is_some_and(|job| job.gpus <= free)
            };
            prop_assert!(!fits, "somebody waits at {at} beside {free} GPUs under {passing}");
        }
    }

    /// EASY: whenever a gang is the first that waits, it starts by the time at which it would if nobody else were started any more.
    #[test]
    fn the_first_that_waits_starts_by_its_reservation(list in lists()) {
        let jobs = run(&list, "easy");
        for at in instants(&jobs) {
            let Some(head) = jobs.iter().find(|job| job.arrival <= at && at < job.start) else { continue };
            // Those at work at this instant, by their ends.
            let mut ends: Vec<i64> = jobs.iter().filter(|job| job.start <= at && at < job.end).map(|job| job.end).collect();
            ends.sort_unstable();
            let left = |then: i64| jobs.iter().filter(|job| job.start <= at && then < job.end).map(|job| job.gpus).sum::<i64>();
            let by = ends.into_iter().find(|then| GPUS - left(*then) >= head.gpus);
            prop_assert!(by.is_some_and(|by| head.start <= by), "{by:?}, but it starts at {}", head.start);
        }
    }

    /// Conservative backfill: nobody starts later than in strict order.
    #[test]
    fn with_reservations_for_all_nobody_starts_later_than_in_strict_order(list in lists()) {
        let (strict, passed) = (run(&list, "nobody"), run(&list, "conservative"));
        for (index, (strict, passed)) in strict.iter().zip(&passed).enumerate() {
            prop_assert!(passed.start <= strict.start, "job {index}: {} in place of {}", passed.start, strict.start);
        }
    }
}
