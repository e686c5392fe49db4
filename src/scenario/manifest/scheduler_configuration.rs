//! `KubeSchedulerConfiguration` and its profiles (`kubescheduler.config.k8s.io/v1`).
//!
//! Read: which filter and score plugins run and with what weights, whether DefaultPreemption does, the arguments of
//! the modelled plugins, sampling and back-off. Refused, because they would change decisions that are not modelled:
//! extenders, `addedAffinity`, `ignoredResources`, default spread constraints of one's own, and PreFilter or PreScore
//! without its plugin. Left alone: what does not bear on one decision (leader election, volume plugins, binding, …).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ManifestError, unknown_value};
use crate::scheduler::filter::FILTERS;
use crate::scheduler::score::SCORES;
use crate::scheduler::{ResourceSpec, SchedulerOptions, ScoringStrategy};

/// Plugins of upstream that decide nothing here.
const NOT_MODELLED: &[&str] = &[
    "PrioritySort",
    "SchedulingGates",
    "DefaultBinder",
    "DynamicResources",
    "VolumeBinding",
    "VolumeRestrictions",
    "VolumeZone",
    "NodeVolumeLimits",
    "EBSLimits",
    "GCEPDLimits",
    "AzureDiskLimits",
    "NodeDeclaredFeatures",
];
const DEFAULT_PREEMPTION: &str = "DefaultPreemption";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Configuration {
    #[serde(rename = "apiVersion")]
    _api_version: Value,
    #[serde(rename = "kind")]
    _kind: Value,
    #[serde(rename = "parallelism")]
    _parallelism: Value,
    #[serde(rename = "leaderElection")]
    _leader_election: Value,
    #[serde(rename = "clientConnection")]
    _client_connection: Value,
    #[serde(rename = "enableProfiling")]
    _enable_profiling: Value,
    #[serde(rename = "enableContentionProfiling")]
    _enable_contention_profiling: Value,
    #[serde(rename = "delayCacheUntilActive")]
    _delay_cache_until_active: Value,
    percentage_of_nodes_to_score: Option<u8>,
    pod_initial_backoff_seconds: Option<u32>,
    pod_max_backoff_seconds: Option<u32>,
    profiles: Vec<Profile>,
    extenders: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Profile {
    scheduler_name: Option<String>,
    percentage_of_nodes_to_score: Option<u8>,
    plugins: Plugins,
    plugin_config: Vec<PluginConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Plugins {
    multi_point: PluginSet,
    filter: PluginSet,
    score: PluginSet,
    post_filter: PluginSet,
    pre_filter: PluginSet,
    pre_score: PluginSet,
    pre_enqueue: PluginSet,
    queue_sort: PluginSet,
    reserve: PluginSet,
    permit: PluginSet,
    pre_bind: PluginSet,
    bind: PluginSet,
    post_bind: PluginSet,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PluginSet {
    enabled: Vec<Plugin>,
    disabled: Vec<Plugin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    name: String,
    #[serde(default)]
    weight: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginConfig {
    name: String,
    #[serde(default)]
    args: Value,
}

/// The options of the profile that schedules pods of `scheduler_name`: a whole configuration, or one profile by itself.
pub fn scheduler_options(raw: &Value, scheduler_name: &str) -> Result<SchedulerOptions, ManifestError> {
    let is_profile = ["schedulerName", "plugins", "pluginConfig"].iter().any(|field| raw.get(field).is_some());
    let configuration = if is_profile {
        Configuration { profiles: vec![read("", raw)?], ..Configuration::default() }
    } else {
        read("", raw)?
    };
    if !configuration.extenders.is_empty() {
        return Err(ManifestError::new("extenders", "scheduler extenders are not modelled"));
    }
    let (path, profile) = match &configuration.profiles[..] {
        [] => (String::new(), &Profile::default()),
        [only] => (if is_profile { String::new() } else { "profiles[0]".into() }, only),
        several => {
            let name = |profile: &Profile| profile.scheduler_name.as_deref() == Some(scheduler_name);
            let index = several.iter().position(name).ok_or_else(|| {
                ManifestError::new("profiles", format!("no profile has the pod's schedulerName {scheduler_name}"))
            })?;
            (format!("profiles[{index}]"), &several[index])
        }
    };
    let mut options = SchedulerOptions {
        percentage_of_nodes_to_score: profile
            .percentage_of_nodes_to_score
            .or(configuration.percentage_of_nodes_to_score),
        ..SchedulerOptions::default()
    };
    options.pod_initial_backoff_seconds =
        configuration.pod_initial_backoff_seconds.unwrap_or(options.pod_initial_backoff_seconds);
    options.pod_max_backoff_seconds = configuration.pod_max_backoff_seconds.unwrap_or(options.pod_max_backoff_seconds);
    let within = |error: ManifestError| if path.is_empty() { error } else { error.within(&path) };
    read_plugins(&profile.plugins, &mut options).map_err(|error| within(error.within("plugins")))?;
    for (index, config) in profile.plugin_config.iter().enumerate() {
        read_arguments(config, &mut options).map_err(|error| within(error.within(format!("pluginConfig[{index}]"))))?;
    }
    Ok(options)
}

fn read<T: DeserializeOwned>(path: &str, raw: &Value) -> Result<T, ManifestError> {
    T::deserialize(raw).map_err(|error| ManifestError::new(path, error.to_string()))
}

fn read_plugins(plugins: &Plugins, options: &mut SchedulerOptions) -> Result<(), ManifestError> {
    let points = [
        ("multiPoint", &plugins.multi_point),
        ("filter", &plugins.filter),
        ("score", &plugins.score),
        ("postFilter", &plugins.post_filter),
        ("preFilter", &plugins.pre_filter),
        ("preScore", &plugins.pre_score),
        ("preEnqueue", &plugins.pre_enqueue),
        ("queueSort", &plugins.queue_sort),
        ("reserve", &plugins.reserve),
        ("permit", &plugins.permit),
        ("preBind", &plugins.pre_bind),
        ("bind", &plugins.bind),
        ("postBind", &plugins.post_bind),
    ];
    for (point, set) in points {
        check_names(set).map_err(|error| error.within(point))?;
    }
    for (point, set) in [("preFilter", &plugins.pre_filter), ("preScore", &plugins.pre_score)] {
        let modelled = |plugin: &Plugin| plugin.name == "*" || is_filter(&plugin.name) || is_score(&plugin.name);
        if let Some(index) = set.disabled.iter().position(modelled) {
            let problem = "a plugin can't be switched off here alone; use multiPoint, filter or score";
            return Err(ManifestError::new(format!("{point}.disabled[{index}].name"), problem));
        }
    }
    // A plugin's own extension point overrides multiPoint.
    for (set, filters, scores) in
        [(&plugins.multi_point, true, true), (&plugins.filter, true, false), (&plugins.score, false, true)]
    {
        for plugin in &set.disabled {
            if filters {
                let off = FILTERS.iter().map(|filter| filter.name()).filter(|name| plugin.covers(name));
                options.disabled_filters.extend(off.map(str::to_owned));
            }
            if scores {
                let off = SCORES.iter().map(|score| score.name()).filter(|name| plugin.covers(name));
                options.score_weights.extend(off.map(|name| (name.to_owned(), 0)));
            }
        }
        for plugin in &set.enabled {
            if filters {
                options.disabled_filters.retain(|name| *name != plugin.name);
            }
            if scores && is_score(&plugin.name) {
                // Upstream reads no weight as 1, not as the plugin's default.
                options.score_weights.insert(plugin.name.clone(), plugin.weight.max(1));
            }
        }
    }
    for set in [&plugins.multi_point, &plugins.post_filter] {
        options.preemption &= !set.disabled.iter().any(|plugin| plugin.covers(DEFAULT_PREEMPTION));
        options.preemption |= set.enabled.iter().any(|plugin| plugin.name == DEFAULT_PREEMPTION);
    }
    options.disabled_filters.sort();
    options.disabled_filters.dedup();
    Ok(())
}

impl Plugin {
    /// `*` means all of upstream's plugins, so not our GpuShare.
    fn covers(&self, name: &str) -> bool {
        self.name == name || (self.name == "*" && name != "GpuShare")
    }
}

fn is_filter(name: &str) -> bool {
    FILTERS.iter().any(|filter| filter.name() == name)
}

fn is_score(name: &str) -> bool {
    SCORES.iter().any(|score| score.name() == name)
}

fn check_names(set: &PluginSet) -> Result<(), ManifestError> {
    for (list, plugins) in [("enabled", &set.enabled), ("disabled", &set.disabled)] {
        for (index, plugin) in plugins.iter().enumerate() {
            let name = plugin.name.as_str();
            let all = name == "*" && list == "disabled";
            let known =
                all || is_filter(name) || is_score(name) || name == DEFAULT_PREEMPTION || NOT_MODELLED.contains(&name);
            if !known {
                return Err(unknown_plugin(name).within(format!("{list}[{index}]")));
            }
        }
    }
    Ok(())
}

fn unknown_plugin(name: &str) -> ManifestError {
    let mut known: Vec<&str> = FILTERS.iter().map(|f| f.name()).chain(SCORES.iter().map(|s| s.name())).collect();
    known.push(DEFAULT_PREEMPTION);
    known.extend(NOT_MODELLED);
    known.sort_unstable();
    known.dedup();
    unknown_value("name", name, &known)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Arguments {
    scoring_strategy: Option<ScoringStrategy>,
    ignored_resources: Vec<String>,
    ignored_resource_groups: Vec<String>,
    resources: Option<Vec<ResourceSpec>>,
    hard_pod_affinity_weight: Option<u8>,
    ignore_preferred_terms_of_existing_pods: Option<bool>,
    default_constraints: Vec<Value>,
    defaulting_type: Option<String>,
    added_affinity: Option<Value>,
    min_candidate_nodes_percentage: Option<u8>,
    min_candidate_nodes_absolute: Option<u32>,
}

fn read_arguments(config: &PluginConfig, options: &mut SchedulerOptions) -> Result<(), ManifestError> {
    let fields: &[&str] = match config.name.as_str() {
        "NodeResourcesFit" => &["scoringStrategy", "ignoredResources", "ignoredResourceGroups"],
        "NodeResourcesBalancedAllocation" => &["resources"],
        "InterPodAffinity" => &["hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"],
        "PodTopologySpread" => &["defaultConstraints", "defaultingType"],
        "NodeAffinity" => &["addedAffinity"],
        DEFAULT_PREEMPTION => &["minCandidateNodesPercentage", "minCandidateNodesAbsolute"],
        name if is_filter(name) || is_score(name) || NOT_MODELLED.contains(&name) => return Ok(()),
        name => return Err(unknown_plugin(name)),
    };
    if config.args.is_null() {
        return Ok(());
    }
    let Value::Object(given) = &config.args else { return Err(ManifestError::new("args", "an object is expected")) };
    for field in given.keys().filter(|field| *field != "apiVersion" && *field != "kind") {
        if !fields.contains(&field.as_str()) {
            return Err(unknown_value("args", field, fields));
        }
    }
    let args: Arguments = read("args", &config.args)?;
    let refuse = |field: &str, problem: &str| Err(ManifestError::new(format!("args.{field}"), problem));
    if !args.ignored_resources.is_empty() || !args.ignored_resource_groups.is_empty() {
        return refuse("ignoredResources", "ignored resources are not modelled");
    }
    if args.added_affinity.is_some() {
        return refuse("addedAffinity", "affinity that the scheduler adds is not modelled; state it in the pods");
    }
    if !args.default_constraints.is_empty() {
        return refuse("defaultConstraints", "only upstream's default constraints, or none, are modelled");
    }
    if let Some(mut strategy) = args.scoring_strategy {
        default_weights(&mut strategy.resources);
        options.scoring_strategy = strategy;
    }
    if let Some(mut resources) = args.resources {
        default_weights(&mut resources);
        options.balanced_resources = resources;
    }
    match args.defaulting_type.as_deref() {
        None => {}
        Some("System") => options.default_spread_constraints = true,
        Some("List") => options.default_spread_constraints = false,
        Some(other) => return Err(unknown_value("args.defaultingType", other, &["System", "List"])),
    }
    let set = |target: &mut u8, value: Option<u8>| *target = value.unwrap_or(*target);
    set(&mut options.hard_pod_affinity_weight, args.hard_pod_affinity_weight);
    set(&mut options.min_candidate_nodes_percentage, args.min_candidate_nodes_percentage);
    options.ignore_preferred_terms_of_existing_pods |= args.ignore_preferred_terms_of_existing_pods == Some(true);
    options.min_candidate_nodes_absolute =
        args.min_candidate_nodes_absolute.unwrap_or(options.min_candidate_nodes_absolute);
    Ok(())
}

/// Upstream reads a weight of zero as 1.
fn default_weights(resources: &mut [ResourceSpec]) {
    for resource in resources.iter_mut().filter(|resource| resource.weight == 0) {
        resource.weight = 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(raw: Value) -> Result<SchedulerOptions, ManifestError> {
        scheduler_options(&raw, "default-scheduler")
    }

    #[test]
    fn an_empty_configuration_is_the_default() {
        assert_eq!(options(json!({})).unwrap(), SchedulerOptions::default());
    }

    #[test]
    fn plugins_and_arguments_of_the_pods_profile_are_read() {
        let raw = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "percentageOfNodesToScore": 50,
            "profiles": [{"schedulerName": "other"}, {
                "schedulerName": "default-scheduler",
                "plugins": {
                    "score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 7}]},
                    "filter": {"disabled": [{"name": "NodePorts"}]},
                    "postFilter": {"disabled": [{"name": "DefaultPreemption"}]},
                },
                "pluginConfig": [
                    {"name": "NodeResourcesFit", "args": {"scoringStrategy": {
                        "type": "MostAllocated", "resources": [{"name": "nvidia.com/gpu", "weight": 0}]}}},
                    {"name": "PodTopologySpread", "args": {"defaultingType": "List", "defaultConstraints": []}},
                ],
            }],
        });
        let options = options(raw).unwrap();
        assert_eq!(options.score_weights["NodeResourcesFit"], 7);
        assert_eq!(options.score_weights["TaintToleration"], 0);
        assert_eq!(options.disabled_filters, ["NodePorts"]);
        assert_eq!(options.percentage_of_nodes_to_score, Some(50));
        assert_eq!(options.scoring_strategy.resources[0].weight, 1);
        assert!(!options.preemption && !options.default_spread_constraints);
    }

    #[test]
    fn what_is_not_modelled_is_refused_by_its_path() {
        let refused = |raw: Value, path: &str, part: &str| {
            let error = options(raw).unwrap_err();
            assert_eq!(error.path, path, "{error}");
            assert!(error.problem.contains(part), "{error}");
        };
        refused(json!({"extenders": [{}]}), "extenders", "not modelled");
        let plugins = json!({"plugins": {"score": {"enabled": [{"name": "NodeResourceFit"}]}}});
        refused(plugins, "plugins.score.enabled[0].name", "did you mean NodeResourcesFit?");
        let config = json!({"profiles": [{"pluginConfig": [{"name": "NodeAffinity", "args": {"addedAffinity": {}}}]}]});
        refused(config, "profiles[0].pluginConfig[0].args.addedAffinity", "not modelled");
        let pre = json!({"plugins": {"preScore": {"disabled": [{"name": "PodTopologySpread"}]}}});
        refused(pre, "plugins.preScore.disabled[0].name", "alone");
    }
}
