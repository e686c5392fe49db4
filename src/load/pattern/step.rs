//! `step`: demand that jumps at stated instants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoadModel, stretch};
use crate::load::SignalError;
use crate::units::{Quantity, SimDuration, SimTime};

/// Levels that each hold until the next begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepSpec {
    /// Level before the first step. Default: 0.
    #[serde(default)]
    pub initial: Quantity,
    /// The jumps, in ascending order of time; at least one.
    pub steps: Vec<StepChange>,
}

/// One jump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepChange {
    /// When, from the scenario's start.
    pub at: SimDuration,
    /// The level from then on.
    pub to: Quantity,
}

#[derive(Debug)]
pub(super) struct Step {
    starts: Vec<SimTime>,
    /// One more than `starts`: the initial level comes first.
    levels: Vec<f64>,
}

impl Step {
    pub fn compile(spec: &StepSpec) -> Result<Step, SignalError> {
        if spec.steps.is_empty() {
            return Err(SignalError::new("step.steps", "at least one step is needed; for one level write constant"));
        }
        for (index, pair) in spec.steps.windows(2).enumerate() {
            if pair[1].at <= pair[0].at {
                let field = format!("step.steps[{}].at", index + 1);
                return Err(SignalError::new(&field, format!("{} must be later than {}", pair[1].at, pair[0].at)));
            }
        }
        let levels = std::iter::once(spec.initial).chain(spec.steps.iter().map(|step| step.to));
        Ok(Step {
            starts: spec.steps.iter().map(|step| SimTime::ZERO + step.at).collect(),
            levels: levels.map(|level| level.milli_value() as f64).collect(),
        })
    }
}

impl LoadModel for Step {
    fn value_at(&self, at: SimTime) -> f64 {
        self.levels[stretch(&self.starts, at).0]
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        stretch(&self.starts, at).1
    }
}
