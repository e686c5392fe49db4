//! What a pod of a training job uses of what it requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use crate::units::{Bytes, GpuMilli, Millicores};

/// Fractions of what a pod requests (of GPU: of its devices' time).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageFractions {
    /// Of the CPU request; zero or more.
    pub cpu: f64,
    /// Of the memory request; zero or more.
    pub memory: f64,
    /// Duty cycle of its GPUs; 0 to 1.
    pub gpu: f64,
}

/// What one pod uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: Millicores,
    pub memory: Bytes,
    pub gpu: GpuMilli,
}

impl UsageFractions {
    pub const ZERO: UsageFractions = UsageFractions { cpu: 0.0, memory: 0.0, gpu: 0.0 };

    /// What a pod with these requests uses, rounded to whole units.
    pub fn of(&self, requests: &Usage) -> Usage {
        let part = |fraction: f64, whole: i64| (whole as f64 * fraction).round() as i64;
        Usage {
            cpu: Millicores(part(self.cpu, requests.cpu.get())),
            memory: Bytes(part(self.memory, requests.memory.get())),
            gpu: GpuMilli(part(self.gpu, requests.gpu.get())),
        }
    }

    pub(super) fn validate(&self, phase: &str) -> Result<(), TrainingError> {
        for (name, value, most) in
            [("cpu", self.cpu, f64::MAX), ("memory", self.memory, f64::MAX), ("gpu", self.gpu, 1.0)]
        {
            if !(0.0..=most).contains(&value) {
                let problem = if most == 1.0 { "must be from 0 to 1" } else { "must be a number of zero or more" };
                return Err(TrainingError::new(format!("phases.{phase}.usage.{name}"), problem));
            }
        }
        Ok(())
    }
}
