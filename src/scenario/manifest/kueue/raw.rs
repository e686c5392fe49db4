//! Kueue's custom resources as they are written: `v1beta2`, with the older names of `v1beta1` where they differ.
//! Fields that nobody knows are ignored, as kubectl would.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};
use serde::Deserialize;

/// A quantity, be it written as text or as a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum RawQuantity {
    Text(String),
    Integer(i64),
    Number(f64),
}

impl RawQuantity {
    pub fn text(&self) -> String {
        match self {
            RawQuantity::Text(text) => text.clone(),
            RawQuantity::Integer(number) => number.to_string(),
            RawQuantity::Number(number) => number.to_string(),
        }
    }
}

/// An object with a spec of type `S`, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Raw<S> {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub status: Option<serde_json::Value>,
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(default = "Option::default")]
    pub spec: Option<S>,
}

/// `spec` of a ClusterQueue as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterQueueSpec {
    pub cohort_name: Option<String>,
    /// `v1beta1`.
    pub cohort: Option<String>,
    pub queueing_strategy: Option<String>,
    pub namespace_selector: Option<LabelSelector>,
    pub resource_groups: Vec<RawGroup>,
    pub flavor_fungibility: Option<RawFungibility>,
    pub preemption: Option<RawPreemption>,
    pub fair_sharing: Option<RawFairSharing>,
    pub stop_policy: Option<String>,
    pub admission_checks_strategy: Option<RawChecks>,
    /// `v1beta1`.
    pub admission_checks: Vec<String>,
    pub admission_scope: Option<serde_json::Value>,
    pub concurrent_admission_policy: Option<serde_json::Value>,
}

/// `spec` of a Cohort as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CohortSpec {
    pub parent_name: Option<String>,
    /// `v1beta1`.
    pub parent: Option<String>,
    pub resource_groups: Vec<RawGroup>,
    pub fair_sharing: Option<RawFairSharing>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawGroup {
    pub covered_resources: Vec<String>,
    pub flavors: Vec<RawFlavorQuotas>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawFlavorQuotas {
    pub name: String,
    pub resources: Vec<RawResourceQuota>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawResourceQuota {
    pub name: String,
    pub nominal_quota: RawQuantity,
    pub borrowing_limit: Option<RawQuantity>,
    pub lending_limit: Option<RawQuantity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawFungibility {
    pub when_can_borrow: Option<String>,
    pub when_can_preempt: Option<String>,
    pub preference: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawPreemption {
    pub reclaim_within_cohort: Option<String>,
    pub within_cluster_queue: Option<String>,
    pub borrow_within_cohort: Option<RawBorrow>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawBorrow {
    pub policy: Option<String>,
    pub max_priority_threshold: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawFairSharing {
    pub weight: Option<RawQuantity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawChecks {
    pub admission_checks: Vec<RawCheckRule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawCheckRule {
    pub name: String,
    pub on_flavors: Vec<String>,
}

/// `spec` of a ResourceFlavor as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlavorSpec {
    pub node_labels: BTreeMap<String, String>,
    pub node_taints: Vec<core::Taint>,
    pub tolerations: Vec<core::Toleration>,
    pub topology_name: Option<String>,
}

/// `spec` of a LocalQueue as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalQueueSpec {
    pub cluster_queue: String,
    pub fair_sharing: Option<RawFairSharing>,
    pub stop_policy: Option<String>,
}

/// `spec` of an AdmissionCheck as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdmissionCheckSpec {
    pub controller_name: String,
    pub parameters: Option<serde_json::Value>,
    /// `v1beta1`.
    pub retry_delay_minutes: Option<i64>,
}

/// `spec` of a Topology as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySpec {
    pub levels: Vec<RawLevel>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawLevel {
    pub node_label: String,
}

/// A `WorkloadPriorityClass` has its value at the top.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawPriorityClass {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub description: Option<String>,
    #[serde(default)]
    pub metadata: ObjectMeta,
    pub value: i32,
}

/// A Namespace as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawNamespace {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub spec: Option<serde_json::Value>,
    pub status: Option<serde_json::Value>,
    pub metadata: ObjectMeta,
}

/// A Kueue Workload as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawWorkload {
    pub metadata: ObjectMeta,
    pub spec: WorkloadSpec,
    pub status: WorkloadStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    pub pod_sets: Vec<RawPodSet>,
    pub queue_name: Option<String>,
    pub priority: Option<i32>,
    pub active: Option<bool>,
}

/// A pod set of a Workload as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawPodSet {
    pub name: Option<String>,
    pub count: Option<i32>,
    pub min_count: Option<i32>,
    pub template: core::PodTemplateSpec,
    pub topology_request: Option<RawTopologyRequest>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawTopologyRequest {
    pub required: Option<String>,
    pub preferred: Option<String>,
    pub unconstrained: Option<bool>,
    pub pod_set_group_name: Option<String>,
    pub pod_set_slice_required_topology: Option<String>,
    pub pod_set_slice_size: Option<i32>,
    pub podset_slice_required_topology_constraints: Vec<RawSlice>,
}

/// Pods that stay together within a level.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawSlice {
    pub topology: String,
    pub size: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    pub admission: Option<RawAdmission>,
    pub conditions: Vec<RawCondition>,
    pub requeue_state: Option<RawRequeueState>,
    pub reclaimable_pods: Vec<RawReclaimable>,
    pub admission_checks: Vec<RawCheckState>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawAdmission {
    pub cluster_queue: String,
    pub pod_set_assignments: Vec<RawAssignment>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawAssignment {
    pub name: Option<String>,
    pub count: Option<i32>,
    pub flavors: BTreeMap<String, String>,
    pub resource_usage: BTreeMap<String, RawQuantity>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawCondition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    #[serde(default)]
    pub reason: String,
    pub last_transition_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawRequeueState {
    pub count: Option<u32>,
    pub requeue_at: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawReclaimable {
    pub name: String,
    pub count: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawCheckState {
    pub name: String,
    pub state: String,
    pub last_transition_time: Option<Time>,
    pub requeue_after_seconds: Option<i64>,
    pub retry_count: Option<u32>,
}
