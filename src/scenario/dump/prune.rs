//! What of an object is kept: what a run acts on, and what tells whose it is and how it stands.

use crate::scenario::fields::drop_inert;
use crate::scenario::live::pod_spec_path;
use crate::scenario::yaml::{Node, Value};

/// What of metadata says something before owners are settled.
const METADATA: [&str; 9] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "generateName",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
    "uid",
];

/// Annotations that a run acts on, by their beginning.
const ANNOTATIONS: [&str; 9] = [
    "alibabacloud.com/",
    "autoscaling.alpha.kubernetes.io/",
    "autoscaling.keda.sh/",
    "cluster-autoscaler.kubernetes.io/",
    "controller.kubernetes.io/pod-deletion-cost",
    "karpenter.sh/do-not-",
    "kueue.x-k8s.io/",
    "nvidia.com/",
    "storageclass.kubernetes.io/",
];

/// As soon as it is read: what has no part goes.
pub fn as_read(object: &mut Node) {
    if let Some(metadata) = object.get_mut("metadata") {
        metadata.retain(|key| METADATA.contains(&key));
        thin_annotations(metadata);
    }
    drop_inert(object);
}

fn thin_annotations(metadata: &mut Node) {
    if let Some(annotations) = metadata.get_mut("annotations") {
        annotations.retain(|key| ANNOTATIONS.iter().any(|known| key.starts_with(known)));
    }
    for list in ["annotations", "labels"] {
        if metadata.get(list).is_some_and(|list| list.is_null() || list.entries().is_empty()) {
            metadata.take(list);
        }
    }
}

/// Once owners are settled and statuses are taken: what is left is a manifest.
pub fn as_written(object: &mut Node) {
    let is_node = object.text_at(&["kind"]) == Some("Node");
    if let Some(metadata) = object.get_mut("metadata") {
        metadata.retain(|key| {
            matches!(key, "name" | "namespace" | "labels" | "annotations") || (is_node && key == "creationTimestamp")
        });
        if is_node {
            metadata.take("annotations");
        }
        if metadata.text_at(&["namespace"]) == Some("default") {
            metadata.take("namespace");
        }
    }
    for path in [&["spec", "template"][..], &["spec", "jobTemplate", "spec", "template"]] {
        if let Some(metadata) = object.find_mut(path).and_then(|template| template.get_mut("metadata")) {
            metadata.retain(|key| matches!(key, "labels" | "annotations"));
            thin_annotations(metadata);
        }
    }
    let is_job = matches!(object.text_at(&["kind"]), Some("Job" | "CronJob"));
    if let Some(spec) = pod_spec_path(object).and_then(|path| object.find_mut(path)) {
        let is_default = |key: &str, value: &Node| match (key, value.as_str()) {
            ("restartPolicy", Some("Always")) => !is_job,
            ("schedulerName", Some("default-scheduler")) => true,
            ("terminationGracePeriodSeconds", None) => matches!(&value.value, Value::Scalar(text, _) if text == "30"),
            _ => false,
        };
        if let Value::Mapping(entries) = &mut spec.value {
            entries.retain(|entry| !is_default(&entry.key, &entry.value));
        }
    }
    match is_node {
        true => node_status(object),
        false => {
            object.take("status");
        }
    }
    without_nothing(object);
    // As people write them: what it is, what it is called, and the rest.
    if let Value::Mapping(entries) = &mut object.value {
        let rank = |key: &str| match key {
            "apiVersion" => 0,
            "kind" => 1,
            "metadata" => 2,
            _ => 3,
        };
        entries.sort_by_key(|entry| rank(&entry.key));
    }
}

/// Capacity and what of it pods can have, less what is zero; and whether it is ready, where it is not.
fn node_status(node: &mut Node) {
    let Some(status) = node.get_mut("status") else { return };
    status.retain(|key| matches!(key, "capacity" | "allocatable" | "conditions"));
    for list in ["capacity", "allocatable"] {
        if let Some(Value::Mapping(entries)) = status.get_mut(list).map(|list| &mut list.value) {
            entries.retain(|entry| !matches!(&entry.value.value, Value::Scalar(text, _) if text == "0"));
        }
    }
    let place = status.place.clone();
    let conditions = status.take("conditions");
    let mut ready: Vec<Node> = conditions.as_ref().map(Node::items).unwrap_or_default().to_vec();
    ready.retain(|condition| {
        condition.text_at(&["type"]) == Some("Ready") && condition.text_at(&["status"]) != Some("True")
    });
    if !ready.is_empty() {
        for condition in &mut ready {
            condition.retain(|key| matches!(key, "type" | "status"));
        }
        status.put("conditions", Node::sequence(&place, ready));
    }
}

/// Nulls and mappings that hold nothing say nothing, but for selectors and affinities, where they select everything.
fn without_nothing(node: &mut Node) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.retain(|entry| !entry.value.is_null());
    }
    match &mut node.value {
        Value::Mapping(entries) => entries.iter_mut().for_each(|entry| without_nothing(&mut entry.value)),
        Value::Sequence(items) => items.iter_mut().for_each(without_nothing),
        Value::Scalar(..) => {}
    }
}
