//! The profile that a scheduler's options make: its plugins, looked up and checked.

use thiserror::Error;

use super::filter::{FILTERS, Filter};
use super::fragmentation::stated_pods;
use super::options::{GpuDevice, ResourceSpec, SchedulerOptions, ScoringStrategy, Settings, StrategyType};
use super::score::{SCORES, Score};
use crate::units::{SimDuration, did_you_mean};

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
    pub settings: Settings,
    pub filters: Vec<&'static dyn Filter>,
    /// Score plugins that count, with their weights, in upstream's order.
    pub scores: Vec<(&'static dyn Score, i64)>,
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
        check(&options)?;
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
        let profile = Profile { settings: Settings { options, typical_pods, seed: 0 }, filters, scores };
        if !profile.settings.typical_pods.is_empty() && !profile.reads_typical_pods() {
            return Err(ProfileError::UnreadPods);
        }
        Ok(profile)
    }

    fn reads_typical_pods(&self) -> bool {
        self.scores.iter().any(|(score, _)| score.name() == "FragmentationGradient")
            || self.settings.options.gpu_device == GpuDevice::FragmentationGradient
    }

    /// Whether a plugin that is on asks what pods are typical, and none were stated.
    pub fn lacks_typical_pods(&self) -> bool {
        self.reads_typical_pods() && self.settings.typical_pods.is_empty()
    }

    /// How many feasible nodes end the search among `nodes`.
    pub fn feasible_nodes_to_find(&self, nodes: usize) -> usize {
        const MIN_FEASIBLE_NODES: usize = 100;
        const MIN_PERCENTAGE: usize = 5;
        let Some(percentage) = self.settings.options.percentage_of_nodes_to_score else { return nodes };
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

fn check(options: &SchedulerOptions) -> Result<(), ProfileError> {
    for name in options.score_weights.keys() {
        known("score", format!("scoreWeights.{name}"), name, &SCORES.iter().map(|s| s.name()).collect::<Vec<_>>())?;
    }
    for (index, name) in options.disabled_filters.iter().enumerate() {
        let filters = FILTERS.iter().map(|f| f.name()).collect::<Vec<_>>();
        known("filter", format!("disabledFilters[{index}]"), name, &filters)?;
    }
    for (index, kind) in options.typical_pods.iter().enumerate() {
        in_range(&format!("typicalPods[{index}].gpuMilli"), kind.gpu_milli.into(), 1, 1000)?;
    }
    check_resources("scoringStrategy.resources", &options.scoring_strategy.resources)?;
    check_resources("balancedResources", &options.balanced_resources)?;
    check_shape(&options.scoring_strategy)?;
    in_range("percentageOfNodesToScore", options.percentage_of_nodes_to_score.unwrap_or(0).into(), 0, 100)?;
    in_range("hardPodAffinityWeight", options.hard_pod_affinity_weight.into(), 0, 100)?;
    in_range("minCandidateNodesPercentage", options.min_candidate_nodes_percentage.into(), 0, 100)?;
    if options.min_candidate_nodes_percentage == 0 && options.min_candidate_nodes_absolute == 0 {
        in_range("minCandidateNodesAbsolute", 0, 1, u32::MAX.into())?;
    }
    in_range("podInitialBackoffSeconds", options.pod_initial_backoff_seconds.into(), 1, u32::MAX.into())?;
    if options.pod_max_backoff_seconds < options.pod_initial_backoff_seconds {
        let (initial, max) = (options.pod_initial_backoff_seconds, options.pod_max_backoff_seconds);
        return Err(ProfileError::Backoff { initial, max });
    }
    let duration = options.pod_max_in_unschedulable_pods_duration;
    if duration <= SimDuration::ZERO {
        return Err(ProfileError::UnschedulableDuration(duration));
    }
    Ok(())
}

fn check_shape(strategy: &ScoringStrategy) -> Result<(), ProfileError> {
    let shape = match (strategy.kind, &strategy.requested_to_capacity_ratio) {
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
