//! What pods used, as metrics-server or Prometheus has it: demand on workloads, and what their pods use of their requests.
//!
//! `PodMetrics` are one reading of each pod (`kubectl get podmetrics -A -o json`, or what
//! `/apis/metrics.k8s.io/v1beta1/pods` answers); a range query's JSON is a series for each pod or workload, in cores, or in
//! bytes where the metric's name speaks of memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::demand::{Demand, cpu_request, memory_request, millicores_of};
use super::text;
use crate::scenario::diagnostic::{Diagnostic, Place, Source};
use crate::scenario::live::{RunningPod, Told, Weight, part_of};
use crate::scenario::yaml::{Node, Scalar, Value};
use crate::units::Quantity;

/// Namespace and name.
type Named = (String, String);

/// Millicores by instant, in seconds of the Unix epoch.
type Series = BTreeMap<i64, f64>;

/// Readings of pods, and of workloads where those were asked for.
#[derive(Debug, Default)]
pub struct Usage {
    pods: BTreeMap<Named, Reading>,
    /// By kind (empty: whichever has the name), namespace and name.
    workloads: BTreeMap<(String, String, String), Reading>,
    pub place: Option<Place>,
}

#[derive(Debug, Default)]
struct Reading {
    cpu: Series,
    /// Bytes, of the latest instant.
    memory: Option<(i64, f64)>,
}

/// What pods of a workload use of what they request, where no demand says so.
#[derive(Clone, Debug)]
pub struct Share {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub cpu: Option<f64>,
    pub memory: Option<f64>,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

impl Usage {
    /// Reads a file of either form.
    ///
    /// # Errors
    /// A file that is neither, or holds no reading.
    pub fn read(source: &Arc<Source>) -> Result<Usage, Diagnostic> {
        let place = Place::start_of(source);
        let mut usage = Usage { place: Some(place.clone()), ..Usage::default() };
        if source.text.trim_start().starts_with('{') && source.text.contains("\"result\"") {
            let answer: Answer = serde_json::from_str(&source.text).map_err(|error| {
                let message = format!("no answer of Prometheus: {error}");
                Diagnostic::error(&place, message).expected("the JSON of /api/v1/query_range, with data.result")
            })?;
            answer.data.result.into_iter().for_each(|row| usage.add_row(row));
        } else {
            let found = text::objects(source, |object| vec![object]);
            if let Some(problem) = found.problems.into_iter().next() {
                return Err(problem);
            }
            found.kept.iter().for_each(|object| usage.add_pod_metrics(object));
        }
        if usage.is_empty() {
            let diagnostic = Diagnostic::error(&place, "no reading of a pod or a workload is in it");
            return Err(
                diagnostic.expected("PodMetrics, or a range query whose series have a `pod` or `workload` label")
            );
        }
        Ok(usage)
    }

    pub fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.workloads.is_empty()
    }

    /// The first instant of a series of several.
    pub fn start(&self) -> Option<i64> {
        let all = self.pods.values().chain(self.workloads.values());
        all.filter(|reading| reading.cpu.len() > 1).filter_map(|reading| reading.cpu.keys().next()).min().copied()
    }

    /// One reading of a pod; any other object is passed over.
    pub fn add_pod_metrics(&mut self, object: &Node) {
        if object.text_at(&["kind"]) != Some("PodMetrics") {
            return;
        }
        let Some(name) = object.name() else { return };
        let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
        let (mut cpu, mut memory) = (0.0, 0.0);
        for container in object.get("containers").map(Node::items).unwrap_or_default() {
            cpu += container.find(&["usage", "cpu"]).and_then(nanocores).unwrap_or(0.0);
            memory += container.find(&["usage", "memory"]).and_then(bytes).unwrap_or(0.0);
        }
        self.place.get_or_insert_with(|| object.place.clone());
        let reading = self.pods.entry((namespace.to_owned(), name.to_owned())).or_default();
        reading.cpu.insert(0, cpu);
        reading.memory = Some((0, memory));
    }

    fn add_row(&mut self, row: Row) {
        let label = |keys: &[&str]| keys.iter().find_map(|key| row.metric.get(*key)).filter(|value| !value.is_empty());
        // Of a pod as a whole, and of what only holds its network.
        if row.metric.get("container").is_some_and(|name| name.is_empty() || name == "POD") {
            return;
        }
        let namespace = label(&["namespace", "exported_namespace", "kubernetes_namespace"]).map_or("default", |n| n);
        let is_memory = row.metric.get("__name__").is_some_and(|name| name.contains("memory"));
        let of_kind = [
            ("deployment", "Deployment"),
            ("statefulset", "StatefulSet"),
            ("daemonset", "DaemonSet"),
            ("replicaset", "ReplicaSet"),
        ];
        let reading = if let Some(pod) = label(&["pod", "exported_pod", "pod_name", "kubernetes_pod_name"]) {
            self.pods.entry((namespace.to_owned(), pod.clone())).or_default()
        } else if let Some((kind, name)) = of_kind.iter().find_map(|(key, kind)| Some((*kind, label(&[key])?))) {
            self.workloads.entry((kind.to_owned(), namespace.to_owned(), name.clone())).or_default()
        } else if let Some(name) = label(&["workload", "owner_name", "created_by_name"]) {
            self.workloads.entry((String::new(), namespace.to_owned(), name.clone())).or_default()
        } else {
            return;
        };
        for (at, value) in row.values.iter().chain(&row.value) {
            let Ok(value) = value.parse::<f64>() else { continue };
            if !(value.is_finite() && value >= 0.0 && at.is_finite()) {
                continue;
            }
            let at = *at as i64;
            if is_memory {
                let (_, sum) = reading.memory.filter(|known| known.0 == at).unwrap_or((at, 0.0));
                reading.memory = Some((at, sum + value));
            } else {
                *reading.cpu.entry(at).or_default() += value * 1000.0;
            }
        }
    }

    /// Demand on what has replicas, and shares of requests, from the readings of pods and workloads.
    pub fn of_workloads(&self, objects: &[Node], running: &[RunningPod], told: &mut Told) -> (Vec<Demand>, Vec<Share>) {
        let mut sums: BTreeMap<(String, String, String), (Reading, usize)> = BTreeMap::new();
        let index = Owners::of(objects, running);
        let mut unknown = 0;
        for (pod, reading) in &self.pods {
            match index.of_pod(pod) {
                Some(owner) => add(sums.entry(owner).or_default(), reading),
                None => unknown += 1,
            }
        }
        for ((kind, namespace, name), reading) in &self.workloads {
            match index.of_name(kind, namespace, name) {
                Some(owner) => add(sums.entry(owner).or_default(), reading),
                None => unknown += 1,
            }
        }
        if let Some(place) = self.place.as_ref().filter(|_| unknown > 0) {
            told.add_some(
                Weight::Differs,
                "Usage",
                "of pods and workloads that are not among the objects",
                place,
                unknown,
            );
        }
        let (mut demands, mut shares) = (Vec::new(), Vec::new());
        for ((kind, namespace, name), (reading, pods)) in sums {
            let Some(object) = index.object(&kind, &namespace, &name) else { continue };
            let (cpu, memory) = (cpu_request(object), memory_request(object));
            let each =
                |sum: f64, request: i64| (request > 0 && pods > 0).then(|| round(sum / pods as f64 / request as f64));
            let is_replicated = matches!(kind.as_str(), "Deployment" | "ReplicaSet" | "StatefulSet");
            let mean = reading.cpu.values().sum::<f64>() / reading.cpu.len().max(1) as f64;
            let share = Share {
                kind: kind.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                cpu: each(mean, cpu).filter(|_| !is_replicated && !reading.cpu.is_empty()),
                memory: reading.memory.and_then(|(_, sum)| each(sum, memory)),
            };
            if share.cpu.is_some() || share.memory.is_some() {
                shares.push(share);
            }
            if is_replicated && !reading.cpu.is_empty() {
                let first = self.start().unwrap_or(0);
                let points =
                    reading.cpu.iter().map(|(at, value)| ((at - first).max(0), value.round() as i64)).collect();
                demands.push(Demand { kind, namespace, name, points });
            }
        }
        (demands, shares)
    }
}

fn add(sum: &mut (Reading, usize), reading: &Reading) {
    for (at, value) in &reading.cpu {
        *sum.0.cpu.entry(*at).or_default() += value;
    }
    if let Some((at, bytes)) = reading.memory {
        sum.0.memory = Some((at, sum.0.memory.map_or(0.0, |known| known.1) + bytes));
    }
    sum.1 += 1;
}

/// Three digits are more than a reading is good for.
fn round(share: f64) -> f64 {
    (share.min(1e3) * 1000.0).round() / 1000.0
}

/// metrics-server writes nanocores (`12345n`), which are finer than a quantity's thousandths.
fn nanocores(node: &Node) -> Option<f64> {
    let Value::Scalar(text, _) = &node.value else { return None };
    match text.strip_suffix('n') {
        Some(nanos) => nanos.parse::<f64>().ok().map(|nanos| nanos / 1e6),
        None => match text.strip_suffix('u') {
            Some(micros) => micros.parse::<f64>().ok().map(|micros| micros / 1e3),
            None => millicores_of(node).map(|milli| milli as f64),
        },
    }
}

fn bytes(node: &Node) -> Option<f64> {
    match &node.value {
        Value::Scalar(text, scalar) if *scalar != Scalar::Null => {
            Quantity::parse_non_negative(text).ok().map(|quantity| quantity.value() as f64)
        }
        _ => None,
    }
}

/// Whose pods are whose.
struct Owners<'o> {
    running: BTreeMap<(&'o str, &'o str), &'o RunningPod>,
    objects: BTreeMap<(&'o str, &'o str, &'o str), &'o Node>,
}

/// Kinds that own pods, in the order in which a name is tried.
const KINDS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"];

impl<'o> Owners<'o> {
    fn of(objects: &'o [Node], running: &'o [RunningPod]) -> Owners<'o> {
        let key = |object: &'o Node| {
            let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
            Some((object.text_at(&["kind"])?, namespace, object.name()?))
        };
        Owners {
            running: running.iter().map(|pod| ((pod.owner.1.as_str(), pod.name.as_str()), pod)).collect(),
            objects: objects.iter().filter_map(|object| Some((key(object)?, object))).collect(),
        }
    }

    fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<&'o Node> {
        self.objects.get(&(kind, namespace, name)).copied()
    }

    fn of_pod(&self, (namespace, pod): &Named) -> Option<(String, String, String)> {
        if let Some(known) = self.running.get(&(namespace.as_str(), pod.as_str())) {
            return Some(known.owner.clone());
        }
        if self.object("Pod", namespace, pod).is_some() {
            return Some(("Pod".to_owned(), namespace.clone(), pod.clone()));
        }
        // The owner's name, a dash, and what the controllers add: the longest name is the nearest.
        let mut name = pod.as_str();
        while let Some((shorter, _)) = name.rsplit_once('-') {
            name = shorter;
            if let Some(owner) = self.of_name("", namespace, name) {
                return Some(owner);
            }
        }
        None
    }

    fn of_name(&self, kind: &str, namespace: &str, name: &str) -> Option<(String, String, String)> {
        let (kind, name) = match part_of(kind, name, None) {
            Some((kind, name)) => (kind.to_owned(), name),
            None => (kind.to_owned(), name.to_owned()),
        };
        let kinds: Vec<&str> = if kind.is_empty() { KINDS.to_vec() } else { vec![kind.as_str()] };
        let found = kinds.into_iter().find(|kind| self.object(kind, namespace, &name).is_some())?;
        Some((found.to_owned(), namespace.to_owned(), name))
    }
}
