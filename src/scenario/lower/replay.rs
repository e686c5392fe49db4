//! Pods and nodes of a trace.
//!
//! A trace may hold 100,000 pods with a handful of sizes, so a pod's spec is built once a size: rows are looked up by
//! a small key, and only a new key becomes a `PodSpec`.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::workloads::usage_model;
use super::{Lowering, PodOrigin, shared};
use crate::cluster::{
    Affinity, Container, GpuShare, LabelSelector, Labels, NodeAffinity, NodeSelectorTerm, NodeShape, PodAffinityTerm,
    PodSpec, PodSpecId, ResourceId, Resources, RestartPolicy, SelectorOperator, SelectorRequirement, WorkloadId, label,
    resource,
};
use crate::scenario::diagnostic::suggestion;
use crate::scenario::import::{Options, Qos, Trace, TraceNode, TracePod as Row};
use crate::scenario::spec::{NodePrices, ReplayFormat, ReplaySpec, ScenarioSpec, UsageSpec};
use crate::scenario::{FixedNode, TracePod, Workload, WorkloadKind};
use crate::units::{Bytes, Millicores, SimDuration, SimTime, UsdPerHour};

const MOST_SHARED_GPUS: u32 = 16;

/// Everything about a row that its pod spec depends on.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    cpu: Millicores,
    memory: Bytes,
    gpus: u32,
    gpu_milli: i64,
    gpu_models: Arc<[Arc<str>]>,
    priority: i32,
    is_guaranteed: bool,
    alone_on_node: bool,
    workload: WorkloadId,
}

impl Lowering<'_> {
    pub(super) fn replay(&mut self, spec: &ScenarioSpec) {
        let Some(replay) = &spec.replay else { return };
        self.check_usage(&replay.usage, "replay.usage");
        if !(replay.time_scale.is_finite() && replay.time_scale > 0.0) {
            self.error("replay.timeScale", format!("{} must be a number above 0", replay.time_scale));
            return;
        }
        let format = match replay.format {
            ReplayFormat::Csv => "csv",
            ReplayFormat::Openb => "openb",
            ReplayFormat::Dlrm => "dlrm",
            ReplayFormat::Spot => "spot",
            ReplayFormat::Swf => "swf",
        };
        if replay.arrivals.is_some_and(|arrivals| arrivals.every <= SimDuration::ZERO) {
            self.error("replay.arrivals.every", "must be above 0");
            return;
        }
        let options = Options { skip_bad_rows: replay.skip_bad_rows, arrivals: replay.arrivals };
        let trace = match self.tables.trace(format, &replay.pods, replay.nodes.as_deref(), options) {
            Ok(trace) => trace,
            Err(refused) => {
                self.refuse_table(&refused.error, &format!("replay.{}", refused.input));
                return;
            }
        };
        self.tell_notes(&trace.notes.0, "replay.pods");
        self.trace_nodes(&trace, replay);
        self.trace_pods(&trace, replay, format);
    }

    fn trace_nodes(&mut self, trace: &Trace, replay: &ReplaySpec) {
        let gpu = self.scenario.specs.resources.intern(resource::NVIDIA_GPU);
        for model in replay.node_prices.gpus.keys() {
            let models: Vec<&str> = trace.nodes.iter().filter_map(|node| node.gpu_model.as_deref()).collect();
            if !models.contains(&model.as_str()) {
                let message = format!("no node of the trace has GPUs of model {model}");
                self.error(&format!("replay.nodePrices.gpus.{model}"), message).hint = suggestion(model, &models);
            }
        }
        let place = self.at("replay.nodes");
        for row in &trace.nodes {
            let shape = self.scenario.specs.intern_shape(node_shape(row, replay, gpu));
            let price = price(row, &replay.node_prices);
            for index in 0..row.count {
                let name = if row.count == 1 { row.name.clone() } else { shared(&format!("{}-{index}", row.name)) };
                self.add_node(FixedNode { name, shape, instance_type: None, price }, place);
            }
        }
    }

    fn trace_pods(&mut self, trace: &Trace, replay: &ReplaySpec, format: &str) {
        let gpu = self.scenario.specs.resources.intern(resource::NVIDIA_GPU);
        let place = self.at("replay.pods").clone();
        let offset = SimTime::ZERO + replay.offset;
        let scaled = |duration: SimDuration| {
            if replay.time_scale == 1.0 { duration } else { duration.mul_f64(replay.time_scale) }
        };
        let mut specs: FxHashMap<Key, PodSpecId> = FxHashMap::default();
        let mut workloads: FxHashMap<Option<Arc<str>>, WorkloadId> = FxHashMap::default();
        let end = SimTime::ZERO + self.scenario.duration;
        let mut late = 0usize;
        let first = trace.pods.partition_point(|row| row.arrival < offset);
        let rows = trace.pods[first..].iter().take(replay.limit.unwrap_or(usize::MAX));
        self.scenario.trace_pods.reserve(rows.len());
        for row in rows {
            let arrival = SimTime::ZERO + scaled(row.arrival.since(offset));
            late += usize::from(arrival > end);
            let workload = match workloads.get(&row.workload) {
                Some(known) => *known,
                None => {
                    let name = row.workload.clone().unwrap_or_else(|| shared(format));
                    let id = self.trace_workload(name, &replay.namespace, &replay.usage);
                    workloads.insert(row.workload.clone(), id);
                    id
                }
            };
            let key = Key {
                cpu: row.cpu,
                memory: row.memory,
                gpus: row.gpus,
                gpu_milli: row.gpu_milli.get(),
                gpu_models: row.gpu_models.clone(),
                priority: row.priority,
                is_guaranteed: row.qos == Some(Qos::Guaranteed),
                alone_on_node: row.alone_on_node,
                workload,
            };
            let spec = match specs.get(&key) {
                Some(known) => *known,
                None => {
                    let name = &self.scenario.workloads[workload.index()].name;
                    let pod = pod_spec(row, name, replay, gpu);
                    let spec = self.scenario.specs.intern_pod(pod);
                    let what = format!("trace pod {}", row.name);
                    self.origins.push(PodOrigin { spec, what, place: place.clone() });
                    specs.insert(key, spec);
                    spec
                }
            };
            let duration = row.duration.map(scaled);
            self.scenario.trace_pods.push(TracePod {
                name: row.name.clone(),
                spec,
                workload,
                arrival,
                duration,
                is_resubmitted: true,
            });
        }
        // Bare pods of the manifests came first; all of them arrive at zero.
        if late > 0 {
            let message = format!("{late} of {} pods arrive after the run's end and are never seen", trace.pods.len());
            let warning = crate::scenario::diagnostic::Diagnostic::warning(self.at("duration"), message);
            self.push(warning.hint("raise the duration, or set limit or offset"));
        }
    }

    pub(super) fn trace_workload(&mut self, name: Arc<str>, namespace: &str, usage: &UsageSpec) -> WorkloadId {
        let id = WorkloadId::new(self.scenario.workloads.len());
        let namespace = shared(namespace);
        let (kind, usage) = (WorkloadKind::Replayed, usage_model(usage));
        self.scenario.workloads.push(Workload { id, name, namespace, kind, usage, volumes: Vec::new() });
        id
    }
}

/// The sum of the node's parts, rounded to a billionth of a dollar.
fn price(row: &TraceNode, prices: &NodePrices) -> UsdPerHour {
    let gpu = row.gpu_model.as_deref().and_then(|model| prices.gpus.get(model)).unwrap_or(&prices.gpu);
    let cores = row.cpu.get() as f64 / 1000.0;
    let gib = row.memory.get() as f64 / (1u64 << 30) as f64;
    let sum = cores * prices.cpu.as_f64() + gib * prices.memory.as_f64() + f64::from(row.gpus) * gpu.as_f64();
    UsdPerHour::from_f64(sum).unwrap_or(UsdPerHour::ZERO)
}

fn node_shape(row: &TraceNode, replay: &ReplaySpec, gpu: ResourceId) -> NodeShape {
    let mut capacity = Resources::new(row.cpu, row.memory);
    if row.gpus > 0 {
        capacity.set_extended(gpu, i64::from(row.gpus));
    }
    let mut labels = Labels::from([
        (label::OS.to_owned(), "linux".to_owned()),
        (label::ARCH.to_owned(), "amd64".to_owned()),
        (label::ZONE.to_owned(), super::nodes::DEFAULT_ZONE.to_owned()),
    ]);
    if let Some(model) = &row.gpu_model {
        labels.insert(label::GPU_PRODUCT.to_owned(), model.to_string());
    }
    let shared_gpus = if replay.shared_gpus { row.gpus.min(MOST_SHARED_GPUS) as u16 } else { 0 };
    NodeShape {
        labels,
        allocatable: capacity.clone(),
        capacity,
        max_pods: i64::from(replay.max_pods),
        shared_gpus,
        ..NodeShape::default()
    }
}

fn pod_spec(row: &Row, workload: &str, replay: &ReplaySpec, gpu: ResourceId) -> PodSpec {
    let mut requests = Resources::new(row.cpu, row.memory);
    let mut gpu_share = None;
    if row.gpus > 0 && replay.shared_gpus {
        let (count, milli) = (row.gpus.min(MOST_SHARED_GPUS) as u16, row.gpu_milli.get().clamp(1, 1000) as u16);
        gpu_share = Some(GpuShare { count, milli });
    } else if row.gpus > 0 {
        requests.set_extended(gpu, i64::from(row.gpus));
    }
    let labels = Labels::from([("app".to_owned(), workload.to_owned())]);
    let mut affinity = gpu_models(row.gpu_models.iter().map(|model| model.to_string()));
    if row.alone_on_node {
        let selector = LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() };
        let topology_key = label::HOSTNAME.to_owned();
        let term = PodAffinityTerm { selector: Some(selector), topology_key, ..PodAffinityTerm::default() };
        affinity.pod_anti.required.push(term);
    }
    let is_guaranteed = row.qos == Some(Qos::Guaranteed);
    let container = Container {
        name: "main".to_owned(),
        has_request: (true, true),
        cpu_limit: is_guaranteed.then_some(row.cpu),
        memory_limit: is_guaranteed.then_some(row.memory),
        requests,
        ..Container::default()
    };
    PodSpec {
        namespace: replay.namespace.clone(),
        labels,
        containers: vec![container],
        affinity,
        priority: row.priority,
        preempts: true,
        restart_policy: RestartPolicy::Never,
        termination_grace_period: SimDuration::from_secs(30),
        gpu_share,
        ..PodSpec::default()
    }
}

/// Node affinity to nodes with one of these GPU models; none where there are none.
pub(super) fn gpu_models(models: impl Iterator<Item = String>) -> Affinity {
    let values: Vec<String> = models.collect();
    if values.is_empty() {
        return Affinity::default();
    }
    let requirement =
        SelectorRequirement { key: label::GPU_PRODUCT.to_owned(), operator: SelectorOperator::In, values };
    let term = NodeSelectorTerm { match_expressions: vec![requirement], match_fields: Vec::new() };
    Affinity { node: NodeAffinity { required: Some(vec![term]), preferred: Vec::new() }, ..Affinity::default() }
}
