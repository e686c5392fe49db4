//! The shape of a wait: gamma distributions of mean one, from a fixed wait to one far wider than an exponential.
//!
//! A shape is named by its squared coefficient of variation: 0 is a fixed number, 1 the exponential. Those between two
//! tabled shapes are a mixture of both that keeps mean and variance.

use std::sync::OnceLock;

/// Width of a bin: one percent.
const LN_RATIO: f64 = 0.009_950_330_853_168_083;

/// The squared coefficients of variation that are tabled, ascending.
const SQUARED_VARIATIONS: [f64; 20] = [
    0.0, 0.000_5, 0.002, 0.007_8, 0.015_6, 0.031_2, 0.062_5, 0.125, 0.187_5, 0.25, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0, 1.4,
    2.0, 2.8, 4.0,
];

/// Of `mass` of which bins, counted from the bin of the mean.
#[derive(Debug)]
pub(super) struct Shape {
    pub first: i32,
    pub mass: Vec<f64>,
    /// What lies above the lower end of each bin.
    beyond: Vec<f64>,
    /// Sums of mass and of mass times value up to and with each bin.
    sums: Vec<(f64, f64)>,
}

impl Shape {
    fn of(squared_variation: f64) -> Shape {
        if squared_variation <= 0.0 {
            return Shape { first: 0, mass: vec![1.0], beyond: vec![1.0], sums: vec![(1.0, 1.0)] };
        }
        // The gamma density of ln x is exp(a ln x - a x) up to a factor; a sum over narrow bins finds that factor.
        let a = 1.0 / squared_variation;
        let density = |bin: i32| {
            let ln = f64::from(bin) * LN_RATIO;
            (a * (ln - ln.exp() + 1.0)).exp()
        };
        let (mut first, mut last) = (0, 0);
        while density(first - 1) > 1e-9 && first > -2_000 {
            first -= 1;
        }
        while density(last + 1) > 1e-13 {
            last += 1;
        }
        let mut mass: Vec<f64> = (first..=last).map(density).collect();
        // Below the first bin the density falls like a power; what is left there goes into that bin.
        mass[0] *= 1.0 / (1.0 - (-a * LN_RATIO).exp());
        let total: f64 = mass.iter().sum();
        mass.iter_mut().for_each(|part| *part /= total);
        let mut beyond = mass.clone();
        for index in (0..beyond.len() - 1).rev() {
            beyond[index] += beyond[index + 1];
        }
        let sums = mass.iter().enumerate().scan((0.0, 0.0), |(weight, sum), (index, part)| {
            *weight += part;
            *sum += part * bin_value(first + index as i32);
            Some((*weight, *sum))
        });
        let sums = sums.collect();
        Shape { first, mass, beyond, sums }
    }

    /// Of the bins up to `times` the mean: how many there are.
    pub(super) fn bins_up_to(&self, times: f64) -> usize {
        if times <= 0.0 {
            return 0;
        }
        let last = (times.ln() / LN_RATIO + 1e-9).floor() - f64::from(self.first);
        ((last + 1.0).max(0.0) as usize).min(self.mass.len())
    }

    /// Mass and mass times value of what does not exceed `times` the mean.
    pub(super) fn up_to(&self, times: f64) -> (f64, f64) {
        self.bins_up_to(times).checked_sub(1).map_or((0.0, 0.0), |last| self.sums[last])
    }

    /// The share that exceeds `times` the mean.
    fn beyond(&self, times: f64) -> f64 {
        if times <= 0.0 {
            return 1.0;
        }
        let position = times.ln() / LN_RATIO - f64::from(self.first) + 0.5;
        if position <= 0.0 {
            return 1.0;
        }
        let bin = position as usize;
        let Some(here) = self.beyond.get(bin) else { return 0.0 };
        let next = self.beyond.get(bin + 1).copied().unwrap_or(0.0);
        here + (next - here) * position.fract()
    }
}

pub(super) fn shapes() -> &'static [Shape] {
    static SHAPES: OnceLock<Vec<Shape>> = OnceLock::new();
    SHAPES.get_or_init(|| SQUARED_VARIATIONS.iter().map(|squared| Shape::of(*squared)).collect())
}

/// The two tabled shapes about a squared coefficient of variation, with their weights.
pub(super) fn about(squared_variation: f64) -> [(usize, f64); 2] {
    let last = SQUARED_VARIATIONS.len() - 1;
    let wide = SQUARED_VARIATIONS.partition_point(|tabled| *tabled < squared_variation).min(last);
    if wide == 0 {
        return [(0, 1.0), (0, 0.0)];
    }
    let (low, high) = (SQUARED_VARIATIONS[wide - 1], SQUARED_VARIATIONS[wide]);
    let part = ((squared_variation - low) / (high - low)).clamp(0.0, 1.0);
    [(wide, part), (wide - 1, 1.0 - part)]
}

/// The share of such a wait that exceeds `times` its mean.
pub(super) fn beyond(squared_variation: f64, times: f64) -> f64 {
    about(squared_variation).iter().map(|(shape, weight)| weight * shapes()[*shape].beyond(times)).sum()
}

/// The gamma distribution of mean one as a few dozen values and their shares, finer where they are large.
pub(super) fn points(squared_variation: f64, share: f64) -> Vec<(f64, f64)> {
    let shape = Shape::of(squared_variation);
    let mut points = Vec::new();
    let (mut weight, mut sum) = (0.0, 0.0);
    for (index, mass) in shape.mass.iter().enumerate() {
        weight += mass;
        sum += mass * bin_value(shape.first + index as i32);
        let left = shape.beyond.get(index + 1).copied().unwrap_or(0.0);
        if weight >= share * left.clamp(0.005, 0.5) || left == 0.0 {
            points.push((sum / weight, weight));
            (weight, sum) = (0.0, 0.0);
        }
    }
    let mean: f64 = points.iter().map(|(value, weight)| value * weight).sum();
    points.iter_mut().for_each(|(value, _)| *value /= mean);
    points
}

/// The middle of a bin, counted from the bin of one.
pub(super) fn bin_value(bin: i32) -> f64 {
    (f64::from(bin) * LN_RATIO).exp()
}

pub(super) fn bin_of(value: f64) -> i32 {
    (value.ln() / LN_RATIO).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_a_mean_of_one_and_their_variance() {
        for (shape, squared) in shapes().iter().zip(SQUARED_VARIATIONS) {
            let moment = |power: i32| -> f64 {
                let values = shape.mass.iter().enumerate();
                values.map(|(index, mass)| mass * bin_value(shape.first + index as i32).powi(power)).sum()
            };
            assert!((moment(1) - 1.0).abs() < 2e-3, "{squared}: {}", moment(1));
            assert!(
                (moment(2) - moment(1).powi(2) - squared).abs() < 0.01 * squared + 1e-9,
                "{squared}: {}",
                moment(2)
            );
        }
    }

    #[test]
    fn the_tail_of_an_exponential_and_of_an_erlang() {
        for times in [0.1, 1.0, 3.0, 6.0] {
            assert!((beyond(1.0, times) / (-times).exp() - 1.0).abs() < 0.01, "{times}: {}", beyond(1.0, times));
            let erlang = (1.0 + 2.0 * times) * (-2.0 * times).exp();
            assert!((beyond(0.5, times) / erlang - 1.0).abs() < 0.02, "{times}: {}", beyond(0.5, times));
        }
        assert_eq!((beyond(0.0, 0.9), beyond(0.0, 1.1)), (1.0, 0.0));
    }

    #[test]
    fn points_keep_mean_and_variance() {
        for squared in [0.1, 1.0, 2.0] {
            let points = points(squared, 0.05);
            assert!(points.len() < 400, "{}", points.len());
            let sum = |power: i32| -> f64 { points.iter().map(|(value, weight)| weight * value.powi(power)).sum() };
            assert!((sum(0) - 1.0).abs() < 1e-6 && (sum(2) - 1.0 - squared).abs() < 0.02 * squared, "{squared}");
        }
    }
}
