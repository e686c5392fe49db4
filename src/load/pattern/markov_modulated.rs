//! `markovModulated`: demand that wanders between levels, staying on each for an exponential time.

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadModel, stretch};
use crate::load::{SignalContext, SignalError};
use crate::units::distribution::{Distribution, Exponential, unit_interval};
use crate::units::random::stream;
use crate::units::{Quantity, SimDuration, SimTime};

/// A continuous-time Markov chain over levels of demand; with Poisson arrivals on top it is the MMPP of the textbooks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkovModulatedSpec {
    /// The states; the chain starts in the first.
    pub states: Vec<MarkovState>,
}

/// One level of demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkovState {
    /// Demand in this state.
    pub level: Quantity,
    /// Mean time before the chain leaves it; above 0s.
    pub mean_sojourn: SimDuration,
    /// Weights of the states that may follow, one for each state in their order. Default: all others alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Vec<f64>>,
}

/// At most this many changes of state are drawn.
const MOST_CHANGES: usize = 10_000_000;

#[derive(Debug)]
pub(super) struct MarkovModulated {
    changes: Vec<SimTime>,
    /// One more than `changes`: the first state's level comes first.
    levels: Vec<f64>,
}

impl MarkovModulated {
    pub fn compile(spec: &MarkovModulatedSpec, context: &SignalContext) -> Result<MarkovModulated, SignalError> {
        let Some(first) = spec.states.first() else {
            return Err(SignalError::new("markovModulated.states", "at least one state is needed"));
        };
        for (index, state) in spec.states.iter().enumerate() {
            check(index, state, spec.states.len())?;
        }
        let mut rng = stream(context.seed, "load-markov-modulated", context.entity);
        let mut chain = MarkovModulated { changes: Vec::new(), levels: vec![first.level.milli_value() as f64] };
        let (mut state, mut at) = (0, SimTime::ZERO);
        while spec.states.len() > 1 {
            let sojourn = Distribution::Exponential(Exponential { mean: spec.states[state].mean_sojourn });
            at += sojourn.sample(&mut rng).max(SimDuration::from_nanos(1));
            if at > SimTime::ZERO + context.horizon {
                break;
            }
            if chain.changes.len() == MOST_CHANGES {
                let problem = format!("over {MOST_CHANGES} changes of state in the run; make the sojourns longer");
                return Err(SignalError::new("markovModulated.states", problem));
            }
            state = follower(&spec.states, state, &mut rng);
            chain.changes.push(at);
            chain.levels.push(spec.states[state].level.milli_value() as f64);
        }
        Ok(chain)
    }
}

fn check(index: usize, state: &MarkovState, states: usize) -> Result<(), SignalError> {
    let refuse = |field: &str, problem: String| {
        Err(SignalError::new(&format!("markovModulated.states[{index}].{field}"), problem))
    };
    if state.mean_sojourn <= SimDuration::ZERO {
        return refuse("meanSojourn", "must be above 0s".to_owned());
    }
    if let Some(weights) = &state.next {
        if weights.len() != states {
            return refuse("next", format!("needs one weight for each of the {states} states, not {}", weights.len()));
        }
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|weight| !(weight.is_finite() && *weight >= 0.0)) || !(sum.is_finite() && sum > 0.0) {
            return refuse("next", "the weights must be zero or more, and not all zero".to_owned());
        }
    }
    Ok(())
}

/// The state after `state`, drawn by its weights.
fn follower(states: &[MarkovState], state: usize, rng: &mut impl Rng) -> usize {
    let weight = |next: usize| match &states[state].next {
        Some(weights) => weights[next],
        None => f64::from(u8::from(next != state)),
    };
    let total: f64 = (0..states.len()).map(weight).sum();
    let mut left = unit_interval(rng) * total;
    let mut last = state;
    for next in (0..states.len()).filter(|next| weight(*next) > 0.0) {
        last = next;
        left -= weight(next);
        if left < 0.0 {
            break;
        }
    }
    last
}

impl LoadModel for MarkovModulated {
    fn value_at(&self, at: SimTime) -> f64 {
        self.levels[stretch(&self.changes, at).0]
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        stretch(&self.changes, at).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::WallClock;

    fn share_of_time_on_level(yaml: &str, milli: f64) -> f64 {
        let spec: MarkovModulatedSpec = serde_saphyr::from_str(yaml).unwrap();
        let horizon = SimDuration::from_secs(4_000_000);
        let context = SignalContext { seed: 5, entity: 0, start: WallClock::default(), horizon };
        let chain = MarkovModulated::compile(&spec, &context).unwrap();
        let samples = 400_000;
        let on = (0..samples).filter(|i| chain.value_at(SimTime::from_secs(i * 10)) == milli).count();
        on as f64 / samples as f64
    }

    #[test]
    fn time_is_shared_by_the_mean_sojourns() {
        let two = "{states: [{level: 1, meanSojourn: 30s}, {level: 2, meanSojourn: 90s}]}";
        assert!((share_of_time_on_level(two, 2000.0) - 0.75).abs() < 0.01);
    }

    #[test]
    fn weights_steer_where_the_chain_goes() {
        let never_third = "{states: [{level: 1, meanSojourn: 30s, next: [0, 1, 0]}, {level: 2, meanSojourn: 30s, next: [1, 0, 0]}, {level: 3, meanSojourn: 30s}]}";
        assert_eq!(share_of_time_on_level(never_third, 3000.0), 0.0);
    }
}
