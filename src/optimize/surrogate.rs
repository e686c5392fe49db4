//! A Gaussian process through a few observations: what to expect elsewhere, and how sure that is.
//!
//! Matérn's kernel of smoothness 5/2 with a length for each coordinate, chosen from a few by the likelihood of what was
//! observed (Rasmussen and Williams 2006, chapters 2, 4 and 5).

/// Lengths that are tried for each coordinate, in parts of its range.
const LENGTHS: [f64; 4] = [0.2, 0.6, 1.5, 5.0];
/// Variance of noise that is tried, in parts of the whole.
const NOISES: [f64; 2] = [1e-4, 1e-2];

/// A process through observations, standardized.
#[derive(Debug)]
pub struct Surrogate {
    points: Vec<Vec<f64>>,
    lengths: Vec<f64>,
    mean: f64,
    scale: f64,
    /// Lower triangle of the Cholesky factor, row by row.
    factor: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

impl Surrogate {
    /// Through `values` at `points`; at least one, all finite.
    pub fn through(points: Vec<Vec<f64>>, values: &[f64]) -> Surrogate {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let standard: Vec<f64> = values.iter().map(|value| (value - mean) / scale).collect();
        let mut lengths = vec![1.0; points.first().map_or(0, Vec::len)];
        let mut noise = NOISES[0];
        let likelihood =
            |lengths: &[f64], noise: f64| fit(&points, &standard, lengths, noise).map(|fit| fit.likelihood);
        let mut best = likelihood(&lengths, noise).unwrap_or(f64::NEG_INFINITY);
        for coordinate in 0..lengths.len() {
            for length in LENGTHS {
                let kept = std::mem::replace(&mut lengths[coordinate], length);
                match likelihood(&lengths, noise).filter(|found| *found > best + 1e-9) {
                    Some(found) => best = found,
                    None => lengths[coordinate] = kept,
                }
            }
        }
        if likelihood(&lengths, NOISES[1]).is_some_and(|found| found > best + 1e-9) {
            noise = NOISES[1];
        }
        // More noise until the matrix is well behaved.
        let mut fitted = fit(&points, &standard, &lengths, noise);
        while fitted.is_none() && noise < 1.0 {
            noise *= 10.0;
            fitted = fit(&points, &standard, &lengths, noise);
        }
        let Fit { factor, weights, .. } = fitted.unwrap_or_default();
        Surrogate { points, lengths, mean, scale, factor, weights }
    }

    /// The mean and the standard deviation expected at a point.
    pub fn expect(&self, at: &[f64]) -> (f64, f64) {
        if self.factor.is_empty() {
            return (self.mean, self.scale);
        }
        let near: Vec<f64> = self.points.iter().map(|point| kernel(point, at, &self.lengths)).collect();
        let mean: f64 = near.iter().zip(&self.weights).map(|(near, weight)| near * weight).sum();
        let solved = forward(&self.factor, &near);
        let variance = (1.0 - solved.iter().map(|part| part * part).sum::<f64>()).max(1e-9);
        (self.mean + self.scale * mean, self.scale * variance.sqrt())
    }
}

#[derive(Default)]
struct Fit {
    factor: Vec<Vec<f64>>,
    weights: Vec<f64>,
    likelihood: f64,
}

fn fit(points: &[Vec<f64>], values: &[f64], lengths: &[f64], noise: f64) -> Option<Fit> {
    let count = points.len();
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(count);
    for row in 0..count {
        let mut line = vec![0.0; row + 1];
        for column in 0..=row {
            let mut sum = kernel(&points[row], &points[column], lengths);
            if row == column {
                sum += noise;
            }
            let above: &[f64] = if column == row { &line } else { &factor[column] };
            sum -= line[..column].iter().zip(&above[..column]).map(|(a, b)| a * b).sum::<f64>();
            line[column] =
                if row == column { (sum > 1e-12).then(|| sum.sqrt())? } else { sum / factor[column][column] };
        }
        factor.push(line);
    }
    let solved = forward(&factor, values);
    let likelihood = -0.5 * solved.iter().map(|part| part * part).sum::<f64>()
        - factor.iter().enumerate().map(|(row, line)| line[row].ln()).sum::<f64>();
    let mut weights = solved;
    for row in (0..count).rev() {
        weights[row] /= factor[row][row];
        let weight = weights[row];
        for (column, factor) in factor[row][..row].iter().enumerate() {
            weights[column] -= factor * weight;
        }
    }
    Some(Fit { factor, weights, likelihood })
}

fn forward(factor: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let mut solved: Vec<f64> = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let sum: f64 = factor[row][..row].iter().zip(&solved).map(|(a, b)| a * b).sum();
        solved.push((value - sum) / factor[row][row]);
    }
    solved
}

fn kernel(a: &[f64], b: &[f64], lengths: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).zip(lengths).map(|((a, b), length)| ((a - b) / length).powi(2)).sum();
    let distance = (5.0 * squares).sqrt();
    (1.0 + distance + distance * distance / 3.0) * (-distance).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_through_what_was_observed_and_is_unsure_elsewhere() {
        let points: Vec<Vec<f64>> = [0.0, 0.2, 0.5, 0.7, 1.0].map(|x| vec![x, 0.5]).to_vec();
        let value = |x: f64| 10.0 + 3.0 * (4.0 * x).sin();
        let values: Vec<f64> = points.iter().map(|point| value(point[0])).collect();
        let surrogate = Surrogate::through(points.clone(), &values);
        for (point, value) in points.iter().zip(&values) {
            let (mean, deviation) = surrogate.expect(point);
            assert!((mean - value).abs() < 0.2 && deviation < 0.5, "{mean} {deviation} at {point:?}");
        }
        let (between, _) = surrogate.expect(&[0.35, 0.5]);
        assert!((between - value(0.35)).abs() < 0.7, "{between} against {}", value(0.35));
        assert!(surrogate.expect(&[0.35, 0.5]).1 > surrogate.expect(&[0.2, 0.5]).1);
    }

    #[test]
    fn one_observation_or_equal_ones_are_no_trouble() {
        let one = Surrogate::through(vec![vec![0.5]], &[3.0]);
        assert!((one.expect(&[0.5]).0 - 3.0).abs() < 1e-6);
        let equal = Surrogate::through(vec![vec![0.5], vec![0.5], vec![0.1]], &[3.0, 3.0, 3.0]);
        assert!((equal.expect(&[0.9]).0 - 3.0).abs() < 1e-6);
    }
}
