//! Agreement with upstream, as data: every JSON file below `tests/conformance/` through one check.

mod hpa;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The cases of all JSON files in `tests/conformance/<folder>`, each with its file's name.
fn cases(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a readable file");
        let Value::Array(list) = serde_json::from_str(&text).expect("JSON") else { panic!("{name} is no list") };
        cases.extend(list.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

/// Whether `actual` has all that `expected` has: objects by key (more keys may be there), all else exactly.
fn holds(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| holds(actual, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| holds(a, e))
        }
        (actual, expected) => actual == expected,
    }
}

/// Runs every case of a folder through `decide` and panics with all that differ. An error is expected exactly where
/// `expect.error` is set.
fn check(folder: &str, at_least: usize, decide: impl Fn(&Value) -> Result<Value, String>) {
    let cases = cases(folder);
    assert!(cases.len() >= at_least, "{folder} has only {} cases", cases.len());
    let mut failures = Vec::new();
    for (file, case) in &cases {
        let (name, expected) = (&case["name"], &case["expect"]);
        let differs = match decide(&case["input"]) {
            Ok(actual) => {
                let same_error = actual.get("error").is_some() == expected.get("error").is_some();
                (!same_error || !holds(&actual, expected)).then(|| actual.to_string())
            }
            Err(refusal) => Some(format!("refused: {refusal}")),
        };
        if let Some(actual) = differs {
            failures.push(format!("{file}: {name}\n  expected {expected}\n  got      {actual}"));
        }
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
