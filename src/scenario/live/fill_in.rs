//! What the API server fills in: names, and what LimitRanges and RuntimeClasses add to pods.

use std::collections::BTreeMap;

use super::told::{Told, Weight};
use crate::scenario::yaml::Node;

/// Where an object of a kind has the spec of its pods.
const POD_SPECS: &[(&str, &[&str])] = &[
    ("Pod", &["spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
];

/// Where the spec of an object's pods stands in it.
pub fn pod_spec_path(object: &Node) -> Option<&'static [&'static str]> {
    let kind = object.text_at(&["kind"])?;
    POD_SPECS.iter().find(|known| known.0 == kind).map(|known| known.1)
}

/// `generateName`: a number stands for the API server's random letters, so that the same files give the same names.
/// Objects without any name, as programs that have theirs made up leave them, are called by what refers to them, or by
/// the label of their pods.
pub fn names(objects: &mut [Node], told: &mut Told) {
    let mut given: BTreeMap<(String, String), u32> = BTreeMap::new();
    for at in 0..objects.len() {
        let object = &objects[at];
        if object.text_at(&["metadata", "name"]).is_some_and(|name| !name.is_empty()) {
            continue;
        }
        let kind = object.text_at(&["kind"]).unwrap_or_default().to_owned();
        let place = object.find(&["metadata"]).map_or(&object.place, |metadata| &metadata.place).clone();
        let name = match object.text_at(&["metadata", "generateName"]) {
            Some(prefix) => {
                let number = given.entry((kind, prefix.to_owned())).or_default();
                let name = format!("{prefix}{number}");
                *number += 1;
                name
            }
            None => {
                let Some(name) = made_up(object, &kind, objects) else { continue };
                let number = given.entry((kind.clone(), name.clone())).or_default();
                let name = if *number == 0 { name } else { format!("{name}-{number}") };
                *number += 1;
                told.add(Weight::Differs, &kind, format!("has no metadata.name: called {name}"), &place);
                name
            }
        };
        objects[at].child("metadata").put("name", Node::text(&place, name));
    }
    targets(objects);
}

/// Kinds whose objects can do without a name in a file.
const NAMELESS: [&str; 8] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
];

fn made_up(object: &Node, kind: &str, objects: &[Node]) -> Option<String> {
    if !NAMELESS.contains(&kind) {
        return None;
    }
    if let Some(target) = object.text_at(&["spec", "scaleTargetRef", "name"]) {
        return Some(target.to_owned());
    }
    // A name that somebody scales and nobody has.
    let is_there =
        |name: &str| objects.iter().any(|other| other.text_at(&["kind"]) == Some(kind) && other.name() == Some(name));
    let wanted = objects.iter().find_map(|other| {
        let target = other.find(&["spec", "scaleTargetRef"])?;
        let name = target.text_at(&["name"]).filter(|_| target.text_at(&["kind"]) == Some(kind))?;
        (!is_there(name)).then(|| name.to_owned())
    });
    let labels = pod_spec_path(object)
        .and_then(|path| object.find(&path[..path.len() - 1]))
        .and_then(|template| template.find(&["metadata", "labels"]))
        .or_else(|| object.find(&["spec", "selector", "matchLabels"]));
    let labelled = || {
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::as_str);
        ["app.kubernetes.io/name", "app", "name", "k8s-app"].into_iter().find_map(label).map(str::to_owned)
    };
    Some(wanted.or_else(labelled).unwrap_or_else(|| kind.to_lowercase()))
}

/// An autoscaler whose target has no name scales the one object of that kind.
fn targets(objects: &mut [Node]) {
    for at in 0..objects.len() {
        let Some(target) = objects[at].find(&["spec", "scaleTargetRef"]) else { continue };
        if target.text_at(&["name"]).is_some_and(|name| !name.is_empty()) {
            continue;
        }
        let kind = target.text_at(&["kind"]).unwrap_or("Deployment");
        let mut of_kind = objects.iter().filter(|other| other.text_at(&["kind"]) == Some(kind));
        let (Some(only), None) = (of_kind.next().and_then(Node::name), of_kind.next()) else { continue };
        let name = only.to_owned();
        if let Some(target) = objects[at].find_mut(&["spec", "scaleTargetRef"]) {
            let place = target.place.clone();
            target.put("name", Node::text(&place, name));
        }
    }
}

/// Defaults of one namespace's LimitRanges for containers, by resource.
#[derive(Default)]
struct Defaults {
    limits: Vec<(String, Node)>,
    requests: Vec<(String, Node)>,
}

/// Containers without requests and limits get their namespace's (`plugin/pkg/admission/limitranger`, and the defaults of
/// a LimitRange itself in `pkg/apis/core/v1/defaults.go`, Kubernetes 1.33).
pub fn limit_ranges(objects: &mut Vec<Node>, told: &mut Told) {
    let mut by_namespace: BTreeMap<String, Defaults> = BTreeMap::new();
    for object in objects.iter().filter(|object| object.text_at(&["kind"]) == Some("LimitRange")) {
        let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
        let defaults = by_namespace.entry(namespace.to_owned()).or_default();
        for item in object.find(&["spec", "limits"]).map(Node::items).unwrap_or_default() {
            if item.text_at(&["type"]) == Some("Container") {
                defaults.add(item);
            }
        }
    }
    objects.retain(|object| object.text_at(&["kind"]) != Some("LimitRange"));
    if by_namespace.is_empty() {
        return;
    }
    for object in objects {
        let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
        let Some(defaults) = by_namespace.get(namespace) else { continue };
        let Some(path) = pod_spec_path(object) else { continue };
        let Some(spec) = object.find_mut(path) else { continue };
        let mut filled = 0;
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).map(Node::items_mut).unwrap_or_default() {
                filled += u64::from(defaults.fill(container));
            }
        }
        if filled > 0 {
            let place = object.place.clone();
            let meaning = "containers get its defaults; its minima, maxima and ratios refuse no pod here";
            told.add_some(Weight::Differs, "LimitRange", meaning, &place, filled);
        }
    }
}

impl Defaults {
    /// An item of a LimitRange: a maximum is the default limit, a default limit the default request, and a minimum the
    /// default request where nothing else is.
    fn add(&mut self, item: &Node) {
        let of = |field: &str| {
            let entries = item.get(field).map(Node::entries).unwrap_or_default();
            entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect::<Vec<_>>()
        };
        let mut limits = of("default");
        let mut requests = of("defaultRequest");
        let lay_under = |list: &mut Vec<(String, Node)>, under: Vec<(String, Node)>| {
            for (name, amount) in under {
                if list.iter().all(|known| known.0 != name) {
                    list.push((name, amount));
                }
            }
        };
        lay_under(&mut limits, of("max"));
        lay_under(&mut requests, limits.clone());
        lay_under(&mut requests, of("min"));
        lay_under(&mut self.limits, limits);
        lay_under(&mut self.requests, requests);
    }

    /// Whether anything was filled in. A limit without a request is the request, before anybody else's default.
    fn fill(&self, container: &mut Node) -> bool {
        let stated = |container: &Node, list: &str, name: &str| {
            container.find(&["resources", list]).and_then(|list| list.get(name)).is_some_and(|node| !node.is_null())
        };
        let mut is_filled = false;
        for (name, amount) in &self.requests {
            if stated(container, "requests", name) {
                continue;
            }
            let own_limit = container.find(&["resources", "limits"]).and_then(|limits| limits.get(name)).cloned();
            container.child("resources").child("requests").put(name, own_limit.unwrap_or_else(|| amount.clone()));
            is_filled = true;
        }
        for (name, amount) in &self.limits {
            if !stated(container, "limits", name) {
                container.child("resources").child("limits").put(name, amount.clone());
                is_filled = true;
            }
        }
        is_filled
    }
}

/// A class's overhead, node selector and tolerations go to the pods that name it
/// (`plugin/pkg/admission/runtimeclass`).
pub fn runtime_classes(objects: &mut Vec<Node>, told: &mut Told) {
    let is_class = |object: &Node| object.text_at(&["kind"]) == Some("RuntimeClass");
    let (classes, mut others): (Vec<Node>, Vec<Node>) = std::mem::take(objects).into_iter().partition(is_class);
    for object in &mut others {
        let Some(path) = pod_spec_path(object) else { continue };
        // A pod that was admitted has it all.
        let is_admitted = path.len() == 1 && super::owners::is_live(object);
        let Some(spec) = object.find_mut(path).filter(|_| !is_admitted) else { continue };
        let Some(name) = spec.text_at(&["runtimeClassName"]).filter(|name| !name.is_empty()) else { continue };
        let Some(class) = classes.iter().find(|class| class.name() == Some(name)) else {
            let meaning =
                format!("there is no RuntimeClass {name}: its overhead, selector and tolerations are not added");
            let place = spec.at("runtimeClassName").clone();
            told.add(Weight::Changes, "Pod", meaning, &place);
            continue;
        };
        spec.take("runtimeClassName");
        if let Some(overhead) = class.find(&["overhead", "podFixed"])
            && spec.get("overhead").is_none()
        {
            spec.put("overhead", overhead.clone());
        }
        for entry in class.find(&["scheduling", "nodeSelector"]).map(Node::entries).unwrap_or_default() {
            spec.child("nodeSelector").put(&entry.key, entry.value.clone());
        }
        if let Some(tolerations) = class.find(&["scheduling", "tolerations"]) {
            let mut all = spec.get("tolerations").map(Node::items).unwrap_or_default().to_vec();
            all.extend(tolerations.items().iter().cloned());
            spec.put("tolerations", Node::sequence(&tolerations.place, all));
        }
    }
    *objects = others;
}
