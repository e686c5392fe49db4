//! The scenario's own document: when it starts, its node groups, who scales them, what runs where, and demand.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Settings;
use super::demand::Demand;
use super::scaling::Scaling;
use crate::scenario::diagnostic::{Place, Source};
use crate::scenario::live::RunningPod;
use crate::scenario::spec::{API_VERSION, KIND};
use crate::scenario::yaml::{Node, Scalar, Value};
use crate::units::SimDuration;

pub struct Parts<'a> {
    pub settings: &'a Settings,
    /// When the dump was made, in seconds of the Unix epoch.
    pub moment: Option<i64>,
    pub groups: Vec<Node>,
    pub zones: Vec<String>,
    pub scaling: &'a Scaling,
    pub demands: &'a [Demand],
    pub running: &'a [RunningPod],
}

pub fn scenario(parts: &Parts<'_>, objects: &[Node]) -> Node {
    let place = Place::start_of(&Arc::new(Source::new("", "")));
    let place = &place;
    let text = |text: &str| Node::text(place, text);
    let mut spec = vec![("description", text("What windtunnel import cluster read of a cluster's objects."))];
    if let Some(start) = parts.moment.and_then(|moment| Timestamp::from_second(moment).ok()) {
        spec.push(("start", text(&start.to_string())));
    }
    spec.push(("duration", text(&parts.settings.duration.to_string())));
    if parts.settings.duration > SimDuration::from_mins(5_000) {
        spec.push(("sampleInterval", text("5m")));
    }
    if !parts.groups.is_empty() {
        spec.push(("nodeGroups", Node::sequence(place, parts.groups.clone())));
    }
    let has_pools = objects.iter().any(|object| object.text_at(&["kind"]) == Some("NodePool"));
    if has_pools && !parts.zones.is_empty() {
        let zones = parts.zones.iter().map(|zone| text(zone)).collect();
        spec.push(("nodePools", Node::mapping(place, vec![("zones", Node::sequence(place, zones))])));
    }
    let autoscaler = options(parts.scaling, place);
    if !parts.groups.is_empty() && !autoscaler.is_empty() {
        let autoscaler = Node::mapping(place, autoscaler);
        spec.push(("autoscaling", Node::mapping(place, vec![("clusterAutoscaler", autoscaler)])));
    }
    let load: Vec<Node> = parts
        .demands
        .iter()
        .filter(|demand| holds(objects, &demand.kind, &demand.namespace, &demand.name))
        .map(|demand| load(demand, place))
        .collect();
    if !load.is_empty() {
        spec.push(("load", Node::sequence(place, load)));
    }
    let workloads = workloads(parts, objects, place);
    if !workloads.is_empty() {
        spec.push(("workloads", Node::sequence(place, workloads)));
    }
    let metadata = Node::mapping(place, vec![("name", text(&parts.settings.name))]);
    let document = vec![
        ("apiVersion", text(API_VERSION)),
        ("kind", text(KIND)),
        ("metadata", metadata),
        ("spec", Node::mapping(place, spec)),
    ];
    Node::mapping(place, document)
}

fn holds(objects: &[Node], kind: &str, namespace: &str, name: &str) -> bool {
    objects.iter().any(|object| {
        object.text_at(&["kind"]) == Some(kind)
            && object.name() == Some(name)
            && object.text_at(&["metadata", "namespace"]).unwrap_or("default") == namespace
    })
}

fn options<'a>(scaling: &'a Scaling, place: &Place) -> Vec<(&'a str, Node)> {
    let mut fields: Vec<(&str, Node)> = Vec::new();
    for (field, value) in &scaling.options {
        let node = plain(value, place);
        if !Scaling::is_list(field) {
            fields.push((field, node));
            continue;
        }
        match fields.iter_mut().find(|known| known.0 == field) {
            Some((_, Node { value: Value::Sequence(items), .. })) => items.push(node),
            _ => fields.push((field, Node::sequence(place, vec![node]))),
        }
    }
    fields
}

/// A flag's value: a number or a truth value where it reads as one.
fn plain(value: &str, place: &Place) -> Node {
    let scalar = match value {
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        _ if value.parse::<i64>().is_ok() => Scalar::Integer(value.parse().unwrap_or_default()),
        _ if value.parse::<f64>().is_ok_and(f64::is_finite) => Scalar::Float(value.parse().unwrap_or_default()),
        _ => Scalar::Text,
    };
    Node { place: place.clone(), value: Value::Scalar(value.to_owned(), scalar) }
}

fn target(kind: &str, namespace: &str, name: &str, place: &Place) -> Node {
    let mut fields = vec![("kind", Node::text(place, kind)), ("name", Node::text(place, name))];
    if namespace != "default" {
        fields.push(("namespace", Node::text(place, namespace)));
    }
    Node::mapping(place, fields)
}

fn load(demand: &Demand, place: &Place) -> Node {
    let cpu = Node::mapping(place, vec![("constant", Node::text(place, format!("{}m", demand.millicores)))]);
    let target = target(&demand.kind, &demand.namespace, &demand.name, place);
    Node::mapping(place, vec![("target", target), ("cpu", cpu)])
}

/// Kinds that settings of a scenario can name.
const TARGETS: [&str; 5] = ["Deployment", "ReplicaSet", "StatefulSet", "Job", "Pod"];

fn workloads(parts: &Parts<'_>, objects: &[Node], place: &Place) -> Vec<Node> {
    let mut by_owner: BTreeMap<(usize, &str, &str), Vec<&RunningPod>> = BTreeMap::new();
    for pod in parts.running {
        let (kind, namespace, name) = &pod.owner;
        let Some(at) = TARGETS.iter().position(|known| known == kind) else { continue };
        by_owner.entry((at, namespace, name)).or_default().push(pod);
    }
    let known: std::collections::BTreeSet<(&str, &str, &str)> = objects
        .iter()
        .filter_map(|object| {
            let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
            Some((object.text_at(&["kind"])?, namespace, object.name()?))
        })
        .collect();
    let nodes: std::collections::BTreeSet<&str> =
        known.iter().filter(|(kind, ..)| *kind == "Node").map(|(.., name)| *name).collect();
    let mut workloads = Vec::new();
    for ((kind, namespace, name), pods) in by_owner {
        if !known.contains(&(TARGETS[kind], namespace, name)) {
            continue;
        }
        let pods: Vec<Node> = pods
            .iter()
            .filter(|pod| nodes.contains(pod.node.as_str()))
            .map(|pod| running(pod, parts.moment, place))
            .collect();
        if !pods.is_empty() {
            let fields = vec![
                ("target", target(TARGETS[kind], namespace, name, place)),
                ("running", Node::sequence(place, pods)),
            ];
            workloads.push(Node::mapping(place, fields));
        }
    }
    workloads
}

fn running(pod: &RunningPod, moment: Option<i64>, place: &Place) -> Node {
    let mut fields = vec![("node", Node::text(place, pod.node.clone())), ("name", Node::text(place, pod.name.clone()))];
    let age = moment.zip(pod.since).map_or(0, |(moment, since)| moment.saturating_sub(since));
    if age > 0 {
        fields.push(("age", Node::text(place, SimDuration::from_secs(age).to_string())));
    }
    if !pod.ready {
        let no = Node { place: place.clone(), value: Value::Scalar("false".to_owned(), Scalar::Bool(false)) };
        fields.push(("ready", no));
    }
    Node::mapping(place, fields)
}
