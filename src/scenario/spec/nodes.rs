//! Fixed nodes and node groups.
//!
//! Times that a cloud takes are defaults from published figures (basis in each field's doc: measured, reported, or a
//! guess); a scenario that leans on one should state it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InterruptionHandling;
use crate::autoscaler::cluster_autoscaler::GroupOptions;
use crate::cluster::ReservedOptions;
use crate::cost::CapacityType;
use crate::units::{Distribution, Quantity, SimDuration, UsdPerHour};

/// A node, or several equal ones, that is there from the start and stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    /// The node's name; with `count` above 1 the nodes are called `name-0`, `name-1`, ….
    pub name: String,
    /// How many. Default: 1.
    #[serde(default = "one")]
    pub count: u32,
    /// Gives capacity, GPU model and price from the catalogue; each can be overridden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Resources by name (`cpu`, `memory`, `ephemeral-storage`, `pods`, `nvidia.com/gpu`, …). Needed without an
    /// instance type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, Quantity>,
    /// What pods can have, where it differs from the capacity less what is reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// What the node keeps for itself. Default: nothing on nodes with an explicit capacity, EKS's rules with an
    /// instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<ReservedOptions>,
    /// GPU model, the label `nvidia.com/gpu.product`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Whether pods can have thousandths of a GPU (annotation `alibabacloud.com/gpu-milli`). Default: false.
    #[serde(default)]
    pub shared_gpus: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<TaintSpec>,
    /// Default: the catalogue's on-demand price of the instance type, 0 without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<UsdPerHour>,
}

/// Equal nodes that the Cluster Autoscaler adds and removes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeGroupSpec {
    /// Also the label `windtunnel/node-group` of its nodes.
    pub name: String,
    /// Gives capacity, GPU model and price from the catalogue; each can be overridden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Resources by name (`cpu`, `memory`, `nvidia.com/gpu`, …). Needed without an instance type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, Quantity>,
    /// What pods can have, where it differs from the capacity less what is reserved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// What a node keeps for itself. Default: nothing on nodes with an explicit capacity, EKS's rules with an
    /// instance type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<ReservedOptions>,
    /// Fewest nodes. Default: 0.
    #[serde(default)]
    pub min_size: u32,
    /// Most nodes.
    pub max_size: u32,
    /// Nodes at the start. Default: `minSize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_size: Option<u32>,
    /// Zones that new nodes go to in turn. Default: one zone, `zone-a`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<TaintSpec>,
    /// GPU model, the label `nvidia.com/gpu.product`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Whether pods can have thousandths of a GPU (annotation `alibabacloud.com/gpu-milli`). Default: false.
    #[serde(default)]
    pub shared_gpus: bool,
    /// Default: on-demand. Spot nodes can be interrupted; reserved ones are paid for whether they stand or not.
    #[serde(default)]
    pub capacity_type: CapacityType,
    /// Price of an on-demand or reserved node. Default: the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<UsdPerHour>,
    /// Nodes that are reserved: paid for from the run's start to its end whether they stand or not. Those that stand
    /// beyond them pay `onDemandPrice`. Only with capacityType reserved. Default: `maxSize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_nodes: Option<u32>,
    /// Price of a node beyond `reservedNodes`. Default: the catalogue's on-demand price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_demand_price: Option<UsdPerHour>,
    /// Price of a spot node. Default: the catalogue's, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_price: Option<UsdPerHour>,
    /// For the Cluster Autoscaler's `priority` expander: the highest wins. Default: as its `priorities` say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// What the Cluster Autoscaler does otherwise for this group.
    #[serde(default)]
    pub autoscaling: GroupOptions,
    /// From the cloud's acceptance of a request to the node's registration. Default: log-normal, median 60s, 95 % below
    /// 90s (reported: boots of 30 to 90 s on the large clouds).
    #[serde(default = "default_provisioning")]
    pub provisioning: Distribution,
    /// From registration to Ready (CNI, kubelet). Default: 5s (a guess).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Distribution>,
    /// From Ready until the GPUs of a node that has any can be asked for (drivers, device plugin). Default: uniform from
    /// 20s (drivers in the image; a guess) to 300s (installed at boot; reported 3 to 5 min); 0s where `startup` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_startup: Option<Distribution>,
    /// From the delete call to the end of billing. Default: 30s (a guess).
    #[serde(default = "default_deprovisioning")]
    pub deprovisioning: Distribution,
    /// Instances of this group that the cloud runs at most, where that is below `maxSize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u32>,
    /// Spans in which the cloud has no capacity and refuses every instance; it tries again every 60s (a guess).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock_outs: Vec<StockOutSpec>,
    /// Chance, 0 to 1, that a single instance does not come up. Default: 0.
    #[serde(default)]
    pub launch_failure_probability: f64,
    /// Interruptions of one spot node an hour (exponential). Default for spot: the catalogue's for the instance type where
    /// one is published, else 0.06 (measured: the better zones of a 2023 series of single V100s lost 0.06 to 0.24 an
    /// instance-hour); 0 else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interruptions_per_hour: Option<f64>,
    /// Notice before an interruption. Default: 2m, AWS's (GCP and Azure give 30s).
    #[serde(default = "default_notice")]
    pub interruption_notice: SimDuration,
    /// Who acts on that notice. Default: drain, as managed node groups do; without anybody, pods run on and are lost.
    #[serde(default)]
    pub interruption_handling: InterruptionHandling,
    /// From a machine's failure to the moment at which the cloud's health checks end it: only then its bill ends, the
    /// group puts another in its place and its Node object goes. Default: 5m (a guess: EC2 checks every minute, and a
    /// scaling group acts on what has failed for some minutes).
    #[serde(default = "default_failure_detection")]
    pub failure_detection: SimDuration,
    /// Spontaneous failures of one node an hour (exponential). Default: 0; large GPU clusters measured 0.0001 to 0.0003.
    #[serde(default)]
    pub failures_per_hour: f64,
}

/// A span without capacity, or with less of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockOutSpec {
    /// Time from the scenario's start.
    pub from: SimDuration,
    /// Time from the scenario's start; after `from`.
    pub to: SimDuration,
    /// Instances of the group that the cloud can run nevertheless. Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub available: u32,
    /// Whether the cloud takes spot nodes back, with their notice, that run beyond those when the span begins.
    /// Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupts: bool,
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A taint as Kubernetes writes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaintSpec {
    pub key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    pub effect: TaintEffectSpec,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffectSpec {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

const fn one() -> u32 {
    1
}

fn default_provisioning() -> Distribution {
    use crate::units::distribution::LogNormal;
    Distribution::LogNormal(LogNormal { median: SimDuration::from_secs(60), p95: SimDuration::from_secs(90) })
}

fn default_deprovisioning() -> Distribution {
    Distribution::constant(SimDuration::from_secs(30))
}

const fn default_failure_detection() -> SimDuration {
    SimDuration::from_mins(5)
}

const fn default_notice() -> SimDuration {
    SimDuration::from_secs(120)
}
