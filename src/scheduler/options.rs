//! A scheduler's options as they are written.
//!
//! Names and defaults are those of `kubescheduler.config.k8s.io/v1` (Kubernetes 1.33).

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fragmentation::{TypicalPod, TypicalPodSpec};
use super::versions::VersionedBehaviour;
use crate::units::SimDuration;

/// What plugins read beside the pod and the cluster.
#[derive(Clone)]
pub struct Settings {
    pub options: SchedulerOptions,
    /// From `typicalPods`; whoever knows a scenario's pods sets them where that is empty.
    pub typical_pods: Arc<[TypicalPod]>,
    /// Seed of the draws that plugins make.
    pub seed: u64,
}

/// kube-scheduler's options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SchedulerOptions {
    /// How NodeResourcesFit scores nodes; `LeastAllocated` over CPU and memory by default.
    pub scoring_strategy: ScoringStrategy,
    /// What NodeResourcesBalancedAllocation balances; CPU and memory by default.
    pub balanced_resources: Vec<ResourceSpec>,
    /// Weights of score plugins where they differ from upstream's: TaintToleration 3, NodeAffinity, PodTopologySpread
    /// and InterPodAffinity 2, NodeResourcesFit, NodeResourcesBalancedAllocation and ImageLocality 1. 0: switched off.
    /// Not upstream's and 0 by default: GpuBestFit, GpuDotProduct, GpuPacking, GpuClustering, FragmentationGradient and
    /// RandomNode.
    pub score_weights: BTreeMap<String, u32>,
    /// Which of the nodes with the highest score is taken.
    pub tie_break: TieBreak,
    /// Which GPU of a node that shares its GPUs a pod with a part of one takes.
    pub gpu_device: GpuDevice,
    /// Kinds of pods by which FragmentationGradient, as score and as `gpuDevice`, tells what use free GPUs have; the
    /// most frequent that make 95 % count. Unset: the pods of the replayed trace, or without one each pod spec of the
    /// scenario once.
    pub typical_pods: Vec<TypicalPodSpec>,
    /// Filter plugins that are switched off.
    pub disabled_filters: Vec<String>,
    /// Whether pods may preempt others (the plugin DefaultPreemption).
    pub preemption: bool,
    /// Share of the nodes, in percent, among which feasible ones are sought and scored. Unset, every feasible node is
    /// scored; 0 is upstream's default: all of up to 100 nodes, then 50 % less a point per 125 nodes, at least 5 % and
    /// 100 nodes.
    pub percentage_of_nodes_to_score: Option<u8>,
    /// First back-off of a pod that could not be scheduled.
    pub pod_initial_backoff_seconds: u32,
    /// Longest back-off; it doubles up to here.
    pub pod_max_backoff_seconds: u32,
    /// How long a pod stays unschedulable without an event that could help it.
    pub pod_max_in_unschedulable_pods_duration: SimDuration,
    /// Kubernetes' feature gate of this name, on by default since 1.33: a pod that backs off is tried as soon as no other
    /// waits to be tried. False, as before: it serves its back-off. `featureGates` can say so too.
    pub scheduler_pop_from_backoff_q: bool,
    /// What a running pod's required affinity to the pod adds to a node's InterPodAffinity score, 0 to 100.
    pub hard_pod_affinity_weight: u8,
    /// Whether InterPodAffinity leaves out running pods' preferences where the pod has none itself.
    pub ignore_preferred_terms_of_existing_pods: bool,
    /// Whether pods of ReplicaSets, StatefulSets and ReplicationControllers without spread constraints are spread by
    /// upstream's default ones (hostname skew 3, zone skew 5, scoring only).
    pub default_spread_constraints: bool,
    /// Preemption tries at least this share of the nodes where it might help, in percent.
    pub min_candidate_nodes_percentage: u8,
    /// Preemption tries at least this many nodes where it might help.
    pub min_candidate_nodes_absolute: u32,
    /// Which release the scheduler is of.
    #[serde(skip)]
    pub versioned: VersionedBehaviour,
}

impl Default for SchedulerOptions {
    fn default() -> SchedulerOptions {
        SchedulerOptions {
            scoring_strategy: ScoringStrategy::default(),
            balanced_resources: ResourceSpec::cpu_and_memory(),
            score_weights: BTreeMap::new(),
            tie_break: TieBreak::Random,
            gpu_device: GpuDevice::Fullest,
            typical_pods: Vec::new(),
            disabled_filters: Vec::new(),
            preemption: true,
            percentage_of_nodes_to_score: None,
            pod_initial_backoff_seconds: 1,
            pod_max_backoff_seconds: 10,
            pod_max_in_unschedulable_pods_duration: SimDuration::from_mins(5),
            scheduler_pop_from_backoff_q: true,
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
            default_spread_constraints: true,
            min_candidate_nodes_percentage: 10,
            min_candidate_nodes_absolute: 100,
            versioned: VersionedBehaviour::default(),
        }
    }
}

/// What decides between nodes of equal score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TieBreak {
    /// A draw for each pod, as upstream's `selectHost`.
    #[default]
    Random,
    /// The node that came first, always: a fixed order packs where scores are coarse.
    First,
}

/// Which GPU of a node a pod with a part of one takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GpuDevice {
    /// The one with least left that still holds it.
    #[default]
    Fullest,
    /// The one with most left.
    Emptiest,
    /// Any that holds it, drawn for each pod.
    Random,
    /// The one that leaves the typical pods most, as the score FragmentationGradient chose it.
    FragmentationGradient,
}

/// How NodeResourcesFit turns requested shares into a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScoringStrategy {
    #[serde(default, rename = "type")]
    pub kind: StrategyType,
    /// Scored resources; empty: CPU and memory, weight 1 each.
    #[serde(default)]
    pub resources: Vec<ResourceSpec>,
    /// Only with `RequestedToCapacityRatio`: scores (0 to 10) at utilizations (0 to 100), ascending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_to_capacity_ratio: Option<RequestedToCapacityRatioParam>,
}

impl Default for ScoringStrategy {
    fn default() -> ScoringStrategy {
        ScoringStrategy {
            kind: StrategyType::LeastAllocated,
            resources: ResourceSpec::cpu_and_memory(),
            requested_to_capacity_ratio: None,
        }
    }
}

/// Which strategy scores resources (`scoringStrategy.type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategyType {
    /// Nodes with the most room first.
    #[default]
    LeastAllocated,
    /// Nodes with the least room first (bin packing).
    MostAllocated,
    /// By a shape of one's own.
    RequestedToCapacityRatio,
}

/// The function of `RequestedToCapacityRatio`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestedToCapacityRatioParam {
    pub shape: Vec<UtilizationShapePoint>,
}

/// A point of that function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UtilizationShapePoint {
    /// Percent of the capacity that is requested, 0 to 100.
    pub utilization: u8,
    /// 0 to 10.
    pub score: u8,
}

/// A resource with its weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceSpec {
    /// `cpu`, `memory`, `ephemeral-storage` or an extended resource such as `nvidia.com/gpu`.
    pub name: String,
    /// 1 to 100.
    #[serde(default = "one")]
    pub weight: i64,
}

fn one() -> i64 {
    1
}

impl ResourceSpec {
    pub fn cpu_and_memory() -> Vec<ResourceSpec> {
        ["cpu", "memory"].map(|name| ResourceSpec { name: name.into(), weight: 1 }).into()
    }
}
