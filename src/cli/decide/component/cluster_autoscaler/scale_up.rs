//! The component case `scale_up`: the orchestrator without the packing that comes before it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::Refusal;
use super::CaseRatios;
use super::objects::{CaseCluster, CaseNode, CasePod, bare_options, read};
use crate::autoscaler::cluster_autoscaler::component::{ScaleUpQuestion, scale_up};
use crate::autoscaler::cluster_autoscaler::quota::{Quota, QuotaResource};
use crate::autoscaler::cluster_autoscaler::{ExpansionOption, MinMax, Options};
use crate::cluster::PodId;
use crate::units::SimTime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleUpInput {
    #[serde(default)]
    options: CaseOptions,
    node_groups: Vec<CaseGroup>,
    #[serde(default)]
    nodes: Vec<CaseNode>,
    #[serde(default)]
    bound_pods: Vec<CasePod>,
    #[serde(default)]
    pending_pods: Vec<CasePod>,
    #[serde(default)]
    all_or_nothing: bool,
    #[serde(default)]
    quotas: Vec<CaseQuota>,
    #[serde(default)]
    expander_choice: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CaseOptions {
    max_cores_total: Option<i64>,
    max_memory_total_bytes: Option<i64>,
    max_nodes_total: u32,
    balance_similar_node_groups: bool,
    difference_ratios: CaseRatios,
    zero_or_max_node_scaling: bool,
    ok_total_unready_count: u32,
    max_total_unready_percentage: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseGroup {
    name: String,
    #[serde(default)]
    min: i64,
    max: i64,
    #[serde(default)]
    target: i64,
    #[serde(default)]
    template: Option<CaseNode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseQuota {
    name: String,
    #[serde(default)]
    groups: Option<Vec<String>>,
    limits: BTreeMap<String, i64>,
}

pub fn decide(input: &Value) -> Result<Value, Refusal> {
    let input: ScaleUpInput = read(input)?;
    let mut cluster = CaseCluster::at(SimTime::from_secs(100_000));
    for (index, group) in input.node_groups.iter().enumerate() {
        if group.min > group.max {
            let problem = format!("the minimum {} is above the maximum {}", group.min, group.max);
            return Err(Refusal::new(format!("node_groups[{index}].min"), problem));
        }
        let id = cluster.add_group(&group.name, group.min, group.max, group.target);
        cluster.groups[id.index()].options.zero_or_max_node_scaling = input.options.zero_or_max_node_scaling;
    }
    for group in input.node_groups {
        if let Some(mut node) = group.template {
            node.group = Some(group.name.clone());
            let shape = cluster.shape(&node)?;
            let id = cluster.group(&group.name)?;
            cluster.groups[id.index()].template = Some(shape);
        }
    }
    for node in &input.nodes {
        cluster.add_node(node)?;
    }
    for pod in &input.bound_pods {
        cluster.add_pod(pod)?;
    }
    let pending = input.pending_pods.iter().map(|pod| cluster.add_pod(pod)).collect::<Result<Vec<_>, _>>()?;
    let options = options(&input.options);
    let mut quotas = input.quotas.iter().map(|quota| read_quota(quota, &cluster)).collect::<Result<Vec<_>, _>>()?;
    if let Some(bytes) = input.options.max_memory_total_bytes {
        // Upstream's flag counts GiB, the case bytes.
        let limits = vec![(QuotaResource::Memory, bytes)];
        quotas.push(Quota { name: "cluster-wide".into(), groups: None, limits });
    }
    let question = ScaleUpQuestion { all_or_nothing: input.all_or_nothing, quotas };
    let names: Vec<_> = cluster.groups.iter().map(|group| std::sync::Arc::clone(&group.name)).collect();
    let mut choose = |options: &[ExpansionOption]| match &input.expander_choice {
        None => (!options.is_empty()).then_some(0),
        Some(choice) => options.iter().position(|option| *names[option.group.index()] == **choice),
    };
    let decision = scale_up(&cluster.snapshot(&pending), &options, &question, &mut choose);
    let pods =
        |pods: &[PodId]| -> Vec<String> { pods.iter().map(|pod| cluster.state.pod(*pod).name.to_string()).collect() };
    let offered: Vec<Value> = decision
        .options
        .iter()
        .map(|option| json!({ "group": &*names[option.group.index()], "node_count": option.node_count }))
        .collect();
    let resizes: Vec<Value> = decision
        .scale_up
        .iter()
        .map(|resize| json!({ "group": &*names[resize.group.index()], "increase": resize.to - resize.from }))
        .collect();
    let remaining: Vec<PodId> = decision.unhelped.iter().flat_map(|unhelped| unhelped.pods.iter().copied()).collect();
    Ok(json!({
        "options": offered,
        "scale_up": resizes,
        "pods_triggered": pods(&decision.triggered),
        "pods_remain_unschedulable": pods(&remaining),
        "pods_await_evaluation": pods(&decision.awaiting),
    }))
}

fn options(case: &CaseOptions) -> Options {
    let bare = bare_options();
    Options {
        cores_total: case.max_cores_total.map_or(bare.cores_total, |max| MinMax { min: 0, max }),
        max_nodes_total: case.max_nodes_total,
        balance_similar_node_groups: case.balance_similar_node_groups,
        memory_difference_ratio: case.difference_ratios.memory_capacity,
        max_allocatable_difference_ratio: case.difference_ratios.allocatable,
        max_free_difference_ratio: case.difference_ratios.free,
        ok_total_unready_count: case.ok_total_unready_count,
        max_total_unready_percentage: case.max_total_unready_percentage,
        ..bare
    }
}

fn read_quota(quota: &CaseQuota, cluster: &CaseCluster) -> Result<Quota, Refusal> {
    let groups = quota
        .groups
        .as_ref()
        .map(|names| names.iter().map(|name| Ok(cluster.group(name)?.index())).collect::<Result<Vec<_>, Refusal>>())
        .transpose()?;
    let limits = quota.limits.iter().map(|(name, limit)| (quota_resource(name), *limit)).collect();
    Ok(Quota { name: quota.name.clone(), groups, limits })
}

pub fn quota_resource(name: &str) -> QuotaResource {
    match name {
        "cpu" => QuotaResource::Cpu,
        "memory" => QuotaResource::Memory,
        "nodes" => QuotaResource::Nodes,
        kind => QuotaResource::Gpu(kind.to_owned()),
    }
}
