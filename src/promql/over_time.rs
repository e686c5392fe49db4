//! One number from the samples of a range.

use super::function::OverTime;
use super::rates::Window;
use super::store::Point;
use super::sums::{Mean, Sum, Variance, quantile};

/// Scalars that the function takes beside the range.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parameters {
    pub first: f64,
    pub second: f64,
    /// Of the evaluation, milliseconds.
    pub now: i64,
}

/// `None` where the samples do not suffice. `drops` is asked by counters' functions only.
pub(super) fn over_time<D: Iterator<Item = f64>>(
    function: OverTime,
    window: Window<'_>,
    parameters: Parameters,
    drops: impl FnOnce() -> D,
) -> Option<f64> {
    let points = window.points;
    if points.is_empty() {
        return None;
    }
    let values = || points.iter().map(|point| point.value);
    Some(match function {
        OverTime::Avg => {
            let mut mean = Mean::default();
            values().for_each(|value| mean.add(value));
            mean.value()
        }
        OverTime::Changes => changes(points, |before, value| value != before && !(value.is_nan() && before.is_nan())),
        OverTime::Resets => changes(points, |before, value| value < before),
        OverTime::Count => points.len() as f64,
        OverTime::Delta => return window.extrapolated(false, false, std::iter::empty()),
        OverTime::Increase => return window.extrapolated(true, false, drops()),
        OverTime::Rate => return window.extrapolated(true, true, drops()),
        OverTime::Deriv => return window.slope(),
        OverTime::PredictLinear => return window.predicted(parameters.now, parameters.first),
        OverTime::DoubleExponentialSmoothing => return window.smoothed(parameters.first, parameters.second),
        OverTime::Idelta => return window.instant(false),
        OverTime::Irate => return window.instant(true),
        OverTime::First => points[0].value,
        OverTime::Last => points[points.len() - 1].value,
        OverTime::Mad if values().any(f64::is_nan) => f64::NAN,
        OverTime::Mad => {
            let median = quantile(0.5, &mut values().collect::<Vec<_>>());
            quantile(0.5, &mut values().map(|value| (value - median).abs()).collect::<Vec<_>>())
        }
        OverTime::Max => extreme(points, |value, most| value > most).value,
        OverTime::Min => extreme(points, |value, least| value < least).value,
        OverTime::Present => 1.0,
        OverTime::Quantile => quantile(parameters.first, &mut values().collect::<Vec<_>>()),
        OverTime::Stddev => variance(points).sqrt(),
        OverTime::Stdvar => variance(points),
        OverTime::Sum => {
            let mut sum = Sum::default();
            values().for_each(|value| sum.add(value));
            sum.value()
        }
        OverTime::TsOfFirst => seconds(points[0]),
        OverTime::TsOfLast => seconds(points[points.len() - 1]),
        // The last of several.
        OverTime::TsOfMax => seconds(extreme(points, |value, most| value >= most)),
        OverTime::TsOfMin => seconds(extreme(points, |value, least| value <= least)),
    })
}

fn seconds(point: Point) -> f64 {
    point.at as f64 / 1000.0
}

fn changes(points: &[Point], counts: impl Fn(f64, f64) -> bool) -> f64 {
    points.windows(2).filter(|pair| counts(pair[0].value, pair[1].value)).count() as f64
}

fn extreme(points: &[Point], is_better: impl Fn(f64, f64) -> bool) -> Point {
    let mut best = points[0];
    for point in points {
        if is_better(point.value, best.value) || best.value.is_nan() {
            best = *point;
        }
    }
    best
}

fn variance(points: &[Point]) -> f64 {
    let mut variance = Variance::default();
    points.iter().for_each(|point| variance.add(point.value));
    variance.value()
}
