//! What a run costs and who owes it, in whole scenarios with sums that can be done by hand.

use std::fs;

use windtunnel::record::{CostSummary, Summary};
use windtunnel::{scenario, sim};

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: cost}\nspec:\n";

fn run(spec: &str, objects: &str) -> (CostSummary, sim::Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.yaml");
    fs::write(&path, format!("{HEAD}{spec}{objects}")).unwrap();
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    crate::golden::as_on_record(&loaded.scenario, 1);
    let outcome = sim::run(&loaded.scenario, 1, &mut ());
    (Summary::of(&outcome).cost, outcome)
}

#[track_caller]
fn about(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 0.005 * expected.abs().max(0.01), "{value} is not about {expected}");
}

fn deployment(name: &str, replicas: u32, requests: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: c, image: i, resources: {{requests: {requests}}}}}]}}\n"
    )
}

const JOB: &str = "---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: \"1\"}}}]}}}
";

#[test]
fn reserved_nodes_are_paid_for_whether_they_stand_or_not() {
    let group = "  duration: 24h\n  nodeGroups:\n    - {name: r, instanceType: m6i.xlarge, capacityType: reserved, pricePerHour: 1.0, minSize: 0, maxSize: 10}\n";
    let (cost, outcome) = run(group, JOB);
    assert_eq!(cost.total_usd, 240.0);
    assert_eq!(cost.by_node_group["r"], 240.0);
    assert_eq!((cost.by_capacity_type["reserved"], cost.by_capacity_type["on-demand"]), (240.0, 0.0));
    let stood = outcome.nodes[0].cost.as_f64();
    assert!(stood > 0.2 && stood < 0.6, "{stood}");
    about(cost.reserved_unused_usd, 240.0 - stood);
    about(cost.idle_usd, 240.0 - cost.by_workload["default/j"].total_cost);
    assert!(cost.idle_usd > cost.reserved_unused_usd);
}

#[test]
fn nodes_beyond_the_reserved_ones_are_paid_on_demand() {
    let group = "  duration: 10h\n  nodeGroups:\n    - {name: r, instanceType: m6i.xlarge, capacityType: reserved, pricePerHour: 0.1, reservedNodes: 2, minSize: 5, maxSize: 5}\n";
    let (cost, outcome) = run(group, "");
    about(cost.by_capacity_type["reserved"], 2.0);
    about(cost.by_capacity_type["on-demand"], 3.0 * 1.92);
    assert_eq!(cost.reserved_unused_usd, 0.0);
    let kinds: Vec<&str> = outcome.nodes.iter().map(|node| node.capacity_type.name()).collect();
    assert_eq!(kinds, ["reserved", "reserved", "on-demand", "on-demand", "on-demand"]);
}

/// One of the two reserved nodes fails after four hours: a node that was paid on demand takes its place in the books.
#[test]
fn a_slot_that_comes_free_covers_a_node_that_was_paid_on_demand() {
    let group = "  duration: 10h\n  outages: [{at: 4h, node: r-0}]\n  autoscaling: {clusterAutoscaler: {scanInterval: 1h}}\n  nodeGroups:\n    - {name: r, instanceType: m6i.xlarge, capacityType: reserved, pricePerHour: 0.1, reservedNodes: 2, minSize: 0, initialSize: 3, maxSize: 3, quota: 0, deprovisioning: 0s, failureDetection: 0s}\n";
    let (cost, outcome) = run(group, &deployment("web", 3, "{cpu: 2, memory: 1Gi}"));
    about(outcome.nodes[2].cost.as_f64(), 4.0 * 0.192 + 6.0 * 0.1);
    assert_eq!(outcome.nodes[2].capacity_type.name(), "reserved");
    about(cost.total_usd, 2.0 + 4.0 * 0.192);
    assert!(cost.reserved_unused_usd < 1e-6);
    // Its pod owes the price of each hour.
    let pod = outcome.pods.iter().find(|pod| pod.node == Some(2)).expect("a pod on it");
    let share = pod.cost.as_f64() / outcome.nodes[2].cost.as_f64();
    assert!(share > 0.3 && share < 0.5, "{share}");
}

/// Four dollars an hour of list prices; 2 dollars committed at 50 % off cover them; 3 leave one dollar unused.
#[test]
fn a_commitment_covers_on_demand_use_and_is_paid_for_where_it_does_not() {
    let with = |commitments: &str| {
        format!(
            "  duration: 2h\n  nodes: [{{name: n, count: 4, instanceType: m6i.xlarge, pricePerHour: 1}}]\n  cost: {{commitments: [{commitments}]}}\n"
        )
    };
    let (cost, _) = run(&with("{name: plan, perHour: 2, discount: 0.5}"), "");
    assert_eq!(
        (cost.total_usd, cost.by_capacity_type["commitment"], cost.by_capacity_type["on-demand"]),
        (4.0, 4.0, 0.0)
    );
    let plan = &cost.commitments["plan"];
    assert_eq!((plan.paid_usd, plan.covered_usd, plan.unused_usd, plan.saved_usd), (4.0, 8.0, 0.0, 4.0));
    assert_eq!((cost.by_node_group["fixed"], cost.by_node_group["__commitments__"]), (8.0, -4.0));
    assert_eq!((cost.by_workload["__idle__"].total_cost, cost.by_workload["__commitments__"].total_cost), (8.0, -4.0));

    let (cost, _) = run(&with("{name: plan, perHour: 3, discount: 0.5}"), "");
    assert_eq!((cost.total_usd, cost.commitments["plan"].unused_usd), (6.0, 2.0));
    let (cost, _) = run(&with("{name: plan, perHour: 1, discount: 0.5}"), "");
    assert_eq!((cost.total_usd, cost.by_capacity_type["on-demand"]), (2.0 + 4.0, 4.0));
    let (cost, _) = run(&with("{name: plan, perHour: 1, discount: 0.5, instanceTypes: [c6i.xlarge]}"), "");
    assert_eq!((cost.total_usd, cost.commitments["plan"].unused_usd), (8.0 + 2.0, 2.0));
}

/// As OpenCost has it, a pod owes the larger of what it requested and what it used.
#[test]
fn a_pod_that_uses_more_than_it_requested_owes_what_it_used() {
    let spec = "  duration: 10h\n  nodes: [{name: n, capacity: {cpu: 4, memory: 16Gi}, pricePerHour: 1}]\n  load: [{target: {kind: Deployment, name: web}, cpu: {constant: 2}}]\n";
    let (cost, outcome) = run(spec, &deployment("web", 1, "{cpu: 100m, memory: 1Gi}"));
    // The price splits 0.126444 to 0.067792 over CPU and memory: half of the one and a sixteenth of the other.
    let whole = 4.0 * 0.031611 + 16.0 * 0.004237;
    let (cpu, memory) = (10.0 * 4.0 * 0.031611 / whole, 10.0 * 16.0 * 0.004237 / whole);
    let row = &cost.by_workload["default/web"];
    about(row.cpu_cost, cpu / 2.0);
    about(row.ram_cost, memory / 16.0);
    about(row.total_cost, 3.47);
    about(row.cpu_core_hours, 20.0);
    let idle = &cost.by_workload["__idle__"];
    about(idle.cpu_cost, cpu / 2.0);
    about(idle.ram_cost, memory * 15.0 / 16.0);
    assert_eq!((idle.gpu_cost, cost.total_usd), (0.0, 10.0));
    about(outcome.nodes[0].idle_costs[0].as_f64(), cpu / 2.0);
}

/// One device at 1 USD an hour in all; two pods hold half of everything, one for an hour, one for half, of two hours.
#[test]
fn pods_that_share_a_device_owe_their_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("p.csv"),
        "name,arrival_s,duration_s,cpu_milli,memory_bytes,gpus,gpu_milli,gpu_model,workload\na,0,3600,2000,1073741824,1,500,,wa\nb,0,1800,2000,1073741824,1,500,,wb\n",
    )
    .unwrap();
    fs::write(folder.path().join("n.csv"), "name,cpu_milli,memory_bytes,gpus,gpu_model\nn,4000,2147483648,1,T4\n")
        .unwrap();
    let path = folder.path().join("s.yaml");
    let spec = "  duration: 2h\n  replay: {format: csv, pods: p.csv, nodes: n.csv, nodePrices: {gpu: 1}}\n  kubelet: {containerStart: 0s}\n";
    fs::write(&path, format!("{HEAD}{spec}")).unwrap();
    let outcome = sim::run(&scenario::load(&path, &[]).unwrap().scenario, 1, &mut ());
    let cost = Summary::of(&outcome).cost;
    about(cost.by_workload["default/wa"].total_cost, 0.5);
    about(cost.by_workload["default/wb"].total_cost, 0.25);
    about(cost.idle_usd, 1.25);
    let gpu_share = 0.95 / (0.95 + 4.0 * 0.031611 + 2.0 * 0.004237);
    about(cost.by_workload["__idle__"].gpu_cost, 1.25 * gpu_share);
}

/// Three slots are paid from the run's start to its end, whatever multiples machines on demand are billed in.
#[test]
fn reserved_slots_are_paid_as_time_goes_by() {
    for (minutes, paid) in [(30, 0.288), (90, 0.864)] {
        let spec = format!(
            "  duration: {minutes}m\n  cost: {{billing: {{minimum: 1h, granularity: 1h}}}}\n  \
             nodeGroups: [{{name: r, instanceType: m6i.xlarge, capacityType: reserved, pricePerHour: 0.192, maxSize: 3}}]\n"
        );
        about(run(&spec, &deployment("web", 1, "{cpu: 1}")).0.total_usd, paid);
    }
}
