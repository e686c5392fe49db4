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
    /// How single requests differ in size: quantiles of a measured distribution, at most 1,000, each as likely as the
    /// others. Only their proportions count; `perRequest` says what a request of mean size takes. Default: none, and
    /// `perRequest.variation` says how they differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_sizes: Vec<f64>,
    /// What becomes of work that can't be served at once.
    #[serde(default)]
    pub queue: QueueSpec,
}
