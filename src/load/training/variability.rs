//! Why two runs of the same job differ: jitter of step times and straggling workers.
//!
//! The measured table already holds the ordinary wait for the slowest of a gang's workers, so what is drawn here
//! comes on top. Both are off unless a scenario asks for them. For orders of magnitude: in the mini-batch times of
//! three production jobs of ten workers (Alibaba PAI, 2020) the logarithm of a worker's times has a standard deviation
//! of 0.01 to 0.11 in two of them and up to 0.49 in the third, whose slow half takes 3 to 4 times as long. Slow workers
//! stay slow for long, which is why a straggler lasts from one start of the gang to the next.

use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use crate::units::SimDuration;
use crate::units::distribution::unit_interval;

/// Variation of a gang's speed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VariabilitySpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<JitterSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stragglers: Option<StragglersSpec>,
}

/// The gang's speed is multiplied by a log-normal factor of mean 1, drawn anew at intervals of compute time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JitterSpec {
    /// Standard deviation of the factor's logarithm, from 0 to 2.
    pub sigma: f64,
    /// How long a factor holds; at least 1s. Default: 1m.
    #[serde(default = "one_minute")]
    pub every: SimDuration,
}

fn one_minute() -> SimDuration {
    SimDuration::from_mins(1)
}

/// Slow workers: a synchronous gang moves at the speed of its slowest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StragglersSpec {
    /// Chance of each worker to be slow, drawn when the gang starts; 0 to 1.
    pub probability: f64,
    /// How many times slower it is; 1 or more.
    pub slowdown: f64,
}

impl VariabilitySpec {
    pub fn validate(&self) -> Result<(), TrainingError> {
        if let Some(JitterSpec { sigma, every }) = self.jitter {
            if !(0.0..=2.0).contains(&sigma) {
                return Err(TrainingError::new("variability.jitter.sigma", "must be from 0 to 2"));
            }
            if every < SimDuration::from_secs(1) {
                return Err(TrainingError::new("variability.jitter.every", "must be at least 1s"));
            }
        }
        if let Some(StragglersSpec { probability, slowdown }) = self.stragglers {
            if !(0.0..=1.0).contains(&probability) {
                return Err(TrainingError::new("variability.stragglers.probability", "must be from 0 to 1"));
            }
            if !(slowdown.is_finite() && slowdown >= 1.0) {
                return Err(TrainingError::new("variability.stragglers.slowdown", "must be a number of 1 or more"));
            }
        }
        Ok(())
    }

    /// The factor on a gang's speed that its stragglers leave, drawn when it starts.
    pub(super) fn draw_stragglers(&self, workers: u32, rng: &mut impl Rng) -> f64 {
        let Some(StragglersSpec { probability, slowdown }) = self.stragglers else { return 1.0 };
        // Every worker's draw is taken, so that a gang's size is all that shifts the stream.
        let slow = (0..workers).filter(|_| unit_interval(rng) < probability).count();
        if slow > 0 { 1.0 / slowdown } else { 1.0 }
    }

    /// The factor on a gang's speed for the next stretch, and how long that lasts.
    pub(super) fn draw_jitter(&self, rng: &mut impl Rng) -> (f64, SimDuration) {
        let Some(JitterSpec { sigma, every }) = self.jitter else { return (1.0, SimDuration::MAX) };
        let z: f64 = StandardNormal.sample(rng);
        ((sigma * z - sigma * sigma / 2.0).exp(), every)
    }
}
