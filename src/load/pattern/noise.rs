//! `noise`: demand that strays about its pattern and finds back.

use rand_distr::{Distribution as _, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grid, LoadModel};
use crate::load::{SignalContext, SignalError};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// A kind of noise; it multiplies demand and has mean 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum NoiseSpec {
    OrnsteinUhlenbeck(OrnsteinUhlenbeckSpec),
}

/// Noise with a memory: the logarithm of the factor is a stationary Ornstein-Uhlenbeck process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrnsteinUhlenbeckSpec {
    /// Standard deviation of the logarithm of the factor: 0.1 strays by about 10 %. From 0 to 3.
    pub sigma: f64,
    /// Time in which the correlation with the present halves; above 0s.
    pub half_life: SimDuration,
}

/// At most this many steps are drawn: 128 MB of factors.
const MOST_STEPS: i64 = 16_000_000;

#[derive(Debug)]
pub(super) struct OrnsteinUhlenbeck {
    factors: Vec<f64>,
    grid: Grid,
}

impl OrnsteinUhlenbeck {
    /// Draws the path on the grid by the process's exact transition, so that its law does not depend on the step.
    pub fn compile(spec: &NoiseSpec, context: &SignalContext, grid: Grid) -> Result<Self, SignalError> {
        let NoiseSpec::OrnsteinUhlenbeck(OrnsteinUhlenbeckSpec { sigma, half_life }) = *spec;
        if !(0.0..=3.0).contains(&sigma) {
            return Err(SignalError::new("noise.ornsteinUhlenbeck.sigma", format!("{sigma} must be from 0 to 3")));
        }
        if half_life <= SimDuration::ZERO {
            return Err(SignalError::new("noise.ornsteinUhlenbeck.halfLife", "must be above 0s"));
        }
        let steps = grid.index(SimTime::ZERO + context.horizon);
        if steps > MOST_STEPS {
            let problem = format!("the run has {steps} steps of {}, over {MOST_STEPS}; raise resolution", grid.step);
            return Err(SignalError::new("noise", problem));
        }
        let kept = 0.5f64.powf(grid.step.as_secs_f64() / half_life.as_secs_f64());
        let fresh = sigma * (1.0 - kept * kept).sqrt();
        let mut rng = stream(context.seed, "load-noise", context.entity);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let mut state = sigma * draw();
        let mut factors = Vec::with_capacity(steps.max(0) as usize + 1);
        for _ in 0..=steps {
            // Minus half the variance, so that the factor's mean is 1.
            factors.push((state - sigma * sigma / 2.0).exp());
            state = kept * state + fresh * draw();
        }
        Ok(OrnsteinUhlenbeck { factors, grid })
    }
}

impl LoadModel for OrnsteinUhlenbeck {
    fn value_at(&self, at: SimTime) -> f64 {
        let last = self.factors.len() - 1;
        self.factors[(self.grid.index(at).max(0) as usize).min(last)]
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        if self.grid.index(at) >= self.factors.len() as i64 - 1 { SimTime::MAX } else { self.grid.after(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::WallClock;

    fn path(step: i64, steps: i64) -> OrnsteinUhlenbeck {
        let spec = OrnsteinUhlenbeckSpec { sigma: 0.3, half_life: SimDuration::from_secs(60) };
        let horizon = SimDuration::from_secs(step * steps);
        let context = SignalContext { seed: 9, entity: 3, start: WallClock::default(), horizon };
        let grid = Grid::new(SimDuration::from_secs(step));
        OrnsteinUhlenbeck::compile(&NoiseSpec::OrnsteinUhlenbeck(spec), &context, grid).unwrap()
    }

    #[test]
    fn the_noise_is_stationary_with_mean_one_and_the_stated_spread_and_memory() {
        for step in [10, 60] {
            let noise = path(step, 400_000);
            let n = noise.factors.len() as f64;
            let mean = noise.factors.iter().sum::<f64>() / n;
            assert!((mean - 1.0).abs() < 0.01, "mean {mean}");
            let logs: Vec<f64> = noise.factors.iter().map(|f| f.ln() + 0.045).collect();
            let variance = logs.iter().map(|x| x * x).sum::<f64>() / n;
            assert!((variance - 0.09).abs() < 0.003, "variance {variance}");
            let lag = (60 / step) as usize;
            let covariance = logs.windows(lag + 1).map(|w| w[0] * w[lag]).sum::<f64>() / n;
            assert!(
                (covariance / variance - 0.5).abs() < 0.03,
                "correlation after a half-life {}",
                covariance / variance
            );
        }
    }

    #[test]
    fn after_its_horizon_the_noise_holds_its_last_value() {
        let noise = path(10, 5);
        assert_eq!(noise.next_change_after(SimTime::from_secs(50)), SimTime::MAX);
        assert_eq!(noise.value_at(SimTime::from_secs(1_000)), noise.value_at(SimTime::from_secs(50)));
    }
}
