//! What is known of the configurations so far, and which is best by it.

use std::collections::BTreeMap;

use super::problem::{Problem, Tried};
use crate::compare::{Judged, Terms, judge_pairs};

/// Of intervals.
pub const LEVEL: f64 = 0.95;

/// Runs over the whole horizon.
pub struct Known<'p> {
    pub problem: &'p Problem,
    /// By configuration, then by the index of its seed. Every configuration has the first seed.
    pub runs: BTreeMap<usize, BTreeMap<usize, Tried>>,
    /// Configurations that can't be run.
    pub invalid: Vec<usize>,
    /// In whole runs.
    pub spent: f64,
    /// Runs of any horizon.
    pub made: usize,
}

impl<'p> Known<'p> {
    pub fn new(problem: &'p Problem) -> Known<'p> {
        Known { problem, runs: BTreeMap::new(), invalid: Vec::new(), spent: 0.0, made: 0 }
    }

    /// Of a configuration: its objective as it would be under all seeds that were used, the slack of each condition by
    /// its mean, whether they hold.
    pub fn merit(&self, configuration: usize) -> Option<Merit> {
        self.merit_by(&self.effects(), configuration)
    }

    fn merit_by(&self, effects: &BTreeMap<usize, f64>, configuration: usize) -> Option<Merit> {
        let runs = self.runs.get(&configuration)?;
        let raw = merit(self.problem, runs.values());
        let own = runs.keys().filter_map(|seed| effects.get(seed)).sum::<f64>() / runs.len() as f64;
        let all = effects.values().sum::<f64>() / effects.len().max(1) as f64;
        Some(Merit { objective: raw.objective - own + all, ..raw })
    }

    /// What each seed that was used adds to the (signed) objective beside the first, as configurations with runs under
    /// both have it: one run under an easy seed must not look better than the mean of three.
    fn effects(&self) -> BTreeMap<usize, f64> {
        let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for runs in self.runs.values() {
            let Some(first) = runs.get(&0).filter(|tried| tried.objective.is_finite()) else { continue };
            for (seed, tried) in runs.iter().filter(|(_, tried)| tried.objective.is_finite()) {
                let (sum, count) = sums.entry(*seed).or_default();
                *sum += self.problem.signed(tried.objective) - self.problem.signed(first.objective);
                *count += 1.0;
            }
        }
        sums.into_iter().map(|(seed, (sum, count))| (seed, sum / count)).collect()
    }

    /// The objective as [`merit`](Self::merit) has it, with its own sign.
    pub fn objective(&self, configuration: usize) -> Option<f64> {
        self.merit(configuration).map(|merit| self.problem.signed(merit.objective))
    }

    /// The configurations that were run, the best first.
    pub fn ranked(&self) -> Vec<usize> {
        let effects = self.effects();
        let mut ranked: Vec<(Merit, usize)> =
            self.runs.keys().filter_map(|index| Some((self.merit_by(&effects, *index)?, *index))).collect();
        ranked.sort_by(|a, b| a.0.order(&b.0).then(a.1.cmp(&b.1)));
        ranked.into_iter().map(|(_, index)| index).collect()
    }

    /// The objective of `other` less that of `own`, seed by seed, and how many pairs that is.
    pub fn against(&self, own: usize, other: usize) -> Option<(Judged, usize)> {
        let (own, other) = (self.runs.get(&own)?, self.runs.get(&other)?);
        let pairs: Vec<(f64, f64)> =
            own.iter().filter_map(|(seed, tried)| Some((tried.objective, other.get(seed)?.objective))).collect();
        let is_fixed = |runs: &BTreeMap<usize, Tried>| {
            let mut all = runs.values();
            let first = all.next();
            runs.len() > 1 && all.all(|tried| Some(tried) == first)
        };
        let is_deterministic = is_fixed(own) && is_fixed(other);
        let terms = Terms { level: LEVEL, comparisons: 1, looks: 1, precision: 0.02, is_deterministic };
        Some((judge_pairs(&pairs, &terms)?, pairs.len()))
    }

    /// Whether more seeds could say more of which of two is better: not of those that differ for sure, that are the same
    /// in every seed, or of which one breaks a condition.
    pub fn is_told_apart(&self, pair: &[usize]) -> bool {
        let [own, other] = *pair else { return true };
        let holds = |index| self.merit(index).is_some_and(|merit| merit.is_feasible);
        if holds(own) != holds(other) {
            return true;
        }
        self.against(own, other).is_none_or(|(judged, pairs)| judged.is_real || judged.is_same && pairs > 1)
    }
}

/// What runs of a configuration are worth.
#[derive(Clone, Debug)]
pub struct Merit {
    /// Less is better.
    pub objective: f64,
    pub slacks: Vec<f64>,
    pub is_feasible: bool,
}

impl Merit {
    /// What holds comes before what does not; of these the better, of those the nearer.
    pub fn order(&self, other: &Merit) -> std::cmp::Ordering {
        let violation = |merit: &Merit| merit.slacks.iter().map(|slack| slack.min(0.0)).sum::<f64>();
        other.is_feasible.cmp(&self.is_feasible).then_with(|| match self.is_feasible {
            true => self.objective.total_cmp(&other.objective),
            false => violation(other).total_cmp(&violation(self)).then(self.objective.total_cmp(&other.objective)),
        })
    }
}

/// Conditions are judged by the mean of their figure over the runs; a run without it breaks them.
pub fn merit<'t>(problem: &Problem, runs: impl Iterator<Item = &'t Tried> + Clone) -> Merit {
    let count = runs.clone().count() as f64;
    let mean = |value: &dyn Fn(&Tried) -> f64| runs.clone().map(value).sum::<f64>() / count;
    let objective = problem.signed(mean(&|tried| tried.objective));
    let means: Vec<f64> = (0..problem.conditions.len()).map(|index| mean(&|tried| tried.figures[index])).collect();
    let slacks = problem.conditions.iter().zip(&means).map(|(condition, mean)| condition.slack(*mean)).collect();
    let holds = problem.conditions.iter().zip(&means).all(|(condition, mean)| condition.holds(*mean));
    Merit { objective, slacks, is_feasible: holds && objective.is_finite() }
}
