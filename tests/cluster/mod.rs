//! Objects as people have them: dumps, older versions and other kinds, by `import cluster` and as `manifests:`.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/data").join(name)
}

fn windtunnel(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    let output = command.args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Runs a scenario; its summary and everything that was said.
fn run(scenario: &Path) -> (Value, String) {
    let folder = TempDir::new().expect("a folder");
    let (_, said, code) = windtunnel(&["run", path(scenario), "--out", path(folder.path())]);
    assert_eq!(code, Some(0), "{said}");
    let summary = fs::read_to_string(folder.path().join("summary.json")).expect("a summary");
    (serde_json::from_str(&summary).expect("JSON"), said)
}

/// Imports a file and runs what that gives.
fn import(file: &Path, options: &[&str]) -> (String, Value, String) {
    let folder = TempDir::new().expect("a folder");
    let scenario = folder.path().join("imported.yaml");
    let arguments = [&["import", "cluster", path(file), "-o", path(&scenario)], options].concat();
    let (_, said, code) = windtunnel(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let written = fs::read_to_string(&scenario).expect("a scenario");
    (written, run(&scenario).0, said)
}

#[test]
fn a_dump_becomes_a_scenario_in_which_each_pod_counts_once() {
    let (written, summary, said) = import(&data("dump.yaml"), &[]);
    for part in ["VerticalPodAutoscaler 1: not modelled: requests stay as they are", "ReplicaSet 2 (counted once"] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert!(written.contains("running:\n        - {node: ip-10-0-0-1, name: web-abc-0, age: 5s}"), "{written}");
    // Three of web, of which the HPA takes one, db, an agent on each node, and the nightly Job.
    assert_eq!(summary["pods"]["created"], 7);
    assert_eq!(summary["pod_wait_seconds"]["max"], 0.0);
}

#[test]
fn a_dump_as_manifests_is_read_alike() {
    let (summary, said) = run(&data("dump.scn.yaml"));
    assert_eq!(summary["pods"]["created"], 6, "{said}");
    assert!(said.contains("VerticalPodAutoscaler (1 object): not modelled"), "{said}");
    assert!(said.contains("missing field `spec` (left out)"), "{said}");
}

#[test]
fn owned_pods_are_their_owners() {
    let (summary, _) = run(&data("owned.yaml"));
    assert_eq!(summary["pods"]["created"], 2);
    let (written, summary, _) = import(&data("owned.yaml"), &[]);
    assert_eq!(summary["pods"]["created"], 2);
    assert!(!written.contains("kind: ReplicaSet") && !written.contains("kind: Pod\n"), "{written}");
}

#[test]
fn a_live_node_pool_is_a_node_pool() {
    run(&data("nodepool-live.scn.yaml"));
    run(&data("nodepool-live-min.yaml"));
}

#[test]
fn strict_writes_nothing_where_something_would_change_the_outcome() {
    let folder = TempDir::new().expect("a folder");
    let scenario = folder.path().join("imported.yaml");
    let (dump, pool) = (data("dump.yaml"), data("nodepool-live.yaml"));
    let (_, said, code) = windtunnel(&["import", "cluster", path(&dump), "-o", path(&scenario), "--strict"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(!scenario.exists());
    let arguments = ["import", "cluster", path(&pool), "-o", path(&scenario), "--strict"];
    assert_eq!(windtunnel(&arguments).2, Some(0));
}
