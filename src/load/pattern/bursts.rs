//! `bursts`: surges that arrive at random and multiply demand while they last.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadModel, stretch};
use crate::load::{SignalContext, SignalError};
use crate::units::distribution::{Distribution, Exponential};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// Bursts with Poisson arrivals. Where several overlap each adds its height: two of factor 3 make a factor of 5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BurstsSpec {
    /// Mean time from one burst's start to the next; above 0s.
    pub mean_interval: SimDuration,
    /// What demand is multiplied by during one burst; below 1 it is a dip.
    pub factor: f64,
    /// How long a burst lasts.
    pub duration: Distribution,
}

/// At most this many bursts are drawn, so that a slip of the unit cannot fill the memory.
const MOST_BURSTS: i64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Bursts {
    changes: Vec<SimTime>,
    /// One more than `changes`: before the first there is no burst.
    factors: Vec<f64>,
}

impl Bursts {
    pub fn compile(spec: &BurstsSpec, context: &SignalContext) -> Result<Bursts, SignalError> {
        if spec.mean_interval <= SimDuration::ZERO {
            return Err(SignalError::new("bursts.meanInterval", "must be above 0s"));
        }
        if context.horizon.nanos() / spec.mean_interval.nanos() > MOST_BURSTS {
            let problem = format!("{} gives over {MOST_BURSTS} bursts in the run; make it longer", spec.mean_interval);
            return Err(SignalError::new("bursts.meanInterval", problem));
        }
        if !(spec.factor.is_finite() && spec.factor >= 0.0) {
            return Err(SignalError::new("bursts.factor", "must be a number of zero or more"));
        }
        spec.duration.validate().map_err(|error| SignalError::new("bursts.duration", error.to_string()))?;

        let mut rng = stream(context.seed, "load-bursts", context.entity);
        let interval = Distribution::Exponential(Exponential { mean: spec.mean_interval });
        let mut edges: Vec<(SimTime, i32)> = Vec::new();
        let mut at = SimTime::ZERO;
        loop {
            // A nanosecond at least, so that no draw can stand still.
            at += interval.sample(&mut rng).max(SimDuration::from_nanos(1));
            if at > SimTime::ZERO + context.horizon {
                break;
            }
            edges.push((at, 1));
            edges.push((at + spec.duration.sample(&mut rng), -1));
        }
        edges.sort_unstable();

        let mut bursts = Bursts { changes: Vec::with_capacity(edges.len()), factors: vec![1.0] };
        let mut active = 0;
        for (at, change) in edges {
            active += change;
            let factor = (1.0 + (spec.factor - 1.0) * f64::from(active)).max(0.0);
            if bursts.changes.last() == Some(&at) {
                *bursts.factors.last_mut().expect("it starts with one") = factor;
            } else {
                bursts.changes.push(at);
                bursts.factors.push(factor);
            }
        }
        Ok(bursts)
    }
}

impl LoadModel for Bursts {
    fn value_at(&self, at: SimTime) -> f64 {
        self.factors[stretch(&self.changes, at).0]
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        stretch(&self.changes, at).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::WallClock;

    #[test]
    fn bursts_come_as_often_and_stay_as_long_as_stated() {
        let spec = BurstsSpec {
            mean_interval: SimDuration::from_secs(600),
            factor: 3.0,
            duration: Distribution::constant(SimDuration::from_secs(60)),
        };
        let horizon = SimDuration::from_secs(600 * 10_000);
        let context = SignalContext { seed: 5, entity: 0, start: WallClock::default(), horizon };
        let bursts = Bursts::compile(&spec, &context).unwrap();
        let (mut weighted, mut at) = (0.0, SimTime::ZERO);
        while at < SimTime::ZERO + horizon {
            let next = bursts.next_change_after(at).min(SimTime::ZERO + horizon);
            weighted += (bursts.value_at(at) - 1.0) * next.since(at).as_secs_f64();
            at = next;
        }
        let bursts_seen = weighted / 2.0 / 60.0;
        assert!((9_700.0..10_300.0).contains(&bursts_seen), "{bursts_seen} bursts");
    }
}
