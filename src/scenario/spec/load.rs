//! Demand on a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TargetRef;
use crate::load::SignalSpec;
use crate::load::service::{QueueSpec, RequestCost};

/// Demand that the ready pods of one workload share: CPU work, or requests.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadSpec {
    pub target: TargetRef,
    /// Cores of work. Exactly one of `cpu` and `requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<SignalSpec>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<SignalSpec>,
    /// What one request takes. Needed with `requests`, refused with `cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<RequestCost>,
    /// What becomes of work that can't be served at once.
    #[serde(default)]
    pub queue: QueueSpec,
}
