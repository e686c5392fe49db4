//! A second opinion on every figure: an independent reader of the tables that a run writes works the summary out anew.
//!
//! It shares no code with `record`: what it knows of a run is what a user with a spreadsheet knows.

mod recount;
mod table;
mod training;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use windtunnel::record::writer::{csv, json};
use windtunnel::record::{Recorder, Summary};
use windtunnel::scenario::{Override, Scenario, ScenarioFiles};
use windtunnel::sim;

use crate::invariants::draw;
use crate::invariants::runs::config;
use recount::Written;
use table::Table;

fn judge(scenario: &Scenario, seed: u64) {
    let mut recorder = Recorder::new(scenario, false);
    let outcome = sim::run(scenario, seed, &mut recorder);
    let written = Written {
        summary: serde_json::from_slice(&json::summary(&Summary::of(&outcome))).expect("JSON"),
        pods: Table::read(&csv::pods(&outcome)),
        nodes: Table::read(&csv::nodes(&outcome)),
        decisions: Table::read(&csv::decisions(&recorder)),
        timeseries: Table::read(&csv::timeseries(&recorder)),
    };
    written.judge();
    training::judge(&written.summary, &Table::read(&csv::jobs(&outcome)), &Table::read(&csv::attempts(&outcome)));
}

/// Every scenario below `scenarios/`; sweeps and manifests are none.
pub fn shipped() -> Vec<PathBuf> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            let is_other = ["sweeps", "manifests"].iter().any(|name| path.ends_with(name));
            match path.is_dir() {
                true if !is_other => gather(&path, found),
                false if path.extension().is_some_and(|extension| extension == "yaml") => found.push(path),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"), &mut found);
    found.sort();
    assert!(found.len() >= 10, "{found:?}");
    found
}

/// The first hours: the tables of a thousand nodes take long to read where nothing is optimized.
#[test]
fn every_shipped_scenario_says_in_its_summary_what_its_tables_say() {
    for path in shipped() {
        let files = ScenarioFiles::open(&path).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let shorter = Override::parse("duration=6h").unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let loaded = files.load(&[shorter]).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        println!("{}", path.display());
        judge(&loaded.scenario, 1);
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn random_scenarios_say_in_their_summary_what_their_tables_say(
        plan in draw::autoscaled_cluster(), seed in 0..1_000u64,
    ) {
        judge(&plan.scenario(), seed);
    }
}
