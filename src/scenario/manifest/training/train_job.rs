//! Kubeflow Trainer v2 (`trainer.kubeflow.org/v1alpha1`, release 2.0): TrainJobs, and the runtimes that they refer to.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodTemplateSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::job_set::JobSetSpec;
use super::{TrainingPods, count};
use crate::scenario::manifest::ManifestError;

/// The label by which a runtime's Job says which step of a TrainJob it stands for.
const ANCESTOR: &str = "trainer.kubeflow.org/trainjob-ancestor-step";
/// The container of a trainer's pods that a TrainJob's resources and image are for.
const NODE: &str = "node";

/// Runtimes by `(kind, namespace, name)`; a ClusterTrainingRuntime has no namespace.
pub type Runtimes = BTreeMap<(String, String, String), TrainingRuntimeSpec>;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainJobSpec {
    runtime_ref: RuntimeRef,
    #[serde(default)]
    trainer: Option<Trainer>,
    #[serde(default)]
    suspend: Option<bool>,
    /// The namespace is the object's own, set when it is read.
    #[serde(skip)]
    pub namespace: String,
    #[serde(default, rename = "initializer")]
    _initializer: Value,
    #[serde(default, rename = "labels")]
    _labels: Value,
    #[serde(default, rename = "annotations")]
    _annotations: Value,
    #[serde(default, rename = "podSpecOverrides")]
    _pod_spec_overrides: Value,
    #[serde(default, rename = "podTemplateOverrides")]
    _pod_template_overrides: Value,
    #[serde(default, rename = "managedBy")]
    _managed_by: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuntimeRef {
    name: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default, rename = "apiGroup")]
    _api_group: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trainer {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    num_nodes: Option<i32>,
    #[serde(default)]
    resources_per_node: Option<ResourceRequirements>,
    #[serde(default, rename = "numProcPerNode")]
    _processes: Value,
    #[serde(default, rename = "command")]
    _command: Value,
    #[serde(default, rename = "args")]
    _args: Value,
    #[serde(default, rename = "env")]
    _env: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainingRuntimeSpec {
    #[serde(default)]
    ml_policy: Option<MlPolicy>,
    template: JobSetTemplate,
    #[serde(default, rename = "podGroupPolicy")]
    _pod_group_policy: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MlPolicy {
    #[serde(default)]
    num_nodes: Option<i32>,
    #[serde(default, rename = "torch")]
    _torch: Value,
    #[serde(default, rename = "mpi")]
    _mpi: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JobSetTemplate {
    #[serde(default, rename = "metadata")]
    _metadata: ObjectMeta,
    spec: JobSetSpec,
}

impl TrainJobSpec {
    pub(super) fn pods(&self, runtimes: &Runtimes) -> Result<TrainingPods, ManifestError> {
        let kind = self.runtime_ref.kind.as_deref().unwrap_or("ClusterTrainingRuntime");
        let namespace = if kind == "TrainingRuntime" { self.namespace.clone() } else { String::new() };
        let name = &self.runtime_ref.name;
        let Some(runtime) = runtimes.get(&(kind.to_owned(), namespace, name.clone())) else {
            let problem = format!("there is no {kind} {name} among the manifests: its pods are not known");
            return Err(ManifestError::new("spec.runtimeRef.name", problem));
        };
        let mut jobs = runtime.template.spec.clone();
        let trainer = self.trainer.as_ref();
        let nodes = trainer.and_then(|trainer| trainer.num_nodes);
        count("spec.trainer.numNodes", nodes, 1)?;
        let nodes = nodes.or(runtime.ml_policy.as_ref().and_then(|policy| policy.num_nodes));
        for job in &mut jobs.replicated_jobs {
            let labels = job.template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
            let step = labels.and_then(|labels| labels.get(ANCESTOR)).map(String::as_str);
            let trains = step == Some("trainer") || (step.is_none() && job.name == NODE);
            let Some(spec) = job.template.spec.as_mut().filter(|_| trains) else { continue };
            if let Some(nodes) = nodes {
                (spec.parallelism, spec.completions) = (Some(nodes), Some(nodes));
            }
            if let Some(trainer) = trainer {
                trainer.apply(&mut spec.template);
            }
        }
        // Steps that prepare data and models are over before the training begins.
        jobs.replicated_jobs.retain(|job| {
            let labels = job.template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref());
            !labels.and_then(|labels| labels.get(ANCESTOR)).is_some_and(|step| step.ends_with("-initializer"))
        });
        // The templates stand in another object; mistakes in them are told at the reference.
        let mut pods = jobs.pods("spec.runtimeRef").map_err(|error| {
            ManifestError::new("spec.runtimeRef.name", format!("{kind} {name}: {}: {}", error.path, error.problem))
        })?;
        for set in &mut pods.sets {
            "spec.runtimeRef.name".clone_into(&mut set.path);
        }
        pods.suspended = (self.suspend == Some(true)).then_some("spec.suspend");
        Ok(pods)
    }
}

impl Trainer {
    fn apply(&self, template: &mut PodTemplateSpec) {
        let containers = template.spec.iter_mut().flat_map(|spec| &mut spec.containers);
        for container in containers.filter(|container| container.name == NODE) {
            if let Some(image) = &self.image {
                container.image = Some(image.clone());
            }
            if let Some(resources) = &self.resources_per_node {
                container.resources = Some(resources.clone());
            }
        }
    }
}
