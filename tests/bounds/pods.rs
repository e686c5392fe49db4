//! Runs that are sure to be too large, or that grow without an end.

use super::{HEAD, deployment, refused, within_bounds, write};
use crate::shell::Workshop;

#[test]
fn what_a_run_is_sure_to_make_is_known_before_it_begins() {
    let shop = Workshop::new();
    let job = |line: &str| {
        format!(
            "{HEAD}---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  {line}\n  template: {{spec: {{restartPolicy: Never, containers: [{{name: c}}]}}}}\n"
        )
    };
    let replicas = HEAD.to_owned() + &deployment("a", "replicas: 2147483647");
    for (name, text, words) in [
        ("replicas", replicas.clone(), "this makes about 2.1 billion pods (2.1 TB); the limit is 10 million"),
        ("parallelism", job("parallelism: 2000000000"), "pods"),
        ("completions", job("completions: 2000000000"), "pods"),
        (
            "change",
            HEAD.to_owned()
                + "  replicaChanges: [{at: 1m, target: {kind: Deployment, name: a}, replicas: 4000000000}]\n"
                + &deployment("a", "replicas: 1"),
            "4.0 billion pods",
        ),
        ("min", HEAD.replace("minSize: 1, maxSize: 4", "minSize: 1000000000, maxSize: 1000000000"), "1.0 billion nodes"),
        (
            "count",
            HEAD.replace("nodeGroups: [", "nodes: [{name: n, instanceType: m6i.large, count: 900000}, {name: m, instanceType: m6i.large, count: 900000}]\n  nodeGroups: ["),
            "1.8 million nodes; a run starts with 1000000 at most",
        ),
    ] {
        let file = format!("{name}.yaml");
        write(&shop, &file, &text);
        for command in ["validate", "run"] {
            refused(&shop, &format!("windtunnel {command} {file}"), words);
        }
    }
    write(&shop, "some.yaml", &(HEAD.to_owned() + &deployment("a", "replicas: 50")));
    refused(&shop, "windtunnel run some.yaml --max-pods 49 --out o", "--max-pods 50 raises it");
    let said = within_bounds(&shop, "windtunnel run some.yaml --max-pods 51 --out o -q --no-plots");
    assert_eq!(said.code, 0, "{}", said.err);
    refused(&shop, "windtunnel run some.yaml --max-pods 0 --out o", "0 is not from 1 to");
}

#[test]
fn what_grows_in_mid_run_is_stopped_at_the_limit_and_names_who_grew() {
    let shop = Workshop::new();
    let hpa = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  \
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  minReplicas: 1\n  maxReplicas: 2000000000\n  \
        metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 1}}}]\n";
    write(
        &shop,
        "s.yaml",
        &(HEAD.to_owned() + &deployment("0-calm", "replicas: 2") + &deployment("a", "replicas: 5") + hpa),
    );
    let words = "(most of them of default/a) and was stopped";
    refused(&shop, "windtunnel run s.yaml --max-pods 300 --out o", words);
    assert!(!shop.path().join("o").join("summary.json").exists(), "a run that did not end has no results");
    refused(&shop, "windtunnel check s.yaml --max-pods 300 --set expect='[\"pods.created > 1\"]'", words);
    refused(&shop, "windtunnel compare s.yaml s.yaml --seeds 2 --max-pods 300", words);
}

#[test]
fn intervals_have_a_shortest_and_rounds_a_most() {
    let shop = Workshop::new();
    let hpa = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  \
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  minReplicas: 1\n  maxReplicas: 2\n  \
        metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]\n";
    write(&shop, "s.yaml", &(HEAD.to_owned() + &deployment("a", "replicas: 2") + hpa));
    for path in [
        "autoscaling.clusterAutoscaler.scanInterval",
        "autoscaling.horizontalPodAutoscaler.syncPeriod",
        "metrics.resolution",
        "nodeLifecycle.nodeMonitorPeriod",
    ] {
        refused(&shop, &format!("windtunnel run s.yaml --set {path}=1ns"), "1ns is too short; 100ms is the shortest");
        refused(
            &shop,
            &format!(
                "windtunnel validate s.yaml --set {path}=100ms --set duration=2000000h --set sampleInterval=100000h"
            ),
            "the limit is 1.0 billion",
        );
    }
    refused(&shop, "windtunnel run s.yaml --set sampleInterval=1ns", "samples in 1h");
    let polled = "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  \
        pollingInterval: 0\n  triggers: [{type: cron, metadata: {timezone: UTC, start: '0 6 * * *', end: '0 20 * * *', \
        desiredReplicas: '3'}}]\n";
    write(&shop, "k.yaml", &(HEAD.to_owned() + &deployment("a", "replicas: 1") + polled));
    refused(&shop, "windtunnel run k.yaml", "ScaledObject a: a pollingInterval of 0s never rests");
}
