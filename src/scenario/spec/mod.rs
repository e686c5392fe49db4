//! The scenario document as a user writes it: one file a part, upstream's names in camelCase, every default in its doc.
//!
//! The JSON Schema comes from these types. They hold what was written and judge nothing beyond its form; `lower`
//! resolves names and checks what crosses fields. Option structs of other rooms are gathered here as they stand.

mod autoscaling;
mod cluster;
mod expect;
mod instance_types;
mod job_templates;
mod jobs;
mod keda;
mod kueue;
mod load;
mod monitoring;
mod node_lifecycle;
mod node_pools;
mod nodes;
mod release;
mod replay;
mod workload;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scheduler::SchedulerOptions;
use crate::units::SimDuration;

pub use autoscaling::{AutoscalingSpec, CronSpec};
pub use cluster::{CommitmentSpec, CostSpec, DescribedObjectSpec, KubeletSpec, MetricsSpec, OutageSpec, SeriesSpec};
pub use expect::{Amount, Counted, DecisionRule, ExpectationSpec, LongExpectation, TestSpec};
pub use instance_types::InstanceTypeSpec;
pub use job_templates::JobTemplateSpec;
pub use jobs::{JobsFormat, JobsSpec};
pub use keda::{KedaSpec, ScaledObjectManifest, ScaledObjectSpec, TriggerMetricType, TriggerSpec};
pub use kueue::{KueueSpec, PreemptionStrategy};
pub use load::{LoadSpec, RequestLogSpec};
pub use monitoring::MonitoringSpec;
pub use node_lifecycle::{InterruptionHandling, NodeLifecycleOptions};
pub use node_pools::{LaunchErrorSpec, NodePoolsSpec, OfferedPrices, OfferingStockOutSpec};
pub use nodes::{NodeGroupSpec, NodeSpec, StockOutSpec, TaintEffectSpec, TaintSpec};
pub use release::KubernetesVersion;
pub use replay::{NodePrices, ReplayFormat, ReplaySpec};
pub use workload::{
    FailuresSpec, PatchSpec, ReplicaChangeSpec, RunningPodSpec, TargetKind, TargetRef, UsageSpec, WorkloadSettingsSpec,
};

/// The only version there is.
pub const API_VERSION: &str = "windtunnel/v1";
/// The `kind` of a scenario document.
pub const KIND: &str = "Scenario";

/// A scenario: one document of a YAML stream whose other documents are Kubernetes objects.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Windtunnel scenario")]
pub struct ScenarioDocument {
    pub api_version: ApiVersion,
    pub kind: Kind,
    pub metadata: MetadataSpec,
    pub spec: ScenarioSpec,
}

/// `windtunnel/v1`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "windtunnel/v1")]
    V1,
}

/// `Scenario`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    Scenario,
}

/// The scenario's `metadata`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetadataSpec {
    /// Names the scenario in outputs; the default output folder is `results/<name>`.
    pub name: String,
}

/// What is simulated.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("required" = ["duration"]))]
pub struct ScenarioSpec {
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Wall-clock time of the scenario's zero, for patterns that follow the day and the week. A date
    /// (`2026-03-02`, UTC) or an RFC 3339 time; diurnal patterns follow its own offset, timestamps and schedules the
    /// instant. Default: 2026-01-05T00:00:00Z, a Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Version of the control plane, 1.33 to 1.37 (`v1.36.2` does too): where upstream changed a controller, it behaves as
    /// of this version. Default: the newest, 1.37. `1.38` is not released and has what is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Kubernetes' feature gates by name where they are set otherwise than the version has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_gates: BTreeMap<String, bool>,
    /// How long is simulated. Required; optional here so that its absence hides no other mistake.
    #[serde(default)]
    #[schemars(with = "SimDuration")]
    pub duration: Option<SimDuration>,
    /// Seed of everything random; `--seed` overrides it. Default: 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Interval of the rows of `timeseries.csv`. Default: 1m.
    #[serde(default = "default_sample_interval")]
    pub sample_interval: SimDuration,
    /// Pods that a run may make, live and ended; `--max-pods` sets it too. A scenario that is sure to make more is refused,
    /// and a run that comes to them ends there. Default: 10000000, about 10 GB.
    #[serde(default = "default_max_pods")]
    pub max_pods: u64,
    /// Files of Kubernetes objects, relative to this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Instance types that the catalogue lacks, or of which something else holds here, by name; for nodes, node groups and
    /// NodePools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instance_types: BTreeMap<String, InstanceTypeSpec>,
    /// Nodes that are there from the start and stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeSpec>,
    /// Groups of equal nodes that the Cluster Autoscaler grows and shrinks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_groups: Vec<NodeGroupSpec>,
    /// What the NodePools of the manifests (Karpenter) can buy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_pools: Option<NodePoolsSpec>,
    /// Demand on services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<LoadSpec>,
    /// How workloads of the manifests behave beyond what their manifests say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadSettingsSpec>,
    /// Training jobs of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsSpec>,
    /// Kueue's own configuration; its queues and quotas are objects of the manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kueue: Option<KueueSpec>,
    /// Pods (and nodes) of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplaySpec>,
    /// Options of the autoscalers.
    #[serde(default)]
    pub autoscaling: AutoscalingSpec,
    /// kube-scheduler.
    #[serde(default)]
    pub scheduler: SchedulerOptions,
    /// Kubelet and container runtime.
    #[serde(default)]
    pub kubelet: KubeletSpec,
    /// How the control plane finds out that a node has stopped answering, and what it does then.
    #[serde(default)]
    pub node_lifecycle: NodeLifecycleOptions,
    /// metrics-server, and what the external metrics API reports.
    #[serde(default)]
    pub metrics: MetricsSpec,
    /// Prometheus rules that are evaluated on the run's metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<MonitoringSpec>,
    /// Billing and attribution.
    #[serde(default)]
    pub cost: CostSpec,
    /// Nodes or zones that go away without warning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<OutageSpec>,
    /// Replica counts set by hand or by a cron job, at given instants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replica_changes: Vec<ReplicaChangeSpec>,
    /// Workloads changed by hand in mid-run: rollouts, pauses, Jobs that are suspended and resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchSpec>,
    /// What must hold of the outcome (`windtunnel check`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<ExpectationSpec>,
    /// The scenario with other settings, each with expectations of its own (`windtunnel check`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestSpec>,
}

const fn default_seed() -> u64 {
    1
}

const fn default_max_pods() -> u64 {
    crate::scenario::size::DEFAULT_MAX_PODS
}

const fn default_sample_interval() -> SimDuration {
    SimDuration::from_mins(1)
}
