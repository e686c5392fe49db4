//! The command: sides of every kind, exit codes, the JSON contract, files.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// A Deployment with a noisy load on nodes that come and go; a day is cheap.
pub const SCENARIO: &str = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: noisy}
spec:
  duration: 4h
  nodeGroups:
    - {name: small, instanceType: m6i.large, minSize: 1, maxSize: 12, provisioning: {logNormal: {median: 60s, p95: 120s}}}
  load:
    - target: {kind: Deployment, name: web}
      cpu: {constant: 2500m, noise: {ornsteinUhlenbeck: {sigma: 0.3, halfLife: 10m}}}
  autoscaling:
    clusterAutoscaler: {scaleDownUnneededTime: 5m}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, resources: {requests: {cpu: 500m, memory: 256Mi}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 20
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
";

const DEARER: &str = "dearer: nodeGroups.small.pricePerHour=0.12";

pub fn windtunnel(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("windtunnel").expect("it was built");
    command.current_dir(folder);
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), SCENARIO).expect("written");
    folder
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("text")
}

fn told(command: &mut Command, code: i32) -> String {
    String::from_utf8(command.assert().code(code).get_output().stderr.clone()).expect("text")
}

#[test]
fn the_json_is_the_contract_and_the_same_on_any_number_of_threads() {
    let folder = folder();
    let json = |jobs: &str| {
        let arguments = ["compare", "a.yaml", "--variant", DEARER, "--seeds", "4", "--format", "json", "--jobs", jobs];
        stdout(windtunnel(folder.path()).args(arguments))
    };
    let text = json("1");
    assert_eq!(text, json("3"));
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&value["level"], &value["pairs"]), (&0.95.into(), &4.into()));
    let cost = &value["comparisons"][0];
    assert_eq!(
        (&cost["variant"], &cost["baseline"], &cost["metric"]),
        (&"dearer".into(), &"a".into(), &"cost.total_usd".into())
    );
    let number = |key: &str| cost[key].as_f64().expect("a number");
    assert!((number("mean") - number("baseline_mean") - number("difference")).abs() < 1e-9, "{cost}");
    assert!((number("relative") - number("difference") / number("baseline_mean")).abs() < 1e-9, "{cost}");
    let [low, high] = [0, 1].map(|side| cost["interval"][side].as_f64().expect("a number"));
    assert!(low <= number("difference") && number("difference") <= high, "{cost}");
    for row in value["comparisons"].as_array().expect("rows") {
        let holds_zero = match (row["interval"][0].as_f64(), row["interval"][1].as_f64()) {
            (Some(low), Some(high)) => low <= 0.0 && 0.0 <= high,
            _ => true,
        };
        assert_eq!(row["verdict"] == "can't tell", holds_zero, "{row}");
    }
}

#[test]
fn the_answer_comes_first_then_rows_then_reasons() {
    let folder = folder();
    let text = stdout(windtunnel(folder.path()).args(["compare", "a.yaml", "--variant", DEARER, "--seeds", "6"]));
    let first = text.lines().next().unwrap_or_default();
    assert!(first.starts_with("dearer is ") && first.contains(" % dearer than a: "), "{text}");
    assert!(text.contains("why dearer differs from a") && text.contains("of the difference"), "{text}");
    let quiet =
        stdout(windtunnel(folder.path()).args(["compare", "a.yaml", "--variant", DEARER, "--seeds", "6", "-q"]));
    assert_eq!(quiet.trim_end(), first);
}

#[test]
fn results_scenarios_sweeps_and_folders_are_sides() {
    let folder = folder();
    let path = folder.path();
    for (seed, set, out) in
        [(1, "", "old/1"), (2, "", "old/2"), (1, "xlarge", "new/1"), (2, "xlarge", "new/2"), (7, "", "late")]
    {
        let mut run = windtunnel(path);
        run.args(["run", "a.yaml", "-q", "--no-plots", "--out", out, "--seed", &seed.to_string()]);
        if !set.is_empty() {
            run.args(["--set", &format!("nodeGroups.small.instanceType=m6i.{set}")]);
        }
        run.assert().success();
    }
    let pairs = |arguments: &[&str]| {
        let text = stdout(windtunnel(path).args(["compare", "--format", "json"]).args(arguments));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        (value["pairs"].as_u64().unwrap_or(0), value["comparisons"][0].clone())
    };
    let made = pairs(&["old", "new"]);
    assert_eq!(made.0, 2);
    let live = pairs(&["a.yaml", "--variant", "nodeGroups.small.instanceType=m6i.xlarge", "--seeds", "2"]);
    assert_eq!((&made.1["mean"], &made.1["interval"]), (&live.1["mean"], &live.1["interval"]));
    // A scenario beside results runs under their seeds.
    assert_eq!(pairs(&["old", "a.yaml"]).1["same_in_every_seed"], true);
    assert_eq!(pairs(&["old/1", "new/1/summary.json"]).0, 1);
    assert!(told(windtunnel(path).args(["compare", "old", "late"]), 2).contains("no seed in common"));
    assert!(told(windtunnel(path).args(["compare", "old", "new", "--seeds", "3"]), 2).contains("leave --seeds"));

    let sweep = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: types}\nspec:\n  scenario: a.yaml\n  parameters: [{path: nodeGroups.small.instanceType, values: [m6i.large, m6i.xlarge]}]\n  seeds: [1, 2]\n";
    fs::write(path.join("sweep.yaml"), sweep).expect("written");
    let of_sweep = pairs(&["sweep.yaml", "--seeds", "2"]);
    assert_eq!((&of_sweep.1["variant"], &of_sweep.1["mean"]), (&"instanceType m6i.xlarge".into(), &live.1["mean"]));
    windtunnel(path).args(["sweep", "sweep.yaml", "-q", "--out", "swept"]).assert().success();
    assert_eq!(pairs(&["swept"]).1["mean"], live.1["mean"]);
    assert_eq!(pairs(&["a.yaml", "swept#instanceType m6i.xlarge"]).1["mean"], live.1["mean"]);
    let unknown = told(windtunnel(path).args(["compare", "a.yaml", "swept#instanceType m6i.xlrge"]), 2);
    assert!(unknown.contains("did you mean `instanceType m6i.xlarge`?"), "{unknown}");

    for (version, size) in [("main", "m6i.large"), ("pr", "m6i.xlarge")] {
        fs::create_dir(path.join(version)).expect("made");
        let text = SCENARIO.replace("m6i.large", size);
        fs::write(path.join(version).join("web.yaml"), text).expect("written");
    }
    fs::write(path.join("pr/new.yaml"), SCENARIO).expect("written");
    let text = stdout(windtunnel(path).args(["compare", "main", "pr", "--seeds", "2"]));
    assert!(text.contains("pr/web") && text.contains("new.yaml stands in pr only"), "{text}");
}

#[test]
fn what_can_not_be_compared_is_said_with_exit_code_2() {
    let folder = folder();
    let path = folder.path();
    for (arguments, part) in [
        (&["a.yaml"][..], "nothing to be compared with"),
        (&["a.yaml", "none.yaml"], "none.yaml can't be read"),
        (&["a.yaml", "a.yaml", "--metric", "cost.totl_usd"], "did you mean `cost.total_usd`?"),
        (&["a.yaml", "a.yaml", "--metric", "training.goodput"], "no run has the metric training.goodput"),
        (&["a.yaml", "--variant", "nodeGroups.smal.maxSize=2"], "did you mean `small`?"),
        (&["a.yaml", "--variant", "name: "], "no setting"),
        (&["a.yaml", "a.yaml", "--level", "95"], "no percentage"),
        (&["a.yaml", "."], "holds no results"),
        (&["a.yaml", "a.yaml", "--export-markdown", "a.yaml"], "is an input"),
    ] {
        let error = told(windtunnel(path).arg("compare").args(arguments), 2);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

#[test]
fn a_worse_variant_fails_where_that_was_asked_and_files_are_written_once_and_again() {
    let folder = folder();
    let path = folder.path();
    let mut compare = windtunnel(path);
    compare.args(["compare", "a.yaml", "--variant", DEARER, "--seeds", "4", "--metric", "cost.total_usd"]);
    compare.args(["--export-markdown", "c.md", "--export-json", "c.json", "--export-csv", "c.csv"]);
    compare.assert().success();
    compare.arg("--fail-on-worse").assert().code(1);
    let read = |name: &str| fs::read_to_string(path.join(name)).expect("written");
    assert!(read("c.md").contains("| metric | verdict |") && !read("c.md").contains("NaN"));
    assert!(read("c.csv").lines().count() == 2 && read("c.csv").contains("worse"));
    let value: Value = serde_json::from_str(&read("c.json")).expect("JSON");
    assert_eq!(value["comparisons"].as_array().map(Vec::len), Some(1));
    // Of somebody else's making.
    fs::write(path.join("c.json"), "{}").expect("written");
    assert!(told(&mut compare, 2).contains("c.json exists"));
}

/// A group and a workload under other names are the same money, not all of it twice.
#[test]
fn what_was_renamed_is_held_against_its_like() {
    let folder = folder();
    let renamed = SCENARIO.replace("name: small", "name: workers").replace("web", "shop").replace("5m}", "20m}");
    fs::write(folder.path().join("b.yaml"), renamed).expect("written");
    let text = stdout(windtunnel(folder.path()).args(["compare", "a.yaml", "b.yaml", "--seeds", "4"]));
    assert!(text.contains("node group workers of b is held against small of a"), "{text}");
    assert!(text.contains("workload default/shop of b is held against default/web of a"), "{text}");
    let why = text.split("why b differs").nth(1).expect("reasons");
    assert!(!why.contains("nodes of workers") && !why.contains("owed by default/shop"), "{why}");
    // No part is told as a part of a whole that is small beside it.
    let parts = why.lines().filter_map(|line| line.split(", ").last()?.strip_suffix(" % of the difference"));
    let parts: Vec<f64> = parts.map(|part| part.parse().expect("a number")).collect();
    assert!(parts.iter().all(|part| part.abs() <= 200.0), "{why}");
}

#[test]
fn a_sweep_as_a_side_begins_with_its_baseline_and_leaves_invalid_ones_out() {
    let folder = folder();
    let sweep = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec:\n  scenario: a.yaml\n  parameters: [{path: nodeGroups.small.pricePerHour, values: [-1, 0.2, 0.1]}]\n  baseline: pricePerHour 0.1\n";
    fs::write(folder.path().join("sweep.yaml"), sweep).expect("written");
    let text =
        stdout(windtunnel(folder.path()).args(["compare", "sweep.yaml", "--seeds", "3", "--metric", "cost.total_usd"]));
    assert!(text.starts_with("pricePerHour 0.2 is 100 % dearer than pricePerHour 0.1"), "{text}");
    assert!(text.contains("note: pricePerHour -1 is no valid scenario and is left out"), "{text}");
}

/// One sentence, however many variants there are.
#[test]
fn of_many_variants_the_best_is_named_and_the_others_are_counted() {
    let folder = folder();
    let variants: Vec<String> = [0.08, 0.07, 0.2, 0.3, 0.4]
        .iter()
        .map(|price| format!("at {price}: nodeGroups.small.pricePerHour={price}"))
        .collect();
    let mut arguments =
        vec!["compare", "a.yaml", "--seeds", "3", "--metric", "cost.total_usd", "--metric", "cost.total_usd", "-q"];
    variants.iter().for_each(|variant| arguments.extend(["--variant", variant]));
    let text = stdout(windtunnel(folder.path()).args(&arguments));
    assert!(text.starts_with("at 0.07 is 27.1 % cheaper than a"), "{text}");
    assert!(text.trim_end().ends_with("; of the other 4: 1 better too, 3 worse."), "{text}");
}
