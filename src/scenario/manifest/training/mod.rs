//! Training workloads as users have them: Kubeflow's jobs, `JobSet`, Trainer v2's `TrainJob`, Ray's jobs.
//!
//! Each is read into its [`PodSet`]s: so many pods of a template. Fields that say how pods of one job find one another
//! (services, certificates, environment) have no part here.

mod job_set;
mod kubeflow;
mod ray;
mod train_job;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::ManifestError;

pub use job_set::JobSetSpec;
pub use kubeflow::KubeflowSpec;
pub use ray::{RayJobSpec, desired_replicas};
pub use train_job::{Runtimes, TrainJobSpec, TrainingRuntimeSpec};

/// An object of a custom kind: what all have, and the spec of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound = "S: serde::de::DeserializeOwned")]
pub struct RawTraining<S> {
    pub api_version: String,
    pub kind: String,
    #[serde(default)]
    pub metadata: ObjectMeta,
    pub spec: S,
    /// What the controller wrote: a job that is over is not run again.
    #[serde(default)]
    pub status: serde_json::Value,
}

/// So many pods of a template.
#[derive(Clone, Debug)]
pub struct PodSet {
    /// Such as `master`, `worker`, `head` or the name of a replicated job.
    pub name: String,
    pub count: u32,
    pub template: PodTemplateSpec,
    /// Where the template stands in the object.
    pub path: String,
}

/// What an object asks for.
#[derive(Clone, Debug, Default)]
pub struct TrainingPods {
    pub sets: Vec<PodSet>,
    /// It makes no pods until it is resumed, and where that is said.
    pub suspended: Option<&'static str>,
    /// What would be otherwise in a cluster, and where that is said.
    pub note: Option<(&'static str, &'static str)>,
}

/// The objects that [`TrainingPods`] are read from.
#[derive(Clone, Debug)]
pub enum TrainingManifest {
    Kubeflow(Box<RawTraining<KubeflowSpec>>),
    JobSet(Box<RawTraining<JobSetSpec>>),
    TrainJob(Box<RawTraining<TrainJobSpec>>),
    RayJob(Box<RawTraining<RayJobSpec>>),
}

impl TrainingManifest {
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            TrainingManifest::Kubeflow(raw) => &raw.metadata,
            TrainingManifest::JobSet(raw) => &raw.metadata,
            TrainingManifest::TrainJob(raw) => &raw.metadata,
            TrainingManifest::RayJob(raw) => &raw.metadata,
        }
    }

    /// The controller's kind, as pods' owner references have it.
    pub fn kind(&self) -> &str {
        match self {
            TrainingManifest::Kubeflow(raw) => &raw.kind,
            TrainingManifest::JobSet(raw) => &raw.kind,
            TrainingManifest::TrainJob(raw) => &raw.kind,
            TrainingManifest::RayJob(raw) => &raw.kind,
        }
    }

    /// How its controller says that it is over, where it does: a type of its conditions, or Ray's own status.
    pub fn is_over(&self) -> bool {
        let status = match self {
            TrainingManifest::Kubeflow(raw) => &raw.status,
            TrainingManifest::JobSet(raw) => &raw.status,
            TrainingManifest::TrainJob(raw) => &raw.status,
            TrainingManifest::RayJob(raw) => &raw.status,
        };
        let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ended = |condition: &serde_json::Value| {
            let of = condition["type"].as_str().unwrap_or_default();
            condition["status"] == "True" && matches!(of, "Succeeded" | "Failed" | "Completed" | "Complete")
        };
        conditions.iter().any(ended) || matches!(status["jobDeploymentStatus"].as_str(), Some("Complete" | "Failed"))
    }

    /// # Errors
    /// A negative number of pods, a missing template, or a runtime that is not among the manifests.
    pub fn pods(&self, runtimes: &Runtimes) -> Result<TrainingPods, ManifestError> {
        match self {
            TrainingManifest::Kubeflow(raw) => raw.spec.pods(&raw.kind),
            TrainingManifest::JobSet(raw) => raw.spec.pods("spec"),
            TrainingManifest::TrainJob(raw) => raw.spec.pods(runtimes),
            TrainingManifest::RayJob(raw) => raw.spec.pods(),
        }
    }
}

/// A number of pods; `None` is the default.
fn count(path: impl Into<String>, written: Option<i32>, default: u32) -> Result<u32, ManifestError> {
    match written {
        None => Ok(default),
        Some(written) => {
            u32::try_from(written).map_err(|_| ManifestError::new(path, format!("{written} is less than nothing")))
        }
    }
}

fn product(path: &str, one: u32, other: u32) -> Result<u32, ManifestError> {
    one.checked_mul(other).ok_or_else(|| ManifestError::new(path, format!("{one} times {other} pods are too many")))
}
