//! Behaviour of controllers and kubelets that is upstream's and subtle, seen from outside a whole run.

mod budgets;
mod cloud;
mod container_metric;
mod corners;
mod cost;
mod cpu;
mod cron_jobs;
mod drain;
mod explain;
mod gang_loss;
mod gang_room;
mod gpu_nodes;
mod hpa;
mod images;
mod jobs;
mod kubelet;
mod kueue;
mod memory;
mod node_failure;
mod past_the_scheduler;
mod preemption;
mod queue;
mod replicas;
mod rollouts;
mod running;
mod stock_outs;
mod training_kinds;
mod volumes;
mod written;

use std::path::Path;

use windtunnel::scenario::{self, Override};
use windtunnel::sim::{PodRow, RunOptions};
use windtunnel::units::SimTime;

use crate::golden;
use crate::plan::{AskPlan, LoadPlan, Plan, PodPlan, ReplicatedPlan};
use crate::watch::{Watched, watch};

fn run(plan: &Plan) -> Watched {
    let scenario = plan.scenario();
    golden::as_on_record(&scenario, 1);
    watch(&scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() })
}

/// A scenario of this room, as text.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/scenarios").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
}

/// Runs a scenario as a user writes it, with `--set`s, and recounts its books after every event.
fn run_scenario(text: &str, sets: &[&str]) -> Watched {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, text).expect("there is room for a scenario");
    let sets: Vec<Override> = sets.iter().map(|set| Override::parse(set).expect("a path and a value")).collect();
    let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
    golden::as_on_record(&loaded.scenario, loaded.scenario.seed);
    watch(&loaded.scenario, loaded.scenario.seed, RunOptions { audit_every: 1, ..RunOptions::default() })
}

/// Runs a scenario as a user writes it, audited; what its reader warned of comes with it.
fn run_yaml(scenario: &str) -> (Watched, Vec<String>) {
    run_files(&[("scenario.yaml", scenario)])
}

/// As [`run_yaml`], with tables beside the scenario, which is the first file.
fn run_files(files: &[(&str, &str)]) -> (Watched, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let loaded = windtunnel::scenario::load(&folder.path().join(files[0].0), &[])
        .unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    let warnings = loaded.warnings.iter().map(|warning| warning.draw(false)).collect();
    golden::as_on_record(&loaded.scenario, 1);
    (watch(&loaded.scenario, 1, RunOptions { audit_every: 1, ..RunOptions::default() }), warnings)
}

fn pod(run: &Watched, name: &str) -> PodRow {
    run.outcome.pods.iter().find(|pod| *pod.name == *name).unwrap_or_else(|| panic!("no pod {name}")).clone()
}

fn secs(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn deployment(replicas: u32) -> ReplicatedPlan {
    ReplicatedPlan {
        ask: AskPlan::default(),
        stateful: false,
        replicas,
        ready_seconds: 0,
        load: LoadPlan::None,
        hpa: None,
        budget: None,
    }
}

fn trace_pod(ask: AskPlan, arrival: i64, seconds: i64) -> PodPlan {
    PodPlan { ask, arrival, seconds: Some(seconds) }
}
