//! The scenario that replays an imported trace, as text.

use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::import_files::Files;
use crate::cost::{CapacityType, Catalogue};
use crate::scenario::import::{ArrivalsSpec, Availability, Format, Options, RequestTrace, Trace};
use crate::scenario::spec::{RequestLogSpec, StockOutSpec};
use crate::units::{SimDuration, SimTime};

/// Most nodes of a group that the trace says nothing about.
const DEFAULT_MAX_SIZE: u32 = 1000;

/// The written document: only what differs from the defaults.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    description: String,
    duration: SimDuration,
    sample_interval: SimDuration,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Replay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Jobs>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    load: Vec<Load>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    node_groups: Vec<Group>,
}

/// Requests that a log holds, and what one of them takes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    target: Target,
    request_log: RequestLogSpec,
    per_request: Cost,
    queue: Queue,
}

#[derive(Serialize)]
struct Target {
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
struct Cost {
    gpu: SimDuration,
    concurrency: u32,
}

#[derive(Serialize)]
struct Queue {
    timeout: SimDuration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    format: String,
    pods: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<String>,
    #[serde(flatten)]
    how: How,
}

/// How a list is read.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct How {
    #[serde(skip_serializing_if = "Option::is_none")]
    arrivals: Option<ArrivalsSpec>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skip_bad_rows: bool,
}

#[derive(Serialize)]
struct Jobs {
    format: String,
    jobs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    throughputs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convergence: Option<String>,
    #[serde(flatten)]
    how: How,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    instance_type: String,
    min_size: u32,
    max_size: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared_gpus: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    zones: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_type: Option<CapacityType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interruptions_per_hour: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stock_outs: Vec<StockOutSpec>,
}

/// What was imported, and how.
pub struct Imported<'a> {
    pub files: &'a Files,
    pub autoscale: &'a [String],
    pub format: &'static Format,
    pub options: Options,
    pub trace: &'a Trace,
}

impl Imported<'_> {
    /// What the trace holds, in words.
    pub fn counts(&self) -> String {
        let trace = self.trace;
        let counts = [
            (trace.pods.len(), "pods"),
            (trace.nodes.iter().map(|node| node.count as usize).sum(), "nodes"),
            (trace.jobs.len(), "training jobs"),
            (trace.requests.as_ref().map_or(0, |requests| requests.count), "requests"),
            (trace.availability.len(), "zones"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// The scenario's text; where requests are to be served, with a Deployment and an HPA for it.
    pub fn scenario(&self, output: &Path) -> anyhow::Result<String> {
        let (trace, files) = (self.trace, self.files);
        let folder = output.parent().unwrap_or(Path::new(""));
        let path = |path: &Option<PathBuf>| path.as_deref().map(|path| relative(path, folder)).transpose();
        let format = self.format.name.to_owned();
        let how = How { arrivals: self.options.arrivals, skip_bad_rows: self.options.skip_bad_rows };
        let replay = match path(&files.pods)? {
            Some(pods) => {
                let nodes = if self.autoscale.is_empty() { path(&files.nodes)? } else { None };
                Some(Replay { format: format.clone(), pods, nodes, how: how.clone() })
            }
            None => None,
        };
        let jobs = match path(&files.jobs)? {
            Some(jobs) => {
                let (throughputs, convergence) = (path(&files.throughputs)?, path(&files.convergence)?);
                Some(Jobs { format, jobs, throughputs, convergence, how })
            }
            None => None,
        };
        let stem = output.file_stem().and_then(|stem| stem.to_str()).unwrap_or("imported");
        let name = plain_name(stem);
        let load = match (&trace.requests, path(&files.requests)?) {
            (Some(requests), Some(file)) => vec![load(requests, file, &name)],
            _ => Vec::new(),
        };
        let duration = duration(trace);
        let document = Document {
            api_version: crate::scenario::spec::API_VERSION,
            kind: crate::scenario::spec::KIND,
            metadata: Metadata { name: name.clone() },
            spec: Spec {
                description: format!("A trace of the format {}, written by windtunnel import.", self.format.name),
                duration,
                sample_interval: sample_interval(duration),
                replay,
                jobs,
                load,
                node_groups: self.groups(),
            },
        };
        let scenario = serde_saphyr::to_string(&document).context("the scenario can't be written as YAML")?;
        Ok(match &trace.requests {
            Some(requests) => format!("{}\n{}", scenario.trim_end(), service(requests, &name)),
            None => scenario,
        })
    }

    fn groups(&self) -> Vec<Group> {
        let trace = self.trace;
        let nodes: u32 = trace.nodes.iter().map(|node| node.count).sum();
        let shares_gpus = trace.pods.iter().any(|pod| pod.gpus > 0);
        let group = |instance_type: &String| Group {
            name: instance_type.to_lowercase().replace(['.', '_'], "-"),
            instance_type: instance_type.clone(),
            min_size: 0,
            max_size: if nodes > 0 { nodes } else { DEFAULT_MAX_SIZE },
            shared_gpus: shares_gpus && Catalogue::builtin().get(instance_type).is_ok_and(|known| known.gpus() > 0),
            zones: Vec::new(),
            capacity_type: None,
            interruptions_per_hour: None,
            stock_outs: Vec::new(),
        };
        if trace.availability.is_empty() {
            return self.autoscale.iter().map(group).collect();
        }
        let of_a_zone = |zone: &Availability, instance_type: &String| {
            let mut group = group(instance_type);
            group.name = format!("{}-{}", group.name, zone.zone.to_lowercase());
            // The recording never had more, so nothing is known of more.
            group.max_size = zone.instances.iter().copied().max().unwrap_or(0).max(1);
            group.zones = vec![zone.zone.to_string()];
            group.capacity_type = Some(CapacityType::Spot);
            // What is taken back stands among the spans; nothing else is.
            group.interruptions_per_hour = Some(0.0);
            group.stock_outs = stock_outs(zone);
            group
        };
        let pairs = trace.availability.iter().flat_map(|zone| self.autoscale.iter().map(move |of| (zone, of)));
        pairs.map(|(zone, of)| of_a_zone(zone, of)).collect()
    }
}

/// Every span in which a zone had fewer machines than at its best; those that ran beyond them are taken back.
fn stock_outs(zone: &Availability) -> Vec<StockOutSpec> {
    let most = zone.instances.iter().copied().max().unwrap_or(0);
    let mut spans: Vec<StockOutSpec> = Vec::new();
    for (tick, available) in (0i64..).zip(zone.instances.iter().copied()).filter(|(_, available)| *available < most) {
        let (from, to) = (zone.gap * tick, zone.gap * (tick + 1));
        match spans.last_mut().filter(|span| span.to == from && span.available == available) {
            Some(span) => span.to = to,
            None => spans.push(StockOutSpec { from, to, available, interrupts: true }),
        }
    }
    spans
}

const HOUR: SimDuration = SimDuration::from_secs(3600);
/// What an HPA keeps GPUs at.
const UTILIZATION: f64 = 0.6;

fn load(requests: &RequestTrace, file: String, name: &str) -> Load {
    Load {
        target: Target { kind: "Deployment", name: object_name(name) },
        request_log: RequestLogSpec {
            file,
            time_column: Some(requests.time_column.clone()),
            size: requests.size.clone(),
            only: requests.only.clone(),
            per_request_size: Some(1.0),
            offset: SimDuration::ZERO,
            speedup: None,
        },
        // A request of size 1 takes a GPU for a second.
        per_request: Cost { gpu: SimDuration::from_secs(1), concurrency: requests.concurrency },
        queue: Queue { timeout: SimDuration::from_mins(5) },
    }
}

/// A Deployment that serves the requests, and an HPA that follows them.
fn service(requests: &RequestTrace, name: &str) -> String {
    let seconds = requests.span.max(SimDuration::from_secs(1)).as_secs_f64();
    let busy = requests.count as f64 * requests.mean_gpu_seconds / seconds;
    let replicas = (busy / UTILIZATION).ceil().clamp(1.0, 10_000.0) as u32;
    let (name, most) = (object_name(name), replicas.saturating_mul(10));
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: \
         {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        \
         - name: server\n          image: server:v1\n          resources:\n            requests: {{cpu: \"2\", memory: 8Gi}}\n            \
         limits: {{nvidia.com/gpu: \"1\"}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: \
         {name}}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n  minReplicas: 1\n  maxReplicas: \
         {most}\n  metrics:\n    - type: Pods\n      pods:\n        metric: {{name: DCGM_FI_DEV_GPU_UTIL}}\n        target: {{type: \
         AverageValue, averageValue: \"{}\"}}\n",
        UTILIZATION * 100.0
    )
}

/// Of the form that the API server takes.
pub fn object_name(name: &str) -> String {
    let name: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "service".to_owned() } else { name.chars().take(50).collect() }
}

/// Until the last pod has ended or the last job has come, and a tenth of that for waiting, or to the end of what was
/// recorded; in whole hours.
fn duration(trace: &Trace) -> SimDuration {
    let pods = trace.pods.iter().map(|pod| pod.arrival + pod.duration.unwrap_or_default());
    let last = pods.chain(trace.jobs.iter().map(|job| job.arrival)).max().unwrap_or_default();
    let work = last.since(SimTime::ZERO).mul_f64(1.1);
    // Requests and machines end with their recording.
    let requests = trace.requests.as_ref().map_or(SimDuration::ZERO, |requests| requests.span);
    let recorded = trace.availability.iter().map(|zone| zone.gap * zone.instances.len() as i64);
    let longest = recorded.chain([work, requests]).max().unwrap_or_default();
    HOUR * ((longest.as_secs_f64() / 3600.0).ceil().clamp(1.0, 2.5e6) as i64)
}

/// A round interval that gives a few thousand samples.
pub fn sample_interval(duration: SimDuration) -> SimDuration {
    let choices = [1, 5, 15, 60, 360].map(SimDuration::from_mins);
    choices.into_iter().find(|interval| duration.nanos() / interval.nanos() <= 5_000).unwrap_or(choices[4])
}

/// Results go to a folder of the scenario's name.
pub fn plain_name(stem: &str) -> String {
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    name.trim_start_matches('.').to_owned()
}

/// `file` as seen from `folder`, with `/` between its parts.
pub fn relative(file: &Path, folder: &Path) -> anyhow::Result<String> {
    let absolute = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().with_context(|| format!("{} can't be found", path.display()))
    };
    let (file, folder) = (absolute(file)?, absolute(folder)?);
    let common = file.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = file.components().skip(common).map(|part| match part {
        Component::Normal(name) => name.to_string_lossy().into_owned(),
        other => other.as_os_str().to_string_lossy().into_owned(),
    });
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}
