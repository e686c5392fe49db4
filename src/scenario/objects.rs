//! The Kubernetes objects of a scenario: which kinds are known, and each read into its typed form with its place.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::{v1 as autoscaling_v1, v2 as autoscaling_v2};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use rustc_hash::FxHashSet;
use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Place, suggestion};
use super::live::{Bearing, NO_PART, RunningPod, Scaling, Settled, Told, Weight, bearing};
use super::manifest::training::{RawTraining, TrainJobSpec, TrainingManifest, TrainingRuntimeSpec};
use super::manifest::{ManifestError, kueue};
use super::names;
use super::spec::ScaledObjectManifest;
use super::yaml::{Node, Value, read};
use crate::autoscaler::karpenter::node_pool::NodePoolManifest;
use crate::units::nearest;

/// An object and the tree it was read from.
#[derive(Debug)]
pub struct Object<T> {
    pub value: T,
    pub node: Node,
    pub name: String,
    pub namespace: String,
}

impl<T> Object<T> {
    pub fn at(&self, path: &str) -> &Place {
        self.node.at(path)
    }

    /// An error of the manifest room at its place.
    pub fn refuse(&self, error: ManifestError) -> Diagnostic {
        Diagnostic::error(self.at(&error.path), format!("{}: {}", error.path, error.problem))
    }
}

/// All objects by kind, each list in the order of the files.
#[derive(Debug, Default)]
pub struct Objects {
    pub deployments: Vec<Object<Deployment>>,
    pub replica_sets: Vec<Object<ReplicaSet>>,
    pub stateful_sets: Vec<Object<StatefulSet>>,
    pub daemon_sets: Vec<Object<DaemonSet>>,
    pub jobs: Vec<Object<Job>>,
    pub cron_jobs: Vec<Object<CronJob>>,
    pub pods: Vec<Object<core::Pod>>,
    pub nodes: Vec<Object<core::Node>>,
    pub autoscalers: Vec<Object<autoscaling_v2::HorizontalPodAutoscaler>>,
    pub budgets: Vec<Object<PodDisruptionBudget>>,
    pub priority_classes: Vec<Object<PriorityClass>>,
    pub node_pools: Vec<Object<NodePoolManifest>>,
    pub scaled_objects: Vec<Object<ScaledObjectManifest>>,
    pub claims: Vec<Object<core::PersistentVolumeClaim>>,
    pub persistent_volumes: Vec<Object<core::PersistentVolume>>,
    pub storage_classes: Vec<Object<StorageClass>>,
    pub cluster_queues: Vec<Object<kueue::Raw<kueue::ClusterQueueSpec>>>,
    pub local_queues: Vec<Object<kueue::Raw<kueue::LocalQueueSpec>>>,
    pub resource_flavors: Vec<Object<kueue::Raw<kueue::FlavorSpec>>>,
    pub cohorts: Vec<Object<kueue::Raw<kueue::CohortSpec>>>,
    pub admission_checks: Vec<Object<kueue::Raw<kueue::AdmissionCheckSpec>>>,
    pub topologies: Vec<Object<kueue::Raw<kueue::TopologySpec>>>,
    pub workload_priority_classes: Vec<Object<kueue::RawPriorityClass>>,
    pub namespaces: Vec<Object<kueue::RawNamespace>>,
    pub training: Vec<Object<TrainingManifest>>,
    pub training_runtimes: Vec<Object<RawTraining<TrainingRuntimeSpec>>>,
    /// Pods that stand on nodes.
    pub running: Vec<RunningPod>,
    /// The Cluster Autoscaler, as far as its own objects tell of it.
    pub scaling: Scaling,
    /// The latest instant that any object tells of, in seconds of the Unix epoch.
    pub moment: Option<i64>,
    /// `(kind, namespace, name)` of objects that could not be read: what refers to them is not told as missing.
    pub broken: Vec<(String, String, String)>,
}

/// Versions of Kueue's API; `Cohort` and `Topology` were alpha for longer.
const KUEUE: &[&str] = &["kueue.x-k8s.io/v1beta2", "kueue.x-k8s.io/v1beta1", "kueue.x-k8s.io/v1alpha1"];

const TRAINER: &[&str] = &["trainer.kubeflow.org/v1alpha1"];
const KUBEFLOW: &[&str] = &["kubeflow.org/v1"];

/// Kinds with the API versions that we know them in.
const KINDS: &[(&str, &[&str])] = &[
    ("Deployment", &["apps/v1"]),
    ("ReplicaSet", &["apps/v1"]),
    ("StatefulSet", &["apps/v1"]),
    ("DaemonSet", &["apps/v1"]),
    ("Job", &["batch/v1"]),
    ("CronJob", &["batch/v1"]),
    ("Pod", &["v1"]),
    ("Node", &["v1"]),
    ("HorizontalPodAutoscaler", &["autoscaling/v2", "autoscaling/v1"]),
    ("PodDisruptionBudget", &["policy/v1"]),
    ("PriorityClass", &["scheduling.k8s.io/v1"]),
    ("NodePool", &["karpenter.sh/v1"]),
    ("ScaledObject", &["keda.sh/v1alpha1"]),
    ("PersistentVolumeClaim", &["v1"]),
    ("PersistentVolume", &["v1"]),
    ("StorageClass", &["storage.k8s.io/v1"]),
    ("ClusterQueue", KUEUE),
    ("LocalQueue", KUEUE),
    ("ResourceFlavor", KUEUE),
    ("Cohort", KUEUE),
    ("AdmissionCheck", KUEUE),
    ("Topology", KUEUE),
    ("WorkloadPriorityClass", KUEUE),
    ("Namespace", &["v1"]),
    ("PyTorchJob", KUBEFLOW),
    ("TFJob", KUBEFLOW),
    ("MPIJob", &["kubeflow.org/v1", "kubeflow.org/v2beta1"]),
    ("XGBoostJob", KUBEFLOW),
    ("PaddleJob", KUBEFLOW),
    ("JAXJob", KUBEFLOW),
    ("JobSet", &["jobset.x-k8s.io/v1alpha2"]),
    ("TrainJob", TRAINER),
    ("TrainingRuntime", TRAINER),
    ("ClusterTrainingRuntime", TRAINER),
    ("RayJob", &["ray.io/v1"]),
];

/// Kinds that stand in no namespace.
const CLUSTER_WIDE: [&str; 13] = [
    "AdmissionCheck",
    "ClusterQueue",
    "ClusterTrainingRuntime",
    "Cohort",
    "Namespace",
    "Node",
    "NodePool",
    "PersistentVolume",
    "PriorityClass",
    "ResourceFlavor",
    "StorageClass",
    "Topology",
    "WorkloadPriorityClass",
];

/// Takes the items out of `kind: List` and of typed lists (`DeploymentList`).
pub fn flatten_lists(documents: Vec<Node>) -> Vec<Node> {
    let mut objects = Vec::with_capacity(documents.len());
    for mut document in documents {
        let is_list = document.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
        match if is_list { take_items(&mut document) } else { None } {
            Some(items) => objects.extend(flatten_lists(items)),
            None => objects.push(document),
        }
    }
    objects
}

fn take_items(list: &mut Node) -> Option<Vec<Node>> {
    let Value::Mapping(entries) = &mut list.value else { return None };
    match &mut entries.iter_mut().find(|entry| entry.key == "items")?.value.value {
        Value::Sequence(items) => Some(std::mem::take(items)),
        _ => None,
    }
}

/// Whether a run reads this object's kind; what it does not is told.
pub fn is_read(object: &Node, told: &mut Told, diagnostics: &mut Vec<Diagnostic>) -> bool {
    kind_and_version(object, told, diagnostics).is_some()
}

/// Reads every document into the list of its kind.
pub fn read_objects(settled: Settled, told: &mut Told, diagnostics: &mut Vec<Diagnostic>) -> Objects {
    let Settled { objects: documents, running } = settled;
    let mut objects = Objects { running, ..Objects::default() };
    let mut seen: FxHashSet<(String, String, String)> = FxHashSet::default();
    for document in documents {
        let Some((kind, version)) = kind_and_version(&document, told, diagnostics) else { continue };
        let Some(key) = identity(&document, &kind, diagnostics) else { continue };
        names::check_object(&document, &kind, diagnostics);
        if !seen.insert(key.clone()) {
            let place = document.at("metadata.name");
            let message = format!("a second {kind} is called {} in namespace {}", key.2, key.1);
            diagnostics.push(Diagnostic::error(place, message).hint("give each object a name of its own"));
            continue;
        }
        objects.add(document, &kind, &version, key, diagnostics);
    }
    objects
}

/// `None` where the document is to be passed over; the reason is told.
fn kind_and_version(document: &Node, told: &mut Told, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, String)> {
    let text = |field: &str, diagnostics: &mut Vec<Diagnostic>| match document.get(field).and_then(Node::as_str) {
        Some(text) => Some(text.to_owned()),
        None => {
            let message = format!("a Kubernetes object needs `{field}`");
            diagnostics.push(Diagnostic::error(document.at(field), message).hint(format!("add `{field}:`")));
            None
        }
    };
    let kind = text("kind", diagnostics)?;
    let version = text("apiVersion", diagnostics)?;
    let Some((_, versions)) = KINDS.iter().find(|(known, versions)| *known == kind && same_group(&version, versions))
    else {
        pass_over(document, &kind, &version, told, diagnostics);
        return None;
    };
    if !versions.contains(&version.as_str()) {
        let message = format!("{kind} is not read in version `{version}`");
        let diagnostic = Diagnostic::error(document.at("apiVersion"), message).expected(versions.join(" or "));
        diagnostics.push(diagnostic);
        return None;
    }
    Some((kind, version))
}

/// Whether a version is one of the API group that these are of: another group's kind of the same name is another kind.
fn same_group(version: &str, known: &[&str]) -> bool {
    let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned());
    known.iter().any(|known| group(known) == group(version))
}

/// A kind that is not read.
fn pass_over(document: &Node, kind: &str, version: &str, told: &mut Told, diagnostics: &mut Vec<Diagnostic>) {
    // Read before its kind is passed over.
    if Scaling::is_of_it(document) {
        return;
    }
    let place = document.at("kind");
    match bearing(kind, version) {
        Some(Bearing::None) => told.add(Weight::Nothing, kind, NO_PART, place),
        Some(Bearing::NotModelled(meaning)) => {
            told.add(Weight::Changes, kind, format!("not modelled: {meaning}"), place)
        }
        None => {
            // A kind of ours, misspelt, is a mistake; one that we do not know is the cluster's own.
            let near = KINDS.iter().filter(|known| known.1.contains(&version)).map(|known| known.0);
            let read: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
            if nearest(kind, near).is_some() {
                let hint = suggestion(kind, &read);
                diagnostics.push(Diagnostic::error(place, format!("unknown kind `{kind}`")).maybe_hint(hint));
            } else {
                let meaning =
                    format!("a kind of {version} that is not known here: what it makes or changes is not simulated");
                told.add(Weight::Changes, kind, meaning, place);
            }
        }
    }
}

fn identity(document: &Node, kind: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, String, String)> {
    let metadata = document.get("metadata");
    let text = |field: &str| metadata.and_then(|metadata| metadata.get(field)).and_then(Node::as_str);
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        let message = format!("a {kind} needs `metadata.name`");
        diagnostics.push(Diagnostic::error(document.at("metadata.name"), message).hint("add a name under `metadata:`"));
        return None;
    };
    let is_namespaced = !CLUSTER_WIDE.contains(&kind);
    let namespace = if is_namespaced { text("namespace").unwrap_or("default") } else { "" };
    Some((kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

impl Objects {
    fn add(
        &mut self,
        node: Node,
        kind: &str,
        version: &str,
        key: (String, String, String),
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let broken = &mut self.broken;
        match kind {
            "Deployment" => typed(node, key, &mut self.deployments, broken, diagnostics),
            "ReplicaSet" => typed(node, key, &mut self.replica_sets, broken, diagnostics),
            "StatefulSet" => typed(node, key, &mut self.stateful_sets, broken, diagnostics),
            "DaemonSet" => typed(node, key, &mut self.daemon_sets, broken, diagnostics),
            "Job" => typed(node, key, &mut self.jobs, broken, diagnostics),
            "CronJob" => typed(node, key, &mut self.cron_jobs, broken, diagnostics),
            "Pod" => typed(node, key, &mut self.pods, broken, diagnostics),
            "Node" => typed(node, key, &mut self.nodes, broken, diagnostics),
            "PodDisruptionBudget" => typed(node, key, &mut self.budgets, broken, diagnostics),
            "PersistentVolumeClaim" => typed(node, key, &mut self.claims, broken, diagnostics),
            "PersistentVolume" => typed(node, key, &mut self.persistent_volumes, broken, diagnostics),
            "StorageClass" => typed(node, key, &mut self.storage_classes, broken, diagnostics),
            "PriorityClass" => typed(node, key, &mut self.priority_classes, broken, diagnostics),
            "ScaledObject" => typed(node, key, &mut self.scaled_objects, broken, diagnostics),
            "HorizontalPodAutoscaler" if version == "autoscaling/v1" => {
                let mut old = Vec::new();
                typed(node, key, &mut old, broken, diagnostics);
                self.autoscalers.extend(old.into_iter().map(newer_autoscaler));
            }
            "HorizontalPodAutoscaler" => typed(node, key, &mut self.autoscalers, broken, diagnostics),
            "ClusterQueue" => typed(node, key, &mut self.cluster_queues, broken, diagnostics),
            "LocalQueue" => typed(node, key, &mut self.local_queues, broken, diagnostics),
            "ResourceFlavor" => typed(node, key, &mut self.resource_flavors, broken, diagnostics),
            "Cohort" => typed(node, key, &mut self.cohorts, broken, diagnostics),
            "AdmissionCheck" => typed(node, key, &mut self.admission_checks, broken, diagnostics),
            "Topology" => typed(node, key, &mut self.topologies, broken, diagnostics),
            "WorkloadPriorityClass" => typed(node, key, &mut self.workload_priority_classes, broken, diagnostics),
            "Namespace" => typed(node, key, &mut self.namespaces, broken, diagnostics),
            "PyTorchJob" | "TFJob" | "MPIJob" | "XGBoostJob" | "PaddleJob" | "JAXJob" => {
                trained(node, key, TrainingManifest::Kubeflow, &mut self.training, broken, diagnostics);
            }
            "JobSet" => trained(node, key, TrainingManifest::JobSet, &mut self.training, broken, diagnostics),
            "TrainJob" => {
                let namespace = key.1.clone();
                let read = |mut raw: RawTraining<TrainJobSpec>| {
                    raw.spec.namespace = namespace;
                    TrainingManifest::TrainJob(raw)
                };
                trained(node, key, read, &mut self.training, broken, diagnostics);
            }
            "RayJob" => trained(node, key, TrainingManifest::RayJob, &mut self.training, broken, diagnostics),
            "TrainingRuntime" | "ClusterTrainingRuntime" => {
                typed(node, key, &mut self.training_runtimes, broken, diagnostics);
            }
            _ => typed(node, key, &mut self.node_pools, broken, diagnostics),
        }
    }
}

fn typed<T: DeserializeOwned>(
    node: Node,
    key: (String, String, String),
    list: &mut Vec<Object<T>>,
    broken: &mut Vec<(String, String, String)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let (value, mistakes) = read(&node);
    diagnostics.extend(mistakes);
    match value {
        Some(value) => list.push(Object { value, node, name: key.2, namespace: key.1 }),
        None => broken.push(key),
    }
}

fn trained<T: DeserializeOwned>(
    node: Node,
    key: (String, String, String),
    of: impl FnOnce(T) -> TrainingManifest,
    list: &mut Vec<Object<TrainingManifest>>,
    broken: &mut Vec<(String, String, String)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut read = Vec::new();
    typed(node, key, &mut read, broken, diagnostics);
    let read =
        read.pop().map(|Object { value, node, name, namespace }| Object { value: of(value), node, name, namespace });
    list.extend(read);
}

/// `autoscaling/v1` knows one metric, CPU utilization; as the API server converts it (default 80 %).
fn newer_autoscaler(
    old: Object<autoscaling_v1::HorizontalPodAutoscaler>,
) -> Object<autoscaling_v2::HorizontalPodAutoscaler> {
    let spec = old.value.spec.map(|spec| autoscaling_v2::HorizontalPodAutoscalerSpec {
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        scale_target_ref: autoscaling_v2::CrossVersionObjectReference {
            api_version: spec.scale_target_ref.api_version,
            kind: spec.scale_target_ref.kind,
            name: spec.scale_target_ref.name,
        },
        metrics: Some(vec![autoscaling_v2::MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(autoscaling_v2::ResourceMetricSource {
                name: "cpu".to_owned(),
                target: autoscaling_v2::MetricTarget {
                    type_: "Utilization".to_owned(),
                    average_utilization: Some(spec.target_cpu_utilization_percentage.unwrap_or(80)),
                    ..Default::default()
                },
            }),
            ..Default::default()
        }]),
        behavior: None,
    });
    let value = autoscaling_v2::HorizontalPodAutoscaler { metadata: old.value.metadata, spec, status: None };
    Object { value, node: old.node, name: old.name, namespace: old.namespace }
}
