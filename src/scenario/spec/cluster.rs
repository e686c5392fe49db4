//! The machinery around the controllers: kubelet, metrics-server, the cloud's bill, outages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::{AttributionPrices, Billing};
use crate::load::SignalSpec;
use crate::units::{Bytes, Distribution, SimDuration, UsdPerHour};

/// Kubelet and container runtime.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubeletSpec {
    /// From binding to the start of the first container, image present. Default: 1s (a guess).
    pub container_start: Distribution,
    /// Bytes a second that a node pulls and unpacks. Default: 60M (reported: 50 to 100 MB/s).
    pub image_pull_rate: Bytes,
    /// Whether a node pulls one image after the other. Default: true, upstream's.
    pub serialize_image_pulls: bool,
    /// Images that a node pulls at the same time, sharing `imagePullRate`, where `serializeImagePulls` is false.
    /// Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel_image_pulls: Option<u32>,
    /// Size of an image by its name; one not listed is already on every node, and no name without a tag is another
    /// than that with `:latest`.
    pub image_sizes: BTreeMap<String, Bytes>,
    /// From SIGTERM to the end of a container, at most its pod's grace period. Default: 1s (a guess).
    pub termination: Distribution,
    /// How long a machine's shutdown waits for its pods to end (graceful node shutdown), where the cloud takes it back.
    /// Default: 0s, upstream's: it does not wait.
    pub shutdown_grace_period: SimDuration,
    /// The part of that which is kept for critical pods. Default: 0s.
    pub shutdown_grace_period_critical_pods: SimDuration,
}

impl Default for KubeletSpec {
    fn default() -> KubeletSpec {
        KubeletSpec {
            container_start: Distribution::constant(SimDuration::from_secs(1)),
            image_pull_rate: Bytes(60_000_000),
            serialize_image_pulls: true,
            max_parallel_image_pulls: None,
            image_sizes: BTreeMap::new(),
            termination: Distribution::constant(SimDuration::from_secs(1)),
            shutdown_grace_period: SimDuration::ZERO,
            shutdown_grace_period_critical_pods: SimDuration::ZERO,
        }
    }
}

/// metrics-server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricsSpec {
    /// `--metric-resolution`: the interval of scrapes. Default: 15s.
    pub resolution: SimDuration,
    /// Series of the external metrics API, for HPAs' External metrics and KEDA's triggers; with an `object`, of the
    /// custom metrics API, for Object metrics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<SeriesSpec>,
}

impl Default for MetricsSpec {
    fn default() -> MetricsSpec {
        MetricsSpec { resolution: SimDuration::from_secs(15), series: Vec::new() }
    }
}

/// One metric that no load here reports, such as the length of a queue outside the cluster.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeriesSpec {
    pub name: String,
    /// The object of the HPA's namespace that it describes. Default: none, the metric is external.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<DescribedObjectSpec>,
    /// What a metric's selector looks at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its value over time, in its own unit.
    pub value: SignalSpec,
}

/// What an Object metric describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribedObjectSpec {
    pub kind: String,
    pub name: String,
}

/// Billing and attribution.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CostSpec {
    /// Granularity and minimum of a bill.
    pub billing: Billing,
    /// How a node's price is split over its resources.
    pub attribution: AttributionPrices,
    /// Savings plans and committed-use discounts. Where several could cover the same use, those that stand first do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<CommitmentSpec>,
}

/// Dollars an hour that are paid in any case and cover on-demand nodes at a discount, hour by hour from the run's start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommitmentSpec {
    pub name: String,
    /// Paid every hour, used or not; counts in discounted dollars, as AWS's savings plans do.
    pub per_hour: UsdPerHour,
    /// Off the on-demand price of what it covers: from 0 to below 1.
    pub discount: f64,
    /// Node groups and NodePools that it covers; `fixed` stands for nodes outside all groups. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_groups: Vec<String>,
    /// Instance types that it covers. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instance_types: Vec<String>,
}

/// A zone or a node that fails at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutageSpec {
    /// Time from the scenario's start.
    pub at: SimDuration,
    /// All nodes of this zone. Exactly one of `zone` and `node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// One node, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}
