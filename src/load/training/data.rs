//! Feeding the GPUs: a job is no faster than its data come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use crate::units::{Bytes, Millicores};

/// What it takes to feed GPUs that compute. Reading and preparing go on beside the steps; where they are slower than the steps,
/// the GPUs wait (`badput_data_seconds`). Default: data are always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DataPhase {
    /// CPU that decodes and prepares what one GPU takes at full speed. A worker has what it requests. Default: 0.
    pub cpu_per_gpu: Millicores,
    /// What one GPU at full speed reads in a second. Default: 0.
    pub read_per_gpu: Bytes,
    /// What a node can read in a second; each of its GPUs has an even part of it. Needed with `readPerGpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_bandwidth: Option<Bytes>,
}

impl DataPhase {
    /// Data are always there.
    pub fn is_none(&self) -> bool {
        *self == DataPhase::default()
    }

    pub(super) fn validate(&self) -> Result<(), TrainingError> {
        let refuse = |field: &str, problem: &str| Err(TrainingError::new(format!("phases.data.{field}"), problem));
        if self.cpu_per_gpu.get() < 0 {
            return refuse("cpuPerGpu", "must be zero or more");
        }
        if self.read_per_gpu.get() < 0 {
            return refuse("readPerGpu", "must be zero or more");
        }
        match (self.read_per_gpu.get(), self.node_bandwidth.map(Bytes::get)) {
            (1.., None) => refuse("readPerGpu", "takes a nodeBandwidth: what a node can read in a second"),
            (0, Some(_)) => refuse("nodeBandwidth", "takes a readPerGpu: what one GPU at full speed reads in a second"),
            (_, Some(..1)) => refuse("nodeBandwidth", "must be above 0"),
            _ => Ok(()),
        }
    }

    /// The most that a GPU can do of its full speed, where it has so much CPU and its node so many GPUs; infinite where
    /// nothing holds it up.
    pub fn most_speed(&self, cpu_of_a_gpu: Millicores, gpus_of_the_node: u32) -> f64 {
        let by = |has: f64, needs: f64| if needs > 0.0 { has / needs } else { f64::INFINITY };
        let cpu = by(cpu_of_a_gpu.get() as f64, self.cpu_per_gpu.get() as f64);
        let bandwidth =
            self.node_bandwidth.map_or(f64::INFINITY, |all| all.get() as f64 / f64::from(gpus_of_the_node.max(1)));
        cpu.min(by(bandwidth, self.read_per_gpu.get() as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_of_cpu_and_bandwidth_holds_gpus_up() {
        let data =
            DataPhase { cpu_per_gpu: Millicores(8_000), read_per_gpu: Bytes(100), node_bandwidth: Some(Bytes(400)) };
        data.validate().unwrap();
        assert_eq!(data.most_speed(Millicores(6_000), 4), 0.75);
        assert_eq!(data.most_speed(Millicores(6_000), 8), 0.5);
        assert_eq!(data.most_speed(Millicores(16_000), 2), 2.0);
        assert_eq!(DataPhase::default().most_speed(Millicores(1), 8), f64::INFINITY);
        let only_cpu = DataPhase { cpu_per_gpu: Millicores(8_000), ..DataPhase::default() };
        assert_eq!(only_cpu.most_speed(Millicores(2_000), 8), 0.25);
    }
}
