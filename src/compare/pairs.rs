//! The statistics of one metric over pairs of runs: Student's interval of the mean difference, and what more seeds could
//! tell.

use crate::check::{paired_interval, t_quantile};

/// How often a difference of the size asked about shall be found.
const POWER: f64 = 0.9;
/// Differences that spread less than this part of the values are equal: sums of money round in the last digits.
const ROUNDING: f64 = 1e-9;
/// More seeds than these are not asked for.
const MOST_SEEDS: f64 = 1e6;

/// What is asked of every pair of sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Of all comparisons and looks together: 0.95.
    pub level: f64,
    /// Comparisons that are made at once.
    pub comparisons: usize,
    /// How often the data may be looked at while it grows.
    pub looks: usize,
    /// The smallest difference that matters, as a part of the baseline.
    pub precision: f64,
    /// No figure of either side changes with the seed.
    pub is_deterministic: bool,
}

impl Terms {
    /// Of a single interval, so that all of them together hold the truth at `level` (Bonferroni).
    pub fn interval_level(&self) -> f64 {
        1.0 - (1.0 - self.level) / (self.comparisons.max(1) * self.looks.max(1)) as f64
    }
}

/// What the pairs say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    pub baseline_mean: f64,
    pub mean: f64,
    pub difference: f64,
    /// Infinite where the pairs say nothing of it.
    pub low: f64,
    pub high: f64,
    /// Mean over mean, with the half width of its interval; `None` where the baseline is not above zero.
    pub ratio: Option<(f64, f64)>,
    /// Equal in every pair.
    pub is_same: bool,
    /// The interval does not hold zero.
    pub is_real: bool,
    /// How many pairs find a difference of the precision asked for in nine of ten such comparisons.
    pub pairs_needed: Option<u64>,
}

/// Judges `(baseline, variant)` values of equal seeds. `None` without a pair, or where a value is not a number.
pub fn judge_pairs(pairs: &[(f64, f64)], terms: &Terms) -> Option<Judged> {
    if pairs.is_empty() || pairs.iter().any(|(before, now)| !before.is_finite() || !now.is_finite()) {
        return None;
    }
    let count = pairs.len() as f64;
    let baseline_mean = pairs.iter().map(|pair| pair.0).sum::<f64>() / count;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let differences: Vec<f64> = pairs.iter().map(|(before, now)| now - before).collect();
    let interval = paired_interval(&differences, terms.interval_level())?;
    let scale = pairs.iter().fold(0.0f64, |most, (before, now)| most.max(before.abs()).max(now.abs()));
    let is_constant = differences.iter().all(|difference| (difference - differences[0]).abs() <= ROUNDING * scale);
    let (low, high) = match is_constant {
        true => constant_interval(interval.mean, pairs.len(), terms),
        false => (interval.low, interval.high),
    };
    let spread = deviation(&differences, interval.mean);
    Some(Judged {
        baseline_mean,
        mean,
        difference: interval.mean,
        low,
        high,
        ratio: (baseline_mean > 0.0).then(|| ratio(pairs, mean / baseline_mean, baseline_mean, terms)),
        is_same: pairs.iter().all(|(before, now)| before == now),
        is_real: low > 0.0 || high < 0.0,
        pairs_needed: if is_constant { None } else { pairs_needed(spread, pairs.len(), baseline_mean.abs(), terms) },
    })
}

/// Pairs that all differ by the same amount have no spread from which Student's interval could be made. Where nothing is
/// random the amount is exact. Else the range of the pairs holds the median with probability 1 - 2^(1 - pairs), and a
/// few equal counts (one node more, twice) prove nothing.
fn constant_interval(difference: f64, pairs: usize, terms: &Terms) -> (f64, f64) {
    let doubt = 2f64.powi(1 - pairs.min(1000) as i32);
    if terms.is_deterministic || doubt <= 1.0 - terms.interval_level() {
        (difference, difference)
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
}

/// The standard deviation; zero of fewer than two.
fn deviation(values: &[f64], mean: f64) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// The ratio with its half width, linearized: what is left of each pair beyond the ratio, over the baseline.
fn ratio(pairs: &[(f64, f64)], ratio: f64, baseline: f64, terms: &Terms) -> (f64, f64) {
    let left: Vec<f64> = pairs.iter().map(|(before, now)| now - ratio * before).collect();
    let margin = paired_interval(&left, terms.interval_level()).map_or(f64::NAN, |interval| interval.margin());
    (ratio, margin / baseline)
}

/// Stein's (1945) rule: from the spread of the pairs so far, how many find a difference of `precision` of the baseline
/// with the power wanted. Its quantiles are those of the pairs seen, for that spread is itself only estimated.
fn pairs_needed(spread: f64, pairs: usize, baseline: f64, terms: &Terms) -> Option<u64> {
    if pairs < 2 || baseline <= 0.0 || terms.precision <= 0.0 {
        return None;
    }
    let degrees = (pairs - 1) as f64;
    let quantiles = t_quantile(0.5 + terms.interval_level() / 2.0, degrees) + t_quantile(POWER, degrees);
    let needed = (quantiles * spread / (terms.precision * baseline)).powi(2).ceil();
    Some(needed.clamp(2.0, MOST_SEEDS) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { level: 0.95, comparisons: 1, looks: 1, precision: 0.02, is_deterministic: false };

    #[test]
    fn a_null_is_no_number_and_one_pair_no_interval() {
        assert_eq!(judge_pairs(&[(1.0, 2.0), (1.0, f64::NAN)], &TERMS), None);
        let one = judge_pairs(&[(1.0, 2.0)], &TERMS).unwrap();
        assert!(one.low == f64::NEG_INFINITY && one.high == f64::INFINITY && !one.is_real);
        assert_eq!((one.difference, one.pairs_needed), (1.0, None));
    }

    #[test]
    fn equal_differences_are_exact_without_chance_and_need_many_pairs_with_it() {
        let two = [(5.0, 6.0), (6.0, 7.0)];
        assert!(!judge_pairs(&two, &TERMS).unwrap().is_real, "one node more, twice");
        let exact = judge_pairs(&two, &Terms { is_deterministic: true, ..TERMS }).unwrap();
        assert_eq!((exact.low, exact.high, exact.is_real), (1.0, 1.0, true));
        let many: Vec<(f64, f64)> = (0..10).map(|seed| (f64::from(seed), f64::from(seed) + 1.0)).collect();
        assert!(judge_pairs(&many, &TERMS).unwrap().is_real);
        // The last digits of sums of money are no spread.
        let rounded = [(0.1 + 0.2, 1.3), (0.3, 1.3)];
        assert!(!judge_pairs(&rounded, &TERMS).unwrap().is_real);
    }

    #[test]
    fn the_more_is_compared_the_wider_the_intervals() {
        let pairs = [(10.0, 10.8), (12.0, 13.2), (9.0, 9.5), (11.0, 12.9)];
        let alone = judge_pairs(&pairs, &TERMS).unwrap();
        let among = judge_pairs(&pairs, &Terms { comparisons: 10, ..TERMS }).unwrap();
        assert!(among.low < alone.low && among.high > alone.high && among.difference == alone.difference);
        assert_eq!(Terms { comparisons: 5, looks: 2, ..TERMS }.interval_level(), 0.995);
    }

    #[test]
    fn the_ratio_is_of_the_means_with_its_own_spread() {
        // A variant that is always 20 % dearer, whatever the weather: the ratio is exact though the difference is not.
        let pairs = [(10.0, 12.0), (20.0, 24.0), (15.0, 18.0)];
        let (ratio, margin) = judge_pairs(&pairs, &TERMS).unwrap().ratio.unwrap();
        assert!((ratio - 1.2).abs() < 1e-12 && margin < 1e-9, "{ratio} ± {margin}");
    }
}
