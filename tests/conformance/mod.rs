//! Upstream's test cases as data: `{name, source, input, expect}`, judged by `windtunnel decide`.

mod cluster_autoscaler;
mod hpa;
mod karpenter;
mod kueue;
mod quantity;
mod recorded;
mod schedule;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Runs every case of the files in `tests/conformance/FOLDER` and compares what each expects; returns how many.
///
/// An object in `expect` must be found in the answer, key by key; `null` is an absent key. Lists must be as
/// long, and the nodes of `scores` and `filtered` the very same. A field `error` is the beginning of the error, and
/// there must be none where it is not expected.
fn check(controller: &str, folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let answers = decide(controller, cases.iter().map(|case| case["input"].clone()).collect());
        assert_eq!(answers.len(), cases.len(), "{}", file.display());
        for (case, answer) in cases.iter().zip(&answers) {
            count += 1;
            if let Err(difference) = matches("", &case["expect"], answer) {
                let name = file.file_name().unwrap().display();
                failures.push(format!("{name}: {}: {difference}\n  answer: {answer}", case["name"]));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases differ:\n{}", failures.len(), failures.join("\n"));
    count
}

fn decide(controller: &str, inputs: Vec<Value>) -> Vec<Value> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(Value::Array(inputs).to_string().as_bytes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windtunnel"))
        .args(["decide", controller])
        .arg(file.path())
        .output()
        .expect("the binary was built");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn matches(path: &str, expected: &Value, answer: &Value) -> Result<(), String> {
    match expected {
        Value::Object(fields) => {
            if path.is_empty() {
                let expected = fields.get("error").and_then(Value::as_str);
                let error = answer.get("error").map(|error| error.as_str().unwrap_or_default());
                let as_expected = match (expected, error) {
                    (Some(start), Some(error)) => error.starts_with(start),
                    (expected, error) => expected.is_none() && error.is_none(),
                };
                if !as_expected {
                    return Err(format!("error: expected {expected:?}, got {error:?}"));
                }
            }
            let whole = path == "scores" || path == "filtered";
            if whole && fields.len() != answer.as_object().map_or(0, |answer| answer.len()) {
                return Err(format!("{path}: expected just {:?}", fields.keys().collect::<Vec<_>>()));
            }
            for (key, expected) in fields.iter().filter(|(key, _)| !path.is_empty() || *key != "error") {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                matches(&path, expected, answer.get(key).unwrap_or(&Value::Null))?;
            }
            Ok(())
        }
        Value::Array(items) => {
            let answers = answer.as_array().map_or(&[][..], Vec::as_slice);
            if items.len() != answers.len() || !answer.is_array() {
                return Err(format!("{path}: expected {expected}, got {answer}"));
            }
            let mut pairs = items.iter().zip(answers).enumerate();
            pairs.try_for_each(|(index, (item, answer))| matches(&format!("{path}[{index}]"), item, answer))
        }
        expected if expected == answer => Ok(()),
        expected => Err(format!("{path}: expected {expected}, got {answer}")),
    }
}

#[test]
fn the_comparison_sees_a_wrong_number_a_missing_node_and_one_too_many() {
    let answer = json!({"scores": {"a": {"X": 1}, "b": {"X": 2}}, "node": "a"});
    assert!(
        matches("", &json!({"node": "a", "scores": {"a": {"X": 1}, "b": {}}, "preemption": null}), &answer).is_ok()
    );
    assert!(matches("", &json!({"scores": {"a": {"X": 2}, "b": {}}}), &answer).is_err());
    assert!(matches("", &json!({"scores": {"a": {}}}), &answer).is_err());
    assert!(matches("", &json!({"scores": {"a": {}, "c": {"X": 1}}}), &answer).is_err());
    assert!(matches("", &json!({"error": "pods"}), &answer).is_err());
}
