//! Older API versions of a kind, and kinds that are another by a different name.

use super::edit::{select_by_template, set_version};
use super::told::{Told, Weight};
use super::{autoscaler, rewrite};
use crate::scenario::yaml::Node;

/// Versions that hold the same fields as the one that is read, at least as far as it is read.
const SAME: &[(&str, &[&str], &str)] = &[
    ("Deployment", &["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("ReplicaSet", &["extensions/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("DaemonSet", &["extensions/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("StatefulSet", &["apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("CronJob", &["batch/v1beta1", "batch/v2alpha1"], "batch/v1"),
    ("PodDisruptionBudget", &["policy/v1beta1"], "policy/v1"),
    ("PriorityClass", &["scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1alpha1"], "scheduling.k8s.io/v1"),
    ("StorageClass", &["storage.k8s.io/v1beta1"], "storage.k8s.io/v1"),
    ("RuntimeClass", &["node.k8s.io/v1beta1", "node.k8s.io/v1alpha1"], "node.k8s.io/v1"),
];

/// Kinds whose objects are read with a schema of ours: what only the API server writes is taken off.
const OWN_SCHEMA: &[&str] = &[
    "NodePool",
    "ScaledObject",
    "ClusterQueue",
    "LocalQueue",
    "ResourceFlavor",
    "Cohort",
    "AdmissionCheck",
    "Topology",
    "WorkloadPriorityClass",
    "Namespace",
];

/// The object as it is read: itself, what it makes, or nothing.
pub fn translate(mut object: Node, told: &mut Told) -> Vec<Node> {
    object.make_integral();
    let (Some(kind), Some(version)) = (object.text_at(&["kind"]), object.text_at(&["apiVersion"])) else {
        return vec![object];
    };
    let (kind, version) = (kind.to_owned(), version.to_owned());
    if let Some((.., now)) = SAME.iter().find(|same| same.0 == kind && same.1.contains(&version.as_str())) {
        set_version(&mut object, now);
    }
    if OWN_SCHEMA.contains(&kind.as_str()) {
        object.take("status");
        if let Some(metadata) = object.get_mut("metadata") {
            metadata.retain(|key| matches!(key, "name" | "namespace" | "labels" | "annotations" | "deletionTimestamp"));
        }
    }
    match kind.as_str() {
        "HorizontalPodAutoscaler" => {
            autoscaler::newest(&mut object, &version);
            vec![object]
        }
        "NodePool" if version == "karpenter.sh/v1beta1" => {
            node_pool(&mut object, told);
            vec![object]
        }
        "NodePool" => {
            nothing_of_kubelet(&mut object, told);
            vec![object]
        }
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet"
            if version.contains("beta") && !version.contains("kruise") =>
        {
            select_by_template(&mut object);
            vec![object]
        }
        _ => rewrite::as_pods(object, &kind, &version, told),
    }
}

/// `karpenter.sh/v1beta1` (`pkg/apis/v1/nodepool_conversion.go` of Karpenter 1.0).
fn node_pool(pool: &mut Node, told: &mut Told) {
    set_version(pool, "karpenter.sh/v1");
    let expires = pool.find_mut(&["spec", "disruption"]).and_then(|disruption| disruption.take("expireAfter"));
    if let Some(disruption) = pool.find_mut(&["spec", "disruption"]) {
        let never = |node: &Node| node.as_str() == Some("Never");
        let policy = disruption.get("consolidationPolicy").and_then(Node::as_str).unwrap_or("WhenUnderutilized");
        if policy == "WhenUnderutilized" {
            let place = disruption.place.clone();
            // It had no wait of its own.
            if !disruption.get("consolidateAfter").is_some_and(never) {
                disruption.put("consolidateAfter", Node::text(&place, "0s"));
            }
            disruption.put("consolidationPolicy", Node::text(&place, "WhenEmptyOrUnderutilized"));
        }
    }
    nothing_of_kubelet(pool, told);
    if let Some(template) = pool.find_mut(&["spec", "template", "spec"]) {
        if let Some(expires) = expires {
            template.put("expireAfter", expires);
        }
        if let Some(class) = template.get_mut("nodeClassRef") {
            let group = class.take("apiVersion").and_then(|version| {
                let group = version.as_str()?.split('/').next()?.to_owned();
                Some(Node::text(&version.place, group))
            });
            if let Some(group) = group {
                class.put("group", group);
            }
        }
        template.take("resources");
    }
}

fn nothing_of_kubelet(pool: &mut Node, told: &mut Told) {
    let kubelet = pool.find_mut(&["spec", "template", "spec"]).and_then(|template| template.take("kubelet"));
    if let Some(kubelet) = kubelet {
        let meaning = "spec.template.spec.kubelet is not read: nodes keep back what nodePools.reserved says";
        told.add(Weight::Changes, "NodePool", meaning, &kubelet.place);
    }
}

/// What refers to a kind that became another refers to that.
pub fn retarget(objects: &mut [Node]) {
    let known = |objects: &[Node], kind: &str, namespace: &str, name: &str| {
        objects.iter().any(|object| {
            object.text_at(&["kind"]) == Some(kind)
                && object.name() == Some(name)
                && object.text_at(&["metadata", "namespace"]).unwrap_or("default") == namespace
        })
    };
    for at in 0..objects.len() {
        let object = &objects[at];
        if !matches!(object.text_at(&["kind"]), Some("HorizontalPodAutoscaler" | "ScaledObject")) {
            continue;
        }
        let Some(target) = object.find(&["spec", "scaleTargetRef"]) else { continue };
        let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
        let (kind, name) = (target.text_at(&["kind"]), target.text_at(&["name"]).unwrap_or_default());
        let now = kind.and_then(|kind| rewrite::RENAMED.iter().find(|renamed| renamed.0 == kind));
        let Some((_, to, version)) = now.filter(|now| known(objects, now.1, namespace, name)) else { continue };
        if let Some(target) = objects[at].find_mut(&["spec", "scaleTargetRef"]) {
            let place = target.place.clone();
            target.put("kind", Node::text(&place, *to));
            target.put("apiVersion", Node::text(&place, *version));
        }
    }
}
