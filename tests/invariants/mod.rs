//! What holds in every run, whatever the scenario: nothing is created or lost, and all sums agree.
//!
//! The engine recounts its own books after every event ([`RunOptions::audit_every`]); the rest is judged by what an
//! observer sees.

mod draw;
mod judge;

use proptest::prelude::*;
use proptest::test_runner::Config;
use windtunnel::sim::RunOptions;

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

proptest! {
    #![proptest_config(config(100))]

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
