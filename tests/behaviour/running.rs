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
