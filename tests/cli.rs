//! The command line as a user meets it: files that appear whole, the same bytes twice, errors with a way out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn windtunnel() -> Command {
    let mut command = Command::cargo_bin("windtunnel").expect("the binary is built with the tests");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Every file of a folder but `engine.json`, which holds wall times.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .expect("the folder was made")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name != "engine.json")
        .map(|(name, path)| (name, fs::read(path).expect("a readable file")))
        .collect()
}

#[test]
fn two_processes_with_one_seed_write_the_same_bytes_and_another_seed_other_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        let arguments = ["run", "scenarios/ai-model-training.yaml", "--quiet", "--seed", seed, "--out"];
        windtunnel().args(arguments).arg(&out).assert().success().stdout("");
        files(&out)
    };
    let first = run("a", "5");
    for name in ["summary.json", "timeseries.csv", "decisions.csv", "pods.csv", "nodes.csv", "utilization.svg"] {
        assert!(first.contains_key(name), "{name} is missing");
    }
    assert_eq!(first, run("b", "5"));
    assert_ne!(first["timeseries.csv"], run("c", "6")["timeseries.csv"]);
}

#[test]
fn a_sweep_gives_the_same_rows_on_one_thread_and_on_several() {
    let folder = tempfile::tempdir().expect("a folder");
    let sweep = folder.path().join("sweep.yaml");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ai-model-training.yaml");
    let text = format!(
        "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {{name: s}}\nspec:\n  scenario: {}\n  parameters:\n    - {{path: autoscaling.clusterAutoscaler.scaleDownUnneededTime, values: [2m, 10m]}}\n  seeds: {{from: 1, count: 2}}\n",
        scenario.display()
    );
    fs::write(&sweep, text).expect("written");
    let run = |name: &str, jobs: &str| {
        let out = folder.path().join(name);
        windtunnel().args(["sweep", "--quiet", "--jobs", jobs, "--out"]).arg(&out).arg(&sweep).assert().success();
        files(&out)
    };
    let alone = run("a", "1");
    assert_eq!(String::from_utf8_lossy(&alone["runs.csv"]).lines().count(), 1 + 4);
    assert_eq!(alone, run("b", "3"));
}

#[test]
fn a_folder_that_cannot_be_made_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("taken");
    fs::write(&file, "").expect("written");
    let out = file.join("inside");
    let run =
        windtunnel().args(["run", "scenarios/ai-model-training.yaml", "--out"]).arg(&out).assert().code(2).stdout("");
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("taken"), "{told}");
}

#[test]
fn results_made_from_something_else_are_not_overwritten_without_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |scenario: &str, more: &[&str]| {
        windtunnel().args(["run", scenario, "--quiet", "--no-plots", "--out"]).arg(folder.path()).args(more).assert()
    };
    const ONE: &str = "scenarios/ai-model-training.yaml";
    run(ONE, &[]).success();
    let before = files(folder.path());
    run(ONE, &[]).success();
    assert_eq!(files(folder.path()), before);
    for (scenario, more, told) in [
        ("scenarios/hpa/flapping.yaml", &[][..], "the scenario ai-model-training"),
        (ONE, &["--seed", "7"], "seed"),
        (ONE, &["--set", "nodeGroups.general.maxSize=3"], "no --set, not with --set nodeGroups.general.maxSize=3"),
    ] {
        let refused = run(scenario, more).code(2);
        let text = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(text.contains(told) && text.contains("--force"), "{text}");
        assert_eq!(files(folder.path()), before);
    }
    run("scenarios/hpa/flapping.yaml", &["--force"]).success();
}

/// What made a run stands in its results, and a changed input changes it.
#[test]
fn a_summary_names_the_version_the_inputs_the_settings_and_the_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("scenario");
    fs::create_dir_all(copy.join("manifests")).expect("made");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for name in ["ai-model-training.yaml", "manifests/ai-model-training.yaml"] {
        fs::copy(root.join(name), copy.join(name)).expect("copied");
    }
    let summary = |scenario: &Path, out: &str| -> serde_json::Value {
        let out = folder.path().join(out);
        let arguments = ["--quiet", "--no-plots", "--seed", "9", "--set", "duration=1h", "--out"];
        windtunnel().arg("run").arg(scenario).args(arguments).arg(&out).assert().success();
        serde_json::from_slice(&fs::read(out.join("summary.json")).expect("written")).expect("JSON")
    };
    let shipped = summary(&root.join("ai-model-training.yaml"), "a");
    assert_eq!(shipped["windtunnel_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&shipped["seed"], &shipped["set"]), (&9.into(), &serde_json::json!(["duration=1h"])));
    let hash = shipped["scenario_hash"].as_str().expect("a hash").to_owned();
    assert!(hash.starts_with("sha256:") && hash.len() == 71, "{hash}");
    // The same files elsewhere are the same inputs; a manifest that changed is another.
    assert_eq!(summary(&copy.join("ai-model-training.yaml"), "b")["scenario_hash"], hash);
    let manifest = copy.join("manifests/ai-model-training.yaml");
    let text = fs::read_to_string(&manifest).expect("text");
    fs::write(&manifest, text + "# changed\n").expect("written");
    assert_ne!(summary(&copy.join("ai-model-training.yaml"), "c")["scenario_hash"], hash);
}

/// Two namespaces with one name, and two kinds: each has a row and columns of its own.
const NAMESAKES: &str = "apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: namesakes}
spec:
  duration: 10m
  nodes: [{name: n, instanceType: m6i.xlarge}]
  load:
    - {target: {kind: Deployment, name: web, namespace: a}, cpu: {constant: 100m}}
    - {target: {kind: Deployment, name: web, namespace: b}, cpu: {constant: 200m}}
  replicaChanges: [{at: 5m, target: {kind: Deployment, name: web, namespace: b}, replicas: 3}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 500m}}}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: b}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 500m}}}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: web, namespace: a}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}}}
";

#[test]
fn workloads_that_share_a_name_are_kept_apart_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("s.yaml");
    fs::write(&scenario, NAMESAKES).expect("written");
    let out = folder.path().join("out");
    windtunnel().args(["run", "--quiet", "--out"]).arg(&out).arg(&scenario).assert().success();
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("written");
    let summary: serde_json::Value = serde_json::from_str(&read("summary.json")).expect("JSON");
    let keys: Vec<&str> =
        summary["cost"]["by_workload"].as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys, ["__idle__", "b/web", "deployment/a/web", "job/a/web"]);
    let header = read("timeseries.csv").lines().next().expect("a header").to_owned();
    let mut columns: Vec<&str> = header.split(',').collect();
    for column in ["replicas.b/web", "replicas.deployment/a/web", "served.b/web", "served.deployment/a/web"] {
        assert!(columns.contains(&column), "{column} is not in {header}");
    }
    columns.sort_unstable();
    assert!(columns.windows(2).all(|pair| pair[0] != pair[1]), "{header}");
    assert!(read("decisions.csv").contains(",manual,deployment/b/web,2,3,"), "{}", read("decisions.csv"));
    assert!(read("pods.csv").contains("\nweb-job-0,a,job/a/web,"), "{}", read("pods.csv"));
}
