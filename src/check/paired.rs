//! Differences between two ways to run, paired by seed: both saw the same weather, so that what is left is the policy's.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
    /// Pairs that it is made of.
    pub pairs: usize,
}

impl Interval {
    /// Half of its width.
    pub fn margin(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Student's interval for the mean of `differences` at `level` (0.95: it holds the true mean in 95 of 100 experiments).
/// One pair, or pairs that are all equal, say nothing of the spread beyond what they are: one gives an infinite interval,
/// equal ones a point. `None` without a pair.
pub fn paired_interval(differences: &[f64], level: f64) -> Option<Interval> {
    let pairs = differences.len();
    let count = pairs as f64;
    let mean = differences.iter().sum::<f64>() / count;
    match pairs {
        0 => None,
        1 => Some(Interval { mean, low: f64::NEG_INFINITY, high: f64::INFINITY, pairs }),
        _ => {
            let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
            let margin = t_quantile(0.5 + level / 2.0, count - 1.0) * (squares / (count - 1.0) / count).sqrt();
            Some(Interval { mean, low: mean - margin, high: mean + margin, pairs })
        }
    }
}

/// The quantile of Student's distribution with so many degrees of freedom.
pub fn t_quantile(probability: f64, degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::INFINITY, |distribution| distribution.inverse_cdf(probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, with t(0.975, 7) = 2.364624 from a table.
    #[test]
    fn the_interval_is_students() {
        let differences = [0.8, 1.2, 0.5, 1.9, 1.1, 0.3, 1.4, 0.9];
        let interval = paired_interval(&differences, 0.95).unwrap();
        assert!((interval.mean - 1.0125).abs() < 1e-12);
        assert!((interval.low - 0.587_530_9).abs() < 1e-5, "{interval:?}");
        assert!((interval.high - 1.437_469_1).abs() < 1e-5, "{interval:?}");
    }

    #[test]
    fn one_pair_says_nothing_and_equal_ones_say_all() {
        assert_eq!(paired_interval(&[], 0.95), None);
        assert_eq!(paired_interval(&[2.0], 0.95).unwrap().high, f64::INFINITY);
        let equal = paired_interval(&[2.0, 2.0, 2.0], 0.95).unwrap();
        assert_eq!((equal.low, equal.high), (2.0, 2.0));
    }
}
