//! What watches the cluster: how often it is scraped, and by which rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::SimDuration;

/// Prometheus rules on simulated time: which alerts fire, and when.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MonitoringSpec {
    /// Files of rules, or of PrometheusRule objects, relative to this one; `*`, `?` and `[…]` as in `rule_files`.
    pub rules: Vec<String>,
    /// How often the cluster's metrics are scraped. Default: 15s.
    pub scrape_interval: SimDuration,
    /// How often groups of rules are evaluated that state no interval. Default: 1m, Prometheus' own.
    pub evaluation_interval: SimDuration,
}

impl Default for MonitoringSpec {
    fn default() -> MonitoringSpec {
        MonitoringSpec {
            rules: Vec::new(),
            scrape_interval: SimDuration::from_secs(15),
            evaluation_interval: SimDuration::from_mins(1),
        }
    }
}
