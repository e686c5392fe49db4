//! What holds in every run, whatever the scenario: nothing is created or lost, and all sums agree.
//!
//! The engine recounts its own books after every event ([`RunOptions::audit_every`]); the rest is judged by what an
//! observer sees.

use proptest::prelude::*;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use windtunnel::sim::RunOptions;

use super::{draw, judge};
use crate::plan::Plan;
use crate::watch::{Watched, watch};

fn config(cases: u32) -> Config {
    Config { cases, max_shrink_iters: 2_000, failure_persistence: None, ..Config::default() }
}

fn holds(plan: &Plan, seed: u64) {
    let scenario = plan.scenario();
    let fast = watch(&scenario, seed, RunOptions { audit_every: 1, ..RunOptions::default() });
    judge::books(&scenario, &fast);
    let plain = watch(&scenario, seed, RunOptions { plain: true, ..RunOptions::default() });
    same_run(&fast, &plain);
}

/// Byte for byte, in all that an observer gets to see.
fn same_run(fast: &Watched, plain: &Watched) {
    for (fast, plain) in fast.lines.iter().zip(&plain.lines) {
        assert_eq!(fast, plain, "the fast run and the plain one part here");
    }
    assert_eq!(fast.lines.len(), plain.lines.len());
}

/// A property over runs in which nothing happens holds for no reason.
#[test]
fn the_drawn_runs_see_all_that_can_happen() {
    let mut seen = [0u64; 12];
    let mut runner = TestRunner::deterministic();
    for seed in 0..60 {
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
        holds(&plan, seed);
    }

    #[test]
    fn books_balance_and_nothing_is_lost_under_the_cluster_autoscaler(
        plan in draw::autoscaled_cluster(), seed in 0..1_000u64,
    ) {
        holds(&plan, seed);
    }
}
