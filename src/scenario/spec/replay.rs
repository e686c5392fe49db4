//! A trace of pods, replayed on its own nodes or on node groups.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UsageSpec;
use crate::scenario::import::ArrivalsSpec;
use crate::units::{SimDuration, UsdPerHour};

/// Pods, and where given nodes, of a trace.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaySpec {
    pub format: ReplayFormat,
    /// The pods' file, relative to the scenario.
    pub pods: String,
    /// The nodes' file: fixed nodes. Without it pods run on the scenario's own nodes and node groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<String>,
    /// When the pods come, for a list without times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalsSpec>,
    /// Leave out rows that can't be read, and say how many. Default: false, and the first is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_rows: bool,
    /// Only the first so many pods. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Leaves out what arrives before this time of the trace; the scenario starts there. Default: 0s.
    #[serde(default)]
    pub offset: SimDuration,
    /// Multiplies arrival times and durations. Default: 1.
    #[serde(default = "one")]
    pub time_scale: f64,
    /// What the pods use of what they request.
    #[serde(default)]
    pub usage: UsageSpec,
    /// What the trace's nodes cost. Default: nothing.
    #[serde(default)]
    pub node_prices: NodePrices,
    /// Pods that one of the trace's nodes holds at most. Default: 110.
    #[serde(default = "default_max_pods")]
    pub max_pods: u32,
    /// Whether pods ask for thousandths of a GPU (the trace's nodes share theirs, and so must node groups); false: a
    /// fraction becomes a whole GPU. Default: true.
    #[serde(default = "yes")]
    pub shared_gpus: bool,
    /// Namespace of the pods. Default: default.
    #[serde(default = "default_namespace")]
    pub namespace: String,
}

/// A node's price as the sum of its parts, as OpenCost prices nodes without a list price.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodePrices {
    /// Of a core for an hour. Default: 0.
    pub cpu: UsdPerHour,
    /// Of a GiB of memory for an hour. Default: 0.
    pub memory: UsdPerHour,
    /// Of a GPU for an hour, where its model is not among `gpus`. Default: 0.
    pub gpu: UsdPerHour,
    /// Of a GPU for an hour, by model.
    pub gpus: BTreeMap<String, UsdPerHour>,
}

/// Formats of pod traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayFormat {
    /// Pods: `name, arrival_s, duration_s, cpu_milli, memory_bytes` and optional `gpus, gpu_milli, gpu_model, priority,
    /// workload`; nodes: `name, cpu_milli, memory_bytes` and optional `gpus, gpu_model, count`.
    Csv,
    /// Alibaba's `cluster-trace-gpu-v2023`, files as published.
    Openb,
    /// Instances of recommendation services: Alibaba's `cluster-trace-gpu-v2025`.
    Dlrm,
    /// Jobs and nodes of Alibaba's `cluster-trace-v2026-spot-gpu`.
    Spot,
    /// Standard Workload Format; as `nodes`, the same file gives the machine that its header describes.
    Swf,
}

const fn one() -> f64 {
    1.0
}

const fn default_max_pods() -> u32 {
    110
}

const fn yes() -> bool {
    true
}

fn default_namespace() -> String {
    "default".to_owned()
}
