//! From Node objects to node groups: which nodes are of one kind, by the clouds' labels, and what new ones would be.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Labels, label};
use crate::cost::{CapacityType, Catalogue};
use crate::scenario::diagnostic::{Place, Source};
use crate::scenario::live::{Scaling, Told, Weight};
use crate::scenario::names::Form;
use crate::scenario::node_labels::{group_label, is_spot};
use crate::scenario::yaml::Node;

/// Labels of one node alone, or that a new node gets otherwise.
const OF_ONE_NODE: [&str; 12] = [
    label::HOSTNAME,
    label::ZONE,
    "failure-domain.beta.kubernetes.io/zone",
    label::INSTANCE_TYPE,
    "beta.kubernetes.io/instance-type",
    label::NODE_GROUP,
    label::OS,
    label::ARCH,
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "topology.ebs.csi.aws.com/zone",
    "topology.gke.io/zone",
];

/// Taints that come and go with a node's state.
const PASSING: [&str; 4] = ["node.kubernetes.io/", "ToBeDeletedBy", "DeletionCandidateOf", "node.cloudprovider."];

/// The scenario's `nodeGroups`, and the zones of all nodes. Nodes are marked with their group where its own label can't
/// name it.
pub fn groups(objects: &mut [Node], scaling: &Scaling, told: &mut Told) -> (Vec<Node>, Vec<String>) {
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut zones: Vec<String> = Vec::new();
    for (at, object) in objects.iter_mut().enumerate().filter(|(_, object)| object.text_at(&["kind"]) == Some("Node")) {
        let labels = labels_of(object);
        zones.extend(labels.get(label::ZONE).cloned());
        tell_price(object, &labels, told);
        if labels.contains_key(label::NODE_POOL) {
            continue;
        }
        let Some((_, value)) = group_label(&labels) else { continue };
        let name = group_name(value);
        if name != value {
            let place = object.place.clone();
            object.child("metadata").child("labels").put(label::NODE_GROUP, Node::text(&place, name.clone()));
        }
        members.entry(name).or_default().push(at);
    }
    zones.sort_unstable();
    zones.dedup();
    let groups = members.iter().map(|(name, of)| {
        let nodes: Vec<&Node> = of.iter().map(|at| &objects[*at]).collect();
        group(name, &nodes, scaling, told)
    });
    (groups.collect(), zones)
}

/// Most nodes of a group that nothing is said about.
const MOST_FROM_ZERO: i64 = 1000;

/// A group of an instance type that scales from zero.
pub fn from_zero(instance_type: &str) -> Node {
    let place = &Place::start_of(&Arc::new(Source::new("--autoscale", instance_type)));
    let name = instance_type.to_lowercase().replace(['.', '_'], "-");
    let fields = vec![
        ("name", Node::text(place, name)),
        ("instanceType", Node::text(place, instance_type)),
        ("minSize", Node::integer(place, 0)),
        ("maxSize", Node::integer(place, MOST_FROM_ZERO)),
    ];
    Node::mapping(place, fields)
}

/// A name that the API server would take for a part of a node's.
fn group_name(value: &str) -> String {
    if Form::ShortSubdomain.holds(value) && value != "fixed" {
        return value.to_owned();
    }
    let plain: String =
        value.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let plain: String = plain.trim_matches(|c| c == '-' || c == '.').chars().take(60).collect();
    if Form::ShortSubdomain.holds(&plain) && plain != "fixed" { plain } else { format!("group-{}", plain.len()) }
}

pub fn labels_of(object: &Node) -> Labels {
    let entries = object.find(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.as_str()?.to_owned()))).collect()
}

fn tell_price(node: &Node, labels: &Labels, told: &mut Told) {
    let Some(name) = labels.get(label::INSTANCE_TYPE) else {
        let meaning = "without an instance type: it costs nothing; state pricePerHour of its group";
        told.add(Weight::Changes, "Node", meaning, &node.place);
        return;
    };
    match Catalogue::builtin().get(name) {
        Err(_) => {
            let meaning = format!("instance type {name} is not in the catalogue: it costs nothing; state its price");
            told.add(Weight::Changes, "Node", meaning, &node.place);
        }
        Ok(instance) if is_spot(labels) && instance.spot.is_none() => {
            let meaning = format!("no spot price of {name} is known: taken at its on-demand price");
            told.add(Weight::Changes, "Node", meaning, &node.place);
        }
        Ok(_) => {}
    }
}

/// What all nodes have.
fn shared<T: PartialEq + Clone>(mut of_nodes: impl Iterator<Item = Vec<T>>) -> Vec<T> {
    let first = of_nodes.next().unwrap_or_default();
    of_nodes.fold(first, |shared, of_node| shared.into_iter().filter(|one| of_node.contains(one)).collect())
}

fn group(name: &str, nodes: &[&Node], scaling: &Scaling, told: &mut Told) -> Node {
    let place = &nodes[0].place;
    let all: Vec<Labels> = nodes.iter().map(|node| labels_of(node)).collect();
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for labels in &all {
        *types.entry(labels.get(label::INSTANCE_TYPE).map_or("", String::as_str)).or_default() += 1;
    }
    // The commonest, of equals the first by name.
    let (instance_type, _) =
        types.iter().rev().max_by_key(|(_, count)| **count).map(|(n, c)| (*n, *c)).unwrap_or(("", 0));
    if types.len() > 1 {
        let meaning =
            format!("node group {name} has {} instance types: new nodes are all {instance_type}", types.len());
        told.add(Weight::Differs, "Node", meaning, place);
    }
    let typical =
        all.iter().position(|labels| labels.get(label::INSTANCE_TYPE).map_or("", String::as_str) == instance_type);
    let typical = nodes[typical.unwrap_or(0)];
    let text = |text: &str| Node::text(place, text);
    let number = |value: i64| Node::integer(place, value);
    let mut fields = vec![("name", text(name))];
    let known = Catalogue::builtin().get(instance_type).ok();
    if known.is_some() {
        fields.push(("instanceType", text(instance_type)));
    }
    for list in ["capacity", "allocatable"] {
        if let Some(amounts) = typical.find(&["status", list]) {
            let mut amounts = amounts.clone();
            amounts.retain(|key| !key.starts_with("attachable-volumes"));
            fields.push((list, amounts));
        }
    }
    let count = nodes.len() as i64;
    let (min, max) = scaling.sizes(name, count);
    fields.push(("minSize", number(min.min(count))));
    fields.push(("maxSize", number(max.max(count))));
    let mut zones: Vec<&String> = all.iter().filter_map(|labels| labels.get(label::ZONE)).collect();
    zones.sort_unstable();
    zones.dedup();
    if !zones.is_empty() {
        fields.push(("zones", Node::sequence(place, zones.iter().map(|zone| text(zone)).collect())));
    }
    let own = |labels: &Labels| -> Vec<(String, String)> {
        let is_kept = |key: &str| !OF_ONE_NODE.contains(&key);
        labels.iter().filter(|(key, _)| is_kept(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let labels = shared(all.iter().map(own));
    if !labels.is_empty() {
        let labels = labels.iter().map(|(key, value)| (key.as_str(), text(value))).collect();
        fields.push(("labels", Node::mapping(place, labels)));
    }
    let taints_of = |node: &&Node| -> Vec<(String, String, String)> {
        let taints = node.find(&["spec", "taints"]).map(Node::items).unwrap_or_default();
        let part = |taint: &Node, field: &str| taint.text_at(&[field]).unwrap_or_default().to_owned();
        taints.iter().map(|taint| (part(taint, "key"), part(taint, "value"), part(taint, "effect"))).collect()
    };
    let mut taints = shared(nodes.iter().map(taints_of));
    taints.retain(|(key, ..)| !PASSING.iter().any(|passing| key.starts_with(passing)));
    if !taints.is_empty() {
        let taint = |(key, value, effect): &(String, String, String)| {
            let mut fields = vec![("key", text(key))];
            if !value.is_empty() {
                fields.push(("value", text(value)));
            }
            fields.push(("effect", text(effect)));
            Node::mapping(place, fields)
        };
        fields.push(("taints", Node::sequence(place, taints.iter().map(taint).collect())));
    }
    let spot = all.iter().filter(|labels| is_spot(labels)).count() * 2 > all.len();
    if spot {
        fields.push(("capacityType", text(CapacityType::Spot.name())));
    }
    let field = if spot { "spotPrice" } else { "pricePerHour" };
    match known {
        None => fields.push((field, number(0))),
        Some(instance) if spot && instance.spot.is_none() => {
            fields.push((field, text(&format!("{}", instance.on_demand.unwrap_or_default().as_f64()))));
        }
        Some(_) => {}
    }
    Node::mapping(place, fields)
}
