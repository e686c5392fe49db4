//! `karpenter.sh/v1` NodePool as written: plain serde types in upstream's JSON form.
//!
//! Checked and defaulted by [`NodePool::from_manifest`](super::NodePool::from_manifest), which names bad fields by
//! their path. Follows `pkg/apis/v1/nodepool.go` (kubernetes-sigs/karpenter 22664681).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Quantity;

/// A `karpenter.sh/v1` NodePool as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolManifest {
    /// `karpenter.sh/v1`.
    pub api_version: Option<String>,
    /// `NodePool`.
    pub kind: Option<String>,
    pub metadata: Metadata,
    pub spec: NodePoolSpec,
}

/// The part of `metadata` that is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub name: String,
    pub labels: Option<BTreeMap<String, String>>,
    pub annotations: Option<BTreeMap<String, String>>,
    /// A pool that is being deleted launches nothing any more.
    pub deletion_timestamp: Option<String>,
}

/// `spec` of a NodePool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolSpec {
    pub template: NodeClaimTemplate,
    #[serde(default)]
    pub disruption: Disruption,
    /// The most that the pool's nodes may add up to: `cpu`, `memory`, any other resource, and `nodes`.
    pub limits: Option<BTreeMap<String, Quantity>>,
    /// Heavier pools are tried first (1 to 100; default 0).
    pub weight: Option<i32>,
    /// A fixed number of nodes (alpha). Not modelled: refused where set.
    pub replicas: Option<i64>,
}

/// `spec.disruption` of a NodePool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Disruption {
    /// A duration or `Never`, counted from the last pod that came or went (default 0s).
    pub consolidate_after: Option<String>,
    /// `WhenEmpty`, `WhenEmptyOrUnderutilized` (default) or `Balanced`.
    pub consolidation_policy: Option<String>,
    /// Default: one budget of 10 %.
    pub budgets: Option<Vec<BudgetManifest>>,
}

/// A disruption budget as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetManifest {
    /// A count or a percentage (default 10%).
    pub nodes: Option<String>,
    /// `Underutilized`, `Empty`, `Drifted`; absent: all of them.
    pub reasons: Option<Vec<String>>,
    /// Cron in UTC; goes with `duration`.
    pub schedule: Option<String>,
    pub duration: Option<String>,
}

/// What the claims of a pool are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaimTemplate {
    #[serde(default)]
    pub metadata: TemplateMetadata,
    pub spec: NodeClaimTemplateSpec,
}

/// Labels and annotations that nodes of a pool get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateMetadata {
    pub labels: Option<BTreeMap<String, String>>,
    pub annotations: Option<BTreeMap<String, String>>,
}

/// `spec.template.spec` of a NodePool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClaimTemplateSpec {
    pub requirements: Vec<RequirementManifest>,
    pub taints: Option<Vec<TaintManifest>>,
    /// Taints that leave a node before it is initialized; pods need not tolerate them.
    pub startup_taints: Option<Vec<TaintManifest>>,
    /// A duration or `Never` (default 720h).
    pub expire_after: Option<String>,
    /// The longest that a drain may take; absent: without end.
    pub termination_grace_period: Option<String>,
    /// Accepted and not used: images, subnets and the like have no part in the simulation.
    pub node_class_ref: Option<NodeClassReference>,
}

/// The node class that a pool names; what it describes is stated in the scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClassReference {
    pub group: String,
    pub kind: String,
    pub name: String,
}

/// A requirement as written, with `minValues`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementManifest {
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`, `Gte`, `Lte`.
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
    pub min_values: Option<u32>,
}

/// A taint as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaintManifest {
    pub key: String,
    #[serde(default)]
    pub value: String,
    pub effect: String,
}
