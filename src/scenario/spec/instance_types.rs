//! Instance types of the scenario's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Quantity, UsdPerHour};

/// A type that the catalogue lacks, or what is otherwise of one that it has: what is left out is the catalogue's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstanceTypeSpec {
    /// Decides how large its boot disk is: `aws`, `gcp`, `azure`, or any other. Default: own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// Cores. Needed where the catalogue lacks the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Needed where the catalogue lacks the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// `amd64` or `arm64`. Default: amd64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Accelerators. Default: 0, or 1 with `gpuModel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Their model. `MI…` is AMD's (amd.com/gpu), `TPU…` Google's (google.com/tpu), `Trainium…` and `Inferentia…` AWS's
    /// (aws.amazon.com/neuron), any other NVIDIA's (nvidia.com/gpu).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Memory of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory: Option<Quantity>,
    /// On demand. Where neither this nor the catalogue has it, groups must state their price, and Karpenter does not buy it so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<UsdPerHour>,
    /// As a spot machine; the same holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_price: Option<UsdPerHour>,
    /// Interruptions of one spot machine an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruptions_per_hour: Option<f64>,
}
