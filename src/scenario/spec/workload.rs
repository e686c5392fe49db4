//! What a scenario says about workloads of the manifests: which one is meant, and how its pods behave.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Distribution, SimDuration};

/// A workload of the manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetRef {
    pub kind: TargetKind,
    pub name: String,
    /// Default: default.
    #[serde(default = "default_namespace")]
    pub namespace: String,
}

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    Deployment,
    ReplicaSet,
    StatefulSet,
    Job,
    DaemonSet,
    CronJob,
    PyTorchJob,
    #[serde(rename = "TFJob")]
    TfJob,
    #[serde(rename = "MPIJob")]
    MpiJob,
    #[serde(rename = "XGBoostJob")]
    XgBoostJob,
    PaddleJob,
    #[serde(rename = "JAXJob")]
    JaxJob,
    JobSet,
    TrainJob,
    RayJob,
    /// A pod without an owner.
    Pod,
}

impl TargetKind {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            TargetKind::Deployment => "Deployment",
            TargetKind::ReplicaSet => "ReplicaSet",
            TargetKind::StatefulSet => "StatefulSet",
            TargetKind::Job => "Job",
            TargetKind::DaemonSet => "DaemonSet",
            TargetKind::CronJob => "CronJob",
            TargetKind::PyTorchJob => "PyTorchJob",
            TargetKind::TfJob => "TFJob",
            TargetKind::MpiJob => "MPIJob",
            TargetKind::XgBoostJob => "XGBoostJob",
            TargetKind::PaddleJob => "PaddleJob",
            TargetKind::JaxJob => "JAXJob",
            TargetKind::JobSet => "JobSet",
            TargetKind::TrainJob => "TrainJob",
            TargetKind::RayJob => "RayJob",
            TargetKind::Pod => "Pod",
        }
    }

    /// Gangs that train and end with their work.
    pub const TRAINING: [TargetKind; 9] = [
        TargetKind::PyTorchJob,
        TargetKind::TfJob,
        TargetKind::MpiJob,
        TargetKind::XgBoostJob,
        TargetKind::PaddleJob,
        TargetKind::JaxJob,
        TargetKind::JobSet,
        TargetKind::TrainJob,
        TargetKind::RayJob,
    ];

    pub fn trains(self) -> bool {
        TargetKind::TRAINING.contains(&self)
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// How a workload behaves beyond its manifest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSettingsSpec {
    pub target: TargetRef,
    /// What the application needs from its container's start until it serves; it is ready no sooner than its probes'
    /// initial delay. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Distribution>,
    /// What its pods use of what they request, where no load says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageSpec>,
    /// How long one pod of a Job works, or a training job (PyTorchJob, JobSet, …) computes. Default: 10m (a guess).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Distribution>,
    /// Pods of a Job that fail by their own fault. Default: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<FailuresSpec>,
    /// When a Job or training job is created. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<SimDuration>,
    /// Its pods that run when the scenario starts, and where. Default: none; all that it wants are scheduled anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<RunningPodSpec>,
}

/// A pod that runs when the scenario starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunningPodSpec {
    /// Of the scenario's nodes, or a Node object among the manifests.
    pub node: String,
    /// Its name in the results; a StatefulSet's pods take their places by the number in it. Default: as its owner calls
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long it has run. Default: 0s.
    #[serde(default)]
    pub age: SimDuration,
    /// Default: true.
    #[serde(default = "yes")]
    pub ready: bool,
}

const fn yes() -> bool {
    true
}

/// Use as a fraction of the request (of GPUs: their duty cycle).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UsageSpec {
    /// Default: 0.5 (a guess).
    pub cpu: f64,
    /// Default: 0.6 (a guess).
    pub memory: f64,
    /// From 0 to 1. Default: 0.5 (a guess).
    pub gpu: f64,
}

impl Default for UsageSpec {
    fn default() -> UsageSpec {
        UsageSpec { cpu: 0.5, memory: 0.6, gpu: 0.5 }
    }
}

/// Somebody sets a replica count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicaChangeSpec {
    /// Time from the scenario's start.
    pub at: SimDuration,
    pub target: TargetRef,
    pub replicas: u32,
}

/// An application that fails: at the end of a pod's work, instead of success.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailuresSpec {
    /// Chance of each start of a pod, from 0 to 1.
    pub probability: f64,
    /// Of its first container, for `podFailurePolicy`. Default: 1.
    #[serde(default = "default_exit_code")]
    #[schemars(range(min = 1, max = 255))]
    pub exit_code: i32,
}

const fn default_exit_code() -> i32 {
    1
}

/// Somebody changes a workload: a rollout, a pause, a Job that is resumed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchSpec {
    /// Time from the scenario's start.
    pub at: SimDuration,
    /// A Deployment, StatefulSet or Job.
    pub target: TargetRef,
    /// What `kubectl patch` would be given, a strategic merge patch of the object: `{spec: {template: {spec: {containers:
    /// [{name: web, image: "web:2"}]}}}}`, `{spec: {paused: true}}`, `{spec: {suspend: false}}`.
    pub patch: serde_json::Value,
}
