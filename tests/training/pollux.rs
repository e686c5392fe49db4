//! Tiresias on the Pollux study's job lists: every completion to the second, against an independent program and the study's own
//! simulator.

use std::path::Path;

use windtunnel::scenario::{self, Override};
use windtunnel::sim::RunOptions;

use crate::watch::watch;

const REFERENCE: &str = include_str!("data/pollux-tiresias.csv");

/// Of the reference: a job's name, when it ends, and when it does in the study's simulator where that had no other tables.
fn reference(list: &str) -> Vec<(&'static str, i64, Option<i64>)> {
    let rows = REFERENCE.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let of_list = rows.filter(|row| row[0] == list);
    of_list
        .map(|row| {
            let published = row[3].parse().ok().filter(|_| row[4] == "false");
            (row[1], row[2].parse().expect("a time"), published)
        })
        .collect()
}

fn completions(list: &str) -> Vec<(String, i64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/training/pollux-tiresias.yaml");
    let set = [format!("jobs.jobs=../../data/pollux/jobs-{list}.csv"), "sampleInterval=10d".into()];
    let set = set.map(|set: String| Override::parse(&set).expect("a path and a value"));
    let loaded = scenario::load(&path, &set).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let run = watch(&loaded.scenario, 1, RunOptions::default());
    let end = |at: windtunnel::units::SimTime| {
        assert_eq!(at.nanos() % 1_000_000_000, 0, "whole seconds");
        at.nanos() / 1_000_000_000
    };
    run.outcome.training.iter().map(|job| (job.name.to_string(), job.finished.map_or(-1, end))).collect()
}

#[test]
fn tiresias_ends_every_job_to_the_second() {
    for list in ["1", "6", "realistic-1"] {
        let (ours, reference) = (completions(list), reference(list));
        assert_eq!((ours.len(), reference.len()), (160, 160));
        let other: Vec<_> = ours
            .iter()
            .zip(&reference)
            .filter(|((name, at), (of, expected, _))| (name.as_str(), at) != (of, expected))
            .collect();
        assert!(other.is_empty(), "list {list}: {other:?}");
    }
}

/// On list 6 other tables change nothing but the jobs that ran on placements that ours lack.
#[test]
fn tiresias_agrees_with_the_studys_own_simulator_wherever_it_had_the_same_measurements() {
    let reference = reference("6");
    let measured = reference.iter().filter(|(_, _, published)| published.is_some()).count();
    let ours = completions("6");
    let agree = ours.iter().zip(&reference).filter(|((_, at), (_, _, published))| *published == Some(*at)).count();
    assert_eq!((measured, agree), (MEASURED, MEASURED));
}

/// Jobs of list 6 that ran on measured placements alone.
const MEASURED: usize = 151;
