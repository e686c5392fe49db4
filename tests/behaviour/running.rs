//! Pods that run when a scenario starts: where they are, since when, and what comes beside them.

use super::written::{seconds, written};

#[test]
fn pods_start_where_they_run_with_their_ages() {
    let node = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}\n\
             status: {{allocatable: {{cpu: \"4\", memory: 16Gi, pods: \"110\"}}, capacity: {{cpu: \"4\", memory: 16Gi, pods: \"110\"}}}}\n---\n"
        )
    };
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3, selector: {matchLabels: {app: web}}, \
               template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}}}";
    let spec = "  duration: 10m\n  workloads:\n    - target: {kind: Deployment, name: web}\n      startup: 30s\n      running:\n        \
                - {node: b, name: web-x, age: 5m}\n        - {node: b, name: web-y, age: 20s, ready: false}\n";
    let run = written(spec, &format!("{}{}{web}", node("a"), node("b")));
    let place = |name: &str| {
        let pod = run.pods(name)[0];
        let node = &run.run.outcome.nodes[pod.node.expect("it runs") as usize];
        (node.name.to_string(), seconds(pod.scheduled.expect("it runs")), pod.ready.map(seconds))
    };
    assert_eq!(run.pods("web").len(), 3, "{:?}", run.pods("web"));
    assert_eq!(place("web-x"), ("b".to_owned(), -300, Some(-300)));
    // One that is not ready has just begun, as far as anybody can tell.
    assert_eq!(place("web-y"), ("b".to_owned(), 0, Some(30)));
    // The third is scheduled anew, on the empty node, and nobody waited.
    let third = run.pods("web").into_iter().find(|pod| !["web-x", "web-y"].contains(&&*pod.name)).expect("a third");
    assert_eq!(place(&third.name), ("a".to_owned(), 0, Some(30)));
}

/// A pod without an owner has nobody to make it anew; its node is lost at 100 s.
#[test]
fn a_bare_pod_that_is_lost_stays_lost() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}";
    let spec = "  duration: 2h\n  nodeGroups: [{name: g, instanceType: m6i.large, initialSize: 2, minSize: 2, maxSize: 2}]\n  \
                outages: [{at: 100s, node: g-0}, {at: 100s, node: g-1}]\n";
    let run = written(spec, pod);
    let pods = run.pods("alone");
    assert_eq!(pods.iter().map(|pod| (&*pod.name, pod.reason)).collect::<Vec<_>>(), [("alone", "NodeLost")]);
}

/// Whatever makes a pod, it is not ready before its probes' initial delay.
#[test]
fn probes_delay_readiness_of_every_kind() {
    let pod = "{name: c, image: i, resources: {requests: {cpu: 100m}}, readinessProbe: {initialDelaySeconds: 50, httpGet: {port: 80}}}";
    let objects = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: bare}}\nspec: {{containers: [{pod}]}}\n---\napiVersion: apps/v1\nkind: DaemonSet\n\
         metadata: {{name: agent}}\nspec: {{selector: {{matchLabels: {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, spec: \
         {{containers: [{pod}]}}}}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: work}}\nspec: {{template: {{spec: \
         {{restartPolicy: Never, containers: [{pod}]}}}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: \
         {{selector: {{matchLabels: {{app: w}}}}, template: {{metadata: {{labels: {{app: w}}}}, spec: {{containers: [{pod}]}}}}}}\n"
    );
    let run = written("  duration: 5m\n  nodes: [{name: n, instanceType: m6i.large}]\n", &objects);
    for name in ["bare", "agent", "work", "web"] {
        assert_eq!(run.pods(name)[0].ready.map(seconds), Some(50), "{name}");
    }
}
