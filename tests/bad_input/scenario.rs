//! Scenarios with one mistake each: exit code 2, the mistake with file, line and column, and nothing on standard output.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

const SCENARIO: &str = r#"apiVersion: windtunnel/v1
kind: Scenario
metadata:
  name: case
spec:
  duration: 1h
  manifests: [m.yaml]
  nodeGroups:
    - name: general
      instanceType: m6i.large
      minSize: 1
      maxSize: 4
  load:
    - target: {kind: Deployment, name: web}
      cpu: {constant: 1}
"#;

const MANIFESTS: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: web:1
          resources:
            requests: {cpu: 500m, memory: 512Mi}
            limits: {cpu: "1", memory: 1Gi}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: 50}
"#;

/// What `windtunnel validate s.yaml` says about the files of a folder.
pub(super) struct Verdict {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

pub(super) fn validate_in(folder: &Path, arguments: &[&str]) -> Verdict {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built");
    let output = command.current_dir(folder).arg("validate").args(arguments).output().expect("it runs");
    Verdict {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(super) fn folder(scenario: &str, manifests: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("s.yaml"), scenario).expect("it can be written");
    fs::write(folder.path().join("m.yaml"), manifests).expect("it can be written");
    folder
}

#[track_caller]
pub(super) fn refused(folder: &TempDir, arguments: &[&str], parts: &[&str]) {
    let verdict = validate_in(folder.path(), arguments);
    assert_eq!(verdict.code, Some(2), "{}", verdict.err);
    assert_eq!(verdict.out, "");
    for part in parts {
        assert!(verdict.err.contains(part), "{part:?} is not in:\n{}", verdict.err);
    }
}

/// The scenario with `old` replaced.
#[track_caller]
fn bad_scenario(old: &str, new: &str, parts: &[&str]) {
    assert!(SCENARIO.contains(old), "{old}");
    refused(&folder(&SCENARIO.replacen(old, new, 1), MANIFESTS), &["s.yaml"], parts);
}

/// The manifests with `old` replaced.
#[track_caller]
fn bad_manifest(old: &str, new: &str, parts: &[&str]) {
    assert!(MANIFESTS.contains(old), "{old}");
    refused(&folder(SCENARIO, &MANIFESTS.replacen(old, new, 1)), &["s.yaml"], parts);
}

#[test]
fn the_files_that_the_bad_ones_are_made_of_are_fine() {
    let verdict = validate_in(folder(SCENARIO, MANIFESTS).path(), &["s.yaml"]);
    assert_eq!((verdict.code, verdict.err.as_str()), (Some(0), ""));
    assert_eq!(verdict.out, "s.yaml: ok\n");
}

#[test]
fn a_missing_file() {
    refused(&folder(SCENARIO, MANIFESTS), &["gone.yaml"], &["gone.yaml", "can't be read"]);
    bad_scenario("[m.yaml]", "[gone.yaml]", &["gone.yaml can't be read", "s.yaml:7:15", "relative to the scenario"]);
    bad_scenario("cpu: {constant: 1}", "cpu: {replay: {file: gone.csv, column: v}}", &["gone.csv", "s.yaml:15:28"]);
}

#[test]
fn not_yaml() {
    bad_scenario("[m.yaml]", "[m.yaml", &["not YAML", "s.yaml:8:", "brackets"]);
    bad_scenario("  duration: 1h", "\tduration: 1h", &["not YAML", "s.yaml:6:2", "tab"]);
    bad_manifest("kind: Deployment", "kind: Deployment: x", &["not YAML", "m.yaml:2:"]);
    refused(&folder("", ""), &["s.yaml"], &["no document of kind Scenario", "s.yaml:1:1", "windtunnel/v1"]);
}

#[test]
fn a_wrong_type() {
    bad_scenario("duration: 1h", "duration: 60", &["no unit", "s.yaml:6:13"]);
    bad_scenario("maxSize: 4", "maxSize: many", &["text \"many\"", "s.yaml:12:16", "a whole number"]);
    bad_scenario("[m.yaml]", "m.yaml", &["text \"m.yaml\"", "s.yaml:7:14", "a list"]);
    bad_manifest("replicas: 2", "replicas: \"2\"", &["m.yaml:6:13", "a whole number", "remove the quotes"]);
    bad_manifest("{app: web}\n  template", "{app: 1}\n  template", &["m.yaml:8:24", "a string", "write it in quotes"]);
    bad_scenario("duration: 1h", "", &["missing field `duration`", "add `duration:`"]);
}

#[test]
fn an_unknown_field() {
    bad_scenario("nodeGroups", "nodeGrups", &["unknown field `nodeGrups`", "s.yaml:8:3", "did you mean `nodeGroups`?"]);
    bad_scenario("constant", "constnt", &["unknown field `constnt`", "s.yaml:15:13", "did you mean `constant`?"]);
    bad_manifest("replicas", "replica", &["unknown field `replica`", "m.yaml:6:3", "did you mean `replicas`?"]);
    bad_manifest("limits", "limit", &["unknown field `limit`", "m.yaml:18:13", "did you mean `limits`?"]);
}

#[test]
fn an_unknown_kind() {
    bad_manifest("kind: Deployment", "kind: Deploymnt", &["unknown kind `Deploymnt`", "m.yaml:2:7", "`Deployment`?"]);
    bad_manifest("apps/v1\nkind", "apps/v3\nkind", &["not read in version", "m.yaml:1:13", "apps/v1"]);
    bad_scenario("kind: Scenario", "kind: Scenarios", &["s.yaml:2:7", "`Scenario`"]);
}

#[test]
fn a_negative_or_overflowing_quantity() {
    bad_manifest("cpu: 500m", "cpu: -500m", &["negative", "m.yaml:17:29"]);
    bad_manifest("memory: 512Mi", "memory: 99999999E", &["too large", "m.yaml:17:43"]);
    bad_scenario("constant: 1", "constant: -1", &["negative", "s.yaml:15:23"]);
    bad_scenario("duration: 1h", "duration: -1h", &["negative", "s.yaml:6:13"]);
}

#[test]
fn a_request_above_its_limit() {
    bad_manifest("cpu: 500m", "cpu: 1500m", &["above the limit", "m.yaml:17:29"]);
}

#[test]
fn a_minimum_above_its_maximum() {
    bad_scenario("minSize: 1", "minSize: 5", &["minSize 5 is above maxSize 4", "s.yaml:11:16", "lower minSize"]);
    bad_manifest("minReplicas: 2", "minReplicas: 6", &["below minReplicas 6", "m.yaml:27:16"]);
}

#[test]
fn an_autoscaler_without_a_target() {
    bad_manifest(
        "kind: Deployment, name: web",
        "kind: Deployment, name: wbe",
        &["does not exist", "m.yaml:25:65", "did you mean `Deployment default/web`?"],
    );
}

/// Kubernetes accepts such an HPA, and its controller reports at every sync what it can't compute.
#[test]
fn an_autoscaler_on_containers_without_requests_is_a_warning() {
    let without = MANIFESTS.replace(
        "requests: {cpu: 500m, memory: 512Mi}\n            limits: {cpu: \"1\", memory: 1Gi}",
        "requests: {memory: 512Mi}",
    );
    let verdict = validate_in(folder(SCENARIO, &without).path(), &["s.yaml"]);
    assert_eq!(verdict.code, Some(0), "{}", verdict.err);
    for part in ["warning", "no cpu request", "FailedGetResourceMetric", "m.yaml:28:7", "add resources.requests.cpu"] {
        assert!(verdict.err.contains(part), "{part:?} is not in:\n{}", verdict.err);
    }
}

#[test]
fn duplicate_names() {
    bad_scenario(
        "  load:",
        "    - {name: general, instanceType: m6i.large, maxSize: 1}\n  load:",
        &["a second node group is called general", "s.yaml:13:14"],
    );
    let twice = format!("{MANIFESTS}---\n{MANIFESTS}");
    refused(&folder(SCENARIO, &twice), &["s.yaml"], &["a second Deployment is called web", "m.yaml:37:9"]);
    bad_scenario("minSize: 1", "maxSize: 1", &["stands twice", "s.yaml:12:7"]);
}

#[test]
fn a_load_for_an_unknown_target() {
    bad_scenario("name: web", "name: wbe", &["no Deployment default/wbe", "s.yaml:14:40", "`Deployment default/web`?"]);
}

#[test]
fn a_pod_that_no_node_could_hold_is_a_warning_that_names_the_shortfall() {
    let manifests = MANIFESTS.replace("cpu: 500m", "cpu: 8").replace("cpu: \"1\"", "cpu: 8");
    let verdict = validate_in(folder(SCENARIO, &manifests).path(), &["s.yaml"]);
    assert_eq!(verdict.code, Some(0), "{}", verdict.err);
    for part in ["warning", "Deployment default/web", "node group general: insufficient cpu (short by", "m.yaml:13:7"] {
        assert!(verdict.err.contains(part), "{part:?} is not in:\n{}", verdict.err);
    }
}

#[test]
fn unknown_options_of_controllers() {
    let with = |autoscaling: &str| format!("  autoscaling: {autoscaling}\n  load:");
    let expander = with("{clusterAutoscaler: {expander: least-wast}}");
    bad_scenario("  load:", &expander, &["least-wast", "s.yaml:13:47", "least-waste"]);
    let interval = with("{clusterAutoscaler: {scanInterval: -5s}}");
    bad_scenario("  load:", &interval, &["negative", "s.yaml:13:51"]);
    bad_scenario(
        "  load:",
        "  expect: [pod_wait_second.p99 < 3]\n  load:",
        &["unknown metric `pod_wait_second.p99`", "s.yaml:13:12", "did you mean `pod_wait_seconds.p99`?"],
    );
}

#[test]
fn a_node_pool_that_matches_no_instance_type() {
    let pool = r#"---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: default
spec:
  template:
    spec:
      requirements:
        - {key: node.kubernetes.io/instance-type, operator: In, values: [m99.large]}
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
"#;
    let manifests = format!("{MANIFESTS}{pool}");
    refused(&folder(SCENARIO, &manifests), &["s.yaml"], &["NodePool default matches none", "m.yaml:42:9"]);
    let fine = manifests.replace("m99.large", "m6i.large");
    assert_eq!(validate_in(folder(SCENARIO, &fine).path(), &["s.yaml"]).err, "");
}

#[test]
fn a_stock_out_of_what_is_not_on_offer_or_that_ends_before_it_begins() {
    let with = |span: &str| format!("duration: 1h\n  nodePools: {{stockOuts: [{{{span}}}]}}");
    let pool = "\n---\napiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: default}\nspec: {template: {spec: {nodeClassRef: {group: g, \
                kind: EC2NodeClass, name: d}, requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]}}}\n";
    for (span, parts) in [
        ("from: 10m, to: 5m", ["the span ends (5m", "s.yaml:7:"]),
        ("from: 0s, to: 5m, zones: [zone-x]", ["no zone zone-x is on offer", "s.yaml:7:"]),
        ("from: 0s, to: 5m, instanceTypes: [m6i.larg]", ["no instance type m6i.larg is on offer", "m6i.large"]),
        ("from: 0s, to: 5m, capacityTypes: [sport]", ["no capacity type sport is on offer", "spot"]),
    ] {
        let scenario = SCENARIO.replacen("duration: 1h", &with(span), 1);
        refused(&folder(&scenario, &format!("{MANIFESTS}{pool}")), &["s.yaml"], &parts);
    }
}

#[test]
fn a_trace_with_a_missing_column_a_bad_row_or_times_of_two_forms() {
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: case}\nspec:\n  duration: 1h\n  nodes: [{name: n, capacity: {cpu: 4, memory: 8Gi}}]\n  replay: {format: csv, pods: p.csv}\n";
    let header = "name,arrival_s,duration_s,cpu_milli,memory_bytes\n";
    for (pods, parts) in [
        ("name,arrival_s,duration_s,cpu_mili,memory_bytes\n".to_owned(), &["p.csv:1", "cpu_milli", "cpu_mili"][..]),
        (format!("{header}a,0,10,many,1\n"), &["p.csv:2:8", "many"]),
        (format!("{header}a,5,10,1,1\nb,2026-01-01,10,1,1\n"), &["p.csv:3:3", "arrival_s", "the same form"]),
        (format!("{header}a,5,10,1\n"), &["p.csv:2", "fields"]),
    ] {
        let folder = folder(scenario, "");
        fs::write(folder.path().join("p.csv"), pods).unwrap();
        refused(&folder, &["s.yaml"], parts);
    }
}

#[test]
fn instance_types_of_the_scenarios_own() {
    for (types, parts) in [
        ("{x.big: {cpu: 4}}", &["s.yaml:", "x.big is not in the catalogue", "cpu and memory"][..]),
        ("{m6i.large: {cpu: 0}}", &["must be above 0"]),
        ("{m6i.large: {arch: sparc}}", &["neither amd64 nor arm64"]),
        ("{m6i.large: {gpus: 2}}", &["GPUs need a model"]),
        ("{m6i.large: {gpus: 2, gpuModel: H 100}}", &["GPUs need a model"]),
        ("{m6i.large: {gpus: 2000, gpuModel: H100}}", &["more than 1024"]),
        ("{m6i.large: {interruptionsPerHour: -1}}", &["not a rate"]),
        ("{m6i.large: {prise: 1}}", &["prise"]),
        ("{'a b': {cpu: 1, memory: 1Gi}}", &["is no name"]),
    ] {
        let scenario = SCENARIO.replacen("duration: 1h", &format!("duration: 1h\n  instanceTypes: {types}"), 1);
        refused(&folder(&scenario, MANIFESTS), &["s.yaml"], parts);
    }
}

#[test]
fn stock_outs_and_arrivals_that_mean_nothing() {
    let group = |fields: &str| {
        format!(
            "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: case}}\nspec:\n  duration: 1h\n  nodeGroups: \
             [{{name: g, instanceType: m6i.large, maxSize: 3, {fields}}}]\n"
        )
    };
    let span = "stockOuts: [{from: 1m, to: 2m, interrupts: true}]";
    refused(&folder(&group(span), ""), &["s.yaml"], &["only spot nodes are taken back", "s.yaml:6:"]);
    refused(
        &folder(&group("capacityType: spot"), ""),
        &["s.yaml"],
        &["no spot price is known for m6i.large: give one"],
    );
    let list = "name,cpu_milli,memory_bytes\na,1,1\n";
    for (arrivals, parts) in [
        ("{every: 0s}", &["must be above 0"][..]),
        ("{poisson: true}", &["every"]),
        ("{every: 1s, evry: 2s}", &["evry"]),
    ] {
        let replay = format!("duration: 1h\n  replay: {{format: csv, pods: p.csv, arrivals: {arrivals}}}");
        let folder = folder(&group("minSize: 1").replacen("duration: 1h", &replay, 1), "");
        fs::write(folder.path().join("p.csv"), list).unwrap();
        refused(&folder, &["s.yaml"], parts);
    }
}

#[test]
fn an_override_that_leads_nowhere_or_holds_a_wrong_value() {
    let files = folder(SCENARIO, MANIFESTS);
    let set = |change: &'static str, parts: &[&str]| refused(&files, &["s.yaml", "--set", change], parts);
    set("nodeGroups.genral.maxSize=5", &["--set nodeGroups.genral.maxSize", "--set:1:1", "did you mean `general`?"]);
    set("nodeGroups.general.maxSize=x", &["text \"x\"", "--set:1:28", "a whole number"]);
    set("nodeGrups=[]", &["unknown field `nodeGrups`", "did you mean `nodeGroups`?"]);
    set("manifests.Deployment/wbe.spec.replicas=3", &["no manifest holds Deployment/wbe", "`Deployment/web`"]);
    set("duration", &["not an override", "path=value"]);
    let fine = [
        "s.yaml",
        "--set",
        "nodeGroups.general.maxSize=7",
        "--set",
        "manifests.HorizontalPodAutoscaler/web.spec.maxReplicas=8",
    ];
    assert_eq!(validate_in(files.path(), &fine).err, "");
}

#[test]
fn every_mistake_of_a_scenario_is_told_in_one_run() {
    let scenario = SCENARIO.replace("minSize: 1", "minSize: 9").replace("m6i.large", "m6i.lrge").replace("1h", "60");
    let manifests = MANIFESTS.replace("minReplicas: 2", "minReplicas: 6").replace("limits", "limit");
    let places = ["s.yaml:6:13", "s.yaml:10:21", "s.yaml:11:16", "m.yaml:18:13", "m.yaml:27:16"];
    refused(&folder(&scenario, &manifests), &["s.yaml"], &places);
}

#[test]
fn an_import_refuses_a_bad_trace_and_writes_nothing() {
    let folder = folder(SCENARIO, MANIFESTS);
    fs::write(folder.path().join("p.csv"), "name,arrival_s,duration_s,cpu_milli,memory_bytes\na,0,1,-1,1\n").unwrap();
    let import = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("windtunnel").expect("the binary is built");
        command.current_dir(folder.path()).arg("import").args(arguments).output().expect("it runs")
    };
    let output = import(&["csv", "--pods", "p.csv", "--autoscale", "m6i.large", "-o", "new.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("p.csv:2:7"), "{output:?}");
    assert!(!folder.path().join("new.yaml").exists());
    fs::write(folder.path().join("p.csv"), "name,arrival_s,duration_s,cpu_milli,memory_bytes\na,0,1,1,1\n").unwrap();
    let output = import(&["csv", "--pods", "p.csv", "-o", "new.yaml"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--autoscale"), "{output:?}");
    let output = import(&["csv", "--pods", "p.csv", "--autoscale", "m6i.large", "-o", "none/new.yaml"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let output = import(&["csv", "--pods", "p.csv", "--autoscale", "m6i.large", "-o", "new.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(validate_in(folder.path(), &["new.yaml"]).code, Some(0));
}

#[test]
fn a_request_that_is_out_of_range() {
    let load = |cost: &str| format!("requests: {{constant: 1}}\n      perRequest: {{cpu: 10ms, {cost}}}");
    for (cost, parts) in [
        ("concurrency: 2147483647", ["2147483647 is not within 1 and 1000000", "s.yaml:16:44"]),
        ("concurrency: 0", ["0 is not within 1 and 1000000", "s.yaml:16:44"]),
        ("cores: 100000", ["100000 is not within 1 and 10000", "s.yaml:16:38"]),
        ("variation: -1", ["-1 is not within 0 and 2", "s.yaml:16:42"]),
    ] {
        bad_scenario("cpu: {constant: 1}", &load(cost), &parts);
    }
}

#[test]
fn a_release_that_there_is_not() {
    let with = |line: &str| format!("duration: 1h\n  {line}");
    bad_scenario(
        "duration: 1h",
        &with("kubernetesVersion: 1.21"),
        &["\"1.21\" is not one of 1.33 to 1.37", "s.yaml:7:22"],
    );
    bad_scenario(
        "duration: 1h",
        &with("featureGates: {HPAScaleToZeroo: true}"),
        &["no feature gate of this name", "did you mean HPAScaleToZero?", "s.yaml:7:35"],
    );
    bad_scenario(
        "duration: 1h",
        &with("featureGates: {GangScheduling: true}"),
        &["Kubernetes 1.37 has no feature gate", "there is one in 1.35, 1.36"],
    );
    bad_scenario(
        "duration: 1h",
        &with("featureGates: {HPAConfigurableTolerance: false}"),
        &["locks this feature gate to true", "take an older kubernetesVersion"],
    );
    let known = SCENARIO.replacen("duration: 1h", &with("featureGates: {WatchList: false}"), 1);
    let verdict = validate_in(folder(&known, MANIFESTS).path(), &["s.yaml"]);
    assert_eq!(verdict.code, Some(0), "{}", verdict.err);
    assert_eq!(verdict.err.matches("feature gate WatchList is not modelled").count(), 1, "{}", verdict.err);
    let zero = MANIFESTS.replacen("minReplicas: 2", "minReplicas: 0", 1).replacen("type: Resource", "type: External", 1).replacen(
        "resource:\n        name: cpu\n        target: {type: Utilization, averageUtilization: 50}",
        "external:\n        metric: {name: requests_per_second}\n        target: {type: AverageValue, averageValue: 5}",
        1,
    );
    let old = SCENARIO.replacen("duration: 1h", &with("kubernetesVersion: v1.36.2"), 1);
    refused(&folder(&old, &zero), &["s.yaml"], &["minReplicas 0 needs the feature gate HPAScaleToZero", "m.yaml:"]);
}
