//! The recipes of `deploy/`: what their containers and scripts call, called here. The Ray driver has a test of its own
//! (`deploy/ray/test_sweep.py`), for it needs Ray.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use windtunnel::scenario::Document;

use crate::compare::command::{SCENARIO, windtunnel};
use crate::house::root;

const SWEEP: &str = "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec:\n  scenario: a.yaml\n  parameters: [{path: \
                     duration, values: [20m, 30m, 40m]}]\n  seeds: {from: 1, count: 5}\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), SCENARIO).expect("written");
    fs::write(folder.path().join("sweep.yaml"), SWEEP).expect("written");
    windtunnel(folder.path()).args(["sweep", "sweep.yaml", "--out", "whole", "-q"]).assert().success();
    folder
}

#[track_caller]
fn merges_to_the_same(folder: &Path, shards: &str) {
    let mut files: Vec<String> = fs::read_dir(folder.join(shards))
        .expect("shards")
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .filter(|path| path.ends_with(".jsonl"))
        .collect();
    files.sort();
    windtunnel(folder).arg("merge").args(files).args(["--out", "merged", "-q"]).assert().success();
    for file in ["runs.csv", "sweep.json", "report.html"] {
        let read = |of: &str| fs::read(folder.join(of).join(file)).expect("written");
        assert_eq!(read("merged"), read("whole"), "{file}");
    }
}

/// What the pods of the Indexed Job call, each with its index.
#[test]
fn the_indexed_job_covers_the_sweep() {
    let folder = folder();
    let text = fs::read_to_string(root().join("deploy/kubernetes/sweep.yaml")).expect("it is there");
    let job = text.split("---\n").find(|part| part.contains("kind: Job")).expect("a Job");
    let job: Value = yaml(job);
    let completions = job["spec"]["completions"].as_u64().expect("a number");
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    for index in 0..completions {
        let at = |text: &str| folder.path().join(text).display().to_string();
        let arguments = container["args"].as_array().expect("a list").iter().map(|argument| {
            let argument = argument.as_str().expect("text");
            match argument {
                "/sweep/sweep.yaml" => at("sweep.yaml"),
                "/shards" => at("shards"),
                other => other.replace("$(JOB_COMPLETION_INDEX)", &index.to_string()),
            }
        });
        windtunnel(folder.path()).args(arguments).assert().success();
    }
    merges_to_the_same(folder.path(), "shards");
}

fn yaml(text: &str) -> Value {
    Document::parse("sweep.yaml", text).expect("YAML").read().0.expect("a document")
}

/// What Slurm calls for each element of an array that begins at 3.
#[cfg(unix)]
#[test]
fn the_slurm_array_covers_the_sweep() {
    let folder = folder();
    let binary = Path::new(env!("CARGO_BIN_EXE_windtunnel")).parent().expect("a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    for task in 3..7 {
        let done = Command::new("bash")
            .arg(root().join("deploy/slurm/sweep.sbatch"))
            .args(["sweep.yaml", "shards"])
            .current_dir(folder.path())
            .env("PATH", &path)
            .envs([("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "3"), ("SLURM_CPUS_PER_TASK", "1")])
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .output()
            .expect("bash is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    merges_to_the_same(folder.path(), "shards");
}
