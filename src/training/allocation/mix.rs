//! Time on GPUs of several models such that every job is as fast as it needs to be, if there is one.
//!
//! Models have prices; each job takes the cheapest mix that is fast enough, and what is asked for too much becomes dearer
//! (multiplicative weights). The mean of the mixes is the answer.

/// A job's GPUs, its steps a second on each model, and how many it needs.
pub(super) struct Need {
    pub gpus: f64,
    pub rates: Vec<f64>,
    pub rate: f64,
}

/// Rounds of bargaining.
const ROUNDS: usize = 60;
/// How far a model may be overdrawn, of its GPUs, for the answer to be scaled down to it.
const SLACK: f64 = 0.01;

/// For each job the part of its time on each model; `None` where the GPUs do not suffice.
pub(super) fn mix(needs: &[Need], capacity: &[f64]) -> Option<Vec<Vec<f64>>> {
    let kinds = capacity.len();
    let mut prices: Vec<f64> = capacity.iter().map(|capacity| 1.0 / capacity.max(1e-9)).collect();
    let mut sum = vec![vec![0.0; kinds]; needs.len()];
    for _ in 0..ROUNDS {
        let mut asked = vec![0.0; kinds];
        for (need, sum) in needs.iter().zip(&mut sum) {
            let of_job = cheapest(need, &prices, capacity)?;
            for kind in 0..kinds {
                asked[kind] += need.gpus * of_job[kind];
                sum[kind] += of_job[kind] / ROUNDS as f64;
            }
        }
        for kind in 0..kinds {
            prices[kind] *= (0.3 * (asked[kind] / capacity[kind].max(1e-9) - 1.0)).clamp(-1.0, 1.0).exp();
        }
    }
    let asked = |kind: usize| needs.iter().zip(&sum).map(|(need, of_job)| need.gpus * of_job[kind]).sum::<f64>();
    let most = (0..kinds).map(|kind| asked(kind) / capacity[kind].max(1e-9)).fold(0.0, f64::max);
    if most > 1.0 + SLACK {
        return None;
    }
    if most > 1.0 {
        sum.iter_mut().flatten().for_each(|part| *part /= most);
    }
    Some(sum)
}

/// One model, or two between which the time is split, at the least price.
fn cheapest(need: &Need, prices: &[f64], capacity: &[f64]) -> Option<Vec<f64>> {
    let kinds = prices.len();
    let mut best: Option<(f64, Vec<f64>)> = None;
    let mut offer = |parts: &[(usize, f64)]| {
        let price = parts.iter().map(|(kind, part)| prices[*kind] * part).sum::<f64>();
        if best.as_ref().is_none_or(|(least, _)| price < *least) {
            let mut of_job = vec![0.0; kinds];
            parts.iter().for_each(|(kind, part)| of_job[*kind] = *part);
            best = Some((price, of_job));
        }
    };
    if need.rate <= 0.0 {
        return Some(vec![0.0; kinds]);
    }
    for one in (0..kinds).filter(|kind| capacity[*kind] > 0.0) {
        if need.rates[one] >= need.rate {
            offer(&[(one, need.rate / need.rates[one])]);
            // The rest of the time on a slower one.
            for other in (0..kinds).filter(|kind| capacity[*kind] > 0.0 && need.rates[*kind] < need.rate) {
                let part = (need.rate - need.rates[other]) / (need.rates[one] - need.rates[other]);
                offer(&[(one, part), (other, 1.0 - part)]);
            }
        }
    }
    best.map(|(_, of_job)| of_job)
}

/// The largest value for which there is an answer, with it: bisection between 0 and `most` on needs that grow with the value.
pub(super) fn largest(most: f64, capacity: &[f64], needs: impl Fn(f64) -> Vec<Need>) -> Option<Vec<Vec<f64>>> {
    let (mut low, mut high) = (0.0, most);
    let mut best = mix(&needs(high), capacity);
    if best.is_some() {
        return best;
    }
    for _ in 0..24 {
        let middle = f64::midpoint(low, high);
        match mix(&needs(middle), capacity) {
            Some(found) => (low, best) = (middle, Some(found)),
            None => high = middle,
        }
    }
    best
}

/// What is left of the GPUs goes to all jobs in proportion, up to their whole time.
pub(super) fn fill(shares: &mut [Vec<f64>], gpus: &[f64], capacity: &[f64]) {
    for _ in 0..4 {
        let asked = |kind: usize| shares.iter().zip(gpus).map(|(of_job, gpus)| gpus * of_job[kind]).sum::<f64>();
        let room = (0..capacity.len()).map(|kind| (kind, asked(kind))).filter(|(_, asked)| *asked > 0.0);
        let factor = room.map(|(kind, asked)| capacity[kind] / asked).fold(f64::INFINITY, f64::min);
        if !factor.is_finite() || factor < 1.001 {
            return;
        }
        for of_job in shares.iter_mut() {
            let whole: f64 = of_job.iter().sum();
            if whole > 0.0 {
                let by = factor.min(1.0 / whole).max(1.0);
                of_job.iter_mut().for_each(|part| *part *= by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gavel's example: two jobs, one of which gains more from the fast GPU.
    #[test]
    fn who_gains_most_from_the_fast_gpu_has_it() {
        let of = |rates: [f64; 2], rate| Need { gpus: 1.0, rates: rates.to_vec(), rate };
        let needs = |value: f64| vec![of([10.0, 1.0], 10.0 * value), of([2.0, 1.5], 2.0 * value)];
        let found = largest(1.0, &[1.0, 1.0], needs).unwrap();
        assert!(found[0][0] > 0.75 && found[1][1] > 0.75, "{found:?}");
        let alone = mix(&[of([1.0, 1.0], 1.5)], &[1.0, 1.0]);
        assert!(alone.is_none(), "no mix is faster than the fastest");
    }

    #[test]
    fn what_is_left_is_given_out() {
        let mut shares = vec![vec![0.25], vec![0.5]];
        fill(&mut shares, &[1.0, 1.0], &[2.0]);
        assert!(shares.iter().all(|of_job| of_job[0] > 0.9), "{shares:?}");
    }
}
