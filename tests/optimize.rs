//! `windtunnel optimize` on a small extract of the Philly jobs, against the best plan of all.
//!
//! `OPTIMIZE_GRID=small cargo test --release --test main optimize::` tries all plans for that, `OPTIMIZE_GRID=full` does so
//! for `scenarios/sweeps/gpu-plan.yaml`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::compare::command::windtunnel;
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
const BEST: [u32; 3] = [0, 6, 2];

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
    cost(&json(folder, &["optimize", "best.yaml"]))
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
