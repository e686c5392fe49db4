//! The scenario's own document: when it starts, its node groups, who scales them, what runs where, and demand.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Settings;
use super::demand::Demand;
use super::sktrace::{self, Timed};
use super::usage::Share;
use crate::scenario::diagnostic::{Place, Source};
use crate::scenario::live::{RunningPod, Scaling};
use crate::scenario::spec::{API_VERSION, KIND};
use crate::scenario::yaml::{Node, Scalar, Value};
use crate::units::SimDuration;

pub struct Parts<'a> {
    pub settings: &'a Settings,
    /// When the scenario starts, in seconds of the Unix epoch.
    pub start: Option<i64>,
    /// When the dump was made, in seconds of the Unix epoch.
    pub moment: Option<i64>,
    pub groups: Vec<Node>,
    pub zones: Vec<String>,
    pub scaling: &'a Scaling,
    pub demands: &'a [Demand],
    pub shares: &'a [Share],
    pub running: &'a [RunningPod],
    pub timeline: &'a [Timed],
}

pub fn scenario(parts: &Parts<'_>, objects: &[Node]) -> Node {
    let place = Place::start_of(&Arc::new(Source::new("", "")));
    let place = &place;
    let text = |text: &str| Node::text(place, text);
    let mut spec = vec![("description", text("What windtunnel import read of a cluster's objects."))];
    if let Some(start) = parts.start.and_then(|start| Timestamp::from_second(start).ok()) {
        spec.push(("start", text(&start.to_string())));
    }
    spec.push(("duration", text(&short(parts.settings.duration))));
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
    let mut workloads = workloads(parts, objects, place);
    workloads.extend(timed(parts, objects, "workloads", place));
    if !workloads.is_empty() {
        spec.push(("workloads", Node::sequence(place, workloads)));
    }
    for list in ["replicaChanges", "patches"] {
        let items = timed(parts, objects, list, place);
        if !items.is_empty() {
            spec.push((list, Node::sequence(place, items)));
        }
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

/// Items of one of the document's lists, about objects that are there.
fn timed(parts: &Parts<'_>, objects: &[Node], list: &str, place: &Place) -> Vec<Node> {
    let of_the_list = parts.timeline.iter().filter(|timed| timed.list == list);
    let there = of_the_list.filter(|timed| holds(objects, &timed.kind, &timed.namespace, &timed.name));
    there
        .map(|timed| {
            let mut item = sktrace::node(&timed.fields, place);
            item.put("target", target(&timed.kind, &timed.namespace, &timed.name, place));
            item
        })
        .collect()
}

/// As people write it: `24h`, not `24h0m0s`.
fn short(duration: SimDuration) -> String {
    let mut text = duration.to_string();
    for (ending, nothing) in [("m0s", "0s"), ("h0m", "0m")] {
        if text.ends_with(ending) {
            text.truncate(text.len() - nothing.len());
        }
    }
    text
}

fn holds(objects: &[Node], kind: &str, namespace: &str, name: &str) -> bool {
    objects.iter().any(|object| {
        object.text_at(&["kind"]) == Some(kind)
            && object.name() == Some(name)
            && object.text_at(&["metadata", "namespace"]).unwrap_or("default") == namespace
    })
}

/// The options in the form of a scenario.
fn options<'a>(scaling: &'a Scaling, place: &Place) -> Vec<(&'a str, Node)> {
    let mut fields: Vec<(&str, Node)> =
        scaling.options.iter().map(|(field, value)| (field.as_str(), of_json(value, place))).collect();
    if !scaling.priorities.is_empty() {
        let of = |expressions: &Vec<String>| {
            Node::sequence(place, expressions.iter().map(|expression| Node::text(place, expression.as_str())).collect())
        };
        let mut priorities = Node::mapping(place, Vec::new());
        for (priority, expressions) in &scaling.priorities {
            priorities.put(&priority.to_string(), of(expressions));
        }
        fields.push(("priorities", priorities));
    }
    fields
}

fn of_json(value: &serde_json::Value, place: &Place) -> Node {
    use serde_json::Value as Json;
    let scalar = |text: String, scalar: Scalar| Node { place: place.clone(), value: Value::Scalar(text, scalar) };
    match value {
        Json::Bool(truth) => scalar(truth.to_string(), Scalar::Bool(*truth)),
        Json::Number(number) => scalar(number.to_string(), Scalar::Float(number.as_f64().unwrap_or_default())),
        Json::Array(items) => Node::sequence(place, items.iter().map(|item| of_json(item, place)).collect()),
        Json::String(text) => Node::text(place, text.as_str()),
        Json::Null | Json::Object(_) => scalar("null".to_owned(), Scalar::Null),
    }
}

fn target(kind: &str, namespace: &str, name: &str, place: &Place) -> Node {
    let mut fields = vec![("kind", Node::text(place, kind)), ("name", Node::text(place, name))];
    if namespace != "default" {
        fields.push(("namespace", Node::text(place, namespace)));
    }
    Node::mapping(place, fields)
}

fn load(demand: &Demand, place: &Place) -> Node {
    let text = |text: String| Node::text(place, text);
    let cpu = match demand.points[..] {
        [(_, millicores)] => Node::mapping(place, vec![("constant", text(format!("{millicores}m")))]),
        _ => {
            let point = |(at, millicores): &(i64, i64)| {
                let at = text(short(SimDuration::from_secs(*at)));
                Node::mapping(place, vec![("at", at), ("value", text(format!("{millicores}m")))])
            };
            let points = Node::sequence(place, demand.points.iter().map(point).collect());
            let again = Node { place: place.clone(), value: Value::Scalar("true".to_owned(), Scalar::Bool(true)) };
            let replay = Node::mapping(place, vec![("loop", again), ("points", points)]);
            Node::mapping(place, vec![("replay", replay)])
        }
    };
    let target = target(&demand.kind, &demand.namespace, &demand.name, place);
    Node::mapping(place, vec![("target", target), ("cpu", cpu)])
}

/// A place among the kinds, namespace and name.
type Target<'a> = (usize, &'a str, &'a str);
type Field<'a> = (&'a str, Node);

/// Kinds that settings of a scenario can name.
const TARGETS: [&str; 5] = ["Deployment", "ReplicaSet", "StatefulSet", "Job", "Pod"];
/// These, and kinds whose pods' places nobody need know.
const OF_USAGE: [&str; 7] = ["Deployment", "ReplicaSet", "StatefulSet", "Job", "Pod", "DaemonSet", "CronJob"];

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
    let mut workloads: BTreeMap<Target<'_>, Vec<Field<'_>>> = BTreeMap::new();
    for share in parts.shares {
        let (kind, namespace, name) = (share.kind.as_str(), share.namespace.as_str(), share.name.as_str());
        let Some(at) = OF_USAGE.iter().position(|known| *known == kind) else { continue };
        if !known.contains(&(kind, namespace, name)) {
            continue;
        }
        let number =
            |value: f64| Node { place: place.clone(), value: Value::Scalar(value.to_string(), Scalar::Float(value)) };
        let fields: Vec<(&str, Node)> = [("cpu", share.cpu), ("memory", share.memory)]
            .into_iter()
            .filter_map(|(field, value)| Some((field, number(value?))))
            .collect();
        workloads.entry((at, namespace, name)).or_default().push(("usage", Node::mapping(place, fields)));
    }
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
            workloads.entry((kind, namespace, name)).or_default().push(("running", Node::sequence(place, pods)));
        }
    }
    let one = |((kind, namespace, name), fields): (Target<'_>, Vec<Field<'_>>)| {
        let target = ("target", target(OF_USAGE[kind], namespace, name, place));
        Node::mapping(place, std::iter::once(target).chain(fields).collect())
    };
    workloads.into_iter().map(one).collect()
}

fn running(pod: &RunningPod, moment: Option<i64>, place: &Place) -> Node {
    let mut fields = vec![("node", Node::text(place, pod.node.clone())), ("name", Node::text(place, pod.name.clone()))];
    let age = moment.zip(pod.since).map_or(0, |(moment, since)| moment.saturating_sub(since));
    if age > 0 {
        fields.push(("age", Node::text(place, short(SimDuration::from_secs(age)))));
    }
    if !pod.ready {
        let no = Node { place: place.clone(), value: Value::Scalar("false".to_owned(), Scalar::Bool(false)) };
        fields.push(("ready", no));
    }
    Node::mapping(place, fields)
}
