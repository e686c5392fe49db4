//! Component cases: one step of the loop by itself, in the compact form of the conformance data.

mod objects;
mod scale_down;
mod scale_up;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::objects::{CaseCluster, CaseNode, CasePod, NAME_LABEL, read, template};
use super::super::Refusal;
use crate::autoscaler::cluster_autoscaler::balance::{Comparator, DifferenceRatios, Share, distribute};
use crate::autoscaler::cluster_autoscaler::equivalence::PodGroup;
use crate::autoscaler::cluster_autoscaler::estimator::Estimator;
use crate::autoscaler::cluster_autoscaler::expander::{Candidate, Context, ExpanderChain, PodPrices, Priorities};
use crate::autoscaler::cluster_autoscaler::{Backoff, BackoffTimes, Clock, Ignored, utilization};
use crate::cluster::{ClusterView, Fork, NodeShapeId, PodSpec, Specs};
use crate::units::{SimDuration, SimTime, not_one_of, random};

const KINDS: [&str; 7] = ["expander", "estimate", "utilization", "scale_up", "scale_down", "backoff", "balance"];

/// Pods of an estimate, of all its groups; more are a slip of the pen.
const MOST_PODS: usize = 1_000_000;
/// New nodes that are shared out among groups, one by one as upstream does it.
const MOST_NEW_NODES: i64 = 1_000_000;

pub(in super::super) fn decide(kind: &Value, input: &Value, seed: u64) -> Result<Value, Refusal> {
    let mut input = input.clone();
    if let Value::Object(fields) = &mut input {
        fields.remove("kind");
    }
    match kind.as_str().unwrap_or_default() {
        "expander" => expander(&input, seed),
        "estimate" => estimate(&input),
        "utilization" => utilization_case(&input),
        "scale_up" => scale_up::decide(&input),
        "scale_down" => scale_down::decide(&input),
        "backoff" => backoff(&input),
        "balance" => balance(&input),
        other => Err(Refusal::new("kind", not_one_of(other, &KINDS))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpanderInput {
    expander: String,
    options: Vec<CaseOption>,
    #[serde(default)]
    templates: BTreeMap<String, CaseNode>,
    #[serde(default)]
    priorities: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pricing: Option<Pricing>,
    #[serde(default)]
    preferred_node: Option<CaseNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseOption {
    node_group: String,
    node_count: i64,
    #[serde(default)]
    pods: Vec<CasePod>,
    #[serde(default)]
    exists: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pricing {
    nodes: BTreeMap<String, f64>,
    pods: BTreeMap<String, f64>,
}

/// Prices by the pod's name.
struct NamedPrices<'a>(&'a BTreeMap<String, f64>);

impl PodPrices for NamedPrices<'_> {
    fn price(&self, pod: &PodSpec, _specs: &Specs) -> Option<f64> {
        self.0.get(pod.labels.get(NAME_LABEL)?).copied()
    }

    fn stabilization(&self) -> f64 {
        self.0.get("stabilize").copied().unwrap_or(0.0)
    }
}

fn expander(input: &Value, seed: u64) -> Result<Value, Refusal> {
    let input: ExpanderInput = read(input)?;
    let chain: ExpanderChain = input.expander.parse().map_err(|problem: String| Refusal::new("expander", problem))?;
    let mut cluster = CaseCluster::default();
    let mut templates: BTreeMap<&str, NodeShapeId> = BTreeMap::new();
    for (group, node) in &input.templates {
        templates.insert(group, cluster.shape(node)?);
    }
    let mut specs = Vec::new();
    for option in &input.options {
        let ids = option.pods.iter().map(|pod| cluster.spec(pod)).collect::<Result<Vec<_>, _>>()?;
        specs.push(ids);
    }
    let pricing = input.pricing.unwrap_or_default();
    let interned = &cluster.state.specs;
    let candidates: Vec<Candidate<'_>> = input
        .options
        .iter()
        .zip(&specs)
        .map(|(option, ids)| Candidate {
            group: &option.node_group,
            node_count: option.node_count,
            pods: ids.iter().map(|id| interned.pod(*id)).collect(),
            template: templates.get(option.node_group.as_str()).map(|id| interned.shape(*id)),
            exists: option.exists.unwrap_or(true),
            node_price: pricing.nodes.get(&option.node_group).copied(),
            priority: None,
        })
        .collect();
    let priorities = input.priorities.as_ref().and_then(priorities);
    let context = Context {
        specs: interned,
        priorities: priorities.as_ref(),
        pod_prices: &NamedPrices(&pricing.pods),
        preferred_cpu: input.preferred_node.and_then(|node| node.cpu_milli).unwrap_or(4000),
    };
    let choice = chain.choose(&candidates, &context, &mut random::stream(seed, "expander", 0));
    let best: Vec<&str> = choice.candidates.iter().map(|index| candidates[*index].group).collect();
    Ok(json!({ "best": best, "chosen": choice.best.map(|index| candidates[index].group) }))
}

/// A configuration that can't be read says nothing, as upstream's bad ConfigMap.
fn priorities(config: &BTreeMap<String, Vec<String>>) -> Option<Priorities> {
    let mut by_number = BTreeMap::new();
    for (priority, expressions) in config {
        by_number.insert(priority.parse().ok()?, expressions.clone());
    }
    Priorities::new(&by_number).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EstimateInput {
    template: CaseNode,
    #[serde(default)]
    existing_nodes: Vec<CaseNode>,
    pod_groups: Vec<CasePod>,
    #[serde(default)]
    max_new_nodes: i64,
}

fn estimate(input: &Value) -> Result<Value, Refusal> {
    let input: EstimateInput = read(input)?;
    let mut cluster = CaseCluster::default();
    for node in &input.existing_nodes {
        cluster.add_node(node)?;
    }
    let shape = cluster.shape(&input.template)?;
    let mut groups = Vec::new();
    let mut group_of = Vec::new();
    for (index, pod) in input.pod_groups.iter().enumerate() {
        let total = cluster.state.pods().len().saturating_add(pod.count.unwrap_or(1));
        if total > MOST_PODS {
            let problem = format!("{total} pods with those before it; {MOST_PODS} at most");
            return Err(Refusal::new(format!("pod_groups[{index}].count"), problem));
        }
        let first = cluster.add_pod(pod)?;
        let spec = cluster.state.pod(first).spec;
        let mut pods = vec![first];
        for _ in 1..pod.count.unwrap_or(1) {
            let info = cluster.state.pod(first).clone();
            pods.push(cluster.state.add_pod(info));
        }
        if pod.count == Some(0) {
            pods.clear();
        }
        group_of.resize(cluster.state.pods().len(), index);
        groups.push(PodGroup { spec, pods });
    }
    groups.retain(|group| !group.pods.is_empty());
    let mut fork = Fork::new(&cluster.state);
    let template = template(shape);
    let mut name = |index: usize| format!("template-node-{index}").into();
    let estimator = Estimator::new(&mut fork, &template, input.max_new_nodes, &mut name);
    let estimate = estimator.estimate(&groups.iter().collect::<Vec<_>>(), false);
    let mut by_group: BTreeMap<&str, u64> = BTreeMap::new();
    for pod in &estimate.pods {
        *by_group.entry(&input.pod_groups[group_of[pod.index()]].name).or_default() += 1;
    }
    Ok(json!({
        "node_count": estimate.node_count,
        "pods_scheduled": estimate.pods.len(),
        "pods_scheduled_by_group": by_group,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UtilizationInput {
    #[serde(default)]
    now_s: i64,
    node: CaseNode,
    #[serde(default)]
    pods: Vec<CasePod>,
    #[serde(default)]
    options: UtilizationOptions,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UtilizationOptions {
    ignore_daemonsets_utilization: bool,
    ignore_mirror_pods_utilization: bool,
}

fn utilization_case(input: &Value) -> Result<Value, Refusal> {
    let input: UtilizationInput = read(input)?;
    let mut cluster = CaseCluster::at(SimTime::from_secs(input.now_s));
    let node = cluster.add_node(&input.node)?;
    for mut pod in input.pods {
        pod.node = Some(input.node.name.clone());
        cluster.add_pod(&pod)?;
    }
    let ignored = Ignored {
        daemon_sets: input.options.ignore_daemonsets_utilization,
        mirror_pods: input.options.ignore_mirror_pods_utilization,
    };
    let state = cluster.state.node(node).expect("the node was just added");
    Ok(match utilization(&cluster.state, state, ignored, &Clock::new(cluster.now)) {
        None => json!({ "error": true }),
        Some(used) => json!({
            "utilization": used.utilization,
            "cpu": used.cpu,
            "memory": used.memory,
            "resource": used.resource.name(),
        }),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffInput {
    initial_ms: i64,
    max_ms: i64,
    reset_timeout_ms: i64,
    steps: Vec<BackoffStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffStep {
    op: String,
    #[serde(default)]
    at_ms: i64,
    #[serde(default)]
    node_group: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
}

fn backoff(input: &Value) -> Result<Value, Refusal> {
    let input: BackoffInput = read(input)?;
    let times = BackoffTimes {
        initial: SimDuration::from_millis(input.initial_ms),
        max: SimDuration::from_millis(input.max_ms),
        reset_timeout: SimDuration::from_millis(input.reset_timeout_ms),
    };
    let mut groups: Vec<String> = Vec::new();
    let mut backoff = Backoff::default();
    let mut results = Vec::new();
    for (index, step) in input.steps.into_iter().enumerate() {
        let now = SimTime::ZERO + SimDuration::from_millis(step.at_ms);
        let name = step.node_group.unwrap_or_default();
        let group = groups.iter().position(|other| *other == name).unwrap_or_else(|| {
            groups.push(name);
            groups.len() - 1
        });
        results.push(match step.op.as_str() {
            "backoff" => {
                let until = backoff.fail(group, step.error_code.unwrap_or_default().into(), now, times);
                json!({ "backed_off_until_ms": until.nanos() / 1_000_000 })
            }
            "status" => match backoff.status(group, &Clock::new(now)) {
                None => json!({ "backed_off": false }),
                Some(entry) => json!({ "backed_off": true, "error_code": &*entry.error }),
            },
            "remove" => {
                backoff.remove(group);
                json!({})
            }
            "remove_stale" => {
                backoff.remove_stale(&Clock::new(now), times.reset_timeout);
                json!({ "tracked": backoff.tracked() })
            }
            other => return Err(Refusal::new(format!("steps[{index}].op"), format!("{other:?} is not an operation"))),
        });
    }
    Ok(json!({ "results": results }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceInput {
    op: String,
    #[serde(default)]
    groups: Vec<CaseGroup>,
    #[serde(default)]
    new_nodes: i64,
    #[serde(default)]
    node_group: String,
    #[serde(default)]
    templates: BTreeMap<String, CaseNode>,
    #[serde(default)]
    difference_ratios: CaseRatios,
    #[serde(default)]
    balancing_ignore_labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseGroup {
    name: String,
    #[serde(default, rename = "min")]
    _min: i64,
    max: i64,
    size: i64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseRatios {
    pub memory_capacity: f64,
    pub allocatable: f64,
    pub free: f64,
}

fn balance(input: &Value) -> Result<Value, Refusal> {
    let input: BalanceInput = read(input)?;
    match input.op.as_str() {
        "distribute" if input.new_nodes > MOST_NEW_NODES => {
            let problem = format!("{} nodes; {MOST_NEW_NODES} at most", input.new_nodes);
            Err(Refusal::new("new_nodes", problem))
        }
        "distribute" => {
            let share =
                |(group, of): (usize, &CaseGroup)| Share { group, size: of.size, new_size: of.size, max: of.max };
            let shares: Vec<Share> = input.groups.iter().enumerate().map(share).collect();
            let sizes = distribute(&shares, input.new_nodes);
            let sizes: Map<String, Value> =
                sizes.into_iter().map(|s| (input.groups[s.group].name.clone(), s.new_size.into())).collect();
            Ok(json!({ "new_sizes": sizes }))
        }
        "similar" => {
            let mut cluster = CaseCluster::default();
            let mut templates = Vec::new();
            for (name, node) in &input.templates {
                templates.push((name.as_str(), template(cluster.shape(node)?)));
            }
            let own = templates.iter().find(|(name, _)| *name == input.node_group);
            let Some((_, own)) = own else {
                return Err(Refusal::new("node_group", "there is no template of that name"));
            };
            let ratios = input.difference_ratios;
            let comparator = Comparator {
                ratios: DifferenceRatios {
                    memory_capacity: ratios.memory_capacity,
                    allocatable: ratios.allocatable,
                    free: ratios.free,
                },
                ignored_labels: &input.balancing_ignore_labels,
                labels: &[],
            };
            let others = templates.iter().filter(|(name, _)| *name != input.node_group);
            let similar = others.filter(|(_, other)| comparator.are_similar(&cluster.state.specs, own, other));
            Ok(json!({ "similar": similar.map(|(name, _)| *name).collect::<Vec<_>>() }))
        }
        other => Err(Refusal::new("op", format!("{other:?} is not distribute or similar"))),
    }
}
