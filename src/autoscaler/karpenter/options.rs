//! Karpenter's own settings (`pkg/operator/options`, kubernetes-sigs/karpenter 22664681), as far as they bear on
//! decisions. NodePools have theirs in [`super::node_pool`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::SimDuration;

/// Settings of the controller, with upstream's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// Longest time that a batch of pending pods stays open (default 10s).
    pub batch_max_duration: SimDuration,
    /// A batch closes after this long without a new pod (default 1s).
    pub batch_idle_duration: SimDuration,
    /// Whether preferred affinities and `ScheduleAnyway` spread are tried as if required (default `Respect`).
    pub preference_policy: PreferencePolicy,
    /// Whether a claim may launch with fewer values than `minValues` asks for (default `Strict`: it may not).
    pub min_values_policy: MinValuesPolicy,
    pub feature_gates: FeatureGates,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            batch_max_duration: SimDuration::from_secs(10),
            batch_idle_duration: SimDuration::from_secs(1),
            preference_policy: PreferencePolicy::Respect,
            min_values_policy: MinValuesPolicy::Strict,
            feature_gates: FeatureGates::default(),
        }
    }
}

impl Options {
    /// How long a node is kept for the pods that were last placed on it: twice the longest batch, at least 10 s.
    pub fn nomination_window(&self) -> SimDuration {
        (self.batch_max_duration * 2).max(SimDuration::from_secs(10))
    }
}

/// Whether preferences of pods count while nodes are planned (`--preference-policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PreferencePolicy {
    #[default]
    Respect,
    Ignore,
}

/// What becomes of `minValues` that can't be kept (`--min-values-policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinValuesPolicy {
    #[default]
    Strict,
    BestEffort,
}

/// Upstream's feature gates that bear on decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FeatureGates {
    /// Replace spot nodes by cheaper spot nodes (default off).
    pub spot_to_spot_consolidation: bool,
    /// Use `reserved` offerings up to their capacity (default on).
    pub reserved_capacity: bool,
}

impl Default for FeatureGates {
    fn default() -> FeatureGates {
        FeatureGates { spot_to_spot_consolidation: false, reserved_capacity: true }
    }
}
