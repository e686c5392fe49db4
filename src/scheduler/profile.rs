//! A scheduler's configuration: options as written, and the profile that they make.
//!
//! Names and defaults are those of `kubescheduler.config.k8s.io/v1` (Kubernetes 1.33).

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::filter::{FILTERS, Filter};
use super::fragmentation::{TypicalPod, TypicalPodSpec, stated_pods};
use super::score::{SCORES, Score};
use crate::units::{SimDuration, did_you_mean};

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
    /// waits to be tried. False, as before: it serves its back-off.
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

/// What is wrong with the options of the scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    #[error("{path}: there is no {what} plugin {name:?}{hint}")]
    UnknownPlugin { path: String, what: &'static str, name: String, hint: String },
    #[error("{path}: {value} is not between {min} and {max}")]
    OutOfRange { path: String, value: i64, min: i64, max: i64 },
    #[error("scoringStrategy.requestedToCapacityRatio: {0}")]
    Shape(&'static str),
    #[error("podMaxBackoffSeconds: {max} is less than podInitialBackoffSeconds {initial}")]
    Backoff { initial: u32, max: u32 },
    #[error("podMaxInUnschedulablePodsDuration: {0} is not above 0s")]
    UnschedulableDuration(SimDuration),
    #[error(
        "typicalPods: no plugin that reads them is on; set scoreWeights.FragmentationGradient or gpuDevice: FragmentationGradient"
    )]
    UnreadPods,
    #[error("{path}: resource {name:?} is listed twice")]
    DuplicateResource { path: String, name: String },
}

/// What a scheduler runs: options with their plugins looked up. The plain way from options to a decision is
/// [`Profile::new`], then [`schedule`](super::schedule).
#[derive(Clone)]
pub struct Profile {
    pub options: SchedulerOptions,
    pub filters: Vec<&'static dyn Filter>,
    /// Score plugins that count, with their weights, in upstream's order.
    pub scores: Vec<(&'static dyn Score, i64)>,
    /// From `typicalPods`; whoever knows a scenario's pods sets them where that is empty.
    pub typical_pods: Arc<[TypicalPod]>,
    /// Seed of the draws that plugins make.
    pub seed: u64,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile::new(SchedulerOptions::default()).expect("the defaults are valid")
    }
}

impl Profile {
    /// Checks the options; the first mistake is named by its path.
    pub fn new(mut options: SchedulerOptions) -> Result<Profile, ProfileError> {
        if options.scoring_strategy.resources.is_empty() {
            options.scoring_strategy.resources = ResourceSpec::cpu_and_memory();
        }
        if options.balanced_resources.is_empty() {
            options.balanced_resources = ResourceSpec::cpu_and_memory();
        }
        options.check()?;
        let filters =
            FILTERS.iter().copied().filter(|f| !options.disabled_filters.iter().any(|d| d == f.name())).collect();
        let scores = SCORES
            .iter()
            .map(|score| {
                let weight = options.score_weights.get(score.name()).copied();
                (*score, weight.map_or(score.default_weight(), i64::from))
            })
            .filter(|(_, weight)| *weight > 0)
            .collect();
        let typical_pods = stated_pods(&options.typical_pods).into();
        let profile = Profile { options, filters, scores, typical_pods, seed: 0 };
        if !profile.typical_pods.is_empty() && !profile.reads_typical_pods() {
            return Err(ProfileError::UnreadPods);
        }
        Ok(profile)
    }

    fn reads_typical_pods(&self) -> bool {
        self.scores.iter().any(|(score, _)| score.name() == "FragmentationGradient")
            || self.options.gpu_device == GpuDevice::FragmentationGradient
    }

    /// Whether a plugin that is on asks what pods are typical, and none were stated.
    pub fn lacks_typical_pods(&self) -> bool {
        self.reads_typical_pods() && self.typical_pods.is_empty()
    }

    /// How many feasible nodes end the search among `nodes`.
    pub fn feasible_nodes_to_find(&self, nodes: usize) -> usize {
        const MIN_FEASIBLE_NODES: usize = 100;
        const MIN_PERCENTAGE: usize = 5;
        let Some(percentage) = self.options.percentage_of_nodes_to_score else { return nodes };
        if nodes < MIN_FEASIBLE_NODES {
            return nodes;
        }
        let percentage = match usize::from(percentage) {
            0 => 50usize.saturating_sub(nodes / 125).max(MIN_PERCENTAGE),
            percentage => percentage,
        };
        (nodes * percentage / 100).max(MIN_FEASIBLE_NODES)
    }
}

impl SchedulerOptions {
    fn check(&self) -> Result<(), ProfileError> {
        for name in self.score_weights.keys() {
            known("score", format!("scoreWeights.{name}"), name, &SCORES.iter().map(|s| s.name()).collect::<Vec<_>>())?;
        }
        for (index, name) in self.disabled_filters.iter().enumerate() {
            let filters = FILTERS.iter().map(|f| f.name()).collect::<Vec<_>>();
            known("filter", format!("disabledFilters[{index}]"), name, &filters)?;
        }
        for (index, kind) in self.typical_pods.iter().enumerate() {
            in_range(&format!("typicalPods[{index}].gpuMilli"), kind.gpu_milli.into(), 1, 1000)?;
        }
        check_resources("scoringStrategy.resources", &self.scoring_strategy.resources)?;
        check_resources("balancedResources", &self.balanced_resources)?;
        self.scoring_strategy.check_shape()?;
        in_range("percentageOfNodesToScore", self.percentage_of_nodes_to_score.unwrap_or(0).into(), 0, 100)?;
        in_range("hardPodAffinityWeight", self.hard_pod_affinity_weight.into(), 0, 100)?;
        in_range("minCandidateNodesPercentage", self.min_candidate_nodes_percentage.into(), 0, 100)?;
        if self.min_candidate_nodes_percentage == 0 && self.min_candidate_nodes_absolute == 0 {
            in_range("minCandidateNodesAbsolute", 0, 1, u32::MAX.into())?;
        }
        in_range("podInitialBackoffSeconds", self.pod_initial_backoff_seconds.into(), 1, u32::MAX.into())?;
        if self.pod_max_backoff_seconds < self.pod_initial_backoff_seconds {
            let (initial, max) = (self.pod_initial_backoff_seconds, self.pod_max_backoff_seconds);
            return Err(ProfileError::Backoff { initial, max });
        }
        let duration = self.pod_max_in_unschedulable_pods_duration;
        if duration <= SimDuration::ZERO {
            return Err(ProfileError::UnschedulableDuration(duration));
        }
        Ok(())
    }
}

impl ScoringStrategy {
    fn check_shape(&self) -> Result<(), ProfileError> {
        let shape = match (self.kind, &self.requested_to_capacity_ratio) {
            (StrategyType::RequestedToCapacityRatio, Some(ratio)) => &ratio.shape,
            (StrategyType::RequestedToCapacityRatio, None) => {
                return Err(ProfileError::Shape("the type RequestedToCapacityRatio needs a shape"));
            }
            (_, Some(_)) => return Err(ProfileError::Shape("only the type RequestedToCapacityRatio has a shape")),
            (_, None) => return Ok(()),
        };
        if shape.is_empty() {
            return Err(ProfileError::Shape("a shape needs at least one point"));
        }
        if shape.iter().any(|point| point.utilization > 100 || point.score > 10) {
            return Err(ProfileError::Shape("utilizations go from 0 to 100, scores from 0 to 10"));
        }
        if shape.windows(2).any(|pair| pair[0].utilization >= pair[1].utilization) {
            return Err(ProfileError::Shape("the utilizations of a shape must ascend"));
        }
        Ok(())
    }
}

fn check_resources(path: &str, resources: &[ResourceSpec]) -> Result<(), ProfileError> {
    for (index, resource) in resources.iter().enumerate() {
        in_range(&format!("{path}[{index}].weight"), resource.weight, 1, 100)?;
        if resources[..index].iter().any(|other| other.name == resource.name) {
            return Err(ProfileError::DuplicateResource {
                path: format!("{path}[{index}]"),
                name: resource.name.clone(),
            });
        }
    }
    Ok(())
}

fn in_range(path: &str, value: i64, min: i64, max: i64) -> Result<(), ProfileError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ProfileError::OutOfRange { path: path.to_owned(), value, min, max })
}

fn known(what: &'static str, path: String, name: &str, names: &[&str]) -> Result<(), ProfileError> {
    if names.contains(&name) {
        return Ok(());
    }
    let hint = did_you_mean(name, names.iter().copied());
    Err(ProfileError::UnknownPlugin { path, what, name: name.to_owned(), hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_defaults_are_the_defaults() {
        let profile = Profile::default();
        let weights: Vec<_> = profile.scores.iter().map(|(score, weight)| (score.name(), *weight)).collect();
        let expected = [
            ("TaintToleration", 3),
            ("NodeAffinity", 2),
            ("NodeResourcesFit", 1),
            ("PodTopologySpread", 2),
            ("InterPodAffinity", 2),
            ("NodeResourcesBalancedAllocation", 1),
            ("ImageLocality", 1),
        ];
        assert_eq!(weights, expected);
        assert_eq!(profile.filters.len(), FILTERS.len());
    }

    #[test]
    fn the_sample_of_nodes_is_upstreams() {
        let find = |percentage, nodes| {
            let options = SchedulerOptions { percentage_of_nodes_to_score: percentage, ..SchedulerOptions::default() };
            Profile::new(options).unwrap().feasible_nodes_to_find(nodes)
        };
        assert_eq!(find(None, 5000), 5000);
        assert_eq!(find(Some(0), 50), 50);
        assert_eq!(find(Some(0), 1000), 420);
        assert_eq!(find(Some(0), 6000), 300);
        assert_eq!(find(Some(40), 1000), 400);
        assert_eq!(find(Some(5), 1000), 100);
    }

    #[test]
    fn a_mistake_is_named_by_its_path() {
        let refused = |yaml: &str, part: &str| {
            let options: SchedulerOptions = serde_saphyr::from_str(yaml).unwrap();
            let error = Profile::new(options).err().unwrap().to_string();
            assert!(error.contains(part), "{yaml}: {error}");
        };
        refused("scoreWeights: {NodeResourceFit: 3}", "scoreWeights.NodeResourceFit: there is no score plugin");
        refused("scoreWeights: {NodeResourceFit: 3}", "did you mean NodeResourcesFit?");
        refused("disabledFilters: [NodePort]", "did you mean NodePorts?");
        refused("scoringStrategy: {resources: [{name: cpu, weight: 0}]}", "scoringStrategy.resources[0].weight");
        refused("scoringStrategy: {type: RequestedToCapacityRatio}", "needs a shape");
        refused("{podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 2}", "podMaxBackoffSeconds: 2 is less");
        refused("hardPodAffinityWeight: 101", "not between 0 and 100");
    }
}
