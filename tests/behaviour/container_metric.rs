//! An HPA that looks at one container of each pod.

use std::fs;

use windtunnel::scenario;
use windtunnel::sim::RunOptions;

use crate::watch::watch;

const SCENARIO: &str = r#"
apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: container-metric}
spec:
  duration: 10m
  nodes: [{name: node, instanceType: m6i.4xlarge}]
  load: [{target: {kind: Deployment, name: web}, cpu: {constant: "1"}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: app, image: app, resources: {requests: {cpu: 400m, memory: 64Mi}}}
        - {name: proxy, image: proxy, resources: {requests: {cpu: 100m, memory: 64Mi}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: ContainerResource
      containerResource: {name: cpu, container: app, target: {type: AverageValue, averageValue: 100m}}
"#;

/// One core over the pods: each app container uses four fifths of its pod's part, 800m in all, and 100m each want 8.
#[test]
fn a_container_metric_sees_that_containers_part_of_the_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, SCENARIO).expect("written");
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    crate::golden::as_on_record(&loaded.scenario, 1);
    let run = watch(&loaded.scenario, 1, RunOptions::default());
    let last = run.decisions.iter().rev().find(|line| line.contains("hpa/default/web")).expect("the HPA acted");
    assert!(last.contains("-> 8: "), "{last}");
}

/// What a young pod lacks may come; what none has after five minutes is told, once.
#[test]
fn a_container_that_no_pod_has_is_told_once() {
    let text = SCENARIO.replace("container: app", "container: ap");
    let run = super::run_scenario(&text, &[]);
    let told: Vec<&String> = run.decisions.iter().filter(|line| line.contains("hpa/default/web")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let why = "FailedGetContainerResourceMetric: ContainerResource cpu of container ap: failed";
    assert!(told[0].starts_with("5m") && told[0].contains(why), "{told:#?}");
}
