//! Tiresias on the Pollux study's job lists: every completion to the second, against an independent program and the study's own
//! simulator.

use std::path::Path;

use windtunnel::scenario::{self, Override};
use windtunnel::sim::RunOptions;

use crate::watch::watch;

const REFERENCE: &str = include_str!("data/pollux-tiresias.csv");

/// Of the reference: a job's name, when it ends by the same tables, when it ends in the study's simulator, and whether that had
/// the same measurements of it.
type Row = (&'static str, i64, Option<i64>, bool);

fn reference(list: &str) -> Vec<Row> {
    let rows = REFERENCE.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let row =
        |row: Vec<&'static str>| (row[1], row[2].parse().expect("a time"), row[3].parse().ok(), row[4] == "false");
    rows.filter(|row| row[0] == list).map(row).collect()
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
            .filter(|((name, at), (of, expected, _, _))| (name.as_str(), at) != (of, expected))
            .collect();
        assert!(other.is_empty(), "list {list}: {other:?}");
    }
}

/// Other tables change nothing but the jobs that ran on placements that ours lack, and on list 1 a few that waited for those.
#[test]
fn tiresias_agrees_with_the_studys_own_simulator_wherever_it_had_the_same_measurements() {
    for (list, measured, of_those, of_all) in [("1", 140, 136, 146), ("6", 147, 147, 151)] {
        let (ours, reference) = (completions(list), reference(list));
        let agree: Vec<&Row> = ours
            .iter()
            .zip(&reference)
            .filter(|((_, at), (_, _, published, _))| *published == Some(*at))
            .map(|(_, row)| row)
            .collect();
        assert_eq!(reference.iter().filter(|row| row.3).count(), measured, "list {list}");
        assert_eq!((agree.iter().filter(|row| row.3).count(), agree.len()), (of_those, of_all), "list {list}");
    }
}
