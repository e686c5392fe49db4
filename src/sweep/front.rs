//! Configurations against the baseline and against one another, as far as the differences are real.

use super::results::{Row, sign};
use super::{Results, Sweep};
use crate::compare::{self, Judged, Terms, Verdict, judge_pairs};

/// Of all intervals of a sweep together.
const LEVEL: f64 = 0.95;

/// A figure of one configuration against the baseline's, seed by seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Against {
    pub judged: Judged,
    pub verdict: Verdict,
    pub pairs: usize,
}

impl Results {
    /// The figure `name` of a configuration against another's. `None` where a run has none, or where they share no seed.
    pub fn against(&self, sweep: &Sweep, index: usize, baseline: usize, name: &str) -> Option<Against> {
        let (own, other) = (self.of(index), self.of(baseline));
        let partner = |row: &Row| other.iter().find(|other| other.seed == row.seed);
        let pairs: Vec<(f64, f64)> =
            own.iter().filter_map(|row| Some((partner(row)?.figure(name), row.figure(name)))).collect();
        let terms = Terms { is_deterministic: is_without_chance(own) && is_without_chance(other), ..self.terms(sweep) };
        let judged = judge_pairs(&pairs, &terms)?;
        Some(Against { judged, verdict: compare::verdict(name, &judged), pairs: pairs.len() })
    }

    /// Every configuration is held against the baseline in both figures.
    pub fn terms(&self, sweep: &Sweep) -> Terms {
        let compared = sweep.configurations.len().saturating_sub(1 + self.errors.len());
        Terms { level: LEVEL, comparisons: (2 * compared).max(1), looks: 1, precision: 0.02, is_deterministic: false }
    }

    /// The configurations that no other really beats: one of those that are best by their means is as good in both
    /// figures, and in one its interval of the difference does not hold zero. With one seed a difference can't be told
    /// from chance, and the means decide.
    pub fn front(&self, sweep: &Sweep) -> Vec<usize> {
        let [x, y] = [&sweep.plot.x, &sweep.plot.y];
        let count = sweep.configurations.len();
        let best = self.unbeaten(count, x, y);
        if (0..count).all(|index| self.of(index).len() < 2) {
            return best;
        }
        let is_beaten_by = |index: usize, other: usize| {
            let against = |name: &str| self.against(sweep, other, index, name);
            let (Some(x_against), Some(y_against)) = (against(x), against(y)) else { return false };
            let is_as_good = |name: &str, against: &Against| sign(name) * against.judged.difference <= 0.0;
            let is_better = |against: &Against| against.judged.is_real;
            is_as_good(x, &x_against) && is_as_good(y, &y_against) && (is_better(&x_against) || is_better(&y_against))
        };
        let left_undone = self.left_undone(count);
        let takes_part = |index: &usize| {
            left_undone[*index].is_none() && [x, y].into_iter().all(|name| self.averages(*index, name).mean.is_finite())
        };
        let is_unbeaten = |index: &usize| !best.iter().any(|other| other != index && is_beaten_by(*index, *other));
        (0..count).filter(takes_part).filter(is_unbeaten).collect()
    }
}

fn is_without_chance(rows: &[Row]) -> bool {
    let same = |a: &Row, b: &Row| {
        a.figures.len() == b.figures.len()
            && a.figures
                .iter()
                .zip(&b.figures)
                .all(|(a, b)| a.name == b.name && (a.value == b.value || a.value.is_nan() && b.value.is_nan()))
    };
    rows.len() > 1 && rows.iter().all(|row| same(row, &rows[0]))
}
