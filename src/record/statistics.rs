//! Count, mean and percentiles of a set of durations, some of which were still growing when they were last seen.
//!
//! A pod that waits when the run ends, or that was deleted while it waited, has waited *at least* so long. Leaving it out
//! would count only those that were served; taking its wait so far for the whole would make long waits short. The
//! product-limit estimator of Kaplan and Meier (1958) does neither: such a pod is counted among those at risk up to its
//! last instant, and says nothing about what came later. Where the percentile lies beyond what was seen, it is not told.

use schemars::JsonSchema;
use serde::Serialize;

use crate::units::SimDuration;

const NANOS_PER_SECOND: f64 = 1e9;

/// A duration, or what was seen of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub lasted: SimDuration,
    /// It had not ended when it was last seen: it is at least so long.
    pub is_censored: bool,
}

/// How a set of durations is spread, in seconds. What can't be told is NaN (`null` in JSON).
///
/// Without censored durations a percentile is the smallest observed value that at least so many of a hundred do not
/// exceed (nearest rank, as in the community's clusterloader2): never a number between two observations. With them it is
/// the smallest value at which the Kaplan-Meier estimate of the part that lasts longer is as low as that, and `null`
/// where it never gets there. `max` and `mean` need the whole curve: they are `null` where the longest of all is
/// censored.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize)]
pub struct Spread {
    /// All of them, the censored ones too.
    pub count: u64,
    /// Those that had not ended.
    pub censored: u64,
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
    /// The longest that had not ended, so far.
    pub censored_max: f64,
}

impl Spread {
    /// Cost: one sort.
    pub fn of(seen: impl Iterator<Item = Seen>) -> Spread {
        // Of equal durations the ended ones come first: who leaves at an instant was there up to it.
        let mut seen: Vec<(i64, bool)> = seen.map(|one| (one.lasted.nanos(), one.is_censored)).collect();
        seen.sort_unstable();
        let seconds = |nanos: i64| nanos as f64 / NANOS_PER_SECOND;
        let censored = seen.iter().filter(|(_, is_censored)| *is_censored).count();
        let censored_max = seen.iter().rev().find(|(_, is_censored)| *is_censored);
        let [p50, p95, p99, max] = [50, 95, 99, 100].map(|percent| quantile(&seen, percent).map_or(f64::NAN, seconds));
        Spread {
            count: seen.len() as u64,
            censored: censored as u64,
            mean: if censored == 0 { mean(&seen) } else { area(&seen) } / NANOS_PER_SECOND,
            p50,
            p95,
            p99,
            max,
            censored_max: censored_max.map_or(f64::NAN, |(nanos, _)| seconds(*nanos)),
        }
    }
}

/// NaN of nothing.
fn mean(seen: &[(i64, bool)]) -> f64 {
    let sum: i128 = seen.iter().map(|(nanos, _)| i128::from(*nanos)).sum();
    sum as f64 / seen.len() as f64
}

/// The estimated part of all that lasts longer than the first `ended` of `seen`, walked from one to the next.
///
/// Between two censored durations the factors of the product cancel out, so that the part is one fraction there: exact
/// where nothing is censored, and without rounding that grows with the number of durations.
struct Survival {
    /// The part at the last censored duration, and how many were left after it.
    part: f64,
    left_then: usize,
    /// How many are left now.
    left: usize,
}

impl Survival {
    fn of(count: usize) -> Survival {
        Survival { part: 1.0, left_then: count, left: count }
    }

    fn pass(&mut self, is_censored: bool) {
        if is_censored {
            self.part = self.now();
            self.left_then = self.left - 1;
        }
        self.left -= 1;
    }

    fn now(&self) -> f64 {
        if self.left_then == 0 { self.part } else { self.part * self.left as f64 / self.left_then as f64 }
    }
}

/// The smallest duration that at least `percent` of a hundred are estimated not to exceed, in ascending `seen`. `None`
/// where that is longer than was seen.
fn quantile(seen: &[(i64, bool)], percent: usize) -> Option<i64> {
    // The rounding of the few products must not miss a fraction that is met exactly.
    let wanted = (100 - percent) as f64 / 100.0 * (1.0 + 1e-12);
    let mut survival = Survival::of(seen.len());
    seen.iter().find_map(|(nanos, is_censored)| {
        survival.pass(*is_censored);
        (!is_censored && survival.now() <= wanted).then_some(*nanos)
    })
}

/// The mean as the area under the curve; NaN where the longest of all is censored, for then the curve does not end.
fn area(seen: &[(i64, bool)]) -> f64 {
    if seen.last().is_none_or(|(_, is_censored)| *is_censored) {
        return f64::NAN;
    }
    let mut survival = Survival::of(seen.len());
    let (mut area, mut before) = (0.0, 0);
    for (nanos, is_censored) in seen {
        area += survival.now() * (nanos - before) as f64;
        before = *nanos;
        survival.pass(*is_censored);
    }
    area
}

/// The curve behind the percentiles: for each duration at which one ended, ascending, the estimated part of all that
/// last no longer; in seconds.
pub fn ended_within(seen: impl Iterator<Item = Seen>) -> Vec<(f64, f64)> {
    let mut seen: Vec<(i64, bool)> = seen.map(|one| (one.lasted.nanos(), one.is_censored)).collect();
    seen.sort_unstable();
    let mut survival = Survival::of(seen.len());
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (nanos, is_censored) in seen {
        survival.pass(is_censored);
        if is_censored {
            continue;
        }
        let point = (nanos as f64 / NANOS_PER_SECOND, 1.0 - survival.now());
        match curve.last_mut() {
            Some(last) if last.0 == point.0 => *last = point,
            _ => curve.push(point),
        }
    }
    curve
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

    fn spread(seconds: &[(f64, bool)]) -> Spread {
        Spread::of(seconds.iter().map(|(seconds, is_censored)| Seen {
            lasted: SimDuration::from_secs_f64(*seconds),
            is_censored: *is_censored,
        }))
    }

    proptest! {
        #[test]
        fn percentiles_equal_their_definition(values in proptest::collection::vec(0i64..50_000_000_000, 1..200)) {
            let ended = |nanos: &i64| Seen { lasted: SimDuration::from_nanos(*nanos), is_censored: false };
            let spread = Spread::of(values.iter().map(ended));
            prop_assert_eq!((spread.count, spread.censored), (values.len() as u64, 0));
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
        assert!(["mean", "p50", "p99", "max", "censored_max"].iter().all(|key| json[key].is_null()), "{json}");
    }

    /// The textbook's case: remission of leukaemia under 6-MP (Freireich 1963; Kalbfleisch and Prentice, table 1.1): 21
    /// patients, 12 of them censored, median 23 weeks, and a quarter had ended by week 13.
    #[test]
    fn the_median_of_a_published_trial_comes_out() {
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(|weeks| (f64::from(weeks), false));
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(|weeks| (f64::from(weeks), true));
        let all: Vec<(f64, bool)> = ended.into_iter().chain(censored).collect();
        let spread = spread(&all);
        assert_eq!((spread.count, spread.censored, spread.p50, spread.censored_max), (21, 12, 23.0, 35.0));
        assert!(spread.p95.is_nan() && spread.max.is_nan() && spread.mean.is_nan(), "{spread:?}");
    }

    #[test]
    fn the_curve_meets_the_percentiles_and_stops_where_nothing_more_ended() {
        let seen = |seconds: i64, is_censored| Seen { lasted: SimDuration::from_secs(seconds), is_censored };
        let all = [seen(4, false), seen(1, false), seen(9, true), seen(3, true), seen(1, false)];
        let curve = ended_within(all.into_iter());
        assert_eq!(curve.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1.0, 4.0]);
        assert!((curve[0].1 - 0.4).abs() < 1e-12 && (curve[1].1 - 0.7).abs() < 1e-12, "{curve:?}");
        assert!(ended_within(std::iter::empty()).is_empty());
    }

    #[test]
    fn those_that_were_never_served_are_no_zero() {
        // Nine of seventeen were served at once, eight wait for nineteen hours.
        let mut all = vec![(0.0, false); 9];
        all.extend([(68_400.0, true); 8]);
        let spread = spread(&all);
        assert_eq!((spread.count, spread.censored, spread.p50), (17, 8, 0.0));
        assert!(spread.p99.is_nan() && spread.mean.is_nan() && spread.max.is_nan(), "{spread:?}");
        assert_eq!(spread.censored_max, 68_400.0);
    }

    #[test]
    fn one_that_left_early_says_nothing_of_what_came_later() {
        // Two are at risk at 4 s: the part that lasts longer goes 1, 3/4, (one leaves at 3 s,) 3/8, 0.
        let spread = spread(&[(1.0, false), (3.0, true), (4.0, false), (9.0, false)]);
        assert_eq!((spread.p50, spread.max), (4.0, 9.0));
        // 1 s whole, then 3/4 up to 4 s, then 3/8 up to 9 s.
        assert!((spread.mean - (1.0 + 0.75 * 3.0 + 0.375 * 5.0)).abs() < 1e-9, "{spread:?}");
    }
}
