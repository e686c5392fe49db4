//! Thousands of random inputs with the answers of upstream's own running code, as `oracle/differ -record` wrote them
//! (docs/fidelity.md says of which releases); compared as the differ compares.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::decide;

/// The cases of a file: an input and an answer each.
fn recorded(name: &str) -> Vec<(Value, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/recorded").join(name);
    let mut text = String::new();
    let file = std::fs::File::open(&path).expect("the answers are in the repository");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("they are packed");
    let case = |line: &str| {
        let mut case: Value = serde_json::from_str(line).expect("a line is a case");
        (case["input"].take(), case["expect"].take())
    };
    text.lines().map(case).collect()
}

fn hold(controller: &str, name: &str, differ: impl Fn(&Value, &Value) -> Option<String>) -> usize {
    let cases = recorded(name);
    let answers = decide(controller, cases.iter().map(|(input, _)| input.clone()).collect());
    assert_eq!(answers.len(), cases.len());
    let mut wrong = Vec::new();
    for ((input, theirs), ours) in cases.iter().zip(&answers) {
        if let Some(what) = differ(ours, theirs) {
            wrong.push(format!("{what}\n  input {input}\n  ours {ours}\n  theirs {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ, the first:\n{}", wrong.len(), cases.len(), wrong[0]);
    cases.len()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Fields of the items of both lists, where a false one may be left out.
fn lists(ours: &Value, theirs: &Value, fields: &[&str]) -> bool {
    let (ours, theirs) = (list(ours), list(theirs));
    let told = |value: &Value| if *value == Value::Bool(false) { Value::Null } else { value.clone() };
    let same = |(our, their): (&Value, &Value)| fields.iter().all(|field| told(&our[*field]) == told(&their[*field]));
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
}

#[test]
fn the_hpa_answers_as_the_controller_of_1_37_did() {
    let differ = |ours: &Value, theirs: &Value| {
        let of_metric =
            ["type", "proposedReplicas", "currentAverageUtilization", "currentAverageValue", "currentValue"];
        let fails = |metrics: &Value| list(metrics).iter().map(|one| one.get("error").is_some()).collect::<Vec<_>>();
        let history = |field: &str, of: &[&str]| lists(&ours["history"][field], &theirs["history"][field], of);
        let checks = [
            ("desiredReplicas", ours["desiredReplicas"] == theirs["desiredReplicas"]),
            ("rescaled", ours["rescaled"] == theirs["rescaled"]),
            ("conditions", lists(&ours["conditions"], &theirs["conditions"], &["type", "status", "reason"])),
            ("metrics", lists(&ours["metrics"], &theirs["metrics"], &of_metric)),
            ("which metrics fail", fails(&ours["metrics"]) == fails(&theirs["metrics"])),
            ("recommendations", history("recommendations", &["time", "replicas"])),
            ("scaleUpEvents", history("scaleUpEvents", &["time", "replicaChange"])),
            ("scaleDownEvents", history("scaleDownEvents", &["time", "replicaChange"])),
        ];
        checks.iter().find(|(_, same)| !same).map(|(name, _)| (*name).to_owned())
    };
    assert!(hold("hpa", "hpa-1.37.jsonl.gz", differ) > 2_000);
}

#[test]
fn the_scheduler_chooses_as_that_of_1_37_did() {
    let names = |of: &Value| list(of).iter().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<_>>();
    let differ = |ours: &Value, theirs: &Value| {
        let plugins = |of: &Value| -> Vec<(String, Value)> {
            let refused = of["filtered"].as_object().into_iter().flatten();
            refused.map(|(node, refusal)| (node.clone(), refusal["plugin"].clone())).collect()
        };
        // A plugin that has nothing to say is left out here, and scores 0 there.
        let scores = |of: &Value| -> Vec<(String, Vec<(String, i64)>)> {
            let part = |(plugin, score): (&String, &Value)| (plugin.clone(), score.as_i64().unwrap_or_default());
            let of_node = |(node, parts): (&String, &Value)| {
                let parts = parts.as_object().into_iter().flatten().map(part);
                (node.clone(), parts.filter(|(name, score)| *score != 0 || name == "total").collect())
            };
            of["scores"].as_object().into_iter().flatten().map(of_node).collect()
        };
        let (leaving, preemption) = (names(&theirs["leaving"]), &ours["preemption"]);
        // Upstream starts its search at random, and tells nobody to end twice.
        let is_one_of_theirs = match list(&theirs["preemptions"]) {
            [] => preemption.is_null(),
            found => found.iter().any(|one| {
                let victims = names(&preemption["victims"]);
                one["node"] == preemption["node"] && names(&one["victims"]) == &victims - &leaving
            }),
        };
        let checks = [
            ("filtered", plugins(ours) == plugins(theirs)),
            ("scores", scores(ours) == scores(theirs)),
            ("candidates", names(&ours["candidates"]) == names(&theirs["candidates"])),
            ("preemption", is_one_of_theirs),
        ];
        checks.iter().find(|(_, same)| !same).map(|(name, _)| (*name).to_owned())
    };
    assert!(hold("schedule", "schedule-1.37.jsonl.gz", differ) >= 2_000);
}
