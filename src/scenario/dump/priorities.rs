//! PriorityClasses that pods name and nobody printed: their values stand in the pods that run.

use std::collections::BTreeMap;

use crate::scenario::live::{Told, Weight, pod_spec_path};
use crate::scenario::yaml::Node;

/// Values by class, as pods that were admitted have them.
pub type Classes = BTreeMap<String, i64>;

/// Every cluster has them.
const OF_EVERY_CLUSTER: [&str; 2] = ["system-cluster-critical", "system-node-critical"];

/// The class of a pod that was admitted, and its value.
pub fn class_of(object: &Node) -> Option<(String, i64)> {
    if object.text_at(&["kind"]) != Some("Pod") {
        return None;
    }
    let class = object.text_at(&["spec", "priorityClassName"]).filter(|class| !class.is_empty())?;
    Some((class.to_owned(), object.integer_at(&["spec", "priority"])?))
}

/// Adds the classes that are missing; one whose value no pod tells is of no priority.
pub fn add_missing(objects: &mut Vec<Node>, classes: &Classes, told: &mut Told) {
    let mut missing: BTreeMap<String, Node> = BTreeMap::new();
    for object in objects.iter() {
        let spec = pod_spec_path(object).and_then(|path| object.find(path));
        let Some(class) = spec.and_then(|spec| spec.get("priorityClassName")) else { continue };
        let Some(name) = class.as_str().filter(|name| !name.is_empty() && !OF_EVERY_CLUSTER.contains(name)) else {
            continue;
        };
        missing.entry(name.to_owned()).or_insert_with(|| class.clone());
    }
    for object in objects.iter().filter(|object| object.text_at(&["kind"]) == Some("PriorityClass")) {
        missing.remove(object.name().unwrap_or_default());
    }
    for (name, class) in missing {
        let place = &class.place;
        let value = classes.get(&name).copied();
        if value.is_none() {
            let meaning = format!("{name} is not among the objects: taken at priority 0");
            told.add(Weight::Changes, "PriorityClass", meaning, place);
        }
        let fields = vec![
            ("apiVersion", Node::text(place, "scheduling.k8s.io/v1")),
            ("kind", Node::text(place, "PriorityClass")),
            ("metadata", Node::mapping(place, vec![("name", Node::text(place, name))])),
            ("value", Node::integer(place, value.unwrap_or(0))),
        ];
        objects.push(Node::mapping(place, fields));
    }
}
