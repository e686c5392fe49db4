//! Rates, increases and trends (`promql/functions.go`: `extrapolatedRate`, `instantValue`, `linearRegression`).

use super::store::Point;
use super::sums::Sum;

/// The samples of a range and where it lies, milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub points: &'a [Point],
    pub from: i64,
    pub to: i64,
}

impl Window<'_> {
    /// Increase over the whole range as the samples suggest; `drops` is what a counter had reached before its resets.
    pub fn extrapolated(&self, is_counter: bool, is_rate: bool, drops: impl Iterator<Item = f64>) -> Option<f64> {
        let (first, last) = (*self.points.first()?, *self.points.last()?);
        extrapolated(first, last, self.points.len(), (self.from, self.to), is_counter, is_rate, drops)
    }

    /// By the last two samples.
    pub fn instant(&self, is_rate: bool) -> Option<f64> {
        let [.., before, last] = self.points else { return None };
        if before.at == last.at {
            return None;
        }
        let change = if is_rate && last.value < before.value { last.value } else { last.value - before.value };
        Some(if is_rate { change / ((last.at - before.at) as f64 / 1000.0) } else { change })
    }

    /// Change a second by least squares.
    pub fn slope(&self) -> Option<f64> {
        (self.points.len() >= 2).then(|| regression(self.points, self.points[0].at).0)
    }

    /// The value so many seconds after `now`.
    pub fn predicted(&self, now: i64, seconds: f64) -> Option<f64> {
        (self.points.len() >= 2).then(|| {
            let (slope, intercept) = regression(self.points, now);
            slope * seconds + intercept
        })
    }

    pub fn smoothed(&self, smoothing: f64, trend: f64) -> Option<f64> {
        let [first, second, ..] = self.points else { return None };
        let (mut before, mut level, mut slope) = (0.0, first.value, second.value - first.value);
        for (index, point) in self.points[1..].iter().enumerate() {
            if index > 0 {
                slope = trend * (level - before) + (1.0 - trend) * slope;
            }
            let next = smoothing * point.value + (1.0 - smoothing) * (level + slope);
            (before, level) = (level, next);
        }
        Some(level)
    }
}

/// As [`Window::extrapolated`], of `count` samples of which only these two matter.
pub(super) fn extrapolated(
    first: Point,
    last: Point,
    count: usize,
    (from, to): (i64, i64),
    is_counter: bool,
    is_rate: bool,
    drops: impl Iterator<Item = f64>,
) -> Option<f64> {
    let intervals = count - 1;
    if intervals == 0 {
        return None;
    }
    let mut result = last.value - first.value;
    for drop in drops {
        result += drop;
    }
    let mut to_start = (first.at - from) as f64 / 1000.0;
    let mut to_end = (to - last.at) as f64 / 1000.0;
    let sampled = (last.at - first.at) as f64 / 1000.0;
    let average = sampled / intervals as f64;
    let threshold = average * 1.1;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if is_counter && result > 0.0 && first.value >= 0.0 {
        // A counter was never below zero.
        to_start = to_start.min(sampled * (first.value / result));
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if is_rate {
        factor /= (to - from) as f64 / 1000.0;
    }
    Some(result * factor)
}

/// Slope and value at `at`.
fn regression(points: &[Point], at: i64) -> (f64, f64) {
    let first = points[0].value;
    if points.iter().all(|point| point.value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut x, mut y, mut xy, mut xx] = [Sum::default(); 4];
    for point in points {
        let time = (point.at - at) as f64 / 1e3;
        x.add(time);
        y.add(point.value);
        xy.add(time * point.value);
        xx.add(time * time);
    }
    let [x, y, xy, xx] = [x, y, xy, xx].map(Sum::value);
    let n = points.len() as f64;
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(i64, f64)]) -> Vec<Point> {
        values.iter().map(|(at, value)| Point { at: at * 1000, value: *value }).collect()
    }

    #[test]
    fn an_increase_reaches_to_the_ends_of_its_range() {
        let points = points(&[(15, 10.0), (30, 20.0), (45, 30.0), (60, 40.0)]);
        let window = Window { points: &points, from: 0, to: 60_000 };
        assert_eq!(window.extrapolated(true, false, [].into_iter()), Some(40.0));
        assert_eq!(window.extrapolated(true, true, [].into_iter()), Some(40.0 / 60.0));
        assert_eq!(window.instant(true), Some(10.0 / 15.0));
        assert!((window.slope().unwrap() - 10.0 / 15.0).abs() < 1e-12);
        assert!((window.predicted(60_000, 15.0).unwrap() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_counter_starts_at_zero() {
        let points = points(&[(45, 1.0), (60, 11.0)]);
        let window = Window { points: &points, from: 0, to: 60_000 };
        // It was zero 1.5 s before its first sample.
        assert_eq!(window.extrapolated(true, false, [].into_iter()), Some(11.0));
        assert_eq!(window.extrapolated(false, false, [].into_iter()), Some(15.0));
    }
}
