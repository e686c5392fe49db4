//! Cluster Autoscaler: single steps from upstream's unit tests, and whole iterations, each a question to
//! `decide cluster-autoscaler`.

use std::path::Path;

use serde_json::Value;

use super::decide;

/// Lists whose order counts; all others are sets.
const ORDERED: [&str; 3] = ["empty_to_delete", "drain_to_delete", "results"];

/// Runs every case of a folder. What `expect` names must be there, objects below its first level with just those keys;
/// numbers are compared within the case's `tolerance_relative`.
fn check(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let inputs = cases.iter().map(|case| case["input"].clone()).collect();
        for (case, answer) in cases.iter().zip(decide("cluster-autoscaler", inputs)) {
            count += 1;
            let tolerance = case["tolerance_relative"].as_f64().unwrap_or(0.0);
            let expected_error = case["expect"].get("error").is_some();
            if answer.get("error").is_some() && !expected_error {
                failures.push(format!("{}: {}", case["name"], answer["error"]));
                continue;
            }
            for (key, expected) in case["expect"].as_object().unwrap() {
                let found = answer.get(key).unwrap_or(&Value::Null);
                if !agrees(key, expected, found, tolerance) {
                    failures.push(format!("{}: {key}: expected {expected}, got {found}", case["name"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} differences in {count} cases:\n{}", failures.len(), failures.join("\n"));
    count
}

fn agrees(key: &str, expected: &Value, found: &Value, tolerance: f64) -> bool {
    match (expected, found) {
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().unwrap(), found.as_f64().unwrap());
            (expected - found).abs() <= tolerance * expected.abs()
        }
        (Value::Array(expected), Value::Array(found)) => {
            let ordered = ORDERED.contains(&key);
            let mut left: Vec<&Value> = found.iter().collect();
            expected.len() == found.len()
                && expected.iter().all(|item| {
                    let reach = if ordered { left.len().min(1) } else { left.len() };
                    let at = left[..reach].iter().position(|other| agrees(key, item, other, tolerance));
                    at.map(|at| left.remove(at)).is_some()
                })
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected
                    .iter()
                    .all(|(name, value)| found.get(name).is_some_and(|other| agrees(name, value, other, tolerance)))
        }
        (Value::String(expected), Value::String(found)) if expected.ends_with('…') => {
            found.starts_with(expected.trim_end_matches('…'))
        }
        (expected, found) => expected == found,
    }
}

#[test]
fn every_step_gives_what_upstreams_tests_expect() {
    assert!(check("cluster-autoscaler") >= 99);
}

#[test]
fn the_comparison_tells_sets_from_lists_and_sees_one_too_many() {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert!(agrees("best", &value("[1, 2]"), &value("[2, 1]"), 0.0));
    assert!(!agrees("results", &value("[1, 2]"), &value("[2, 1]"), 0.0));
    assert!(!agrees("best", &value("[1]"), &value("[1, 1]"), 0.0));
    assert!(!agrees("x", &value(r#"{"a": 1}"#), &value(r#"{"a": 1, "b": 2}"#), 0.0));
    assert!(!agrees("x", &value("1.0"), &value("1.02"), 0.01));
    assert!(agrees("x", &value("1.0"), &value("1.009"), 0.01));
}

#[test]
fn whole_iterations_decide_as_upstreams_loop() {
    assert!(check("cluster_autoscaler_loop") >= 90);
}
