//! What Karpenter's NodePools can buy, and how the cloud delivers it. The NodePools themselves are manifests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InterruptionHandling;
use crate::cluster::ReservedOptions;
use crate::units::{Distribution, SimDuration, UsdPerHour};

/// Instance types, zones and prices that the NodePools of the manifests choose among.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodePoolsSpec {
    /// Names from the catalogue or of `instanceTypes`. Default: every type of AWS whose price is known, for Karpenter is at
    /// home there, and those of `instanceTypes`.
    pub instance_types: Vec<String>,
    /// Zones in which each type is offered. Default: `zone-a`.
    pub zones: Vec<String>,
    /// Prices by instance type, where they differ from the catalogue's. A type without a spot price is not offered as
    /// spot, unless `spotDiscount` gives it one.
    pub prices: BTreeMap<String, OfferedPrices>,
    /// The part of the on-demand price, above 0 and below 1, that spot saves for types without a spot price of their own:
    /// 0.6 offers them at 40 % of it. Default: no spot price is guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_discount: Option<f64>,
    /// What a node keeps for itself. Default: EKS's rules.
    pub reserved: ReservedOptions,
    /// Whether pods can have thousandths of a GPU. Default: false.
    pub shared_gpus: bool,
    /// From the launch to the node's registration. Default: log-normal, median 30s, 95 % below 55s (measured: a GPU node
    /// on EKS was Ready 35 s after its pod went pending; reported: CPU nodes after 45 to 60 s).
    pub provisioning: Distribution,
    /// From registration to Ready. Default: 5s (a guess).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Distribution>,
    /// From Ready until the GPUs of a node that has any can be asked for (device plugin; the drivers are in the image).
    /// Default: uniform from 20s to 40s (measured: 30s), or 0s where `startup` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_startup: Option<Distribution>,
    /// From the delete call to the end of billing. Default: 30s (a guess).
    pub deprovisioning: Distribution,
    /// Chance, 0 to 1, that a single instance does not come up. Default: 0.
    pub launch_failure_probability: f64,
    /// Offerings that the cloud has no capacity for, and when. A claim for which nothing else is left is deleted at once
    /// (`InsufficientCapacityError`), and what was found out of stock is not asked for again for 3m, as on AWS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stock_outs: Vec<OfferingStockOutSpec>,
    /// Spans in which every create call fails for another reason (quota, throttling, a wrong template). It is made again
    /// after 1s, 2s, 4s and so on up to 1m; after 5m without success the claim is deleted. Until then Karpenter does
    /// nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub launch_errors: Vec<LaunchErrorSpec>,
    /// Interruptions of one spot node an hour. Default: the catalogue's for the instance type where one is published, else
    /// 0.06 (measured, as for node groups).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruptions_per_hour: Option<f64>,
    /// Notice before an interruption. Default: 2m, AWS's.
    pub interruption_notice: SimDuration,
    /// Who acts on that notice. Default: drain, as Karpenter does with an interruption queue.
    pub interruption_handling: InterruptionHandling,
    /// Spontaneous failures of one node an hour. Default: 0.
    pub failures_per_hour: f64,
    /// From a machine's failure to the moment at which the cloud ends it. Default: never, as on EC2, where no scaling group
    /// stands behind a NodePool; such a node is paid for until Karpenter finds it empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_detection: Option<SimDuration>,
}

/// Offerings without capacity. A list that is left out stands for all that are on offer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferingStockOutSpec {
    /// Time from the scenario's start.
    pub from: SimDuration,
    /// Time from the scenario's start; after `from`.
    pub to: SimDuration,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Of `spot` and `on-demand`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_types: Vec<String>,
}

/// A span in which create calls fail.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LaunchErrorSpec {
    /// Time from the scenario's start.
    pub from: SimDuration,
    /// Time from the scenario's start; after `from`.
    pub to: SimDuration,
}

/// Prices of one instance type.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OfferedPrices {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_demand: Option<UsdPerHour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<UsdPerHour>,
}

impl Default for NodePoolsSpec {
    fn default() -> NodePoolsSpec {
        use crate::units::distribution::LogNormal;
        let (median, p95) = (SimDuration::from_secs(30), SimDuration::from_secs(55));
        NodePoolsSpec {
            instance_types: Vec::new(),
            zones: Vec::new(),
            prices: BTreeMap::new(),
            spot_discount: None,
            reserved: ReservedOptions::default(),
            shared_gpus: false,
            provisioning: Distribution::LogNormal(LogNormal { median, p95 }),
            startup: None,
            device_startup: None,
            deprovisioning: Distribution::constant(SimDuration::from_secs(30)),
            launch_failure_probability: 0.0,
            stock_outs: Vec::new(),
            launch_errors: Vec::new(),
            interruptions_per_hour: None,
            interruption_notice: SimDuration::from_secs(120),
            interruption_handling: InterruptionHandling::default(),
            failures_per_hour: 0.0,
            failure_detection: None,
        }
    }
}
