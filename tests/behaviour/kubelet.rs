//! Crash back-off, eviction under memory pressure, and budgets that hold evictions back.

use windtunnel::units::SimTime;

use super::{deployment, pod, run, secs, trace_pod};
use crate::plan::{AskPlan, GroupPlan, NodePlan, Plan, ReplicatedPlan};

#[test]
fn a_container_that_outgrows_its_limit_is_restarted_at_once_and_then_ever_later() {
    let ask = AskPlan { memory_use: 150, ..AskPlan::default() };
    let plan = Plan {
        minutes: 21,
        nodes: vec![NodePlan::default()],
        replicated: vec![ReplicatedPlan { ask, ..deployment(1) }],
        ..Plan::default()
    };
    let run = run(&plan);
    let kills: Vec<&String> = run.decisions.iter().filter(|line| line.contains("OOMKilled")).collect();
    // 0 s, 10 s, then doubled up to 5 min.
    let expected = [0, 0, 10, 30, 70, 150, 310, 610, 910, 1_210];
    assert_eq!(kills.len(), expected.len(), "{kills:#?}");
    for (line, at) in kills.iter().zip(expected) {
        assert!(line.starts_with(&format!("{} ", secs(at))), "{line} is not at {at} s");
    }
}

#[test]
fn memory_pressure_takes_the_pod_above_its_request_first_whatever_its_priority() {
    // 512 MiB are allocatable; 200 + 304 + 60 are in use.
    let ask = |mib, memory_use, priority| AskPlan { cpu: 100, mib, memory_use, priority, ..AskPlan::default() };
    let plan = Plan {
        minutes: 2,
        nodes: vec![NodePlan { gib: 1, ..NodePlan::default() }],
        pods: vec![
            trace_pod(ask(192, 104, 1), 1, 3_000),
            trace_pod(ask(256, 119, 2), 1, 3_000),
            trace_pod(ask(64, 94, 0), 1, 3_000),
        ],
        ..Plan::default()
    };
    let run = run(&plan);
    // Both of the first two are above their requests: the lower priority goes, at the kubelet's next look.
    let evicted: Vec<&String> = run.decisions.iter().filter(|line| line.contains("Evicted")).collect();
    assert!(evicted[0].starts_with(&format!("{} kubelet pod/default/trace-0:", secs(11))), "{evicted:#?}");
    assert_eq!(pod(&run, "trace-2").finished, None);
}

/// One pod goes at each look, ten seconds apart, for as long as those that come instead bring the pressure back.
#[test]
fn memory_pressure_takes_one_pod_at_each_look_for_as_long_as_it_lasts() {
    // 512 MiB are allocatable; of 510 requested 607 are used. Those of the lowest priority go, and come again.
    let ask = |mib, priority| AskPlan { cpu: 100, mib, memory_use: 119, priority, ..AskPlan::default() };
    let first = [ask(30, 0), ask(30, 0), ask(150, 1), ask(150, 1), ask(150, 1)].map(|ask| trace_pod(ask, 1, 3_000));
    let plan = Plan {
        minutes: 10,
        nodes: vec![NodePlan { gib: 1, ..NodePlan::default() }],
        pods: first.into(),
        ..Plan::default()
    };
    let run = run(&plan);
    let evicted = run.decisions.iter().filter(|line| line.contains("Evicted"));
    let instants: Vec<&str> = evicted.map(|line| line.split(' ').next().expect("an instant")).collect();
    let expected: Vec<String> = (11..600).step_by(10).map(|second| secs(second).to_string()).collect();
    assert_eq!(instants, expected, "{:#?}", run.decisions);
}

/// Half of three replicas is one and a half; two must stay available, so one goes at a time.
#[test]
fn a_budgets_percentage_rounds_up() {
    let group = GroupPlan { initial: 1, max: 1, spot: true, losses_per_hour: 60.0, ..GroupPlan::default() };
    let plan = Plan {
        minutes: 60,
        nodes: vec![],
        groups: vec![group],
        replicated: vec![ReplicatedPlan { budget: Some(150), ..deployment(3) }],
        ..Plan::default()
    };
    let run = run(&plan);
    let noticed = run.decisions.iter().filter(|line| line.contains("spot interruption")).count();
    assert!(noticed > 0, "no spot node was taken back");
    // The replacement cannot start anywhere, so that the first eviction is the only one until the node is lost.
    let first_node = run.outcome.pods.iter().filter(|pod| pod.node == Some(0));
    let mut ends: Vec<(SimTime, &str)> = first_node.filter_map(|pod| Some((pod.finished?, pod.reason))).collect();
    ends.sort_unstable();
    let reasons: Vec<&str> = ends.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(reasons, ["Interrupted", "NodeLost", "NodeLost"], "{ends:?}");
}

/// A DaemonSet's pod starts on every node, one that comes later too, and uses what it is said to use.
#[test]
fn a_daemon_runs_on_every_node() {
    let run = super::written::written(
        "  duration: 1h
  nodes: [{name: n, count: 2, capacity: {cpu: 4, memory: 8Gi}}]
  nodeGroups: [{name: g, capacity: {cpu: 4, memory: 8Gi}, pricePerHour: 1, minSize: 1, maxSize: 1}]
  workloads: [{target: {kind: DaemonSet, name: agent}, usage: {cpu: 0.5, memory: 1}}]
",
        "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: main, image: i, resources: {requests: {cpu: 200m, memory: 64Mi}}}]}",
    );
    assert_eq!(run.pods("agent").len(), 3);
    assert_eq!(run.ready_at("agent", 1800), 3);
    let last = run.run.samples.last().expect("the end is sampled");
    assert_eq!((last.pods.running, last.used.cpu.get()), (3, 300), "{last:?}");
}
