//! How nodes are emptied: Karpenter's terminator, the Cluster Autoscaler's evictor, and budgets in their way.

use windtunnel::units::SimTime;

use super::{file, pod, run_scenario, secs};
use crate::watch::Watched;

fn karpenter(extra_pool: &str, objects: &str) -> Watched {
    karpenter_with(&[], extra_pool, objects)
}

fn karpenter_with(sets: &[&str], extra_pool: &str, objects: &str) -> Watched {
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: terminator}}
spec: {{duration: 4h}}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: default}}
spec:
  disruption: {{consolidationPolicy: WhenEmpty, consolidateAfter: Never}}
  template:
    spec:
      expireAfter: 1h
      {extra_pool}
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}}
      requirements:
        - {{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}}
        - {{key: node.kubernetes.io/instance-type, operator: In, values: [m6i.xlarge]}}
{objects}"
    );
    run_scenario(&text, sets)
}

fn deployment(name: &str, replicas: u32, metadata: &str, pod: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: all}}{metadata}}}
    spec:
      {pod}
      containers: [{{name: c, image: i, resources: {{requests: {{cpu: 500m, memory: 64Mi}}}}}}]
"
    )
}

fn budget(name: &str, limit: &str) -> String {
    format!(
        "---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}}}
spec: {{{limit}, selector: {{matchLabels: {{tier: all}}}}}}
"
    )
}

const DO_NOT_DISRUPT: &str = ", annotations: {karpenter.sh/do-not-disrupt: \"true\"}";

fn decided<'r>(run: &'r Watched, what: &str) -> Vec<&'r String> {
    run.decisions.iter().filter(|line| line.contains(what)).collect()
}

/// When the decision with these words fell.
fn at(run: &Watched, what: &str) -> SimTime {
    let line = decided(run, what).into_iter().next().unwrap_or_else(|| panic!("no {what:?} in {:#?}", run.decisions));
    let seconds = (0..200_000).find(|second| line.starts_with(&format!("{} ", secs(*second))));
    secs(seconds.unwrap_or_else(|| panic!("{line} is not at a whole second")))
}

/// kubernetes-sigs/karpenter#1789.
#[test]
fn an_expired_node_drains_for_ever_while_a_pod_asks_not_to_be_disrupted() {
    let run = run_scenario(&file("k1789-expired-do-not-disrupt.yaml"), &[]);
    assert_eq!(decided(&run, "Expired").len(), 1, "{:#?}", run.decisions);
    assert_eq!(run.outcome.pods.len(), 1);
    assert_eq!((pod(&run, "web-0").finished, run.outcome.evicted), (None, 0));
    assert_eq!(run.outcome.nodes.len(), 1);
}

#[test]
fn nothing_new_comes_to_a_node_that_waits_for_such_a_pod() {
    let objects = deployment("stays", 1, DO_NOT_DISRUPT, "") + &deployment("moves", 1, "", "");
    let run = karpenter("", &objects);
    let mover: Vec<_> = run.outcome.pods.iter().filter(|pod| pod.name.starts_with("moves-")).collect();
    assert_eq!(mover.len(), 4, "it moves once an hour, each time to a new node");
    assert_eq!(mover[0].node, pod(&run, "stays-0").node);
    assert!(mover[1..].iter().all(|pod| pod.node != mover[0].node));
    assert_eq!(pod(&run, "stays-0").finished, None);
}

/// The node goes half an hour after its expiry; the pod has its own ten minutes before that.
#[test]
fn a_termination_grace_period_ends_such_pods_so_that_their_own_period_fits() {
    let objects = deployment("web", 1, DO_NOT_DISRUPT, "terminationGracePeriodSeconds: 600");
    let run = karpenter("terminationGracePeriod: 30m", &objects);
    let expired = at(&run, "default-0: Ready -> Expired");
    let left = pod(&run, "web-0").finished.expect("it was deleted");
    // It needs a second to end.
    assert_eq!((left - expired).nanos(), (1_800 - 600 + 1) * 1_000_000_000);
    assert_eq!(pod(&run, "web-0").reason, "Expired");
}

#[test]
fn a_termination_grace_period_shorter_than_the_pods_own_ends_them_at_once() {
    let objects = deployment("web", 1, DO_NOT_DISRUPT, "terminationGracePeriodSeconds: 600");
    let run = karpenter("terminationGracePeriod: 5m", &objects);
    let expired = at(&run, "default-0: Ready -> Expired");
    assert_eq!((pod(&run, "web-0").finished.unwrap() - expired).nanos(), 1_000_000_000);
}

/// Evicted at the expiry, it takes its time; what is left of the node's period cuts that short.
#[test]
fn a_termination_grace_period_cuts_short_the_period_of_pods_that_are_leaving() {
    let objects = deployment("web", 1, "", "terminationGracePeriodSeconds: 600");
    let lasts = |pool: &str| {
        let run = karpenter_with(&["kubelet.termination=500s"], pool, &objects);
        let expired = at(&run, "default-0: Ready -> Expired");
        (pod(&run, "web-0").finished.expect("it was evicted") - expired).nanos() / 1_000_000_000
    };
    assert_eq!(lasts("terminationGracePeriod: 20m"), 500);
    assert_eq!(lasts("terminationGracePeriod: 5m"), 300);
}

/// The eviction API answers such a pod with an error.
#[test]
fn a_pod_of_two_budgets_is_never_evicted() {
    let one = budget("one", "maxUnavailable: 1");
    let two = budget("two", "maxUnavailable: 1");
    let alone = karpenter("", &(deployment("web", 2, "", "") + &one));
    assert!(alone.outcome.evicted >= 2);
    let both = karpenter("", &(deployment("web", 2, "", "") + &one + &two));
    assert_eq!(both.outcome.evicted, 0);
    assert_eq!(both.outcome.pods.len(), 2);
}

/// The second pod must wait until the first one's successor is ready.
#[test]
fn a_refused_eviction_is_tried_again_after_ever_longer_pauses_of_ten_seconds_at_most() {
    let run = karpenter("", &(deployment("web", 2, "", "") + &budget("one", "maxUnavailable: 1")));
    let mut first: Vec<_> = ["web-0", "web-1"].map(|name| pod(&run, name).finished.expect("both move")).to_vec();
    first.sort_unstable();
    let successor = run.outcome.pods.iter().find(|pod| &*pod.name == "web-2").and_then(|pod| pod.ready).unwrap();
    // A second to end, and the pause at which the eviction stood.
    let pause = (first[1] - successor).nanos() as f64 / 1e9 - 1.0;
    assert!((0.0..=10.0).contains(&pause), "{pause} s after {successor}");
    assert!(first[0] < successor);
}

#[test]
fn plain_pods_go_before_daemons_and_critical_pods_last() {
    let daemon = "---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}
";
    let critical = deployment("dns", 1, "", "priorityClassName: system-cluster-critical");
    let run = karpenter("", &(critical + &deployment("web", 1, "", "") + daemon));
    let ended = |name: &str| pod(&run, name).finished.unwrap_or_else(|| panic!("{name} stays"));
    let (web, agent, dns) = (ended("web-0"), ended("agent-0"), ended("dns-0"));
    assert!(web < agent && agent < dns, "{web} {agent} {dns}");
    assert_eq!(pod(&run, "agent-0").reason, "Expired");
}

/// Pods that take half an hour to end, with an hour of grace.
#[test]
fn the_cluster_autoscaler_cuts_grace_periods_short() {
    let gone = |sets: &[&str]| {
        let run = run_scenario(&file("graceful.yaml"), sets);
        let evicted = run.outcome.pods.iter().find(|pod| pod.reason == "ScaleDown").expect("a node is drained").clone();
        let tainted = at(&run, "ToBeDeleted");
        let node = &run.outcome.nodes[evicted.node.unwrap() as usize];
        (evicted.finished.unwrap() - tainted, node.removed.unwrap() - tainted)
    };
    // Five seconds from the taint to the eviction, thirty from the deletion to the end of the bill.
    let seconds = windtunnel::units::SimDuration::from_secs;
    assert_eq!(gone(&[]), (seconds(65), seconds(95)));
    let ten_minutes = "autoscaling.clusterAutoscaler.maxGracefulTerminationSec=600";
    assert_eq!(gone(&[ten_minutes]), (seconds(605), seconds(635)));
    // Zero cuts nothing short, and nobody waits for the pod longer than the headroom: the node is not deleted.
    let run = run_scenario(&file("graceful.yaml"), &["autoscaling.clusterAutoscaler.maxGracefulTerminationSec=0"]);
    let evicted = run.outcome.pods.iter().find(|pod| pod.reason == "ScaleDown").expect("a node is drained").clone();
    assert_eq!(evicted.finished.map(|end| end - at(&run, "ToBeDeleted")), Some(seconds(1805)), "{:#?}", run.decisions);
}

fn autoscaled(options: &str, groups: &str, rest: &str) -> Watched {
    let text = format!(
        "apiVersion: windtunnel/v1
kind: Scenario
metadata: {{name: evictor}}
spec:
  duration: 1h
  nodes: [{{name: n, instanceType: m6i.large, labels: {{pool: fixed}}}}]
  nodeGroups:
    - {{name: g, instanceType: m6i.large, minSize: 0, maxSize: 3, initialSize: 1{groups}}}
  autoscaling: {{clusterAutoscaler: {{{options}}}}}
{rest}"
    );
    run_scenario(&text, &[])
}

const PREFERS_THE_GROUP: &str = "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {matchExpressions: [{key: windtunnel/node-group, operator: In, values: [g]}]}}]}}";

/// Two pods of one budget are on the node; the first one's successor takes ten minutes to start.
#[test]
fn an_eviction_that_a_budget_refuses_is_tried_for_two_minutes_and_then_the_node_serves_on() {
    let rest = String::from("  kubelet: {containerStart: 10m}\n")
        + &deployment("web", 2, "", PREFERS_THE_GROUP)
        + &budget("one", "maxUnavailable: 1");
    let run = autoscaled("scaleDownUtilizationThreshold: 0.8", "", &rest);
    let tainted = at(&run, "ToBeDeleted: unneeded");
    let kept = at(&run, "ToBeDeleted -> Ready");
    assert_eq!((kept - tainted).nanos(), 125 * 1_000_000_000, "{:#?}", run.decisions);
    assert!(!decided(&run, "1 pods could not be evicted within 2m0s, web-").is_empty(), "{:#?}", run.decisions);
    assert!(run.outcome.evicted >= 1);
}

/// The budget allows the eviction when the node is chosen, and no longer when its turn comes.
#[test]
fn a_deletion_whose_pods_are_held_after_the_pause_is_called_off_before_any_eviction() {
    let rest = String::from("  replicaChanges: [{at: 622s, target: {kind: Deployment, name: other}, replicas: 0}]\n")
        + &deployment("web", 1, "", PREFERS_THE_GROUP)
        + &deployment("other", 1, "", "nodeSelector: {pool: fixed}")
        + &budget("one", "minAvailable: 1");
    let run = autoscaled("", "", &rest);
    let tainted = at(&run, "ToBeDeleted: unneeded");
    let kept = at(&run, "ToBeDeleted -> Ready: failed to get pods to move: web-0 holds the node (NotEnoughPdb)");
    assert_eq!((kept - tainted).nanos(), 5 * 1_000_000_000, "{:#?}", run.decisions);
    assert_eq!((pod(&run, "web-0").finished, run.outcome.evicted), (None, 0));
}

const TOLERATES_THE_TAINT: &str = "tolerations: [{key: ToBeDeletedByClusterAutoscaler, operator: Exists}]
      nodeSelector: {windtunnel/node-group: g}";

#[test]
fn a_node_that_is_not_cordoned_may_get_a_pod_after_its_taint_and_then_stays() {
    let rest = String::from("  replicaChanges: [{at: 622s, target: {kind: Deployment, name: web}, replicas: 1}]\n")
        + &deployment("web", 0, "", TOLERATES_THE_TAINT);
    let open = autoscaled("cordonNodeBeforeTerminating: false", "", &rest);
    assert_eq!(decided(&open, "failed to delete empty node: web-0 was scheduled to it").len(), 1);
    assert_eq!(pod(&open, "web-0").scheduled, Some(secs(622)));
    assert_eq!(open.outcome.nodes_removed, 0);
    let cordoned = autoscaled("", "", &rest);
    assert!(decided(&cordoned, "failed to delete").is_empty());
    assert!(pod(&cordoned, "web-0").scheduled > Some(secs(622)));
}

#[test]
fn daemons_are_evicted_from_occupied_nodes_and_not_from_empty_ones_unless_that_is_asked_for() {
    let daemon = |annotations: &str| {
        format!(
            "---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}, annotations: {{{annotations}}}}}
    spec: {{nodeSelector: {{windtunnel/node-group: g}}, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 10m}}}}}}]}}
"
        )
    };
    let ends = |options: &str, annotations: &str, occupied: bool| {
        let rest = daemon(annotations) + &deployment("web", u32::from(occupied), "", PREFERS_THE_GROUP);
        pod(&autoscaled(options, "", &rest), "agent-0").reason
    };
    assert_eq!(ends("", "", true), "ScaleDown");
    assert_eq!(ends("daemonsetEvictionForOccupiedNodes: false", "", true), "NodeDeleted");
    assert_eq!(ends("", "", false), "NodeDeleted");
    assert_eq!(ends("daemonsetEvictionForEmptyNodes: true", "", false), "ScaleDown");
    let asked = "cluster-autoscaler.kubernetes.io/enable-ds-eviction: \"false\"";
    assert_eq!(ends("", asked, true), "NodeDeleted");
}

/// Its group's own limit is two minutes; the first loop, at 10 s, found another place for its pod.
#[test]
fn a_deletion_says_by_which_limit_and_for_how_long_its_node_was_unneeded() {
    let run = run_scenario(&file("unneeded-reason.yaml"), &[]);
    let said = decided(
        &run,
        "ToBeDeleted: unneeded for 2m10s (scaleDownUnneededTime 2m0s), utilization 0.05; its pods fit elsewhere",
    );
    assert_eq!(said.len(), 1, "{:#?}", run.decisions);
    assert!(said[0].starts_with(&format!("{} ", secs(140))));
}

/// Its pod never turns ready, and its budget asks for one that is.
#[test]
fn an_unhealthy_pod_goes_whatever_its_budget_allows_where_its_policy_says_so() {
    let evicted = |policy: &str| {
        let limit = format!("minAvailable: 1{policy}");
        let never_ready = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: sick}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: sick}}\n  template:\n    metadata: {labels: {app: sick, tier: all}}\n    spec:\n      containers: [{name: c, image: i, readinessProbe: {initialDelaySeconds: 36000, tcpSocket: {port: 80}}, resources: {requests: {cpu: 500m, memory: 64Mi}}}]\n";
        karpenter("", &(String::from(never_ready) + &budget("one", &limit))).outcome.evicted
    };
    assert_eq!(evicted(""), 0);
    assert!(evicted(", unhealthyPodEvictionPolicy: AlwaysAllow") > 0);
}
