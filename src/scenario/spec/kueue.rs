//! Kueue's own configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::SimDuration;

/// Kueue's `Configuration`; its queues and quotas are objects of the manifests.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KueueSpec {
    /// Fair sharing of what is borrowed within a cohort. Default: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fair_sharing: Option<FairSharingSpec>,
    /// Jobs whose pods do not get ready in time give their quota back. Default: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for_pods_ready: Option<WaitForPodsReadySpec>,
}

/// `fairSharing`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FairSharingSpec {
    /// Rules of preemption, in this order. Default: both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preemption_strategies: Vec<PreemptionStrategy>,
}

/// A rule of fair sharing's preemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PreemptionStrategy {
    LessThanOrEqualToFinalShare,
    LessThanInitialShare,
}

/// `waitForPodsReady`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitForPodsReadySpec {
    /// From admission until all pods are ready. Default: 5m.
    #[serde(default = "default_timeout")]
    pub timeout: SimDuration,
    /// Nobody is admitted while an admitted job is not ready. Default: false.
    #[serde(default)]
    pub block_admission: bool,
    /// The first wait after a timeout; it doubles each time. Default: 60s.
    #[serde(default = "default_base")]
    pub backoff_base: SimDuration,
    /// The longest wait. Default: 1h.
    #[serde(default = "default_most")]
    pub backoff_max: SimDuration,
    /// After so many timeouts a job is given up. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit_count: Option<u32>,
}

const fn default_timeout() -> SimDuration {
    SimDuration::from_mins(5)
}

const fn default_base() -> SimDuration {
    SimDuration::from_secs(60)
}

const fn default_most() -> SimDuration {
    SimDuration::from_mins(60)
}
