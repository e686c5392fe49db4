//! Kueue against cases from its own table tests.

use std::path::Path;

use serde_json::{Value, json};

use super::decide;

/// Lists are sets unless their key says that they are in order.
fn matches(path: &str, expected: &Value, answer: &Value) -> Result<(), String> {
    let differs = || Err(format!("{path}: expected {expected}, got {answer}"));
    match (expected, answer) {
        (Value::Object(fields), Value::Object(_)) => fields.iter().try_for_each(|(key, expected)| {
            matches(&format!("{path}.{key}"), expected, answer.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(items), Value::Array(answers)) if items.len() == answers.len() => {
            if path.ends_with(".order") {
                return items.iter().zip(answers).try_for_each(|(item, answer)| matches(path, item, answer));
            }
            let mut left: Vec<&Value> = answers.iter().collect();
            for item in items {
                match left.iter().position(|answer| matches(path, item, answer).is_ok()) {
                    Some(at) => drop(left.swap_remove(at)),
                    None => return differs(),
                }
            }
            Ok(())
        }
        (expected, answer) if expected == answer => Ok(()),
        _ => differs(),
    }
}

/// The cases of a folder, judged; returns how many.
fn check(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases: Vec<Value> = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        cases.extend(serde_json::from_str::<Vec<Value>>(&std::fs::read_to_string(file).unwrap()).unwrap());
    }
    let answers = decide("kueue", cases.iter().map(|case| case["input"].clone()).collect());
    assert_eq!(answers.len(), cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter_map(|(case, answer)| {
            let error = match answer.get("error") {
                Some(error) => error.to_string(),
                None => matches("", &case["expect"], answer).err()?,
            };
            Some(format!("{}: {error}\n  answer: {answer}", case["name"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    cases.len()
}

#[test]
fn every_case_of_upstreams_tables_gives_what_it_expects() {
    assert!(check("kueue") >= 186);
}

/// Rows of the table test of `FindTopologyAssignments`: required, preferred and unconstrained, slices and slices within
/// slices, the gate `TASProfileMixed`. Not among them: leaders in a group, replacement of failed nodes, balanced placement.
#[test]
fn placement_in_topologies_and_provisioning_are_upstreams() {
    assert!(check("kueue_beyond") >= 72);
}

#[test]
fn the_order_of_the_objects_means_nothing() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/kueue/schedule.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let reversed = |case: &Value| {
        let mut input = case["input"].clone();
        input["objects"].as_array_mut().unwrap().reverse();
        input
    };
    let answers = decide("kueue", cases.iter().map(reversed).collect());
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(matches("", &case["expect"], answer), Ok(()), "{}", case["name"]);
    }
}

#[test]
fn the_comparison_sees_one_too_many_and_a_wrong_order() {
    let answer = json!({"admit": ["a", "b"], "order": ["a", "b"]});
    assert!(matches("", &json!({"admit": ["b", "a"]}), &answer).is_ok());
    assert!(matches("", &json!({"admit": ["a"]}), &answer).is_err());
    assert!(matches("", &json!({"order": ["b", "a"]}), &answer).is_err());
}

#[test]
fn what_cannot_be_read_is_refused_at_its_place() {
    let now = "2026-01-01T12:00:00Z";
    let queue = |spec: Value| json!({"now": now, "objects": [{"kind": "ClusterQueue", "metadata": {"name": "a"}, "spec": spec}]});
    let quota = json!([{"coveredResources": ["cpu"], "flavors": [{"name": "f", "resources": [{"name": "cpu", "nominalQuota": "4x"}]}]}]);
    let wrong = [
        (json!({"objects": []}), "now: missing"),
        (json!({"now": now, "objects": [{"kind": "ClusterQueu"}]}), "objects[0].kind: "),
        (queue(json!({"queueingStrategy": "Strict"})), "objects[0].spec.queueingStrategy: "),
        (
            queue(json!({"resourceGroups": quota})),
            "objects[0].spec.resourceGroups[0].flavors[0].resources[0].nominalQuota: ",
        ),
        (json!({"kind": "assigns"}), "kind: "),
        (
            json!({"now": now, "objects": [], "options": {"featureGates": {"Nope": true}}}),
            "options.featureGates.Nope: ",
        ),
        (
            json!({"now": now, "objects": [], "kind": "assign", "workload": "default/x"}),
            "workload: there is no workload",
        ),
        (json!({"kind": "reduce", "podSets": [{"count": -1}], "countLimit": 3}), "podSets[0]: "),
    ];
    let answers = decide("kueue", wrong.iter().map(|(input, _)| input.clone()).collect());
    for ((input, start), answer) in wrong.iter().zip(&answers) {
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(start), "{input}: {error}");
    }
}

/// `checkPodSetAndFlavorMatchForTAS` of `pkg/scheduler/flavorassigner/tas_flavorassigner.go`.
#[test]
fn a_flavor_with_a_topology_is_for_those_that_ask_for_one() {
    let flavor = |name: &str, topology: Value| json!({"kind": "ResourceFlavor", "metadata": {"name": name}, "spec": {"topologyName": topology}});
    let quotas = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({"name": name, "resources": [{"name": "cpu", "nominalQuota": "4"}]})).collect()
    };
    let chosen = |flavors: &[&str], request: Value| {
        let input = json!({"kind": "assign", "now": "2026-01-01T12:00:00Z", "workload": "default/w", "objects": [
            flavor("racks", json!("tree")),
            flavor("plain", Value::Null),
            {"kind": "Topology", "metadata": {"name": "tree"}, "spec": {"levels": [{"nodeLabel": "rack"}, {"nodeLabel": "kubernetes.io/hostname"}]}},
            {"kind": "ClusterQueue", "metadata": {"name": "q"}, "spec": {"namespaceSelector": {}, "resourceGroups": [{"coveredResources": ["cpu"], "flavors": quotas(flavors)}]}},
            {"kind": "LocalQueue", "metadata": {"name": "q", "namespace": "default"}, "spec": {"clusterQueue": "q"}},
            {"kind": "Workload", "metadata": {"name": "w", "namespace": "default"}, "spec": {"queueName": "q", "podSets": [
                {"name": "main", "count": 1, "topologyRequest": request, "template": {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}]}}]});
        decide("kueue", vec![input])[0]["podSets"][0]["flavors"]["cpu"]["flavor"].clone()
    };
    let both = ["racks", "plain"];
    assert_eq!(chosen(&both, Value::Null), "plain");
    assert_eq!(chosen(&["racks"], Value::Null), "racks", "there is no other");
    assert_eq!(chosen(&["plain", "racks"], json!({"required": "rack"})), "racks");
    assert_eq!(chosen(&both, json!({"required": "block"})), Value::Null, "no such level");
}
