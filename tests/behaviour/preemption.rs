//! Room that was promised to a pod by preemption: who counts as served, and for how long.

use windtunnel::sim::Mechanism;

use super::run_scenario;
use crate::watch::Watched;

/// One fixed node that a pod of priority 0 fills, which takes a minute to end. `low` (priority 1) takes it at 10 s and
/// `high` (priority 2) at 20 s. A further node is 30 s away.
fn scenario(autoscaler: &str, more: &str) -> String {
    let class = |name: &str, value: u32| {
        format!(
            "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {name}}}\nvalue: {value}\n"
        )
    };
    let job = |name: &str, class: &str| {
        format!(
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec: {{backoffLimit: 0, template: {{spec: {{restartPolicy: Never, \
             {class}terminationGracePeriodSeconds: 60, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 1500m}}}}}}]}}}}}}\n"
        )
    };
    let timing = |name: &str, arrival: u32| {
        format!("    - {{target: {{kind: Job, name: {name}}}, arrival: {arrival}s, duration: 20m}}\n")
    };
    [
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: promises}\nspec:\n  duration: 1h\n  kubelet: {containerStart: 0s, \
         termination: 60s}\n  nodes: [{name: n, instanceType: m6i.large}]\n",
        autoscaler,
        "  workloads:\n",
        &timing("holder", 0),
        &timing("low", 10),
        &timing("high", 20),
        more,
        &class("one", 1),
        &class("two", 2),
        &job("holder", ""),
        &job("low", "priorityClassName: one, "),
        &job("high", "priorityClassName: two, "),
    ]
    .concat()
}

const GROUP: &str = "  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 3, provisioning: 30s, startup: 0s}]\n  \
                     autoscaling: {clusterAutoscaler: {}}\n";
const POOLS: &str = "  nodePools: {instanceTypes: [m6i.large], zones: [zone-a], provisioning: 30s, startup: 0s}\n";
const POOL: &str = "---\napiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: any}\nspec: {template: {spec: {nodeClassRef: \
                    {group: karpenter.k8s.aws, kind: EC2NodeClass, name: d}, requirements: []}}}\n";

fn seconds_without_node(run: &Watched, name: &str) -> f64 {
    let pod = run.outcome.pods.iter().find(|pod| pod.name.starts_with(name)).expect("the Job made it");
    (pod.scheduled.expect("it got a node") - pod.created).as_secs_f64()
}

/// The promise to `low` is taken back when `high` preempts on the same node, so that the autoscaler buys it a node at
/// once and not when the room is gone.
#[test]
fn a_promise_of_room_goes_to_the_higher_pod_and_the_lower_counts_for_the_autoscaler() {
    for (autoscaler, more) in [(GROUP, ""), (POOLS, POOL)] {
        let run = run_scenario(&scenario(autoscaler, more), &[]);
        // The new node comes first, and goes to `high`; the holder leaves at 70 s.
        let high = seconds_without_node(&run, "high");
        assert!((30.0..=35.0).contains(&high), "{high}: {:#?}", run.decisions);
        assert_eq!(seconds_without_node(&run, "low"), 60.0, "{:#?}", run.decisions);
        // `low` had the promise for 10 s, and again when the node that was bought for it had gone to `high`.
        let waits = &run.outcome.explanation.waits;
        let waited = |reason, by: &str| {
            let row = waits.iter().find(|row| (row.reason, &*row.by) == (reason, by));
            row.map_or(0.0, |row| row.pod_time as f64 / 1e9)
        };
        assert_eq!(waited(Mechanism::Preemption, "default/high"), high, "{waits:?} {:#?}", run.decisions);
        assert_eq!(waited(Mechanism::Preemption, "default/low"), 10.0 + 70.0 - 20.0 - high, "{waits:?}");
    }
}

/// A promise that nothing can keep is void as soon as the pod is tried again: its node is gone.
#[test]
fn a_promise_on_a_node_that_is_gone_is_void() {
    let outage = format!("  outages: [{{at: 30s, node: n}}]\n{GROUP}");
    let run = run_scenario(&scenario(&outage, ""), &[]);
    for name in ["low", "high"] {
        let waited = seconds_without_node(&run, name);
        assert!(waited < 700.0, "{name} {waited}: {:#?}", run.decisions);
    }
}
