//! Objects as people have them: dumps, older versions and other kinds, by `import cluster` and as `manifests:`.

mod mutations;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/data").join(name)
}

fn windtunnel(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    let output = command.args(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Runs a scenario; its summary and everything that was said.
fn run(scenario: &Path) -> (Value, String) {
    let folder = TempDir::new().expect("a folder");
    let (_, said, code) = windtunnel(&["run", path(scenario), "--out", path(folder.path())]);
    assert_eq!(code, Some(0), "{said}");
    let summary = fs::read_to_string(folder.path().join("summary.json")).expect("a summary");
    (serde_json::from_str(&summary).expect("JSON"), said)
}

/// Imports a file and runs what that gives.
fn import(file: &Path, options: &[&str]) -> (String, Value, String) {
    let folder = TempDir::new().expect("a folder");
    let scenario = folder.path().join("imported.yaml");
    let arguments = [&["import", "cluster", path(file), "-o", path(&scenario)], options].concat();
    let (_, said, code) = windtunnel(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let written = fs::read_to_string(&scenario).expect("a scenario");
    (written, run(&scenario).0, said)
}

#[test]
fn a_dump_becomes_a_scenario_in_which_each_pod_counts_once() {
    let (written, summary, said) = import(&data("dump.yaml"), &[]);
    for part in ["VerticalPodAutoscaler 1: not modelled: requests stay as they are", "ReplicaSet 2 (counted once"] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert!(written.contains("running:\n        - {node: ip-10-0-0-1, name: web-abc-0, age: 5s}"), "{written}");
    // Three of web, of which the HPA takes one, db, an agent on each node, and the nightly Job.
    assert_eq!(summary["pods"]["created"], 7);
    assert_eq!(summary["pod_wait_seconds"]["max"], 0.0);
}

#[test]
fn a_dump_as_manifests_is_read_alike() {
    let (summary, said) = run(&data("dump.scn.yaml"));
    assert_eq!(summary["pods"]["created"], 6, "{said}");
    assert!(said.contains("VerticalPodAutoscaler (1 object): not modelled"), "{said}");
    assert!(said.contains("missing field `spec` (left out)"), "{said}");
}

#[test]
fn owned_pods_are_their_owners() {
    let (summary, _) = run(&data("owned.yaml"));
    assert_eq!(summary["pods"]["created"], 2);
    let (written, summary, _) = import(&data("owned.yaml"), &[]);
    assert_eq!(summary["pods"]["created"], 2);
    assert!(!written.contains("kind: ReplicaSet") && !written.contains("kind: Pod\n"), "{written}");
}

#[test]
fn a_live_node_pool_is_a_node_pool() {
    run(&data("nodepool-live.scn.yaml"));
    run(&data("nodepool-live-min.yaml"));
}

#[test]
fn strict_writes_nothing_where_something_would_change_the_outcome() {
    let folder = TempDir::new().expect("a folder");
    let scenario = folder.path().join("imported.yaml");
    let (dump, pool) = (data("dump.yaml"), data("nodepool-live.yaml"));
    let (_, said, code) = windtunnel(&["import", "cluster", path(&dump), "-o", path(&scenario), "--strict"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(!scenario.exists());
    let arguments = ["import", "cluster", path(&pool), "-o", path(&scenario), "--strict"];
    assert_eq!(windtunnel(&arguments).2, Some(0));
}

#[test]
fn annotations_of_an_old_autoscaler_count() {
    let (summary, said) = run(&data("hpa-v1-annotations.yaml"));
    // Memory stands below its target and scaling up is disabled: two replicas, though CPU is short.
    assert_eq!(summary["scaling"]["hpa_changes"], 0, "{said}");
    assert_eq!(summary["pods"]["created"], 2);
}

#[test]
fn the_priority_expanders_config_map_decides() {
    let (summary, said) = run(&data("prio-configmap.yaml"));
    assert!(summary["cost"]["by_node_group"]["cheap-b"].as_f64().expect("a cost") > 0.0, "{summary}");
    assert_eq!(summary["cost"]["by_node_group"]["dear-a"], 0.0);
    assert!(!said.contains("ConfigMap"), "{said}");
    // The other way round, the other group.
    let folder = TempDir::new().expect("a folder");
    let text = fs::read_to_string(data("prio-configmap.yaml")).expect("a file").replace("50:", "5:");
    let turned = folder.path().join("turned.yaml");
    fs::write(&turned, text).expect("written");
    assert!(run(&turned).0["cost"]["by_node_group"]["dear-a"].as_f64().expect("a cost") > 0.0);
}

#[test]
fn what_the_other_files_call_real_is_so() {
    assert_eq!(run(&data("job-suspend.yaml")).0["pods"]["created"], 0);
    assert_eq!(run(&data("cronjob.yaml")).0["pods"]["created"], 8);
    assert_eq!(run(&data("ephemeral.yaml")).0["pods"]["scheduled"], 2);
    assert_eq!(run(&data("dra.yaml")).0["pods"]["scheduled"], 0);
    let (summary, said) = run(&data("named-node.yaml"));
    assert_eq!(summary["pods"]["scheduled"], 3);
    assert!(!said.contains("no node could ever hold"), "{said}");
}

#[test]
fn a_preview_of_pulumi_runs() {
    let folder = TempDir::new().expect("a folder");
    let scenario = folder.path().join("ai.yaml");
    let preview = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pulumi/preview.json");
    let arguments = ["import", "pulumi", path(&preview), "--autoscale", "m6i.large", "-o", path(&scenario)];
    let (_, said, code) = windtunnel(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let written = fs::read_to_string(&scenario).expect("a scenario");
    assert!(written.contains("name: ai-model-deployment") && written.contains("replicas: 2\n"), "{written}");
    let (summary, said) = run(&scenario);
    // Two, and for a while more, as demand piled up before the first node was there.
    assert!(summary["pods"]["scheduled"].as_u64() >= Some(2), "{said}");
    assert!(summary["cost"]["total_usd"].as_f64().expect("a cost") > 0.0);
    // A stack that was exported has the same objects as outputs.
    let stack = folder.path().join("stack.json");
    let preview: Value = serde_json::from_str(&fs::read_to_string(&preview).expect("a file")).expect("JSON");
    let resources: Vec<Value> =
        preview["steps"].as_array().expect("steps").iter().map(|step| step["newState"].clone()).collect();
    let export = serde_json::json!({"version": 3, "deployment": {"resources": resources}});
    fs::write(&stack, export.to_string()).expect("written");
    let again = ["import", "pulumi", path(&stack), "--autoscale", "m6i.large", "-o", path(&scenario)];
    assert_eq!(windtunnel(&again).2, Some(0));
    assert_eq!(run(&scenario).0["cost"], summary["cost"]);
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, uid: u}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 500m, memory: 1Gi}}}]}\n";

#[test]
fn usage_of_pods_becomes_demand() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let web = file("web.yaml", WEB);
    let metrics = file(
        "metrics.json",
        r#"{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetricsList","items":[
        {"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics","metadata":{"name":"web-5d9c-x1","namespace":"default"},
         "containers":[{"name":"c","usage":{"cpu":"250000000n","memory":"512Mi"}}]},
        {"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics","metadata":{"name":"web-5d9c-x2","namespace":"default"},
         "containers":[{"name":"c","usage":{"cpu":"150m","memory":"512Mi"}}]}]}"#,
    );
    let options = ["--usage", path(&metrics), "--autoscale", "m6i.large"];
    let (written, summary, said) = import(&web, &options);
    assert!(written.contains("{kind: Deployment, name: web}, cpu: {constant: 400m}"), "{written}{said}");
    assert!(written.contains("usage: {memory: 0.5}"), "{written}");
    assert_eq!(summary["services"]["default/web"]["demand"].as_f64().expect("demand").round(), 34_560.0);
    let series = file(
        "series.json",
        r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"namespace":"default","pod":"web-5d9c-x1"},"values":[[1772445600,"0.1"],[1772445900,"0.2"]]},
        {"metric":{"namespace":"default","pod":"web-5d9c-x2"},"values":[[1772445600,"0.1"],[1772445900,"0.3"]]},
        {"metric":{"namespace":"default","pod":"web-5d9c-x2","container":"POD"},"values":[[1772445600,"9"]]}]}}"#,
    );
    let (written, ..) = import(&web, &["--usage", path(&series), "--autoscale", "m6i.large"]);
    for part in ["start: \"2026-03-02T10:00:00Z\"", "{at: 0s, value: 200m}", "{at: 5m, value: 500m}", "loop: true"] {
        assert!(written.contains(part), "{part:?} is not in:\n{written}");
    }
}

#[test]
fn other_kinds_are_the_pods_that_they_make() {
    let folder = TempDir::new().expect("a folder");
    let pods = "template: {metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}}";
    for (kind, spec, count) in [
        (
            "argoproj.io/v1alpha1\nkind: Rollout",
            format!(
                "replicas: 3.0\n  selector: {{matchLabels: {{app: x}}}}\n  strategy: {{canary: {{steps: [{{setWeight: 20}}]}}}}\n  {pods}"
            ),
            3,
        ),
        ("v1\nkind: ReplicationController", format!("replicas: 2\n  selector: {{app: x}}\n  {pods}"), 2),
        ("extensions/v1beta1\nkind: Deployment", format!("replicas: 2\n  {pods}"), 2),
        (
            "leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet",
            format!("replicas: 2\n  leaderWorkerTemplate: {{size: 4, workerT{}}}", &pods[1..]),
            8,
        ),
        (
            "ray.io/v1\nkind: RayService",
            format!(
                "rayClusterConfig: {{headGroupSpec: {{{pods}}}, workerGroupSpecs: [{{groupName: w, replicas: 3, {pods}}}]}}"
            ),
            4,
        ),
    ] {
        let file = folder.path().join("kind.yaml");
        fs::write(&file, format!("apiVersion: {kind}\nmetadata: {{name: x}}\nspec:\n  {spec}\n")).expect("written");
        let (written, summary, said) = import(&file, &["--autoscale", "m6i.xlarge"]);
        assert_eq!(summary["pods"]["scheduled"], count, "{kind}\n{said}\n{written}");
    }
}

#[test]
fn limits_and_overheads_of_the_namespace_are_filled_in() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("limits.yaml");
    let text = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {cpu: \"1\"}, defaultRequest: {cpu: 250m, memory: 1Gi}}]}\n---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: kata}\nhandler: kata\noverhead: {podFixed: {cpu: 500m}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\nspec: {runtimeClassName: kata, containers: [{name: c, image: i}]}\n";
    fs::write(&file, text).expect("written");
    let (written, summary, _) = import(&file, &["--autoscale", "m6i.xlarge"]);
    for part in ["name: p-0", "requests: {cpu: 250m, memory: 1Gi}", "overhead: {cpu: 500m}"] {
        assert!(written.contains(part), "{part:?} is not in:\n{written}");
    }
    assert_eq!(summary["pods"]["scheduled"], 1);
}

#[test]
fn groups_of_live_nodes_are_scaled_by_the_autoscalers_own_flags() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("nodes.yaml");
    let node = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, uid: u, creationTimestamp: \"2026-03-01T10:00:00Z\", labels: {{eks.amazonaws.com/nodegroup: workers, node.kubernetes.io/instance-type: m6i.large, topology.kubernetes.io/zone: us-east-1a}}}}\nstatus: {{capacity: {{cpu: \"2\", memory: 8Gi, pods: \"29\"}}, allocatable: {{cpu: 1930m, memory: 7Gi, pods: \"29\"}}}}\n---\n"
        )
    };
    let autoscaler = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cluster-autoscaler, namespace: kube-system}\nspec:\n  selector: {matchLabels: {app: ca}}\n  template:\n    metadata: {labels: {app: ca}}\n    spec: {containers: [{name: ca, image: \"registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0\", command: [./cluster-autoscaler, --nodes=1:5:eks-workers-asg, --scale-down-unneeded-time=3m, --expander=least-waste, \"--v=4\"]}]}\n";
    fs::write(&file, [node("a"), node("b"), autoscaler.to_owned()].concat()).expect("written");
    let (written, summary, said) = import(&file, &[]);
    for part in ["minSize: 1", "maxSize: 5", "scaleDownUnneededTime: 3m"] {
        assert!(written.contains(part), "{part:?} is not in:\n{written}\n{said}");
    }
    // Two nodes stand, and one of them goes.
    assert_eq!((&summary["nodes"]["peak"], &summary["nodes"]["min"]), (&2.into(), &1.into()), "{written}");
}

#[test]
fn a_workload_without_a_name_is_called_by_what_scales_it() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("nameless.yaml");
    let nameless = WEB.replace("metadata: {name: web, uid: u}\n", "").replace("replicas: 2", "replicas: 2.0");
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, minReplicas: 2.0, maxReplicas: 5.0}\n";
    let scenario = "---\napiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: s}\nspec: {duration: 1h, nodes: [{name: n, instanceType: m6i.xlarge}], load: [{target: {kind: Deployment, name: shop}, cpu: {constant: 1}}]}\n";
    fs::write(&file, [&nameless, scaler, scenario].concat()).expect("written");
    let (summary, said) = run(&file);
    assert_eq!(summary["pods"]["created"], 3, "{said}");
    assert!(said.contains("has no metadata.name: called shop"), "{said}");
}
