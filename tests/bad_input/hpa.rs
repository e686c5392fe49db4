//! `decide hpa` on inputs that can't be judged.

use std::io::Write as _;

use assert_cmd::Command;
use serde_json::{Value, json};
use windtunnel::cli::decide::hpa::decide;

fn input() -> Value {
    json!({
        "now": "2026-03-01T12:00:00Z",
        "hpa": {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop", "bogus": 1},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1,
                "maxReplicas": 5,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
                ],
                "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}}
            }
        },
        "scale": {"spec": {"replicas": 2}, "status": {"replicas": 2, "selector": "app=web"}},
        "pods": [{
            "metadata": {"name": "web-0", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "100m"}}}]},
            "status": {"phase": "Running"}
        }],
        "podMetrics": [{
            "metadata": {"name": "web-0"},
            "timestamp": "2026-03-01T11:59:45Z",
            "window": "30s",
            "containers": [{"name": "web", "usage": {"cpu": "80m"}}]
        }],
        "history": {"recommendations": [{"time": "2026-03-01T11:59:00Z", "replicas": 2}]},
        "flags": {"horizontal-pod-autoscaler-tolerance": 0.1}
    })
}

/// The input with the value at a JSON pointer replaced, or taken out where it is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut input = input();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    match input.pointer_mut(parent).expect("the parent is there") {
        Value::Object(map) if value.is_null() => drop(map.remove(key)),
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        list => list[key.parse::<usize>().expect("an index")] = value,
    }
    input
}

#[test]
fn the_input_that_the_bad_ones_are_made_of_is_fine() {
    let answer = decide(&input()).unwrap();
    assert_eq!(answer["desiredReplicas"], 2, "{answer}");
}

#[test]
fn every_mistake_is_refused_with_the_path_of_its_field() {
    let metric = "/hpa/spec/metrics/0";
    let target = "/hpa/spec/metrics/0/resource/target";
    for (pointer, value, path, part) in [
        ("/pod", json!([]), "pod", "did you mean pods?"),
        ("/now", Value::Null, "now", "missing"),
        ("/now", json!("yesterday"), "now", "RFC 3339"),
        ("/hpa", Value::Null, "hpa", "missing"),
        ("/hpa/apiVersion", json!("autoscaling/v1"), "hpa.apiVersion", "autoscaling/v2"),
        ("/hpa/spec/maxReplicas", json!("ten"), "hpa.spec.maxReplicas", "i32"),
        ("/hpa/spec/maxReplicas", Value::Null, "hpa.spec.maxReplicas", "1 or more"),
        ("/hpa/spec/maxReplicas", json!(-3), "hpa.spec.maxReplicas", "negative"),
        ("/hpa/spec/minReplicas", json!(-1), "hpa.spec.minReplicas", "negative"),
        ("/hpa/spec/minReplicas", json!(6), "hpa.spec.maxReplicas", "below minReplicas 6"),
        (
            metric,
            json!({"type": "Resource", "resource": {"name": "cpu"}}),
            "hpa.spec.metrics[0].resource.target",
            "target",
        ),
        (metric, json!({"type": "Resource"}), "hpa.spec.metrics[0].resource", "missing"),
        (metric, json!({"resource": {}}), "hpa.spec.metrics[0].type", "missing"),
        (
            target,
            json!({"type": "Utilization", "averageUtilization": 50, "averageValue": "1"}),
            "hpa.spec.metrics[0].resource.target",
            "must not both be set",
        ),
        (
            target,
            json!({"type": "AverageValue", "averageValue": "-1"}),
            "hpa.spec.metrics[0].resource.target.averageValue",
            "not positive",
        ),
        (
            target,
            json!({"type": "AverageValue", "averageValue": "1x"}),
            "hpa.spec.metrics[0].resource.target.averageValue",
            "suffix",
        ),
        (target, json!({"averageUtilization": 50}), "hpa.spec.metrics[0].resource.target.type", "missing"),
        ("/hpa/spec/behavior/scaleUp/policies", json!([]), "hpa.spec.behavior.scaleUp.policies", "at least one"),
        (
            "/hpa/spec/behavior/scaleUp/policies/0/type",
            json!("Pod"),
            "hpa.spec.behavior.scaleUp.policies[0].type",
            "Percent",
        ),
        (
            "/hpa/spec/behavior/scaleUp/policies/0/periodSeconds",
            json!(0),
            "hpa.spec.behavior.scaleUp.policies[0].periodSeconds",
            "1800",
        ),
        ("/scale", Value::Null, "scale", "missing"),
        ("/scale/spec/replicas", json!(-2), "scale.spec.replicas", "negative"),
        ("/scale/status/replicas", json!(1.5), "scale.status.replicas", "integer"),
        ("/pods", json!("web"), "pods", "a list"),
        ("/pods/0/metadata/name", Value::Null, "pods[0].metadata.name", "missing"),
        (
            "/pods/0/spec/containers/0/resources/requests/cpu",
            json!("1q"),
            "pods[0].spec.containers[0].resources.requests.cpu",
            "suffix",
        ),
        ("/pods/0/status/phase", json!(5), "pods[0].status.phase", "string"),
        ("/podMetrics/0/window", json!("soon"), "podMetrics[0].window", "duration"),
        ("/podMetrics/0/containers/0/usage/cpu", json!("a lot"), "podMetrics[0].containers[0].usage.cpu", "quantity"),
        ("/history/recommendation", json!([]), "history.recommendation", "did you mean recommendations?"),
        ("/history/recommendations/0/replicas", json!(-1), "history.recommendations[0].replicas", "negative"),
        (
            "/flags/horizontal-pod-autoscaler-tolerence",
            json!(0.2),
            "flags.horizontal-pod-autoscaler-tolerence",
            "tolerance",
        ),
        (
            "/flags/horizontal-pod-autoscaler-tolerance",
            json!(-0.2),
            "flags.horizontal-pod-autoscaler-tolerance",
            "zero or more",
        ),
        ("/kind", json!("utilisation"), "kind", "did you mean utilization?"),
    ] {
        let bad = with(pointer, value);
        let refusal = match decide(&bad) {
            Err(refusal) => refusal,
            Ok(answer) => panic!("{pointer}: judged: {answer}"),
        };
        assert_eq!(refusal.path, path, "{pointer}: {refusal}");
        assert!(refusal.problem.contains(part), "{pointer}: {refusal}");
    }
}

fn run(input: &Value) -> std::process::Output {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input.to_string().as_bytes()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_windtunnel")).args(["decide", "hpa"]).arg(file.path()).output().unwrap()
}

#[test]
fn a_lone_bad_input_prints_nothing_and_exits_with_2() {
    let output = run(&with("/scale/spec/replicas", json!(-2)));
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("scale.spec.replicas: -2 is negative"), "{error}");
}

#[test]
fn a_bad_input_among_good_ones_is_an_error_in_its_place() {
    let output = run(&json!([input(), with("/scale/spec/replicas", json!(-2)), input()]));
    assert_eq!(output.status.code(), Some(2));
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers[1], json!({"error": "scale.spec.replicas: -2 is negative"}));
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0]["rescaled"], false);
}
