//! Spending a budget of runs where it tells most.

use rand::seq::SliceRandom;
use statrs::function::erf::erfc;

use super::found::Found;
use super::known::{Known, Merit, merit};
use super::problem::{Problem, Trial, Tried};
use super::surrogate::Surrogate;
use crate::units::random::stream;

/// Runs that the surrogate asks for at once, whatever the number of threads.
const BATCH: usize = 4;
/// The short horizon of the first look.
const SHORT: f64 = 0.25;
/// With fewer runs a short horizon saves too little.
const LEAST_FOR_SHORT: f64 = 30.0;
/// Parts of the budget: for the first look with what it promotes, and up to the end of the surrogate's.
const SPREAD: f64 = 0.3;
const SURROGATE: f64 = 0.8;
/// Of what is left then: for more seeds for several; the rest settles which of two is best.
const CONFIRM: f64 = 0.6;
/// The best two run under so many seeds at most, where fewer were given.
const MOST_SEEDS: usize = 10;
/// Candidates that the surrogate weighs at once.
const MOST_CANDIDATES: usize = 1_500;
/// An improvement that is expected to be smaller than this part is not worth a run.
const LEAST_GAIN: f64 = 2e-4;

/// Looks for the best configuration with `budget` runs of the whole horizon at most. `run` makes trials and gives what
/// they gave, in their order; `None` of a configuration that is no valid scenario.
pub fn search(
    problem: &Problem,
    budget: usize,
    seed: u64,
    mut run: impl FnMut(&[Trial]) -> Vec<Option<Tried>>,
) -> Found {
    let mut known = Known::new(problem);
    let all = problem.labels.len();
    if all * problem.seeds.len() <= budget {
        let trials: Vec<(usize, usize)> =
            (0..all).flat_map(|index| (0..problem.seeds.len()).map(move |seed| (index, seed))).collect();
        make(&mut known, &trials, &mut run);
        return Found::of(&known, true);
    }
    let budget = budget as f64;
    spread(&mut known, budget * SPREAD, budget, seed, &mut run);
    let to_explore = if problem.seeds.len() == 1 { budget } else { budget * SURROGATE };
    explore(&mut known, to_explore, seed, &mut run);
    confirm(&mut known, budget, &mut run);
    settle(&mut known, budget, &mut run);
    Found::of(&known, false)
}

/// Runs what the surrogate expects most of, until so much is spent or nothing is expected any more.
fn explore(known: &mut Known<'_>, until: f64, seed: u64, run: &mut impl FnMut(&[Trial]) -> Vec<Option<Tried>>) {
    while known.spent + 1.0 <= until {
        let room = ((until - known.spent) as usize).clamp(1, BATCH);
        let mut next = promising(known, room, seed);
        if next.is_empty() {
            // The surrogate is sure; what stands beside the best is looked at all the same.
            let ranked = known.ranked();
            let beside = ranked.iter().take(2).flat_map(|index| known.problem.neighbours(*index));
            let is_new = |index: &usize| !known.runs.contains_key(index) && !known.invalid.contains(index);
            next = beside.filter(is_new).take(room).collect();
            next.dedup();
        }
        if next.is_empty() {
            break;
        }
        let trials: Vec<(usize, usize)> = next.into_iter().map(|index| (index, 0)).collect();
        make(known, &trials, run);
    }
}

/// Makes runs over the whole horizon: (configuration, index of the seed).
fn make(known: &mut Known<'_>, wanted: &[(usize, usize)], run: &mut impl FnMut(&[Trial]) -> Vec<Option<Tried>>) {
    let trial = |(configuration, seed): &(usize, usize)| Trial {
        configuration: *configuration,
        seed: known.problem.seed(*seed),
        horizon: 1.0,
    };
    let trials: Vec<Trial> = wanted.iter().map(trial).collect();
    for ((configuration, seed), tried) in wanted.iter().zip(run(&trials)) {
        match tried {
            Some(tried) => {
                known.runs.entry(*configuration).or_default().insert(*seed, tried);
                known.spent += 1.0;
                known.made += 1;
            }
            None if !known.invalid.contains(configuration) => known.invalid.push(*configuration),
            None => {}
        }
    }
}

/// Configurations far from one another, first under a short horizon where the budget is large enough for that to pay.
fn spread(
    known: &mut Known<'_>,
    part: f64,
    budget: f64,
    seed: u64,
    run: &mut impl FnMut(&[Trial]) -> Vec<Option<Tried>>,
) {
    let is_short = budget >= LEAST_FOR_SHORT;
    // Of m short runs the better half is run whole: m * (SHORT + 1/2) fit into the part.
    let count = if is_short { part / (SHORT + 0.5) } else { part };
    let mut chosen = far_apart(known.problem, (count as usize).max(3).min(budget as usize), seed);
    if is_short {
        let trials: Vec<Trial> = chosen
            .iter()
            .map(|configuration| Trial { configuration: *configuration, seed: known.problem.seeds[0], horizon: SHORT })
            .collect();
        let tried = run(&trials);
        let mut ranked: Vec<(Merit, usize)> = Vec::new();
        for (configuration, tried) in chosen.iter().zip(tried) {
            match tried {
                Some(tried) => {
                    known.spent += SHORT;
                    known.made += 1;
                    ranked.push((merit(known.problem, std::iter::once(&tried)), *configuration));
                }
                None => known.invalid.push(*configuration),
            }
        }
        ranked.sort_by(|a, b| a.0.order(&b.0).then(a.1.cmp(&b.1)));
        let half = ranked.len().div_ceil(2);
        chosen = ranked.into_iter().take(half).map(|(_, configuration)| configuration).collect();
    }
    let trials: Vec<(usize, usize)> = chosen.into_iter().map(|index| (index, 0)).collect();
    make(known, &trials, run);
}

/// The largest setting of all ordered dimensions first, for it is the likeliest to hold conditions; then always the
/// configuration that is farthest from those chosen.
fn far_apart(problem: &Problem, count: usize, seed: u64) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..problem.labels.len()).collect();
    candidates.shuffle(&mut stream(seed, "optimize-spread", 0));
    candidates.truncate(4 * MOST_CANDIDATES);
    let size = |index: usize| problem.coordinates[index].iter().sum::<f64>();
    let Some(first) = (0..problem.labels.len()).max_by(|a, b| size(*a).total_cmp(&size(*b)).then(b.cmp(a))) else {
        return Vec::new();
    };
    let mut chosen = vec![first];
    let mut distances: Vec<f64> =
        candidates.iter().map(|index| distance(&problem.coordinates[*index], &problem.coordinates[first])).collect();
    while chosen.len() < count.min(problem.labels.len()) {
        let farthest = (0..candidates.len()).max_by(|a, b| distances[*a].total_cmp(&distances[*b]).then(b.cmp(a)));
        let Some(at) = farthest.filter(|at| distances[*at] > 0.0) else { break };
        let next = candidates[at];
        chosen.push(next);
        for (other, known) in candidates.iter().zip(&mut distances) {
            *known = known.min(distance(&problem.coordinates[*other], &problem.coordinates[next]));
        }
    }
    chosen
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
}

/// The processes of the objective and of each condition's slack.
struct Expectations {
    objective: Surrogate,
    /// What was observed were logarithms.
    is_log: bool,
    slacks: Vec<Surrogate>,
}

/// Slacks reach far below zero; what counts is where they cross it.
fn squeezed(slack: f64) -> f64 {
    slack.asinh()
}

impl Expectations {
    /// From the first seed's runs, and what is believed of configurations whose runs are on their way.
    fn of(known: &Known<'_>) -> Option<Expectations> {
        let problem = known.problem;
        let mut points = Vec::new();
        let (mut objectives, mut slacks) = (Vec::new(), vec![Vec::new(); problem.conditions.len()]);
        for (configuration, runs) in &known.runs {
            let Some(tried) = runs.get(&0) else { continue };
            let merit = merit(problem, std::iter::once(tried));
            if !merit.objective.is_finite() {
                continue;
            }
            points.push(problem.coordinates[*configuration].clone());
            objectives.push(merit.objective);
            slacks.iter_mut().zip(&merit.slacks).for_each(|(all, slack)| all.push(squeezed(*slack)));
        }
        if points.is_empty() {
            return None;
        }
        let is_log = objectives.iter().all(|objective| *objective > 0.0);
        if is_log {
            objectives.iter_mut().for_each(|objective| *objective = objective.ln());
        }
        let slacks = slacks.iter().map(|slacks| Surrogate::through(points.clone(), slacks)).collect();
        Some(Expectations { objective: Surrogate::through(points, &objectives), is_log, slacks })
    }

    /// How much better than `best` a configuration is expected to be, as far as it is likely to hold the conditions.
    fn gain(&self, at: &[f64], best: Option<f64>) -> f64 {
        let holds: f64 = self
            .slacks
            .iter()
            .map(|surrogate| {
                let (mean, deviation) = surrogate.expect(at);
                below(mean / deviation)
            })
            .product();
        let (mean, deviation) = self.objective.expect(at);
        let Some(best) = best else { return holds };
        let best = if self.is_log { best.ln() } else { best };
        let z = (best - mean) / deviation;
        let improvement =
            (best - mean) * below(z) + deviation * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        improvement.max(0.0) * holds
    }
}

/// The standard normal distribution.
fn below(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// The configurations from which most is expected; none where that is not worth a run.
fn promising(known: &Known<'_>, count: usize, seed: u64) -> Vec<usize> {
    let problem = known.problem;
    let Some(expectations) = Expectations::of(known) else { return Vec::new() };
    let ranked = known.ranked();
    let best = ranked.first().and_then(|index| known.merit(*index)).filter(|merit| merit.is_feasible);
    let is_new = |index: &usize| !known.runs.contains_key(index) && !known.invalid.contains(index);
    let mut candidates: Vec<usize> = (0..problem.labels.len()).filter(is_new).collect();
    if candidates.len() > MOST_CANDIDATES {
        candidates.shuffle(&mut stream(seed, "optimize-candidates", known.made as u64));
        candidates.truncate(MOST_CANDIDATES);
    }
    let near = ranked.iter().take(3).flat_map(|index| problem.neighbours(*index)).filter(is_new);
    let mut near: Vec<usize> = near.collect();
    near.sort_unstable();
    near.dedup();
    candidates.extend(near.iter().filter(|index| !candidates.contains(index)).copied().collect::<Vec<_>>());
    let objective = best.as_ref().map(|merit| merit.objective);
    let mut gains: Vec<(f64, usize)> =
        candidates.iter().map(|index| (expectations.gain(&problem.coordinates[*index], objective), *index)).collect();
    gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let scale = if expectations.is_log { 1.0 } else { objective.map_or(1.0, f64::abs) };
    let least = if objective.is_some() { LEAST_GAIN * scale } else { 0.0 };
    let mut chosen: Vec<usize> = Vec::new();
    for (gain, index) in &gains {
        if chosen.len() == count || *gain < least {
            break;
        }
        // Runs of one batch should not all ask the same.
        let own = &problem.coordinates[*index];
        let is_apart =
            chosen.iter().all(|other| distance(own, &problem.coordinates[*other]) > 0.01) || chosen.len() * 2 < count;
        if is_apart {
            chosen.push(*index);
        }
    }
    // The last run of a batch looks beside the best, cheapest first: a surrogate may be sure of too much.
    if let (Some(last), Some(best)) = (gains.iter().find(|(_, index)| near.contains(index)), ranked.first())
        && !chosen.contains(&last.1)
        && problem.neighbours(*best).contains(&last.1)
    {
        if chosen.len() == count {
            chosen.pop();
        }
        chosen.push(last.1);
    }
    chosen
}

/// More seeds for the best: all get as many again, and the better half goes on. A part is left to settle the last two.
fn confirm(known: &mut Known<'_>, budget: f64, run: &mut impl FnMut(&[Trial]) -> Vec<Option<Tried>>) {
    let seeds = known.problem.seeds.len();
    let budget = known.spent + (budget - known.spent) * CONFIRM;
    let room = |known: &Known<'_>| (budget - known.spent).floor().max(0.0) as usize;
    let mut have = 1;
    let mut contenders = known.ranked();
    // As many as can have a second seed with half of what is left.
    contenders.truncate((room(known) / 2).clamp(2, 16));
    while have < seeds && room(known) > 0 {
        let wanted = (2 * have).min(seeds);
        let mut trials: Vec<(usize, usize)> =
            contenders.iter().flat_map(|index| (have..wanted).map(move |seed| (*index, seed))).collect();
        trials.truncate(room(known));
        make(known, &trials, run);
        have = wanted;
        let ranked = known.ranked();
        contenders = ranked.into_iter().filter(|index| contenders.contains(index)).collect();
        contenders.truncate(contenders.len().div_ceil(2).max(2));
    }
}

/// What is left goes to the two that are best so far, whichever they become: first all seeds that were given, then more,
/// until they are told apart or have run often enough.
fn settle(known: &mut Known<'_>, budget: f64, run: &mut impl FnMut(&[Trial]) -> Vec<Option<Tried>>) {
    let given = known.problem.seeds.len();
    // One seed is what was asked for: nothing is said of chance then.
    let most = if given == 1 { 1 } else { given.max(MOST_SEEDS) };
    while budget - known.spent >= 1.0 {
        let room = (budget - known.spent) as usize;
        let ranked = known.ranked();
        let pair: Vec<usize> = ranked.into_iter().take(2).collect();
        let have = |index: &usize| known.runs[index].len();
        let fewest = pair.iter().map(have).min().unwrap_or(most);
        if fewest >= most || fewest >= given && known.is_told_apart(&pair) {
            break;
        }
        // Two at a time: seeds that only one of them has make no pair.
        let wanted = if fewest < given { given } else { fewest + 1 };
        let missing = |index: &usize| {
            let known = &known.runs[index];
            (0..wanted).filter(|seed| !known.contains_key(seed)).map(|seed| (*index, seed)).collect::<Vec<_>>()
        };
        let mut trials: Vec<(usize, usize)> = pair.iter().flat_map(missing).collect();
        trials.sort_by_key(|(_, seed)| *seed);
        trials.truncate(room);
        let before = known.made;
        make(known, &trials, run);
        if known.made == before {
            break;
        }
    }
}
