//! Snapshots of whole runs: a change that moves a decision of the reference scenario shows here, line by line. Accept an
//! intended one with `INSTA_UPDATE=always cargo test snapshots`.

use std::path::Path;

use windtunnel::record::writer::{csv, json};
use windtunnel::record::{Recorder, Summary};
use windtunnel::scenario::ScenarioFiles;
use windtunnel::units::SimDuration;
use windtunnel::{scenario, sim};

use crate::golden;

fn run(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let scenario = scenario::load(&path, &[]).unwrap_or_else(|_| panic!("{} is valid", path.display())).scenario;
    let mut recorder = Recorder::new(&scenario, false);
    sim::run(&scenario, scenario.seed, &mut recorder);
    String::from_utf8(csv::decisions(&recorder)).expect("text")
}

#[test]
fn the_reference_scenario_decides_as_it_did() {
    let decisions = run("scenarios/ai-model-training.yaml");
    insta::assert_snapshot!("ai-model-training-decisions", decisions);
}

#[test]
fn a_slow_start_decides_as_it_did() {
    insta::assert_snapshot!("hpa-slow-start-decisions", run("scenarios/hpa/slow-start.yaml"));
}

/// Summaries in full, tables by their digest. A trace of thousands of pods runs for its first hours only.
#[test]
fn every_shipped_scenario_writes_what_it_wrote() {
    let mut digests = String::new();
    for path in crate::figures::second_opinion::shipped() {
        let files = ScenarioFiles::open(&path).unwrap_or_else(|_| panic!("{} is valid", path.display()));
        let mut scenario = files.load(&[]).unwrap_or_else(|_| panic!("{} is valid", path.display())).scenario;
        if scenario.trace_pods.len() > 1_000 {
            scenario.duration = scenario.duration.min(SimDuration::from_mins(6 * 60));
        }
        let mut recorder = Recorder::new(&scenario, false);
        let outcome = sim::run(&scenario, scenario.seed, &mut recorder);
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let tables = [
            ("timeseries.csv", csv::timeseries(&recorder)),
            ("decisions.csv", csv::decisions(&recorder)),
            ("pods.csv", csv::pods(&outcome)),
            ("nodes.csv", csv::nodes(&outcome)),
            ("jobs.csv", csv::jobs(&outcome)),
            ("attempts.csv", csv::attempts(&outcome)),
        ];
        for (table, bytes) in tables {
            digests += &format!("{name} {}", golden::line(table, &bytes));
        }
        let summary = String::from_utf8(json::summary(&Summary::of(&outcome))).expect("text");
        insta::assert_snapshot!(format!("{name}-summary"), summary);
    }
    insta::assert_snapshot!("digests", digests);
}
