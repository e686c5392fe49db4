//! Kinds that are read as the pods that they make: ReplicationControllers, Argo's Rollouts, LeaderWorkerSets, Ray's
//! clusters and services, and other projects' Deployments and StatefulSets.

use super::edit::{select_by_template, set_kind, set_version};
use super::told::{Told, Weight};
use crate::scenario::diagnostic::Place;
use crate::scenario::manifest::training::desired_replicas;
use crate::scenario::yaml::{Node, Value};
use crate::units::nearest;

/// Kinds that become another under the same name, for what refers to them.
pub const RENAMED: &[(&str, &str, &str)] = &[
    ("ReplicationController", "ReplicaSet", "apps/v1"),
    ("DeploymentConfig", "Deployment", "apps/v1"),
    ("Rollout", "Deployment", "apps/v1"),
    ("CloneSet", "Deployment", "apps/v1"),
    ("LeaderWorkerSet", "StatefulSet", "apps/v1"),
];

/// What of a Deployment's spec those of other projects hold in the same form.
const OF_A_DEPLOYMENT: [&str; 6] =
    ["replicas", "selector", "template", "minReadySeconds", "paused", "progressDeadlineSeconds"];

/// The objects that stand for one of these kinds; any other stays as it is.
pub fn as_pods(mut object: Node, kind: &str, version: &str, told: &mut Told) -> Vec<Node> {
    let group = version.split('/').next().unwrap_or_default();
    match (kind, group) {
        ("ReplicationController", _) => {
            set_kind(&mut object, "ReplicaSet", "apps/v1");
            wrap_selector(&mut object);
            vec![object]
        }
        ("DeploymentConfig", _) => {
            set_kind(&mut object, "Deployment", "apps/v1");
            wrap_selector(&mut object);
            keep(&mut object, &OF_A_DEPLOYMENT);
            vec![object]
        }
        ("Rollout", "argoproj.io") => rollout(object, told),
        ("CloneSet", "apps.kruise.io") => {
            told.add(Weight::Differs, kind, "runs as a Deployment of its pods", &object.place);
            set_kind(&mut object, "Deployment", "apps/v1");
            keep(&mut object, &OF_A_DEPLOYMENT);
            vec![object]
        }
        ("StatefulSet", "apps.kruise.io") => {
            told.add(Weight::Differs, kind, "runs as a StatefulSet of apps/v1", &object.place);
            set_version(&mut object, "apps/v1");
            keep(
                &mut object,
                &["replicas", "selector", "template", "serviceName", "podManagementPolicy", "volumeClaimTemplates"],
            );
            vec![object]
        }
        ("DaemonSet", "apps.kruise.io") => {
            set_version(&mut object, "apps/v1");
            keep(&mut object, &["selector", "template"]);
            vec![object]
        }
        ("LeaderWorkerSet", "leaderworkerset.x-k8s.io") => leader_worker_set(&object, told),
        ("RayCluster", "ray.io") => ray_cluster(&object, object.get("spec"), kind, told),
        ("RayService", "ray.io") => {
            let cluster = object.find(&["spec", "rayClusterConfig"]);
            ray_cluster(&object, cluster, kind, told)
        }
        _ => vec![object],
    }
}

/// Keeps those fields of the spec.
fn keep(object: &mut Node, fields: &[&str]) {
    if let Some(spec) = object.get_mut("spec") {
        spec.retain(|key| fields.contains(&key));
    }
}

/// A selector that is a plain map of labels.
fn wrap_selector(object: &mut Node) {
    let Some(spec) = object.get_mut("spec") else { return };
    match spec.take("selector").filter(|selector| !selector.is_null()) {
        Some(labels) => {
            let place = labels.place.clone();
            spec.put("selector", Node::mapping(&place, vec![("matchLabels", labels)]));
        }
        None => select_by_template(object),
    }
}

fn rollout(mut object: Node, told: &mut Told) -> Vec<Node> {
    if object.find(&["spec", "template"]).is_none() {
        let meaning = "the pods of its workloadRef run as that Deployment says";
        told.add(Weight::Differs, "Rollout", meaning, &object.place);
        return Vec::new();
    }
    let meaning = "runs as a Deployment: no canary steps, traffic weights, analyses or previews";
    told.add(Weight::Differs, "Rollout", meaning, &object.place);
    set_kind(&mut object, "Deployment", "apps/v1");
    let place = object.place.clone();
    let strategy = object.find(&["spec", "strategy"]);
    let bounds = match strategy.and_then(|strategy| strategy.get("canary")) {
        Some(canary) => ["maxSurge", "maxUnavailable"]
            .into_iter()
            .filter_map(|field| Some((field, canary.get(field)?.clone())))
            // A Deployment has no way to be renewed without either.
            .filter(|(_, bound)| !matches!(&bound.value, Value::Scalar(text, _) if text == "0" || text == "0%"))
            .collect(),
        // Blue and green stand side by side.
        None if strategy.is_some_and(|strategy| strategy.get("blueGreen").is_some()) => {
            vec![("maxSurge", Node::text(&place, "100%")), ("maxUnavailable", Node::integer(&place, 0))]
        }
        None => Vec::new(),
    };
    let update = vec![("type", Node::text(&place, "RollingUpdate")), ("rollingUpdate", Node::mapping(&place, bounds))];
    let strategy = Node::mapping(&place, update);
    keep(&mut object, &OF_A_DEPLOYMENT);
    select_by_template(&mut object);
    if let Some(spec) = object.get_mut("spec") {
        spec.put("strategy", strategy);
    }
    vec![object]
}

/// Name and namespace of what stands for a part of `object`.
fn part_metadata(object: &Node, name: String) -> Node {
    let place = &object.place;
    let mut metadata = vec![("name", Node::text(place, name))];
    for field in ["namespace", "creationTimestamp", "uid"] {
        if let Some(value) = object.find(&["metadata", field]) {
            metadata.push((field, value.clone()));
        }
    }
    Node::mapping(place, metadata)
}

/// A controller of `replicas` pods of the template, told from others by `labels`.
fn controller(
    object: &Node,
    kind: &str,
    name: String,
    replicas: i64,
    template: &Node,
    labels: &[(&str, String)],
) -> Node {
    let place = &object.place;
    let mut template = template.clone();
    let metadata = template.child("metadata").child("labels");
    for (key, value) in labels {
        metadata.put(key, Node::text(place, value.clone()));
    }
    let selector: Vec<(&str, Node)> =
        labels.iter().map(|(key, value)| (*key, Node::text(place, value.clone()))).collect();
    let mut spec = vec![
        ("replicas", Node::integer(place, replicas)),
        ("selector", Node::mapping(place, vec![("matchLabels", Node::mapping(place, selector))])),
        ("template", template),
    ];
    if kind == "StatefulSet" {
        spec.push(("podManagementPolicy", Node::text(place, "Parallel")));
    }
    Node::mapping(
        place,
        vec![
            ("apiVersion", Node::text(place, "apps/v1")),
            ("kind", Node::text(place, kind)),
            ("metadata", part_metadata(object, name)),
            ("spec", Node::mapping(place, spec)),
        ],
    )
}

/// `replicas` groups of one leader and `size - 1` workers.
fn leader_worker_set(object: &Node, told: &mut Told) -> Vec<Node> {
    let meaning = "runs as its pods: groups are not placed or restarted as one";
    told.add(Weight::Differs, "LeaderWorkerSet", meaning, &object.place);
    let Some(name) = object.name() else { return Vec::new() };
    let replicas = object.integer_at(&["spec", "replicas"]).unwrap_or(1);
    let size = object.integer_at(&["spec", "leaderWorkerTemplate", "size"]).unwrap_or(1);
    let Some(workers) = object.find(&["spec", "leaderWorkerTemplate", "workerTemplate"]) else { return Vec::new() };
    let leader = object.find(&["spec", "leaderWorkerTemplate", "leaderTemplate"]).filter(|leader| !leader.is_null());
    let of_set = ("leaderworkerset.sigs.k8s.io/name", name.to_owned());
    let role = |role: &str| ("windtunnel/role", role.to_owned());
    let mut parts = vec![controller(
        object,
        "StatefulSet",
        name.to_owned(),
        replicas,
        leader.unwrap_or(workers),
        &[of_set.clone(), role("leader")],
    )];
    if size > 1 {
        let count = replicas.saturating_mul(size - 1);
        let labels = [of_set, role("worker")];
        parts.push(controller(object, "StatefulSet", format!("{name}-workers"), count, workers, &labels));
    }
    parts
}

/// Fields of a RayCluster's spec and of its groups (`RayClusterSpec`, `HeadGroupSpec`, `WorkerGroupSpec` of ray-operator 1.4).
const RAY_CLUSTER: [&str; 11] = [
    "headGroupSpec",
    "workerGroupSpecs",
    "suspend",
    "rayVersion",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "headServiceAnnotations",
    "gcsFaultToleranceOptions",
    "managedBy",
    "upgradeStrategy",
    "authOptions",
];
const RAY_HEAD: [&str; 7] =
    ["template", "rayStartParams", "serviceType", "headService", "enableIngress", "resources", "labels"];
const RAY_WORKERS: [&str; 12] = [
    "groupName",
    "template",
    "replicas",
    "minReplicas",
    "maxReplicas",
    "numOfHosts",
    "suspend",
    "rayStartParams",
    "idleTimeoutSeconds",
    "scaleStrategy",
    "resources",
    "labels",
];

/// Fields that no RayCluster has, where they stand, and what was meant perhaps.
fn unknown_fields(cluster: &Node) -> Vec<(String, Place, Option<&'static str>)> {
    let mut found = Vec::new();
    let mut look = |node: &Node, known: &'static [&'static str]| {
        for entry in node.entries() {
            if !known.contains(&entry.key.as_str()) {
                found.push((entry.key.clone(), entry.key_place.clone(), nearest(&entry.key, known.iter().copied())));
            }
        }
    };
    look(cluster, &RAY_CLUSTER);
    if let Some(head) = cluster.get("headGroupSpec") {
        look(head, &RAY_HEAD);
    }
    for group in cluster.get("workerGroupSpecs").map(Node::items).unwrap_or_default() {
        look(group, &RAY_WORKERS);
    }
    found
}

/// A head, and the workers of each group.
fn ray_cluster(object: &Node, cluster: Option<&Node>, kind: &str, told: &mut Told) -> Vec<Node> {
    let (Some(name), Some(cluster)) = (object.name(), cluster) else { return Vec::new() };
    let meaning = "runs as its pods: Ray's own autoscaler does not resize its groups";
    told.add(Weight::Differs, kind, meaning, &object.place);
    for (key, place, near) in unknown_fields(cluster) {
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        told.add(Weight::Differs, kind, format!("has no field {key}{near}"), &place);
    }
    if cluster.is_true_at(&["suspend"]) {
        told.add(Weight::Differs, kind, "is suspended: it makes no pods", &object.place);
        return Vec::new();
    }
    let labels = |group: &str| [("ray.io/cluster", name.to_owned()), ("ray.io/group", group.to_owned())];
    let set = |suffix: &str, replicas: i64, template: &Node| {
        controller(object, "ReplicaSet", format!("{name}-{suffix}"), replicas, template, &labels(suffix))
    };
    let mut parts = Vec::new();
    if let Some(head) = cluster.find(&["headGroupSpec", "template"]) {
        parts.push(set("head", 1, head));
    }
    for (index, group) in cluster.get("workerGroupSpecs").map(Node::items).unwrap_or_default().iter().enumerate() {
        let Some(template) = group.get("template") else { continue };
        if group.is_true_at(&["suspend"]) {
            continue;
        }
        let number = |field: &str| group.integer_at(&[field]);
        let replicas = desired_replicas(number("replicas"), number("minReplicas"), number("maxReplicas"));
        let hosts = group.integer_at(&["numOfHosts"]).unwrap_or(1);
        let called = group.text_at(&["groupName"]).map_or_else(|| format!("workers-{index}"), str::to_owned);
        parts.push(set(&called, replicas.saturating_mul(hosts), template));
    }
    parts
}

/// What a part of an object that is read as its pods is called, by labels of its running pods.
pub fn part_of(kind: &str, name: &str, labels: Option<&Node>) -> Option<(&'static str, String)> {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::as_str);
    match kind {
        "RayCluster" => {
            let group = label("ray.io/group").filter(|_| label("ray.io/node-type") != Some("head"));
            Some(("ReplicaSet", format!("{name}-{}", group.unwrap_or("head"))))
        }
        _ => RENAMED.iter().find(|renamed| renamed.0 == kind).map(|renamed| (renamed.1, name.to_owned())),
    }
}

/// Where an object that is made of others stands in the text.
pub fn place_of(object: &Node) -> &Place {
    object.get("kind").map_or(&object.place, |kind| &kind.place)
}
