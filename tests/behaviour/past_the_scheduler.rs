//! Pods that the scheduler leaves alone: gated ones, those of other schedulers, and those that name their node.

use windtunnel::sim::Mechanism;
use windtunnel::units::SimTime;

use super::{pod, run_yaml, secs};

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: past-the-scheduler}\n";

fn deployment(name: &str, replicas: u32, spec: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{{spec}, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1}}}}}}]}}\n"
    )
}

fn bare(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n\
         spec: {{{spec}, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1}}}}}}]}}\n"
    )
}

/// The group could hold them, yet nobody asks for a node: neither kind of pod is called unschedulable.
#[test]
fn gated_pods_and_those_of_another_scheduler_wait_and_scale_nothing_up() {
    let spec = "spec:\n  duration: 30m\n  autoscaling: {clusterAutoscaler: {}}\n  \
                nodeGroups: [{name: g, instanceType: m6i.large, minSize: 0, maxSize: 5}]\n";
    let scenario = HEAD.to_owned()
        + spec
        + &deployment("gated", 2, "schedulingGates: [{name: example.com/quota}]")
        + &deployment("volcanic", 1, "schedulerName: volcano")
        + &deployment("lava", 1, "schedulerName: volcano");
    let (run, warnings) = run_yaml(&scenario);
    assert_eq!((run.outcome.scale_ups, run.outcome.nodes_added), (0, 0));
    let why = |name: &str| pod(&run, name).unscheduled.map(|verdict| verdict.mechanism);
    assert_eq!(why("gated-1"), Some(Mechanism::Gated));
    assert_eq!(why("volcanic-0"), Some(Mechanism::OtherScheduler));
    let told = |text: &str| warnings.iter().filter(|warning| warning.contains(text)).count();
    assert_eq!(told("pods of Deployment default/gated wait for their scheduling gates (example.com/quota)"), 1);
    assert_eq!(told("the scheduler volcano is not modelled: pods of Deployment default/volcanic and of 1 more"), 1);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

/// By `nodeName`, hostname label and field: each fits, each goes there, and no reader says otherwise.
#[test]
fn pods_that_name_a_node_go_there() {
    let required = |kind: &str, key: &str| {
        format!(
            "affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: \
             [{{{kind}: [{{key: {key}, operator: In, values: [n-1]}}]}}]}}}}}}"
        )
    };
    let scenario = HEAD.to_owned()
        + "spec: {duration: 1h, nodes: [{name: n, count: 2, instanceType: m6i.2xlarge}]}\n"
        + &bare("by-name", "nodeName: n-1")
        + &bare("by-hostname", "nodeSelector: {kubernetes.io/hostname: n-1}")
        + &bare("by-field", &required("matchFields", "metadata.name"))
        + &bare("by-label", &required("matchExpressions", "kubernetes.io/hostname"));
    let (run, warnings) = run_yaml(&scenario);
    assert_eq!(warnings, Vec::<String>::new());
    for name in ["by-name", "by-hostname", "by-field", "by-label"] {
        assert_eq!(pod(&run, name).node, Some(1), "{name}");
    }
}

#[test]
fn what_a_named_node_lacks_is_still_told() {
    let scenario = HEAD.to_owned()
        + "spec: {duration: 1h, nodes: [{name: n, count: 2, capacity: {cpu: 500m, memory: 1Gi}}]}\n"
        + &bare("by-name", "nodeName: n-1")
        + &bare("by-hostname", "nodeSelector: {kubernetes.io/hostname: n-1}")
        + &bare("elsewhere", "nodeSelector: {kubernetes.io/hostname: n-2}");
    let (_, warnings) = run_yaml(&scenario);
    let told = |text: &str| warnings.iter().filter(|warning| warning.contains(text)).count();
    assert_eq!(told("node n-1, which a pod of Pod default/by-name names, could never hold it: insufficient cpu"), 1);
    assert_eq!(told("no node could ever hold a pod of Pod default/by-hostname: node n-1: insufficient cpu"), 1);
    assert_eq!(told("no node could ever hold a pod of Pod default/elsewhere"), 1);
}

/// Neither a taint for the scheduler nor a full pod list of other pods' priorities matters, only the kubelet's judgement.
#[test]
fn a_kubelet_takes_what_fits_and_refuses_the_rest() {
    let scenario = HEAD.to_owned()
        + "spec:\n  duration: 10s\n  nodes:\n    - {name: n, capacity: {cpu: 2, memory: 4Gi}, \
           taints: [{key: a, effect: NoSchedule}]}\n"
        + &bare("first", "nodeName: n")
        + &bare("second", "nodeName: n")
        + &bare("third", "nodeName: n");
    let (run, _) = run_yaml(&scenario);
    assert_eq!(
        (pod(&run, "first").scheduled, pod(&run, "second").scheduled),
        (Some(SimTime::ZERO), Some(SimTime::ZERO))
    );
    let third = pod(&run, "third");
    assert_eq!((third.reason, third.finished), ("OutOfcpu", Some(secs(1))));
    let why = third.unscheduled.as_ref().map(|verdict| (verdict.mechanism, &*verdict.reason));
    assert_eq!(why, Some((Mechanism::NamedNode, "node n refused it: OutOfcpu")));
    // A bare pod that was refused stays failed; nobody makes another.
    assert_eq!(run.outcome.pods.len(), 3);
}

/// Seen missing at 20 s and still so at the check after 40 s more; a Deployment's next pod meets the same end.
#[test]
fn a_pod_on_a_node_that_is_not_there_is_collected() {
    let scenario = HEAD.to_owned()
        + "spec: {duration: 5m, nodes: [{name: n, instanceType: m6i.large}]}\n"
        + &deployment("lost", 1, "nodeName: gone");
    let (run, warnings) = run_yaml(&scenario);
    assert!(warnings[0].contains("names node gone, which is not there"), "{warnings:?}");
    let ends: Vec<(f64, &str)> =
        run.outcome.pods.iter().filter_map(|pod| Some((pod.finished?.as_secs_f64(), pod.reason))).collect();
    assert_eq!(ends, [(80.0, "DeletedByPodGC"), (160.0, "DeletedByPodGC"), (240.0, "DeletedByPodGC")]);
}
