//! Snapshots of whole runs: a change that moves a decision of the reference scenario shows here, line by line. Accept an
//! intended one with `INSTA_UPDATE=always cargo test snapshots`.

use std::path::Path;

use windtunnel::record::writer::{csv, json};
use windtunnel::record::{Recorder, Summary};
use windtunnel::{scenario, sim};

fn run(path: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let scenario = scenario::load(&path, &[]).unwrap_or_else(|_| panic!("{} is valid", path.display())).scenario;
    let mut recorder = Recorder::new(&scenario, false);
    let outcome = sim::run(&scenario, scenario.seed, &mut recorder);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(csv::decisions(&recorder)), text(json::summary(&Summary::of(&outcome))))
}

#[test]
fn the_reference_scenario_decides_as_it_did() {
    let (decisions, summary) = run("scenarios/ai-model-training.yaml");
    insta::assert_snapshot!("ai-model-training-decisions", decisions);
    insta::assert_snapshot!("ai-model-training-summary", summary);
}

#[test]
fn a_slow_start_decides_as_it_did() {
    insta::assert_snapshot!("hpa-slow-start-decisions", run("scenarios/hpa/slow-start.yaml").0);
}
