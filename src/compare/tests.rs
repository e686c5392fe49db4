//! The answer as people and programs get it, on figures made for it; the statistics over many comparisons.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::record::Figure;
use crate::units::random::{entity_of_name, stream};

const COST: &str = "cost.total_usd";

fn side(name: &str, seeds: std::ops::Range<u64>, figures: impl Fn(u64) -> Vec<(&'static str, f64)>) -> Side {
    let run = |seed| {
        let figure = |(name, value): (&str, f64)| Figure { name: name.to_owned(), value, is_whole: false };
        SideRun { seed, figures: figures(seed).into_iter().map(figure).collect(), ..SideRun::default() }
    };
    Side { name: name.to_owned(), runs: seeds.map(run).collect() }
}

fn asked(metrics: &[&str]) -> Question {
    let metrics = metrics.iter().map(|name| (*name).to_owned()).collect();
    Question { metrics, level: 0.95, precision: 0.02, looks: 1 }
}

const FIRST_TWO: [Matchup; 1] = [Matchup { baseline: 0, variant: 1 }];

/// Weather that both sides of a seed see.
fn weather(seed: u64) -> f64 {
    stream(seed, "weather", 0).random::<f64>()
}

fn noise(purpose: &str, seed: u64) -> f64 {
    StandardNormal.sample(&mut stream(seed, purpose, entity_of_name(purpose)))
}

#[test]
fn a_real_difference_is_told_with_its_size_and_what_speaks_against_it() {
    let cost = |factor: f64, wait: f64| {
        move |seed| vec![(COST, factor * (10.0 + weather(seed))), ("pod_wait_seconds.p99", wait + noise("wait", seed))]
    };
    let sides = [side("main", 1..11, cost(1.0, 100.0)), side("pr", 1..11, cost(0.9, 140.0))];
    let comparison = compare(&sides, &FIRST_TWO, &asked(&[COST, "pod_wait_seconds.p99"]));
    assert!(comparison.answer.starts_with("pr is 10.0 % cheaper than main: "), "{}", comparison.answer);
    assert!(comparison.answer.contains("but pod_wait_seconds.p99 is +4"), "{}", comparison.answer);
    let verdicts: Vec<Verdict> = comparison.comparisons.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::Better, Verdict::Worse]);
    let [Some(low), Some(high)] = comparison.comparisons[0].interval else { panic!("{comparison:?}") };
    assert!(
        low <= high && high < 0.0 && comparison.comparisons[0].relative.is_some_and(|part| (part + 0.1).abs() < 1e-9)
    );
}

#[test]
fn a_variant_that_leaves_work_unserved_is_never_better_without_that_word() {
    let run = |cost: f64, unserved: f64| move |seed| vec![(COST, cost + weather(seed)), ("pods.unserved", unserved)];
    let sides = [side("main", 1..11, run(10.0, 0.0)), side("small", 1..11, run(5.0, 8.0))];
    let comparison = compare(&sides, &FIRST_TWO, &asked(&[COST]));
    assert_eq!(comparison.comparisons[0].verdict, Verdict::Better);
    assert!(comparison.answer.contains("8 pods unserved (main: 0)"), "{}", comparison.answer);
}

#[test]
fn figures_that_are_null_are_named_and_judged_by_nobody() {
    let run = |wait: f64| move |seed| vec![("pod_wait_seconds.p99", if seed == 3 { wait } else { 5.0 })];
    let sides = [side("a", 1..11, run(5.0)), side("b", 1..11, run(f64::NAN))];
    let comparison = compare(&sides, &FIRST_TWO, &asked(&["pod_wait_seconds.p99"]));
    let row = &comparison.comparisons[0];
    assert_eq!((row.verdict, row.mean, row.null_runs), (Verdict::CantTell, None, [1, 0]));
    assert!(comparison.answer.contains("null in 1 run of b"), "{}", comparison.answer);
}

#[test]
fn equal_sides_one_seed_and_no_chance_are_said_in_words() {
    let same = |seed| vec![(COST, 10.0 + weather(seed))];
    let alike = compare(&[side("a", 1..11, same), side("b", 1..11, same)], &FIRST_TWO, &asked(&[COST]));
    assert_eq!(alike.answer, "b and a are the same in every seed (10 seeds).");
    let dearer = |seed| vec![(COST, 11.0 + weather(seed))];
    let one = compare(&[side("a", 1..2, same), side("b", 1..2, dearer)], &FIRST_TWO, &asked(&[COST]));
    assert!(one.answer.contains("one seed says nothing of chance"), "{}", one.answer);
    assert_eq!(one.comparisons[0].interval, [None, None]);
    let fixed = |cost: f64| move |_| vec![(COST, cost)];
    let exact = compare(&[side("a", 1..3, fixed(4.0)), side("b", 1..3, fixed(5.0))], &FIRST_TWO, &asked(&[COST]));
    assert_eq!(exact.comparisons[0].verdict, Verdict::Worse);
    assert!(exact.answer.contains("by the same in every seed"), "{}", exact.answer);
}

/// How often two sides are called different in any of these metrics.
fn called_different(trials: u64, sides: impl Fn(u64) -> ([Side; 2], Vec<&'static str>)) -> f64 {
    let is_called = |trial: &u64| {
        let (sides, metrics) = sides(*trial);
        let comparison = compare(&sides, &FIRST_TWO, &asked(&metrics));
        comparison.comparisons.iter().any(|row| row.verdict != Verdict::CantTell)
    };
    (0..trials).filter(is_called).count() as f64 / trials as f64
}

/// Sums of money, waits with a long tail and counts, of two policies that differ by chance alone.
fn equal_policies(trial: u64) -> ([Side; 2], Vec<&'static str>) {
    let run = |name: &'static str| {
        move |seed: u64| {
            let [a, b, c] = ["cost", "wait", "peak"].map(|what| noise(&format!("{name} {what} {trial}"), seed));
            vec![
                (COST, 10.0 + weather(seed) + 0.3 * a),
                ("pod_wait_seconds.p99", 60.0 * b.exp()),
                ("nodes.peak", (5.0 + c).round()),
            ]
        }
    };
    ([side("a", 1..11, run("a")), side("b", 1..11, run("b"))], vec![COST, "pod_wait_seconds.p99", "nodes.peak"])
}

#[test]
fn of_equal_policies_few_are_called_different() {
    let share = called_different(500, equal_policies);
    assert!(share <= 0.07, "{share}");
    // So too where only two seeds are run, which counts make look equal.
    let few = called_different(500, |trial| {
        let ([mut a, mut b], metrics) = equal_policies(trial);
        a.runs.truncate(2);
        b.runs.truncate(2);
        ([a, b], metrics)
    });
    assert!(few <= 0.07, "{few}");
}

/// Runs seeds until precise, as the command does: the verdict on cost, and the seeds that it took.
fn until_precise(trial: u64, factor: f64, spread: f64) -> (Verdict, usize) {
    let run = |name: &'static str, factor: f64| {
        move |seed: u64| {
            vec![(COST, factor * (10.0 + weather(seed)) + spread * noise(&format!("{name} {trial}"), seed))]
        }
    };
    let (mut pairs, mut looked) = (10, 1);
    loop {
        let seeds = 1..pairs as u64 + 1;
        let sides = [side("a", seeds.clone(), run("a", 1.0)), side("b", seeds, run("b", factor))];
        let question = Question { looks: LOOKS, ..asked(&[COST]) };
        let comparison = compare(&sides, &FIRST_TWO, &question);
        match next_look(&comparison, &question.metrics, looked, 1_000) {
            Some(next) => (pairs, looked) = (next, looked + 1),
            None => return (comparison.comparisons[0].verdict, pairs),
        }
    }
}

#[test]
fn a_difference_of_two_percent_is_found_and_none_is_not_with_the_seeds_that_were_asked_for() {
    for spread in [0.05, 0.2, 0.5] {
        let found = (0..200).filter(|trial| until_precise(*trial, 1.02, spread).0 == Verdict::Worse).count();
        assert!(found >= 180, "spread {spread}: {found} of 200");
        let false_alarms = (0..200).filter(|trial| until_precise(*trial, 1.0, spread).0 != Verdict::CantTell).count();
        assert!(false_alarms <= 14, "spread {spread}: {false_alarms} of 200");
    }
}

#[test]
fn the_seeds_that_a_first_comparison_asks_for_find_two_percent() {
    let run = |name: &'static str, factor: f64, trial: u64| {
        move |seed: u64| vec![(COST, factor * 10.0 + 0.25 * noise(&format!("{name} {trial}"), seed))]
    };
    let found = |trial: &u64| {
        let at = |pairs: u64| {
            let sides =
                [side("a", 1..pairs + 1, run("a", 1.0, *trial)), side("b", 1..pairs + 1, run("b", 1.02, *trial))];
            let mut comparison = compare(&sides, &FIRST_TWO, &asked(&[COST]));
            comparison.comparisons.remove(0)
        };
        let first = at(10);
        first.verdict == Verdict::Worse || first.more_seeds.is_some_and(|more| at(10 + more).verdict == Verdict::Worse)
    };
    let found = (0..200).filter(found).count();
    assert!(found >= 180, "{found} of 200");
}
