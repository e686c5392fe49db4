//! The phases of a training job and what its pods use in each.
//!
//! Where a default has a source it is named beside it; the usage fractions have none and are guesses that a scenario
//! should replace with its own measurements.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CheckpointPhase, DataPhase, TrainingError, UsageFractions};
use crate::units::{Distribution, SimDuration};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not all workers are there.
    Waiting,
    /// Initialising and loading data or the last checkpoint.
    Load,
    /// Making steps.
    Compute,
    /// Saving; no steps are made.
    Checkpoint,
    /// Its turn in a round is over: it holds its GPUs and makes no steps until the next begins.
    Idle,
    /// All steps are done.
    Complete,
}

impl Phase {
    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::Load => "load",
            Phase::Compute => "compute",
            Phase::Checkpoint => "checkpoint",
            Phase::Idle => "idle",
            Phase::Complete => "complete",
        }
    }
}

/// Durations and usage of each phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PhasesSpec {
    pub load: LoadPhase,
    #[serde(skip_serializing_if = "DataPhase::is_none")]
    pub data: DataPhase,
    pub compute: ComputePhase,
    pub checkpoint: CheckpointPhase,
}

/// What happens each time the gang starts, at first or again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadPhase {
    /// From the start of the last worker to the first step. Default: 75s, what one LLM service took from a started
    /// container to a loaded model (published measurement, 2026).
    pub duration: Distribution,
    /// Default (a guess): cpu 0.9, memory 0.6, gpu 0.05.
    pub usage: UsageFractions,
}

/// Making steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComputePhase {
    /// Default (a guess): cpu 0.6, memory 0.8, gpu 0.95.
    pub usage: UsageFractions,
}

impl Default for LoadPhase {
    fn default() -> LoadPhase {
        LoadPhase {
            duration: Distribution::Constant(SimDuration::from_secs(75)),
            usage: UsageFractions { cpu: 0.9, memory: 0.6, gpu: 0.05 },
        }
    }
}

impl Default for ComputePhase {
    fn default() -> ComputePhase {
        ComputePhase { usage: UsageFractions { cpu: 0.6, memory: 0.8, gpu: 0.95 } }
    }
}

impl PhasesSpec {
    /// # Errors
    /// The first fraction out of range, or an interval so short that a job would hardly do anything else.
    pub fn validate(&self) -> Result<(), TrainingError> {
        self.load.usage.validate("load")?;
        self.compute.usage.validate("compute")?;
        let named =
            |error: crate::units::DistributionError| TrainingError::new("phases.load.duration", error.to_string());
        self.load.duration.validate().map_err(named)?;
        self.data.validate()?;
        self.checkpoint.validate()
    }

    /// Fractions of the requests that a pod uses in `phase`: none before its job runs and after.
    pub fn usage(&self, phase: Phase) -> UsageFractions {
        match phase {
            Phase::Waiting | Phase::Complete => UsageFractions::ZERO,
            Phase::Load => self.load.usage,
            Phase::Compute => self.compute.usage,
            Phase::Checkpoint => self.checkpoint.usage,
            Phase::Idle => UsageFractions { memory: self.compute.usage.memory, ..UsageFractions::ZERO },
        }
    }
}
