//! A demand signal: base patterns added up, times modifiers, evaluated at an instant.
//!
//! [`SignalSpec`] is what a scenario writes, [`Signal`] what it becomes under a seed and a wall clock. A signal is
//! constant between the instants that [`Signal::next_change_after`] names, so an engine that moves from one to the
//! next integrates demand exactly, and may skip whole stretches.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pattern::{
    BurstsSpec, DiurnalSpec, Grid, LoadModel, MarkovModulatedSpec, NoiseSpec, RampSpec, ReplaySpec, StepSpec, compile,
};
use super::signal_context::{SignalContext, SignalError};
use crate::units::{Quantity, SimDuration, SimTime};

/// Demand over time. At least one base pattern (`constant`, `step`, `ramp`, `diurnal`, `markovModulated`, `replay`);
/// several are added up. `bursts` and `noise` multiply the sum.
///
/// Amounts are cores of work for `cpu:` demand and requests per second for `requests:` demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignalSpec {
    /// The same at all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<Quantity>,
    /// Jumps at stated instants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepSpec>,
    /// A straight line from one level to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampSpec>,
    /// A smooth wave with the period of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diurnal: Option<DiurnalSpec>,
    /// Levels that a Markov chain wanders between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markov_modulated: Option<MarkovModulatedSpec>,
    /// A recorded series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplaySpec>,
    /// Bursts that come at random and multiply the sum of the base patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bursts: Option<BurstsSpec>,
    /// Noise that multiplies the sum of the base patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseSpec>,
    /// Multiplies the whole signal; from 0 to 1e12. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// How often a pattern that changes all the time takes a new value. Default: 15s, metrics-server's scrape interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<SimDuration>,
}

/// Demand as a function of time. Cheap to clone and to share between threads.
#[derive(Clone, Debug)]
pub struct Signal {
    addends: Vec<Arc<dyn LoadModel>>,
    factors: Vec<Arc<dyn LoadModel>>,
    scale: f64,
}

impl Signal {
    /// Demand at `at` in thousandths of its unit (millicores, or requests per 1,000 seconds), never negative and never
    /// above `LARGEST`.
    pub fn value_at(&self, at: SimTime) -> i64 {
        let base: f64 = self.addends.iter().map(|model| model.value_at(at)).sum();
        let value = self.factors.iter().fold(base * self.scale, |value, model| value * model.value_at(at));
        value.round().clamp(0.0, LARGEST) as i64
    }

    /// The earliest instant after `at` where the value may differ; [`SimTime::MAX`] where it never does again.
    pub fn next_change_after(&self, at: SimTime) -> SimTime {
        let models = self.addends.iter().chain(&self.factors);
        models.map(|model| model.next_change_after(at)).min().unwrap_or(SimTime::MAX)
    }
}

/// Nine trillion of any unit, in thousandths (2⁵³): sums over pods and hours stay within their integers.
const LARGEST: f64 = (1_i64 << 53) as f64;
const MOST_SCALE: f64 = 1e12;

const DEFAULT_RESOLUTION: SimDuration = SimDuration::from_secs(15);

impl SignalSpec {
    /// Validates, draws what is random up to the context's horizon, and yields the signal.
    ///
    /// # Errors
    /// The first field that is out of range or missing, with what it should be.
    pub fn compile(&self, context: &SignalContext) -> Result<Signal, SignalError> {
        let resolution = self.resolution.unwrap_or(DEFAULT_RESOLUTION);
        if resolution < SimDuration::from_millis(1) {
            return Err(SignalError::new("resolution", format!("{resolution} is too fine; 1ms is the finest")));
        }
        let scale = self.scale.unwrap_or(1.0);
        if !(0.0..=MOST_SCALE).contains(&scale) {
            return Err(SignalError::new("scale", format!("{scale} must be a number from zero to {MOST_SCALE:e}")));
        }
        let grid = Grid::new(resolution);
        let addends = compile::bases(self, context, grid)?;
        if addends.is_empty() {
            return Err(SignalError::new(
                "",
                format!("a demand needs a base pattern: one of {}", compile::BASES.join(", ")),
            ));
        }
        Ok(Signal { addends, factors: compile::modifiers(self, context, grid)?, scale })
    }

    /// The replay's file and columns, where this spec has one and its series is not set yet.
    pub fn missing_series(&mut self) -> Option<&mut ReplaySpec> {
        self.replay.as_mut().filter(|replay| replay.needs_series())
    }
}

#[cfg(test)]
mod tests {
    use super::super::WallClock;
    use super::*;

    fn context() -> SignalContext {
        SignalContext { seed: 42, entity: 1, start: WallClock::default(), horizon: SimDuration::from_secs(86_400) }
    }

    fn spec(yaml: &str) -> SignalSpec {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn base_patterns_add_up_and_modifiers_multiply() {
        let signal = spec("{constant: 500m, step: {initial: 1, steps: [{at: 1h, to: 3}]}, scale: 2}")
            .compile(&context())
            .unwrap();
        assert_eq!(signal.value_at(SimTime::ZERO), 3000);
        assert_eq!(signal.value_at(SimTime::from_secs(3600)), 7000);
        assert_eq!(signal.next_change_after(SimTime::ZERO), SimTime::from_secs(3600));
        assert_eq!(signal.next_change_after(SimTime::from_secs(3600)), SimTime::MAX);
    }

    #[test]
    fn the_reference_scenarios_demand_peaks_in_the_afternoon() {
        let text = r#"{diurnal: {trough: 600m, peak: 4500m, peakAt: "14:00"}, noise: {ornsteinUhlenbeck: {sigma: 0.1, halfLife: 5m}}}"#;
        let signal = spec(text).compile(&context()).unwrap();
        let mean_of_hour =
            |hour: i64| (0..240).map(|i| signal.value_at(SimTime::from_secs(hour * 3600 + i * 15))).sum::<i64>() / 240;
        assert!((4_000..5_000).contains(&mean_of_hour(14)), "{}", mean_of_hour(14));
        assert!((540..700).contains(&mean_of_hour(2)), "{}", mean_of_hour(2));
    }

    #[test]
    fn a_signal_is_constant_between_its_changes() {
        let text = r#"{diurnal: {trough: 1, peak: 9, peakAt: "14:00"}, bursts: {meanInterval: 10m, factor: 2, duration: {exponential: {mean: 1m}}},
            noise: {ornsteinUhlenbeck: {sigma: 0.3, halfLife: 5m}}, markovModulated: {states: [{level: 1, meanSojourn: 3m}, {level: 5, meanSojourn: 1m}]}}"#;
        let signal = spec(text).compile(&context()).unwrap();
        let mut at = SimTime::ZERO;
        for _ in 0..2_000 {
            let next = signal.next_change_after(at);
            assert!(next > at);
            let last = next - SimDuration::from_nanos(1);
            assert_eq!(signal.value_at(last), signal.value_at(at), "within {at}..{next}");
            at = next;
        }
    }

    #[test]
    fn a_seed_repeats_and_another_differs_and_the_horizon_does_not_matter() {
        let noisy = spec(
            "{constant: 1, noise: {ornsteinUhlenbeck: {sigma: 0.3, halfLife: 5m}}, bursts: {meanInterval: 5m, factor: 3, duration: 1m}}",
        );
        let values = |context: SignalContext| {
            let signal = noisy.compile(&context).unwrap();
            (0..500).map(|i| signal.value_at(SimTime::from_secs(i * 7))).collect::<Vec<_>>()
        };
        let base = values(context());
        assert_eq!(values(SignalContext { horizon: SimDuration::from_secs(4_000), ..context() }), base);
        assert_ne!(values(SignalContext { seed: 43, ..context() }), base);
        assert_ne!(values(SignalContext { entity: 2, ..context() }), base);
    }

    #[test]
    fn a_bad_spec_names_its_field() {
        for (yaml, field) in [
            ("{}", ""),
            ("{noise: {ornsteinUhlenbeck: {sigma: 0.1, halfLife: 5m}}}", ""),
            ("{constant: 1, scale: -1}", "scale"),
            ("{constant: 1, resolution: 0s}", "resolution"),
            ("{constant: 1, noise: {ornsteinUhlenbeck: {sigma: -0.1, halfLife: 5m}}}", "noise.ornsteinUhlenbeck.sigma"),
            (
                "{constant: 1, noise: {ornsteinUhlenbeck: {sigma: 0.1, halfLife: 0s}}}",
                "noise.ornsteinUhlenbeck.halfLife",
            ),
            ("{constant: 1, noise: {ornsteinUhlenbeck: {sigma: 0.1, halfLife: 5m}}, resolution: 1ms}", "noise"),
            ("{diurnal: {trough: 2, peak: 1, peakAt: \"14:00\"}}", "diurnal.peak"),
            ("{diurnal: {trough: 1, peak: 2, peakAt: \"14:00\", weekendFactor: -1}}", "diurnal.weekendFactor"),
            ("{ramp: {from: 1, to: 2, duration: 0s}}", "ramp.duration"),
            ("{step: {steps: []}}", "step.steps"),
            ("{step: {steps: [{at: 2h, to: 1}, {at: 1h, to: 2}]}}", "step.steps[1].at"),
            ("{constant: 1, bursts: {meanInterval: 0s, factor: 2, duration: 1m}}", "bursts.meanInterval"),
            ("{constant: 1, bursts: {meanInterval: 1m, factor: -2, duration: 1m}}", "bursts.factor"),
            ("{markovModulated: {states: []}}", "markovModulated.states"),
            ("{markovModulated: {states: [{level: 1, meanSojourn: 0s}]}}", "markovModulated.states[0].meanSojourn"),
            (
                "{markovModulated: {states: [{level: 1, meanSojourn: 1s, next: [1, 2]}]}}",
                "markovModulated.states[0].next",
            ),
            ("{replay: {}}", "replay"),
            ("{replay: {points: [{at: 1s, value: 1}, {at: 0s, value: 2}]}}", "replay.points[1].at"),
            ("{replay: {file: a.csv, column: b}}", "replay.file"),
            ("{replay: {file: a.csv}}", "replay.column"),
        ] {
            let error = spec(yaml).compile(&context()).expect_err(yaml);
            assert_eq!(error.field, field, "{yaml}: {error}");
        }
    }

    #[test]
    fn an_unknown_pattern_is_refused_with_the_known_names() {
        let error = serde_saphyr::from_str::<SignalSpec>("{diurnel: {}}").unwrap_err().to_string();
        assert!(error.contains("diurnel") && error.contains("diurnal"), "{error}");
    }
}
