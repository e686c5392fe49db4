//! Count, mean and percentiles of a set of durations.

use schemars::JsonSchema;
use serde::Serialize;

use crate::units::SimDuration;

const NANOS_PER_SECOND: f64 = 1e9;

/// How a set of durations is spread, in seconds. Without a single one, all but `count` are NaN (`null` in JSON).
///
/// A percentile is the smallest observed value that at least so many of a hundred do not exceed (nearest rank, as in
/// the community's clusterloader2): never a number between two observations.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize)]
pub struct Spread {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    /// Cost: one sort.
    pub fn of(durations: impl Iterator<Item = SimDuration>) -> Spread {
        let mut nanos: Vec<i64> = durations.map(SimDuration::nanos).collect();
        nanos.sort_unstable();
        let Some(&max) = nanos.last() else {
            let none = f64::NAN;
            return Spread { count: 0, mean: none, p50: none, p95: none, p99: none, max: none };
        };
        let sum: i128 = nanos.iter().map(|value| i128::from(*value)).sum();
        let seconds = |value: i64| value as f64 / NANOS_PER_SECOND;
        let percentile = |percent| seconds(nanos[nearest_rank(nanos.len(), percent)]);
        Spread {
            count: nanos.len() as u64,
            mean: sum as f64 / nanos.len() as f64 / NANOS_PER_SECOND,
            p50: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
            max: seconds(max),
        }
    }
}

/// Index of the percentile in `count` ascending values, `count` at least one and `percent` 1 to 100.
fn nearest_rank(count: usize, percent: usize) -> usize {
    (count * percent).div_ceil(100) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, word for word: the smallest value that at least `percent` of a hundred do not exceed.
    fn naive(values: &[i64], percent: usize) -> f64 {
        let covers =
            |value: i64| values.iter().filter(|other| **other <= value).count() * 100 >= percent * values.len();
        values.iter().copied().filter(|value| covers(*value)).min().unwrap() as f64 / 1e9
    }

    proptest! {
        #[test]
        fn percentiles_equal_their_definition(values in proptest::collection::vec(0i64..50_000_000_000, 1..200)) {
            let spread = Spread::of(values.iter().map(|nanos| SimDuration::from_nanos(*nanos)));
            prop_assert_eq!(spread.count, values.len() as u64);
            prop_assert_eq!(spread.p50, naive(&values, 50));
            prop_assert_eq!(spread.p95, naive(&values, 95));
            prop_assert_eq!(spread.p99, naive(&values, 99));
            prop_assert_eq!(spread.max, naive(&values, 100));
            let mean = values.iter().map(|value| *value as f64 / 1e9).sum::<f64>() / values.len() as f64;
            prop_assert!((spread.mean - mean).abs() < 1e-6);
        }
    }

    #[test]
    fn nothing_observed_has_a_count_of_zero_and_no_percentiles() {
        let spread = Spread::of(std::iter::empty());
        assert_eq!(spread.count, 0);
        let json = serde_json::to_value(spread).unwrap();
        assert!(json["p99"].is_null() && json["mean"].is_null());
    }
}
