//! `windtunnel optimize` on a small extract of the Philly jobs, against the best plan of all.
//!
//! `OPTIMIZE_GRID=small cargo test --release --test main optimize::` tries all plans for that, `OPTIMIZE_GRID=full` does so
//! for `scenarios/sweeps/gpu-plan.yaml`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::compare::command::{SCENARIO, windtunnel};
use crate::house::root;

/// A day of the jobs, 7 × 7 × 7 plans.
fn small(folder: &Path) -> String {
    let data = root().join("data/philly-2017");
    for file in ["jobs-ee9e8c-week6.csv", "throughputs.csv"] {
        fs::copy(data.join(file), folder.join(file)).expect("copied");
    }
    let plan = fs::read_to_string(root().join("scenarios/gpu-plan.yaml")).expect("there");
    let plan = plan.replace("../data/philly-2017/", "").replace("duration: 7d", "duration: 1d");
    fs::write(folder.join("plan.yaml"), plan.replace("    timeScale: 0.769", "    timeScale: 0.769\n    limit: 25"))
        .expect("written");
    let sweep = fs::read_to_string(root().join("scenarios/sweeps/gpu-plan.yaml")).expect("there");
    let sweep = sweep.replace("../gpu-plan.yaml", "plan.yaml").replace("seeds: {from: 1, count: 2}", "seeds: [1]");
    let sweep = sweep.replace("from: 0, to: 20, step: 2", "from: 0, to: 6, step: 1");
    sweep.replace("from: 0, to: 12, step: 2", "from: 0, to: 6, step: 1")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = windtunnel(folder).args(arguments).args(["--format", "json"]).assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The best of all 343 small plans, as `optimize --budget 343` found it; `OPTIMIZE_GRID=small` finds it anew.
const BEST: [u32; 3] = [0, 6, 3];

/// The cost of the best plan of all.
fn optimum(folder: &Path, file: &str) -> f64 {
    let cost = |found: &Value| found["best"]["objective"].as_f64().expect("a plan that holds");
    if std::env::var("OPTIMIZE_GRID").is_ok() {
        let all = json(folder, &["optimize", file, "--budget", "100000"]);
        assert_eq!((&all["is_exhaustive"], &all["runs"]), (&true.into(), &all["runs_of_all"]));
        return cost(&all);
    }
    let mut alone = small(folder);
    for size in BEST {
        alone = alone.replacen("range: {from: 0, to: 6, step: 1}", &format!("values: [{size}]"), 1);
    }
    fs::write(folder.join("best.yaml"), alone).expect("written");
    cost(&json(folder, &["optimize", "best.yaml", "--out", "best"]))
}

#[test]
fn a_tenth_of_the_runs_finds_the_cheapest_plan_of_all_within_two_percent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let file = if std::env::var("OPTIMIZE_GRID").is_ok_and(|grid| grid == "full") {
        root().join("scenarios/sweeps/gpu-plan.yaml").display().to_string()
    } else {
        fs::write(path.join("sweep.yaml"), small(path)).expect("written");
        "sweep.yaml".to_owned()
    };
    let found = json(path, &["optimize", &file, "--jobs", "1"]);
    let [spent, all] = ["runs_equivalent", "runs_of_all"].map(|key| found[key].as_f64().expect("a number"));
    assert!(spent <= all / 10.0, "{spent} of {all}");
    let best = found["best"]["objective"].as_f64().expect("a plan that holds");
    let optimum = optimum(path, &file);
    assert!(best <= 1.02 * optimum, "{} against {optimum}", found["best"]);
    assert_eq!(found, json(path, &["optimize", &file, "--jobs", "3"]), "threads change nothing");
}

#[test]
fn what_is_wanted_can_be_said_at_the_prompt_and_is_checked_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let text = small(path);
    let space = text.split("  optimize:").next().unwrap_or_default();
    fs::write(path.join("sweep.yaml"), space).expect("written");
    for (arguments, part) in [
        (&[][..], "nothing to look for"),
        (&["--minimize", "cost.totl_usd"], "did you mean `cost.total_usd`?"),
        (&["--minimize", "cost.total_usd", "--subject-to", "pods_pending < 3"], "time series"),
        (&["--minimize", "cost.total_usd", "--subject-to", "nodes.peak"], "no condition"),
    ] {
        let error = windtunnel(path)
            .args(["optimize", "sweep.yaml"])
            .args(arguments)
            .assert()
            .code(2)
            .get_output()
            .stderr
            .clone();
        let error = String::from_utf8(error).expect("text");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let arguments =
        ["optimize", "sweep.yaml", "--budget", "12", "--minimize", "cost.total_usd", "--subject-to", "nodes.peak >= 2"];
    let output = windtunnel(path).args(arguments).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("has the lowest cost.total_usd that holds the conditions")
            && text.contains("all would take 343 runs"),
        "{text}"
    );
}

#[test]
fn a_search_leaves_its_runs_what_it_found_and_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(path.join("a.yaml"), SCENARIO.replace("duration: 4h", "duration: 1h")).expect("written");
    let sweep = "apiVersion: windtunnel/v1
kind: Sweep
metadata: {name: plan}
spec:
  scenario: a.yaml
  variants: [{label: '<script>alert(1)</script>'}, {label: dear, set: {nodeGroups.small.pricePerHour: 0.5}}]
  parameters:
    - {path: nodeGroups.small.maxSize, values: [3, 6, 9, 12]}
    - {path: autoscaling.clusterAutoscaler.scaleDownUnneededTime, range: {from: 2m, to: 10m, step: 2m}}
  seeds: [1, 2, 3]
  optimize: {minimize: cost.total_usd, subjectTo: [pods.never_scheduled == 0, pod_wait_seconds.p99 < 10m]}
";
    fs::write(path.join("plan.yaml"), sweep).expect("written");
    let found = json(path, &["optimize", "plan.yaml", "--budget", "20", "--jobs", "2"]);
    let results = path.join("results/plan-optimize");
    let read = |name: &str| fs::read_to_string(results.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let kept: Value = serde_json::from_str(&read("optimize.json")).expect("JSON");
    assert_eq!(kept["found"], found);
    assert_eq!((&kept["minimize"], &kept["budget"]), (&"cost.total_usd".into(), &20.into()));
    assert!(kept["sweep_hash"].as_str().is_some_and(|hash| hash.starts_with("sha256:")), "{kept:#}");
    let rows = read("runs.csv").lines().count() - 1;
    assert!(rows > 0 && rows as f64 <= found["runs"].as_f64().expect("a number"), "{rows}");
    let page = read("report.html");
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "a name is text");
    assert!(page.contains("How sure that is") && page.contains(">best<"));
    assert!(read("objective-against-condition.svg").contains("<title>"));
    // The same search leaves the same bytes; another budget of the same space may take its place, other inputs may not.
    let before = page.clone();
    json(path, &["optimize", "plan.yaml", "--budget", "20", "--jobs", "1"]);
    assert_eq!(read("report.html"), before);
    let again = json(path, &["optimize", "plan.yaml", "--budget", "12"]);
    fs::write(path.join("plan.yaml"), sweep.replace("0.5", "0.6")).expect("written");
    let refused =
        windtunnel(path).args(["optimize", "plan.yaml", "--budget", "12"]).assert().code(2).get_output().clone();
    let refused = String::from_utf8(refused.stderr).expect("text");
    assert!(refused.contains("--force"), "{refused}");
    // Its runs compare as a sweep's do.
    let side =
        |rank: usize| format!("results/plan-optimize#{}", again["ranking"][rank]["label"].as_str().expect("a label"));
    let told = windtunnel(path).args(["compare", &side(0), &side(1)]).assert().success().get_output().clone();
    assert!(!String::from_utf8_lossy(&told.stdout).is_empty(), "{told:?}");
}
