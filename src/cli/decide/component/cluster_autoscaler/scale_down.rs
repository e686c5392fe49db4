//! The component case `scale_down`, stage by stage: eligibility, ages, what may go now, and the budget.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::Refusal;
use super::objects::{CaseCluster, CaseNode, CasePod, bare_options, read};
use super::scale_up::quota_resource;
use crate::autoscaler::cluster_autoscaler::budget::{Bucket, BudgetGroup, Parallelism, crop};
use crate::autoscaler::cluster_autoscaler::component::{eligibility, removable_at};
use crate::autoscaler::cluster_autoscaler::quota::Quota;
use crate::autoscaler::cluster_autoscaler::{Options, Removable, UnneededNodes};
use crate::cluster::{NodeGroupId, NodeId, PodId, PodSpecId};
use crate::units::{SimDuration, SimTime, not_one_of};

const STAGES: [&str; 4] = ["eligibility", "unneeded_update", "removable_at", "budget"];

pub fn decide(input: &Value) -> Result<Value, Refusal> {
    let mut rest = input.clone();
    let stage = rest.as_object_mut().and_then(|fields| fields.remove("stage"));
    match stage.as_ref().and_then(Value::as_str) {
        Some("eligibility") => eligible(&rest),
        Some("unneeded_update") => unneeded_update(&rest),
        Some("removable_at") => removable(&rest),
        Some("budget") => budget(&rest),
        stage => Err(Refusal::new("stage", not_one_of(stage.unwrap_or_default(), &STAGES))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EligibilityInput {
    #[serde(default)]
    options: EligibilityOptions,
    nodes: Vec<CaseNode>,
    #[serde(default)]
    pods: Vec<CasePod>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EligibilityOptions {
    scale_down_utilization_threshold: f64,
    scale_down_gpu_utilization_threshold: f64,
    scale_down_unready_enabled: bool,
    ignore_daemonsets_utilization: bool,
}

fn eligible(input: &Value) -> Result<Value, Refusal> {
    let input: EligibilityInput = read(input)?;
    let mut cluster = CaseCluster::at(SimTime::from_secs(1_000_000));
    cluster.add_group("ng", 0, i64::from(i32::MAX), input.nodes.len() as i64);
    let mut nodes = Vec::new();
    for mut node in input.nodes {
        node.group = Some("ng".into());
        nodes.push(cluster.add_node(&node)?);
    }
    for pod in &input.pods {
        cluster.add_pod(pod)?;
    }
    let options = Options {
        scale_down_utilization_threshold: input.options.scale_down_utilization_threshold,
        scale_down_gpu_utilization_threshold: input.options.scale_down_gpu_utilization_threshold,
        scale_down_unready_enabled: input.options.scale_down_unready_enabled,
        ignore_daemonsets_utilization: input.options.ignore_daemonsets_utilization,
        ..bare_options()
    };
    let (mut unneeded, mut unremovable) = (Vec::new(), Vec::new());
    for (node, reason) in eligibility(&cluster.snapshot(&[]), &options, &nodes) {
        match reason {
            None => unneeded.push(cluster.node_name(node)),
            Some(reason) => unremovable.push(json!({ "node": cluster.node_name(node), "reason": reason.name() })),
        }
    }
    Ok(json!({ "unneeded": unneeded, "unremovable": unremovable }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateInput {
    options: UpdateOptions,
    updates: Vec<Update>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateOptions {
    #[serde(default)]
    scale_down_unneeded_time_s: i64,
    #[serde(default)]
    scale_down_unready_time_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    at_s: i64,
    #[serde(default)]
    nodes: Vec<UpdateNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateNode {
    name: String,
    #[serde(default = "yes")]
    ready: bool,
}

fn yes() -> bool {
    true
}

fn unneeded_update(input: &Value) -> Result<Value, Refusal> {
    let input: UpdateInput = read(input)?;
    let ready_time = SimDuration::from_secs(input.options.scale_down_unneeded_time_s);
    let unready_time = SimDuration::from_secs(input.options.scale_down_unready_time_s);
    let mut names: Vec<String> = Vec::new();
    let mut unneeded = UnneededNodes::default();
    for update in input.updates {
        let mut found = Vec::new();
        for node in update.nodes {
            let index = names.iter().position(|name| *name == node.name).unwrap_or_else(|| {
                names.push(node.name);
                names.len() - 1
            });
            found.push(removable_node(NodeId::new(index), node.ready, false));
        }
        unneeded.update(
            found,
            SimTime::from_secs(update.at_s),
            |node| {
                if node.ready { ready_time } else { unready_time }
            },
        );
    }
    let nodes: Vec<Value> = unneeded
        .iter()
        .map(|node| {
            json!({
                "name": names[node.removable.node.index()],
                "since_s": seconds(node.since - SimTime::ZERO),
                "removal_threshold_s": seconds(node.threshold),
            })
        })
        .collect();
    Ok(json!({ "nodes": nodes }))
}

fn seconds(duration: SimDuration) -> i64 {
    duration.nanos() / 1_000_000_000
}

fn removable_node(node: NodeId, ready: bool, needs_drain: bool) -> Removable {
    let pods = if needs_drain { vec![(PodId(0), PodSpecId(0))] } else { Vec::new() };
    Removable { node, ready, pods, has_on_completion_pods: false, is_risky: false }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovableInput {
    now_s: i64,
    #[serde(default)]
    node_groups: Vec<RemovableGroup>,
    #[serde(default)]
    deletions_in_progress: BTreeMap<String, i64>,
    #[serde(default)]
    min_quota: BTreeMap<String, i64>,
    nodes: Vec<RemovableNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovableGroup {
    name: String,
    #[serde(default)]
    min_size: i64,
    target_size: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovableNode {
    name: String,
    #[serde(default)]
    node_group: Option<String>,
    #[serde(default = "yes")]
    ready: bool,
    #[serde(default)]
    since_s: i64,
    #[serde(default)]
    removal_threshold_s: i64,
    #[serde(default)]
    needs_drain: bool,
    #[serde(default)]
    scale_down_disabled: bool,
}

fn removable(input: &Value) -> Result<Value, Refusal> {
    let input: RemovableInput = read(input)?;
    let mut cluster = CaseCluster::at(SimTime::from_secs(input.now_s));
    for group in &input.node_groups {
        cluster.add_group(&group.name, group.min_size, i64::from(i32::MAX), group.target_size);
    }
    let mut unneeded = UnneededNodes::default();
    for node in &input.nodes {
        let id = cluster.add_node(&CaseNode {
            name: node.name.clone(),
            group: node.node_group.clone(),
            ready: node.ready,
            scale_down_disabled: node.scale_down_disabled,
            ..CaseNode::default()
        })?;
        unneeded.restore(
            removable_node(id, node.ready, node.needs_drain),
            SimTime::from_secs(node.since_s),
            SimDuration::from_secs(node.removal_threshold_s),
        );
    }
    let limits = input.min_quota.iter().map(|(name, floor)| (quota_resource(name), *floor)).collect();
    let minimum = vec![Quota { name: "minimum".into(), groups: None, limits }];
    let deletions = |group: NodeGroupId| {
        let name = &*cluster.groups[group.index()].name;
        input.deletions_in_progress.get(name).copied().unwrap_or(0)
    };
    let now = removable_at(&cluster.snapshot(&[]), &unneeded, &deletions, minimum);
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, reason) in &now.unremovable {
        *by_reason.entry(reason.name()).or_default() += 1;
    }
    Ok(json!({
        "empty_removable": now.empty.len(),
        "drain_removable": now.drain.len(),
        "unremovable_by_reason": by_reason,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetInput {
    max_scale_down_parallelism: i64,
    max_drain_parallelism: i64,
    #[serde(default)]
    empty_in_progress: i64,
    #[serde(default)]
    drain_in_progress: i64,
    #[serde(default)]
    node_groups: Vec<CaseBudgetGroup>,
    #[serde(default)]
    empty: Vec<CaseBucket>,
    #[serde(default)]
    drain: Vec<CaseBucket>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseBudgetGroup {
    name: String,
    target_size: i64,
    #[serde(default)]
    registered: i64,
    #[serde(default)]
    atomic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseBucket {
    node_group: String,
    count: usize,
}

fn budget(input: &Value) -> Result<Value, Refusal> {
    let input: BudgetInput = read(input)?;
    let index = |name: &str| {
        let found = input.node_groups.iter().position(|group| group.name == name);
        found.ok_or_else(|| Refusal::new("node_groups", format!("there is no group {name:?}")))
    };
    let buckets = |list: &[CaseBucket]| -> Result<Vec<Bucket<()>>, Refusal> {
        let bucket = |of: &CaseBucket| Ok(Bucket { group: index(&of.node_group)?, nodes: vec![(); of.count] });
        list.iter().filter(|of| of.count > 0).map(bucket).collect()
    };
    let left = Parallelism {
        deletions: input.max_scale_down_parallelism - input.empty_in_progress - input.drain_in_progress,
        drains: input.max_drain_parallelism - input.drain_in_progress,
    };
    let (empty, drain) = crop(buckets(&input.empty)?, buckets(&input.drain)?, left, |group| {
        let group = &input.node_groups[group];
        BudgetGroup { target_size: group.target_size, registered: group.registered, atomic: group.atomic }
    });
    let show = |buckets: Vec<Bucket<()>>| -> Vec<Value> {
        let show = |of: Bucket<()>| json!({ "node_group": input.node_groups[of.group].name, "count": of.nodes.len() });
        buckets.into_iter().map(show).collect()
    };
    Ok(json!({ "empty_to_delete": show(empty), "drain_to_delete": show(drain) }))
}
