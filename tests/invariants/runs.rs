//! What holds in every run, whatever the scenario: nothing is created or lost, and all sums agree.
//!
//! The engine recounts its own books after every event ([`RunOptions::audit_every`]); the rest is judged by what an
//! observer sees.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest::{collection, option};
use windtunnel::scenario::{self, Override, Scenario, ScenarioFiles};
use windtunnel::sim::{Mechanism, RunOptions};
use windtunnel::units::{SimTime, Usd};

use super::{draw, judge};
use crate::plan::{AskPlan, GangPlan, GpuPlan, GroupPlan, JobPlan, LoadPlan, NodePlan, Plan, ReplicatedPlan};
use crate::watch::{Watched, watch};

/// `PROPTEST_CASES` asks for more (or fewer) draws than an ordinary test run makes.
pub(crate) fn config(cases: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    // An ordinary run draws the same cases each time; who asks for more gets new ones.
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(1) };
    Config {
        cases: asked.unwrap_or(cases),
        max_shrink_iters: 2_000,
        failure_persistence: None,
        rng_seed,
        ..Config::default()
    }
}

fn holds(scenario: &Scenario, seed: u64) {
    // Books that are wrong stay so; each event's audit would be most of this test's time.
    let fast = watch(scenario, seed, RunOptions { audit_every: 3, ..RunOptions::default() });
    judge::books(scenario, &fast);
    let plain = watch(scenario, seed, RunOptions { plain: true, ..RunOptions::default() });
    same_run(&fast, &plain);
    // An audit makes up books that may otherwise be behind.
    same_run(&watch(scenario, seed, RunOptions::default()), &plain);
}

/// Two NodePools, one of them spot, that consolidate soon.
pub(super) fn node_pools() -> Scenario {
    static LOADED: OnceLock<Scenario> = OnceLock::new();
    LOADED.get_or_init(read_node_pools).clone()
}

fn read_node_pools() -> Scenario {
    let text = r#"
apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: drawn}
spec:
  duration: 1h
  nodePools:
    instanceTypes: [m6i.large, m6i.xlarge, m6i.2xlarge, c6i.xlarge, g4dn.xlarge]
    zones: [zone-a, zone-b, zone-c]
    prices: {m6i.large: {spot: 0.04}, m6i.xlarge: {spot: 0.07}, m6i.2xlarge: {spot: 0.15}}
    launchFailureProbability: 0.1
    interruptionsPerHour: 1
    failuresPerHour: 0.2
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  weight: 10
  limits: {cpu: 24}
  disruption: {consolidateAfter: 30s, budgets: [{nodes: "50%"}]}
  template:
    spec:
      expireAfter: 25m
      requirements:
        - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
        - {key: node.kubernetes.io/instance-type, operator: In, values: [m6i.large, m6i.xlarge, m6i.2xlarge]}
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: on-demand}
spec:
  disruption: {consolidateAfter: 1m}
  template:
    spec:
      requirements:
        - {key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}
        - {key: node.kubernetes.io/instance-type, operator: In, values: [m6i.large, m6i.xlarge, m6i.2xlarge, c6i.xlarge, g4dn.xlarge]}
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
"#;
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("pools.yaml");
    std::fs::write(&path, text).expect("there is room for a scenario");
    scenario::load(&path, &[]).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false))).scenario
}

/// What is shipped balances as well; the trace of a thousand nodes for its first hours only.
#[test]
fn books_balance_in_every_scenario_of_the_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(&folder).expect("scenarios are shipped").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let files = ScenarioFiles::open(&path).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let shorter = Override::parse("duration=6h").unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let loaded = files.load(&[shorter]).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        let scenario = loaded.scenario;
        let fast = watch(&scenario, 1, RunOptions { audit_every: 499, ..RunOptions::default() });
        judge::books(&scenario, &fast);
        if scenario.nodes.len() < 100 && scenario.trace_pods.len() < 1_000 {
            same_run(&fast, &watch(&scenario, 1, RunOptions { plain: true, ..RunOptions::default() }));
        }
    }
}

/// Byte for byte, in all that an observer gets to see.
pub(crate) fn same_run(fast: &Watched, plain: &Watched) {
    for (fast, plain) in fast.lines.iter().zip(&plain.lines) {
        assert_eq!(fast, plain, "the fast run and the plain one part here");
    }
    assert_eq!(fast.lines.len(), plain.lines.len());
}

/// Found by the soak: a worker that its kubelet starts again after an out-of-memory kill is no worker more.
#[test]
fn a_worker_that_fails_takes_its_gang_with_it_whatever_its_restart_policy() {
    let ask = AskPlan { cpu: 1_000, mib: 1_000, memory_use: 177, never_restarts: false, ..AskPlan::default() };
    let node = NodePlan { cores: 16, gib: 32, gpus: GpuPlan::Whole(4), ..NodePlan::default() };
    let gangs = vec![GangPlan { ask, arrival: 10, workers: 2, steps: 3_000 }];
    let plan = Plan { minutes: 30, nodes: vec![node], gangs, ..Plan::default() };
    let run = watch(&plan.scenario(), 1, RunOptions { audit_every: 1, ..RunOptions::default() });
    assert!(run.outcome.oom_kills > 0, "a worker is killed");
    // What a job holds and waits is counted without a sign: a second start of it would stop the run here.
    assert_eq!(run.outcome.restarts, 0);
}

/// A property over runs in which nothing happens holds for no reason.
#[test]
fn the_drawn_runs_see_all_that_can_happen() {
    let mut seen = [0u64; 14];
    let mut runner = TestRunner::deterministic();
    for seed in 0..80 {
        let plan = draw::autoscaled_cluster().new_tree(&mut runner).expect("a plan can always be drawn").current();
        let run = watch(&plan.scenario(), seed, RunOptions::default());
        let of = &run.outcome;
        let services = run.samples.iter().flat_map(|sample| &sample.services);
        let counts = [
            of.scale_ups,
            of.scale_downs,
            of.nodes_removed,
            of.hpa_changes,
            of.evicted,
            of.preempted,
            of.oom_kills,
            of.restarts,
            of.interruptions,
            of.training.iter().filter(|job| job.finished.is_some()).count() as u32,
            of.training.iter().map(|job| job.interruptions).sum(),
            services.filter(|(_, served, backlog)| *served > 0 && *backlog > 0).count() as u32,
            u32::from(of.reserved_unused > Usd::ZERO),
            of.commitments.iter().map(|row| u32::from(row.covered > row.paid)).sum(),
        ];
        for (sum, count) in seen.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
    }
    assert!(seen.iter().all(|count| *count >= 5), "{seen:?}");
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn books_balance_and_nothing_is_lost_on_fixed_nodes(plan in draw::fixed_cluster(), seed in 0..1_000u64) {
        holds(&plan.scenario(), seed);
    }

    #[test]
    fn books_balance_and_nothing_is_lost_under_the_cluster_autoscaler(
        plan in draw::autoscaled_cluster(), seed in 0..1_000u64,
    ) {
        holds(&plan.scenario(), seed);
    }
}

proptest! {
    // A simulation of Karpenter's consolidation costs a second where nothing is optimized.
    #![proptest_config(config(10))]

    #[test]
    fn books_balance_and_nothing_is_lost_under_karpenter(plan in draw::fixed_cluster(), seed in 0..1_000u64) {
        holds(&plan.scenario_on(node_pools()), seed);
    }
}

/// Services on roomy nodes, whose equal pods a run takes together.
fn services() -> impl Strategy<Value = Plan> {
    let load = (200..4_000i64, 1_000..30_000i64).prop_map(|(trough, peak)| LoadPlan::Noisy(trough, peak));
    let hpa = option::weighted(0.8, (1..4i32, 4..12i32, 30..90i32));
    let service = (2..30i64, 1..7u32, 0..40i64, load, hpa, proptest::bool::weighted(0.2));
    let node = (8..64i64, 0..3u8);
    (
        collection::vec(service, 1..5),
        collection::vec(node, 2..6),
        collection::vec((0..7_000i64, 0..5usize, 0..9u32), 0..3),
    )
        .prop_map(|(services, nodes, changes)| {
            let replicated = services.into_iter().map(|(cpu, replicas, ready_seconds, load, hpa, stateful)| {
                let ask = AskPlan { cpu: cpu * 50, mib: 128, memory_use: 50, ..AskPlan::default() };
                ReplicatedPlan { ask, stateful, replicas, ready_seconds, load, hpa, budget: None }
            });
            let nodes = nodes.into_iter().map(|(cores, zone)| NodePlan { cores, gib: 64, zone, ..NodePlan::default() });
            Plan { minutes: 120, nodes: nodes.collect(), replicated: replicated.collect(), changes, ..Plan::default() }
        })
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn pods_that_are_taken_together_do_what_each_would_do_alone(plan in services(), seed in 0..1_000u64) {
        let scenario = plan.scenario();
        let plain = watch(&scenario, seed, RunOptions { plain: true, ..RunOptions::default() });
        same_run(&watch(&scenario, seed, RunOptions::default()), &plain);
        same_run(&watch(&scenario, seed, RunOptions { audit_every: 37, ..RunOptions::default() }), &plain);
    }
}

/// A waiting gang is tried again whenever a Job's pod ends; that a worker of it was held against a node for an instant is
/// no news to the autoscaler, which looks by its own clock.
#[test]
fn a_gang_that_is_tried_in_vain_is_no_news() {
    let ask = || AskPlan { cpu: 100, mib: 64, memory_use: 10, ..AskPlan::default() };
    let node = |cores, gib, gpus| NodePlan { cores, gib, max_pods: 2, zone: 0, taint: None, gpus };
    let group = GroupPlan {
        node: node(1, 1, GpuPlan::None),
        zones: 1,
        initial: 0,
        max: 1,
        boot_seconds: 0,
        startup_seconds: 0,
        spot: false,
        reserved: None,
        losses_per_hour: 0.0,
        start_failures: 0.0,
        quota: None,
        stock_out_minutes: None,
        price_cents: 1,
    };
    let plan = Plan {
        minutes: 60,
        nodes: vec![node(3, 4, GpuPlan::Whole(1)), node(2, 2, GpuPlan::None)],
        groups: vec![group],
        jobs: vec![JobPlan { ask: ask(), arrival: 530, parallelism: 1, completions: 3, seconds: 9 }],
        gangs: vec![GangPlan { ask: ask(), arrival: 511, workers: 3, steps: 1 }],
        most_allocated: true,
        ..Plan::default()
    };
    let run = |plain| watch(&plan.scenario(), 2, RunOptions { plain, audit_every: 1 });
    let fast = run(false);
    same_run(&fast, &run(true));
    let first_word = fast.outcome.explanation.wait_reasons.iter().find(|row| row.reason == Mechanism::NoFittingType);
    assert_eq!(first_word.map(|row| row.first), Some(SimTime::from_secs(542)));
}
