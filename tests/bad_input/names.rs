//! Names that collide, that a cluster would refuse, or that outputs keep for themselves.

use std::fs;

use super::scenario::{folder, refused, validate_in};

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: names}\nspec:\n  duration: 1h\n";

fn document(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

fn deployment(namespace: &str, name: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{app: a}}}}\n    spec: {{containers: [{{name: c, resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]}}\n"
    )
}

#[track_caller]
fn bad(rest: &str, parts: &[&str]) {
    refused(&folder(&document(rest), ""), &["s.yaml"], parts);
}

#[test]
fn two_nodes_never_share_a_name() {
    bad(
        "  nodes: [{name: n, instanceType: m6i.large}, {name: n, instanceType: m6i.large}]\n",
        &["a second node is called n", "s.yaml:6:54", "a name of its own"],
    );
    bad(
        "  nodes: [{name: n, instanceType: m6i.large, count: 2}, {name: n-1, instanceType: m6i.large}]\n",
        &["a second node is called n-1", "s.yaml:6:64"],
    );
    bad(
        "  nodes:\n    - {name: g-0, instanceType: m6i.large}\n  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 4}]\n",
        &["node group g calls a node of its own g-0", "s.yaml:7:14", "rename the node or the group"],
    );
    let fine = "  nodes: [{name: g-00, instanceType: m6i.large}, {name: g-a, instanceType: m6i.large}]\n  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 4}]\n";
    assert_eq!(validate_in(folder(&document(fine), "").path(), &["s.yaml"]).err, "");
}

#[test]
fn nodes_of_manifests_and_traces_count_too() {
    let node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {capacity: {cpu: 4, memory: 8Gi, pods: 10}, allocatable: {cpu: 4, memory: 8Gi, pods: 10}}\n";
    let stated = format!("{}{node}", document("  nodes: [{name: n, instanceType: m6i.large}]\n"));
    refused(&folder(&stated, ""), &["s.yaml"], &["a second node is called n", "s.yaml:10:18"]);
    let files = folder(
        &document(
            "  nodes: [{name: t-1, instanceType: m6i.large}]\n  replay: {format: csv, pods: p.csv, nodes: t.csv}\n",
        ),
        "",
    );
    fs::write(files.path().join("p.csv"), "name,arrival_s,duration_s,cpu_milli,memory_bytes\na,0,1,1,1\n").unwrap();
    fs::write(files.path().join("t.csv"), "name,cpu_milli,memory_bytes,count\nt,1000,1000000,2\n").unwrap();
    refused(&files, &["s.yaml"], &["a second node is called t-1", "s.yaml:7:45"]);
}

#[test]
fn the_row_of_fixed_nodes_and_that_of_idle_cost_are_nobodys_name() {
    bad(
        "  nodeGroups: [{name: fixed, instanceType: m6i.large, maxSize: 4}]\n",
        &["no node group can be called fixed", "s.yaml:6:23", "another name"],
    );
    let idle =
        format!("{}{}", document("  nodes: [{name: n, instanceType: m6i.large}]\n"), deployment("default", "__idle__"));
    refused(&folder(&idle, ""), &["s.yaml"], &["\"__idle__\" can't be the name of a Deployment", "s.yaml:10:18"]);
}

#[test]
fn a_node_pool_and_a_node_group_are_told_apart_by_name() {
    let pool = "---\napiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: general}\nspec: {template: {spec: {requirements: [], nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}}}}\n";
    let scenario =
        format!("{}{pool}", document("  nodeGroups: [{name: general, instanceType: m6i.large, maxSize: 4}]\n"));
    refused(&folder(&scenario, ""), &["s.yaml"], &["a second node group is called general", "s.yaml:10:18"]);
}

#[test]
fn what_the_api_server_would_refuse_is_refused_with_its_place() {
    let nodes = "  nodes: [{name: n, instanceType: m6i.large}]\n";
    for (namespace, name, parts) in [
        ("default", "Web", &["\"Web\" can't be the name of a Deployment", "s.yaml:10:18", "lower-case letters"][..]),
        ("default", "'=1+1'", &["\"=1+1\" can't be", "s.yaml:10:18"]),
        ("default", "../../x", &["can't be the name of a Deployment"]),
        ("default", "\"a\\e[31m\"", &["\"a\\u{1b}[31m\" can't be"]),
        ("a.b", "web", &["\"a.b\" can't be a namespace", "s.yaml:10:34", "at most 63"]),
    ] {
        let scenario = format!("{}{}", document(nodes), deployment(namespace, name));
        refused(&folder(&scenario, ""), &["s.yaml"], parts);
    }
    for (group, parts) in [
        ("\"=cmd|' /C calc'!A0\"", &["can't be the name of a node group", "s.yaml:6:23"][..]),
        ("\"<script>\"", &["\"<script>\" can't be"]),
        ("\"a\\e[31m\\n,\\\"q\"", &["\\u{1b}[31m\\n"]),
        ("Upper", &["\"Upper\" can't be"]),
    ] {
        bad(&format!("  nodeGroups: [{{name: {group}, instanceType: m6i.large, maxSize: 4}}]\n"), parts);
    }
    bad(
        "  nodes: [{name: n, instanceType: m6i.large, zone: '=a', labels: {'a b': c, d: 'e f'}}]\n",
        &["\"=a\" can't be a zone", "\"a b\" can't be a label's key", "\"e f\" can't be a label's value"],
    );
    bad(&format!("{nodes}  description: \"\\e[31mred\"\n"), &["control characters", "s.yaml:7:16"]);
    let stateful = deployment("default", "a.b").replace("Deployment", "StatefulSet");
    refused(&folder(&format!("{}{stateful}", document(nodes)), ""), &["s.yaml"], &["the name of a StatefulSet"]);
    let template = deployment("default", "web").replace("labels: {app: a}}\n", "labels: {app: a, '-x': y}}\n");
    refused(&folder(&format!("{}{template}", document(nodes)), ""), &["s.yaml"], &["\"-x\" can't be a label's key"]);
    let container = deployment("default", "web").replace("{name: c,", "{name: C_1,");
    refused(&folder(&format!("{}{container}", document(nodes)), ""), &["s.yaml"], &["the name of a container"]);
}

#[test]
fn an_expectation_on_a_workload_says_its_whole_key() {
    let scenario = |key: &str| {
        let expect = format!("  nodes: [{{name: n, instanceType: m6i.large}}]\n  expect: [\"{key} < 1\"]\n");
        format!("{}{}", document(&expect), deployment("default", "web"))
    };
    let parts = ["`web` names nothing in `cost.by_workload`", "s.yaml:7:12", "did you mean `default/web`?"];
    refused(&folder(&scenario("cost.by_workload.web.totalCost"), ""), &["s.yaml"], &parts);
    for key in
        ["cost.by_workload.default/web.totalCost", "cost.by_workload.__idle__.totalCost", "cost.by_node_group.fixed"]
    {
        assert_eq!(validate_in(folder(&scenario(key), "").path(), &["s.yaml"]).err, "", "{key}");
    }
}

/// What would never act says so: a node that nobody will have, and plans for after the end.
#[test]
fn what_can_never_happen_is_told() {
    let groups = "  nodeGroups: [{name: g, instanceType: m6i.large, maxSize: 2}]\n";
    bad(&format!("{groups}  outages: [{{at: 10s, node: nope}}]\n"), &["no node will be called nope", "general-0"]);
    bad(&format!("{groups}  outages: [{{at: 10s, node: g-x}}]\n"), &["no node will be called g-x"]);
    let late = format!(
        "{groups}  outages: [{{at: 10s, node: g-0}}]\n  replicaChanges: [{{at: 2h, target: {{kind: Deployment, name: d}}, \
         replicas: 1}}]\n{}",
        deployment("default", "d")
    );
    let told = validate_in(folder(&document(&late), "").path(), &["s.yaml"]);
    assert!(told.err.contains("this never happens: the run ends after 1h"), "{}", told.err);
}

#[test]
fn pods_of_a_deployment_always_restart_as_an_api_server_has_it() {
    let objects = deployment("default", "d").replace("containers:", "restartPolicy: Never, containers:");
    bad(&format!("  nodes: [{{name: n, instanceType: m6i.large}}]\n{objects}"), &["always restart", "restartPolicy"]);
}
