//! Searches over figures made for it, against trying all.

use super::*;
use crate::check::Expectation;
use crate::scenario::spec::ExpectationSpec;
use crate::units::random::stream;

use rand::RngExt;

fn condition(text: &str) -> Condition {
    Condition::of(&Expectation::compile(&ExpectationSpec::Short(text.to_owned())).unwrap()).unwrap()
}

/// Reserved, spot and on-demand nodes, seven sizes each: a cost and a wait such as a cluster's, with some luck in both.
fn plan(seeds: usize) -> Problem {
    let places: Vec<Vec<usize>> =
        (0..7).flat_map(|a| (0..7).flat_map(move |b| (0..7).map(move |c| vec![a, b, c]))).collect();
    Problem {
        metric: "cost.total_usd".to_owned(),
        is_maximized: false,
        conditions: vec![condition("training.wait_seconds.p95 < 30m"), condition("pods.never_scheduled == 0")],
        labels: places.iter().map(|place| format!("{place:?}")).collect(),
        coordinates: places.iter().map(|place| place.iter().map(|at| *at as f64 / 6.0).collect()).collect(),
        places,
        parameters: ["reserved", "spot", "on-demand"]
            .map(|name| Parameter {
                name: name.to_owned(),
                values: (0..7).map(|size: u32| size.to_string()).collect(),
                is_ordered: true,
            })
            .to_vec(),
        seeds: (1..=seeds as u64).collect(),
    }
}

fn cluster(problem: &Problem, trial: &Trial, twist: f64) -> Tried {
    let [reserved, spot, on_demand] = [0, 1, 2].map(|at| problem.places[trial.configuration][at] as f64);
    let mut luck = stream(trial.seed, "luck", trial.configuration as u64);
    let demand = 5.0 + twist;
    let by_reserved = reserved.min(demand);
    let by_spot = (0.8 * spot).min(demand - by_reserved);
    let by_demand = on_demand.min(demand - by_reserved - by_spot);
    let cost = 10.0 * reserved + 5.5 * by_spot * 1.3 + 17.0 * by_demand + 0.2 * spot + 0.1 * on_demand;
    let capacity = reserved + 0.8 * spot + on_demand;
    let load = demand / (capacity + 0.5);
    let wait = 300.0 * load / (1.15 - load.min(1.1)) + 60.0 * spot;
    let unserved = (demand - capacity - 1.0).max(0.0).ceil();
    let objective = cost * trial.horizon * (1.0 + 0.01 * luck.random::<f64>());
    Tried { objective, figures: vec![wait * (0.9 + 0.2 * luck.random::<f64>()) * trial.horizon.sqrt(), unserved] }
}

fn run(problem: &Problem, twist: f64) -> impl FnMut(&[Trial]) -> Vec<Option<Tried>> {
    move |trials| trials.iter().map(|trial| Some(cluster(problem, trial, twist))).collect()
}

#[test]
fn a_tenth_of_the_runs_finds_the_optimum_of_all_within_two_percent() {
    for twist in [-2.5, -1.0, 0.5] {
        let problem = plan(3);
        let all = search(&problem, usize::MAX, 1, run(&problem, twist));
        assert!(all.is_exhaustive && all.runs == 3 * 343);
        let optimum = all.best.unwrap().objective.unwrap();
        for seed in 1..3 {
            let found = search(&problem, 3 * 343 / 10, seed, run(&problem, twist));
            assert!(found.runs_equivalent <= 102.0 && !found.is_exhaustive);
            let best = found.best.unwrap();
            assert!(
                best.objective.unwrap() <= 1.02 * optimum,
                "twist {twist}, seed {seed}: {best:?} against {optimum}"
            );
            assert!(best.seeds >= 3 && best.holds);
            let next = found.runner_up.unwrap();
            assert!(next.pairs >= 3, "the next best has partners of the same seeds: {next:?}");
        }
    }
}

#[test]
fn equal_seeds_give_equal_searches() {
    let problem = plan(2);
    let json = |seed| serde_json::to_string(&search(&problem, 60, seed, run(&problem, 0.0))).unwrap();
    assert_eq!(json(7), json(7));
}

#[test]
fn no_more_runs_are_made_than_allowed() {
    let problem = plan(3);
    for budget in 1..40 {
        let found = search(&problem, budget, 1, run(&problem, 0.0));
        assert!(found.runs_equivalent <= budget as f64, "{} of {budget}", found.runs_equivalent);
    }
}

/// One easy seed, and one that costs twice as much: what ran under the easy one alone is no better for that.
#[test]
fn a_setting_that_ran_under_an_easy_seed_alone_is_not_best_for_that() {
    let problem = plan(4);
    let found = search(&problem, 60, 1, |trials: &[Trial]| {
        let tried = |trial: &Trial| {
            let weather = if trial.seed == 1 { 1.0 } else { 2.0 };
            let own = cluster(&problem, trial, 0.0);
            Some(Tried { objective: own.objective + 20.0 * weather, ..own })
        };
        trials.iter().map(tried).collect()
    });
    let best = found.best.unwrap();
    assert!(best.seeds >= 4, "{best:?}");
    assert!(
        found.all.iter().all(|one| one.objective.is_some_and(|objective| objective >= 0.0)),
        "nothing costs less than nothing"
    );
    let worse = found.ranking.iter().filter(|other| other.seeds == 1);
    assert!(worse.into_iter().all(|other| other.objective >= best.objective), "{:?}", found.ranking);
}

#[test]
fn a_best_at_the_end_of_a_range_is_told_unless_that_is_zero_or_of_no_matter() {
    let mut problem = plan(1);
    problem.conditions.clear();
    // More reserved nodes are always better, spot nodes cost, on-demand nodes are of no matter.
    let found = search(&problem, usize::MAX, 1, |trials: &[Trial]| {
        let cost = |trial: &Trial| {
            let place = &problem.places[trial.configuration];
            10.0 - place[0] as f64 + place[1] as f64
        };
        trials.iter().map(|trial| Some(Tried { objective: cost(trial), figures: Vec::new() })).collect()
    });
    let end =
        |parameter: &str, value: &str, end| AtEnd { parameter: parameter.to_owned(), value: value.to_owned(), end };
    assert_eq!(found.at_ends, [end("reserved", "6", "highest")]);
    let durations =
        Parameter { values: vec!["10m".to_owned(), "2m".to_owned()], is_ordered: true, ..Parameter::default() };
    assert_eq!((durations.end(0), durations.end(1)), (Some("highest"), Some("lowest")));
}

#[test]
fn where_nothing_holds_that_is_said_with_what_comes_nearest() {
    let mut problem = plan(1);
    problem.conditions = vec![condition("training.wait_seconds.p95 < 1s")];
    let found = search(&problem, 40, 1, run(&problem, 0.0));
    assert!(found.best.is_none() && found.answer.contains("comes nearest and breaks"), "{}", found.answer);
}

#[test]
fn the_binding_condition_is_that_which_something_better_breaks() {
    let problem = plan(1);
    let found = search(&problem, usize::MAX, 1, run(&problem, 0.0));
    let binding = found.binding.unwrap();
    assert!(binding.condition == "training.wait_seconds.p95 < 30m" || binding.condition == "pods.never_scheduled == 0");
    let (without, best) = (binding.without.unwrap(), found.best.unwrap());
    assert!(without.objective < best.objective && !without.holds);
}

#[test]
fn a_configuration_that_is_no_scenario_costs_nothing_and_is_counted() {
    let problem = plan(1);
    let found = search(&problem, 30, 1, |trials: &[Trial]| {
        let tried = |trial: &Trial| (problem.places[trial.configuration][0] < 6).then(|| cluster(&problem, trial, 0.0));
        trials.iter().map(tried).collect()
    });
    assert!(found.invalid > 0 && found.best.is_some());
}
