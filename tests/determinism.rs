//! The same seed gives the same run, wherever and whenever; another gives another; and one seed gives every policy the
//! same luck.

use std::collections::BTreeMap;

use rayon::prelude::*;
use windtunnel::sim::RunOptions;
use windtunnel::units::SimDuration;

use crate::plan::{AskPlan, GangPlan, GpuPlan, GroupPlan, LoadPlan, NodePlan, Plan, PodPlan, ReplicatedPlan};
use crate::watch::{Watched, watch};

/// A service that its HPA scales over nodes that come and go, a few pods of a trace and a training job.
fn busy_hour(target_percent: i32) -> Plan {
    let ask = AskPlan { cpu: 1_000, mib: 1_024, ..AskPlan::default() };
    let gpu_node = NodePlan { cores: 8, gpus: GpuPlan::Whole(2), ..NodePlan::default() };
    let group = GroupPlan { boot_seconds: 40, losses_per_hour: 0.5, spot: true, ..GroupPlan::default() };
    let pod = |arrival| PodPlan { ask: ask.clone(), arrival, seconds: Some(600) };
    Plan {
        minutes: 60,
        nodes: vec![gpu_node.clone(), gpu_node],
        groups: vec![GroupPlan { max: 6, ..group.clone() }, GroupPlan { price_cents: 40, ..group }],
        pods: [10, 300, 900, 1_500].into_iter().map(pod).collect(),
        replicated: vec![ReplicatedPlan {
            ask: ask.clone(),
            stateful: false,
            replicas: 2,
            ready_seconds: 10,
            load: LoadPlan::Noisy(1_000, 16_000),
            hpa: Some((2, 20, target_percent)),
            budget: None,
        }],
        // Of the highest priority and there first, so that nothing else decides where it runs.
        gangs: vec![GangPlan { ask: AskPlan { priority: 5, ..ask }, arrival: 0, workers: 2, steps: 5_000 }],
        start_millis: 900,
        end_millis: 5_000,
        ..Plan::default()
    }
}

fn run(plan: &Plan, seed: u64) -> Watched {
    watch(&plan.scenario(), seed, RunOptions::default())
}

#[test]
fn one_seed_gives_one_run_in_any_thread() {
    let plan = busy_hour(50);
    let alone = run(&plan, 7).lines;
    let together: Vec<Vec<String>> = (0..8u64).into_par_iter().map(|index| run(&plan, 7 + index % 2).lines).collect();
    for (index, lines) in together.iter().enumerate() {
        assert_eq!(*lines == alone, index % 2 == 0, "run {index}");
    }
}

#[test]
fn another_seed_gives_other_boots_other_demand_and_other_training() {
    let (one, other) = (run(&busy_hour(50), 1), run(&busy_hour(50), 2));
    assert_ne!(boots(&one), boots(&other));
    assert_ne!(demand(&one), demand(&other));
    assert_ne!(training(&one), training(&other));
}

/// Common random numbers: what the HPA is told to do changes what happens, and nobody's luck.
#[test]
fn another_policy_meets_the_same_boots_demand_and_training() {
    let (one, other) = (run(&busy_hour(50), 3), run(&busy_hour(80), 3));
    assert_ne!(one.decisions, other.decisions, "the policies differ in what they do");
    assert_eq!(demand(&one), demand(&other));
    assert_eq!(training(&one), training(&other));
    let (boots, others) = (boots(&one), boots(&other));
    let shared: Vec<&String> = boots.keys().filter(|name| others.contains_key(*name)).collect();
    assert!(shared.len() >= 2, "both start nodes: {boots:?} {others:?}");
    for name in shared {
        assert_eq!(boots[name], others[name], "{name}");
    }
}

/// From the request to the registration, by node.
fn boots(run: &Watched) -> BTreeMap<String, SimDuration> {
    let nodes = run.outcome.nodes.iter().filter(|node| !node.group.is_empty());
    nodes.filter_map(|node| Some((node.name.to_string(), node.registered? - node.requested))).collect()
}

fn demand(run: &Watched) -> Vec<i64> {
    run.samples.iter().flat_map(|sample| &sample.services).map(|(demand, ..)| *demand).collect()
}

fn training(run: &Watched) -> Vec<SimDuration> {
    let took = |job: &windtunnel::sim::TrainingRow| job.finished.expect("it ends in time") - job.arrival;
    run.outcome.training.iter().map(took).collect()
}
