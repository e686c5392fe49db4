//! Demand on a service.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TargetRef;
use crate::load::SignalSpec;
use crate::load::service::{QueueSpec, RequestCost};
use crate::units::SimDuration;

/// Demand that the ready pods of one workload share: CPU work, or requests.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadSpec {
    pub target: TargetRef,
    /// Cores of work. Exactly one of `cpu`, `requests` and `requestLog`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<SignalSpec>,
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<SignalSpec>,
    /// Single requests, each at its instant and of its size, served one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_log: Option<RequestLogSpec>,
    /// Draw single requests at the rate of `requests` (a Poisson process) and serve them one by one, instead of working
    /// out what requests at that rate feel: slower, and right where few requests come. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each_request: bool,
    /// What one request takes. Needed with `requests` and `requestLog`, refused with `cpu`.
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

/// A log of requests: a CSV file with a header, a request a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestLogSpec {
    /// The file, relative to the scenario.
    pub file: String,
    /// The column that holds when a request came: seconds, or timestamps, which count from the first. Default: time_s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// What makes a request large: columns, and what one of each counts. A request's size is the sum. Default: none, and
    /// all requests are alike.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub size: BTreeMap<String, f64>,
    /// Only requests whose column has one of these values, such as `status: [SUCCEED]`. Default: all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
    /// The size of a request that takes what `perRequest` says. Default: the mean of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request_size: Option<f64>,
    /// How far into the log the scenario starts. Default: 0s.
    #[serde(default)]
    pub offset: SimDuration,
    /// How many times as fast as recorded requests come. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speedup: Option<f64>,
}
