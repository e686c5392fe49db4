//! Who goes when replicas are too many, and in which order StatefulSets step.

use super::{deployment, pod, run, run_scenario, secs};
use crate::plan::{NodePlan, Plan, ReplicatedPlan};
use crate::watch::Watched;

fn scaled_down(run: &Watched) -> Vec<String> {
    run.outcome.pods.iter().filter(|pod| pod.reason == "ScaledDown").map(|pod| pod.name.to_string()).collect()
}

fn node(max_pods: i64) -> NodePlan {
    NodePlan { max_pods, ..NodePlan::default() }
}

#[test]
fn a_pod_that_waits_for_a_node_goes_before_those_that_run() {
    let plan = Plan {
        minutes: 10,
        nodes: vec![node(2)],
        replicated: vec![deployment(3)],
        changes: vec![(300, 0, 2)],
        ..Plan::default()
    };
    let run = run(&plan);
    let gone = scaled_down(&run);
    assert_eq!(gone.len(), 1);
    assert_eq!(pod(&run, &gone[0]).scheduled, None);
}

#[test]
fn of_pods_that_are_alike_one_on_the_fuller_node_goes() {
    let plan = Plan {
        minutes: 10,
        nodes: vec![node(2), node(1)],
        replicated: vec![deployment(3)],
        changes: vec![(300, 0, 2)],
        ..Plan::default()
    };
    let run = run(&plan);
    let gone = scaled_down(&run);
    assert_eq!(gone.len(), 1);
    let node = pod(&run, &gone[0]).node;
    assert_eq!(run.outcome.pods.iter().filter(|other| other.node == node).count(), 2, "{gone:?}");
}

#[test]
fn a_stateful_set_makes_its_pods_one_after_the_other_and_ends_them_in_reverse() {
    let plan = Plan {
        minutes: 20,
        nodes: vec![node(110)],
        replicated: vec![ReplicatedPlan { stateful: true, ready_seconds: 20, ..deployment(3) }],
        changes: vec![(600, 0, 1)],
        end_millis: 8_000,
        ..Plan::default()
    };
    let run = run(&plan);
    let [first, second, third] = ["web-0-0", "web-0-1", "web-0-2"].map(|name| pod(&run, name));
    assert_eq!([first.created, second.created, third.created], [secs(0), secs(20), secs(40)]);
    assert_eq!(first.finished, None);
    let (second, third) = (second.finished.expect("it was scaled down"), third.finished.expect("it was scaled down"));
    // The next one starts to end when the one before is gone, and each takes its time.
    assert!(secs(600) < third && third < second, "{third} {second}");
}

#[test]
fn a_stateful_sets_number_comes_again_once_its_forerunner_is_gone() {
    let plan = Plan {
        minutes: 30,
        nodes: vec![node(110)],
        replicated: vec![ReplicatedPlan { stateful: true, ..deployment(2) }],
        changes: vec![(600, 0, 1), (601, 0, 2)],
        end_millis: 20_000,
        ..Plan::default()
    };
    let run = run(&plan);
    let twice: Vec<_> = run.outcome.pods.iter().filter(|pod| *pod.name == *"web-0-1").collect();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].finished, Some(twice[1].created));
    assert!(twice[1].created > secs(601));
}

/// A name is one pod's in its namespace, whoever made it.
#[test]
fn kinds_that_share_a_name_make_pods_of_different_names() {
    let of = |kind: &str, name: &str, namespace: &str, spec: &str| {
        format!(
            "---\napiVersion: {}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n",
            match kind {
                "Pod" => "v1",
                "Job" => "batch/v1",
                _ => "apps/v1",
            }
        )
    };
    let container = "containers: [{name: c, image: i, resources: {requests: {cpu: 10m}}}]";
    let template = format!(
        "selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{{container}}}}}"
    );
    let job = format!("template: {{spec: {{restartPolicy: Never, {container}}}}}");
    let text = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: names}\nspec: {duration: 10m, \
                nodes: [{name: n, instanceType: m6i.xlarge, count: 2}]}\n"
        .to_owned()
        + &of("Deployment", "web", "default", &format!("replicas: 2, {template}"))
        + &of("StatefulSet", "web", "default", &format!("replicas: 2, serviceName: web, {template}"))
        + &of("DaemonSet", "web", "default", &template)
        + &of("Job", "web", "default", &job)
        + &of("Pod", "api-0", "default", container)
        + &of("Deployment", "api", "default", &format!("replicas: 2, {template}"))
        + &of("Deployment", "web", "other", &format!("replicas: 1, {template}"));
    let run = run_scenario(&text, &[]);
    let mut names: Vec<&str> = run.outcome.pods.iter().map(|pod| &*pod.name).collect();
    names.sort_unstable();
    let of_default = ["api-0", "api-deployment-0", "api-deployment-1", "web-0", "web-0", "web-1"];
    let beside = ["web-daemonset-0", "web-daemonset-1", "web-deployment-0", "web-deployment-1", "web-job-0"];
    // The second `web-0` is that of the other namespace.
    assert_eq!(names, [&of_default[..], &beside].concat());
}
