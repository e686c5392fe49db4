//! Sums without the errors that long ones gather, and quantiles, as upstream works them out.

use std::cmp::Ordering;

/// A sum with what rounding left of it (Neumaier's variant of Kahan's; `promql/functions.go`, `kahanSumInc`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub total: f64,
    rest: f64,
}

impl Sum {
    pub fn add(&mut self, value: f64) {
        let total = self.total + value;
        if total.is_infinite() {
            self.rest = 0.0;
        } else if self.total.abs() >= value.abs() {
            self.rest += (self.total - total) + value;
        } else {
            self.rest += (value - total) + self.total;
        }
        self.total = total;
    }

    pub fn value(self) -> f64 {
        if self.total.is_infinite() { self.total } else { self.total + self.rest }
    }
}

/// Sums up to the first that overflows, then a mean that is moved along.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: Sum,
    mean: Option<Sum>,
    pub count: f64,
}

impl Mean {
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.mean.is_none() {
            let mut sum = self.sum;
            sum.add(value);
            if self.count == 1.0 || !sum.total.is_infinite() {
                self.sum = sum;
                return;
            }
            let before = self.count - 1.0;
            self.mean = Some(Sum { total: self.sum.total / before, rest: self.sum.rest / before });
        }
        let mean = self.mean.get_or_insert_default();
        if mean.total.is_infinite() && (value.is_infinite() && (mean.total > 0.0) == (value > 0.0)) {
            return;
        }
        if mean.total.is_infinite() && !value.is_infinite() && !value.is_nan() {
            return;
        }
        let corrected = mean.total + mean.rest;
        mean.add(value / self.count - corrected / self.count);
    }

    pub fn value(self) -> f64 {
        match self.mean {
            Some(mean) => mean.value(),
            None if self.sum.total.is_infinite() => self.sum.total / self.count,
            None => self.sum.total / self.count + self.sum.rest / self.count,
        }
    }
}

/// Variance by Welford's method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.total + self.mean.rest);
        self.mean.add(delta / self.count);
        self.squares.add(delta * (value - (self.mean.total + self.mean.rest)));
    }

    pub fn value(self) -> f64 {
        (self.squares.total + self.squares.rest) / self.count
    }
}

/// Values in ascending order, NaN first.
pub(super) fn ascending(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Between the two nearest values in proportion (`promql/quantile.go`, `quantile`).
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| ascending(*a, *b));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min((values.len() - 1) as f64);
    let weight = rank - rank.floor();
    values[lower as usize] * (1.0 - weight) + values[upper as usize] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_survive_large_ones() {
        let mut sum = Sum::default();
        [1e100, 1.0, -1e100].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.value(), 1.0);
        let mut mean = Mean::default();
        [f64::MAX, f64::MAX].into_iter().for_each(|value| mean.add(value));
        assert_eq!(mean.value(), f64::MAX);
        let mut variance = Variance::default();
        [0.0, 8.0, 8.0, 2.0, 3.0].into_iter().for_each(|value| variance.add(value));
        assert!((variance.value() - 10.56).abs() < 1e-12);
        assert_eq!(quantile(0.75, &mut [0.0, 2.0, 1.0]), 1.5);
    }
}
