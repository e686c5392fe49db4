//! The JSON Schema and the scenarios that are checked in.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use windtunnel::scenario;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every scenario below `scenarios/`: YAML files with a document of kind Scenario.
fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scenarios(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            if text.lines().any(|line| line == "kind: Scenario") {
                found.push(path);
            }
        }
    }
}

#[test]
fn the_schema_that_is_checked_in_is_what_the_command_prints() {
    let output = Command::cargo_bin("windtunnel").unwrap().arg("schema").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let checked_in = fs::read_to_string(root().join("scenario.schema.json")).unwrap_or_default();
    assert!(printed == checked_in, "stale: run `windtunnel schema > scenario.schema.json`");
}

#[test]
fn every_scenario_that_is_checked_in_is_valid() {
    let mut found = Vec::new();
    scenarios(&root().join("scenarios"), &mut found);
    assert!(found.len() >= 5, "{found:?}");
    for path in found {
        if let Err(mistakes) = scenario::load(&path, &[]) {
            let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}", path.display(), mistakes.join("\n"));
        }
    }
}

#[test]
fn the_schema_names_every_field_of_the_reference_scenario() {
    let output = Command::cargo_bin("windtunnel").unwrap().arg("schema").output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let spec = &schema["$defs"]["ScenarioSpec"];
    for field in ["duration", "manifests", "nodeGroups", "load", "autoscaling", "expect", "replay", "jobs"] {
        assert!(spec["properties"][field].is_object(), "{field}");
    }
    assert_eq!(spec["additionalProperties"], false);
    assert_eq!(spec["required"], serde_json::json!(["duration"]));
}
