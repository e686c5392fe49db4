//! The statistics on real runs: equal policies under other weather, and a difference of two percent.
//!
//! An ordinary test run makes a few comparisons. `COMPARE_TRIALS=500 cargo test --release --test main
//! compare::real_runs` makes the 500 that the promise is about.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use super::command::windtunnel;

/// Comparisons of each kind.
fn trials() -> u64 {
    std::env::var("COMPARE_TRIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Pods that ask for nodes which boot slowly and by chance; with another name of its workload and group it draws other
/// weather. Nodes are paid at `price`.
fn policy(name: &str, price: f64) -> String {
    format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: boots}}
spec:
  duration: 2h
  sampleInterval: 1h
  nodeGroups:
    - {{name: {name}, instanceType: m6i.large, maxSize: 12, pricePerHour: {price}, provisioning: {{logNormal: {{median: 10m, p95: 20m}}}}}}
  autoscaling: {{clusterAutoscaler: {{scaleDownUnneededTime: 5m}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 12
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: web, image: web, resources: {{requests: {{cpu: 500m, memory: 256Mi}}}}}}]
"
    )
}

/// `compare` of policies `a` and `b`; the first seed is the trial's own.
fn compare(folder: &std::path::Path, price: f64, trial: u64, more: &[&str]) -> Value {
    for (file, name, price) in [("a.yaml", "a", 0.1), ("b.yaml", "b", price)] {
        fs::write(folder.join(file), policy(name, price)).expect("written");
    }
    let mut seed = String::new();
    write!(seed, "{}", 1 + trial * 1_000).expect("text");
    let mut command = windtunnel(folder);
    command.args(["compare", "a.yaml", "b.yaml", "--format", "json", "--quiet", "--seed", &seed]).args(more);
    serde_json::from_slice(&command.assert().success().get_output().stdout).expect("JSON")
}

#[test]
fn equal_policies_under_other_weather_are_seldom_called_different() {
    let folder = tempfile::tempdir().expect("a folder");
    // The names differ, so that the weather does; bills of whole seconds may come to the same by chance.
    let mut alike = 0;
    let is_called = |trial: &u64| {
        let value = compare(folder.path(), 0.1, *trial, &[]);
        let rows = value["comparisons"].as_array().expect("rows");
        alike += u64::from(rows[0]["difference"] == 0.0);
        rows.iter().any(|row| row["verdict"] != "can't tell")
    };
    let called = (0..trials()).filter(is_called).count();
    assert!(alike <= 2 + trials() / 50, "{alike} of {} have no difference at all", trials());
    // Of few trials one may be.
    assert!(called as f64 <= (0.07 * trials() as f64).max(1.0), "{called} of {}", trials());
}

#[test]
fn a_price_two_percent_higher_is_found_with_the_seeds_that_the_tool_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let precise = ["--until-precise", "2%", "--metric", "cost.total_usd", "--max-seeds", "200"];
    let trials = trials().div_ceil(2).min(100);
    let found = |trial: &u64| {
        let value = compare(folder.path(), 0.102, *trial, &precise);
        value["comparisons"][0]["verdict"] == "worse"
    };
    let found = (0..trials).filter(found).count();
    assert!(found as f64 >= (0.9 * trials as f64).floor() - 1.0, "{found} of {trials}");
}
