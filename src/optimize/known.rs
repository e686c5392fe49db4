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

    fn merit_by(&self, effects: &Effects, configuration: usize) -> Option<Merit> {
        let runs = self.runs.get(&configuration)?;
        let raw = merit(self.problem, runs.values());
        let objective = self.problem.signed(effects.under_all(self.problem.signed(raw.objective), runs.keys()));
        Some(Merit { objective, ..raw })
    }

    /// What each seed that was used does to the objective beside the first, as configurations with runs under both have
    /// it: one run under an easy seed must not look better than the mean of three.
    fn effects(&self) -> Effects {
        let finite = |tried: &&Tried| tried.objective.is_finite();
        let all = || self.runs.values().flat_map(BTreeMap::values).filter(finite);
        let is_factor = all().all(|tried| tried.objective >= 0.0);
        let mut sums: BTreeMap<usize, [f64; 3]> = BTreeMap::new();
        for runs in self.runs.values() {
            let Some(first) = runs.get(&0).filter(finite) else { continue };
            for (seed, tried) in runs.iter().filter(|(_, tried)| finite(tried)) {
                let [own, firsts, count] = sums.entry(*seed).or_default();
                *own += tried.objective;
                *firsts += first.objective;
                *count += 1.0;
            }
        }
        let effect = |[own, first, count]: [f64; 3]| match is_factor {
            true if first > 0.0 => own / first,
            true => 1.0,
            false => (own - first) / count,
        };
        Effects { is_factor, by_seed: sums.into_iter().map(|(seed, sums)| (seed, effect(sums))).collect() }
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

/// What seeds do to the objective, the first one's effect being none.
struct Effects {
    /// A factor; else what is added. Factors where no objective is below zero: nothing costs less than nothing.
    is_factor: bool,
    /// By the index of the seed.
    by_seed: BTreeMap<usize, f64>,
}

impl Effects {
    /// The mean of an objective over some seeds, as it would be over all that were used. Over all of these it is itself.
    fn under_all<'s>(&self, mean: f64, own: impl Iterator<Item = &'s usize>) -> f64 {
        let mean_of = |effects: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = effects.fold((0.0, 0.0), |(sum, count), effect| (sum + effect, count + 1.0));
            if count > 0.0 { Some(sum / count) } else { None }
        };
        let own = mean_of(&mut own.filter_map(|seed| self.by_seed.get(seed).copied()));
        let all = mean_of(&mut self.by_seed.values().copied());
        match (own, all) {
            (Some(own), Some(all)) if self.is_factor && own > 0.0 => mean * all / own,
            (Some(own), Some(all)) if !self.is_factor => mean - own + all,
            _ => mean,
        }
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
