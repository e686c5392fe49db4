//! Speed of a job: steps a second, the same throughout or by epoch.

use std::sync::Arc;

use crate::units::SimDuration;

/// Training speed in millionths of millionths of a step per second, so that progress is exact and a slow job's speed is
/// as close to the measured one as a fast one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepRate(i128);

/// Of these rates in a step a second.
const UNITS: f64 = 1e12;
/// The fastest, in steps a second.
const FASTEST: f64 = 9e12;
/// Units of a rate times nanoseconds that make a millionth of a step.
const A_MICRO_STEP: i128 = 1_000_000_000_000_000;

impl StepRate {
    /// Negative and NaN rates become zero; the largest is 9 million million steps per second.
    pub fn from_steps_per_second(rate: f64) -> StepRate {
        StepRate((rate.clamp(0.0, FASTEST) * UNITS).round() as i128)
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / UNITS
    }

    /// The time that `micro_steps` take, rounded up; [`SimDuration::MAX`] where the rate is zero.
    pub fn time_for(self, micro_steps: i64) -> SimDuration {
        if self.0 == 0 {
            return SimDuration::MAX;
        }
        let nanos = (i128::from(micro_steps) * A_MICRO_STEP + self.0 - 1) / self.0;
        SimDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// Millionths of steps done in `span`, rounded down.
    pub fn steps_in(self, span: SimDuration) -> i64 {
        let micro = self.0.saturating_mul(i128::from(span.nanos().max(0))) / A_MICRO_STEP;
        i64::try_from(micro).unwrap_or(i64::MAX)
    }
}

/// Speed of a placement: by epoch, the last for all that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    rates: Arc<[StepRate]>,
    /// What it would be if nothing slowed the job; what is missing is lost to stragglers.
    unhindered: Option<StepRate>,
}

impl Pace {
    /// # Panics
    /// Where there is no rate.
    pub fn by_epoch(rates: impl IntoIterator<Item = StepRate>) -> Pace {
        let rates: Arc<[StepRate]> = rates.into_iter().collect();
        assert!(!rates.is_empty(), "a job has an epoch");
        Pace { rates, unhindered: None }
    }

    /// The same with what it would be without stragglers.
    pub fn hindered(self, unhindered: StepRate) -> Pace {
        Pace { unhindered: Some(unhindered), ..self }
    }

    /// Of the time in an epoch, what is not lost to stragglers that were measured with it.
    pub fn kept(&self, epoch: usize) -> f64 {
        self.unhindered.map_or(1.0, |whole| (self.at(epoch).as_f64() / whole.as_f64()).min(1.0))
    }

    pub fn at(&self, epoch: usize) -> StepRate {
        self.rates[epoch.min(self.rates.len() - 1)]
    }
}

impl From<StepRate> for Pace {
    fn from(rate: StepRate) -> Pace {
        Pace { rates: Arc::new([rate]), unhindered: None }
    }
}

/// Where the epochs of a job's work end, in millionths of a step, ascending; the last is its whole work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs(Arc<[i64]>);

impl Epochs {
    /// Work without epochs; beyond 9 million million steps it is capped.
    pub fn steps(steps: u64) -> Epochs {
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        Epochs(Arc::new([steps.saturating_mul(1_000_000)]))
    }

    /// The same so many times as long.
    pub fn scaled(&self, by: f64) -> Epochs {
        if by == 1.0 {
            return self.clone();
        }
        Epochs(self.0.iter().map(|end| ((*end as f64 * by).round() as i64).max(1)).collect())
    }

    /// `None` where there is none, or one ends before the one before it.
    pub fn ending(at: Vec<i64>) -> Option<Epochs> {
        let ascend = at.windows(2).all(|pair| pair[0] <= pair[1]);
        (!at.is_empty() && ascend && at[0] >= 0).then(|| Epochs(at.into()))
    }

    /// All of it.
    pub fn total(&self) -> i64 {
        self.0.last().copied().unwrap_or(0)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Which epoch comes after so much work.
    pub fn after(&self, done: i64) -> usize {
        self.0.partition_point(|end| *end <= done).min(self.0.len() - 1)
    }

    pub fn end_of(&self, epoch: usize) -> i64 {
        self.0[epoch.min(self.0.len() - 1)]
    }

    /// What is left takes so long, draws and pauses left out.
    pub fn time_left(&self, done: i64, pace: &Pace) -> SimDuration {
        let mut left = SimDuration::ZERO;
        let mut from = done;
        for epoch in self.after(done)..self.0.len() {
            let to = self.0[epoch];
            left += pace.at(epoch).time_for((to - from).max(0));
            from = to.max(from);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_is_the_sum_of_its_epochs() {
        let epochs = Epochs::ending(vec![10_000_000, 10_000_000, 30_000_000]).unwrap();
        let rate = StepRate::from_steps_per_second;
        let pace = Pace::by_epoch([rate(1.0), rate(5.0), rate(2.0)]);
        assert_eq!(epochs.time_left(0, &pace), SimDuration::from_secs(20));
        assert_eq!(epochs.time_left(10_000_000, &pace), SimDuration::from_secs(10));
        assert_eq!(epochs.time_left(20_000_000, &pace), SimDuration::from_secs(5));
        assert_eq!((epochs.after(9_999_999), epochs.after(10_000_000), epochs.after(99_000_000)), (0, 2, 2));
        assert!(Epochs::ending(vec![2, 1]).is_none() && Epochs::ending(vec![]).is_none());
    }

    proptest! {
        #[test]
        fn the_time_for_some_steps_is_the_shortest_that_does_them(rate in 1..10_000_000_000i128, steps in 1..1_000_000_000_000i64) {
            let rate = StepRate(rate * 1_000_000);
            let time = rate.time_for(steps);
            prop_assume!(time < SimDuration::MAX);
            prop_assert!(rate.steps_in(time) >= steps);
            prop_assert!(rate.steps_in(time - SimDuration::from_nanos(1)) < steps);
        }
    }
}
