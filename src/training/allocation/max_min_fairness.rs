//! `maxMinFairness`: least attained service without regard to speed: the least GPU time that a job has is as large as can be
//! (Gavel's `max_min_fairness`); what is left beyond that goes to those with least, and so on.

use super::rounds::{Competition, Rule, gpus};

#[derive(Clone, Debug, Default)]
pub struct MaxMinFairness;

impl Rule for MaxMinFairness {
    fn shares(&mut self, of: &Competition<'_>) -> Vec<Vec<f64>> {
        let level = level(of.jobs.iter().map(gpus), of.all());
        let spread: Vec<f64> = of.capacity.iter().map(|capacity| capacity / of.all().max(1.0)).collect();
        let share = |wants: f64| if wants > 0.0 { (level / wants).min(1.0) } else { 0.0 };
        of.jobs.iter().map(|job| spread.iter().map(|part| part * share(gpus(job))).collect()).collect()
    }
}

/// The most that everybody can have of `all`, where nobody takes more than wanted.
fn level(wants: impl Iterator<Item = f64>, all: f64) -> f64 {
    let mut wants: Vec<f64> = wants.collect();
    wants.sort_by(f64::total_cmp);
    let mut left = all;
    for (index, wanted) in wants.iter().enumerate() {
        let equal = left / (wants.len() - index) as f64;
        if *wanted > equal {
            return equal;
        }
        left -= wanted;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn who_wants_little_leaves_more_to_the_others() {
        assert_eq!(level([1.0, 2.0, 8.0, 8.0].into_iter(), 9.0), 3.0);
        assert_eq!(level([4.0, 4.0].into_iter(), 4.0), 2.0);
        assert_eq!(level([1.0, 1.0].into_iter(), 4.0), f64::INFINITY);
    }
}
