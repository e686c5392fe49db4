//! Workloads in their validated form: what owns pods, how it changes in mid-run, and the volumes that tie pods to a place.

use std::sync::Arc;

use crate::cluster::{LabelSelector, NodeSelectorTerm, PodSpecId, WorkloadId};
use crate::controller::UpdateOptions;
use crate::controller::cron_job::CronJob;
use crate::controller::job::{FailureRule, PerIndexLimit, PodReplacement, SuccessRule};
use crate::units::{Distribution, SimDuration, SimTime};

/// What owns pods, by its id in [`Scenario::workloads`](super::Scenario).
#[derive(Clone, Debug)]
pub struct Workload {
    pub id: WorkloadId,
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub kind: WorkloadKind,
    /// How its pods use what they request, where no load or training model says so.
    pub usage: UsageModel,
    /// Volumes of each of its pods that may tie it to a zone or a node.
    pub volumes: Vec<VolumeUse>,
}

/// What kind of owner it is, with what that needs.
#[derive(Clone, Debug)]
pub enum WorkloadKind {
    /// Deployment, ReplicaSet or StatefulSet: keeps `replicas` pods alive.
    Replicated {
        owner: Owner,
        replicas: u32,
        spec: PodSpecId,
        selector: LabelSelector,
        /// Pods start one after the other (StatefulSet with `OrderedReady`).
        ordered: bool,
        /// From container start to Ready: the readiness probe's initial delay and what the application needs.
        readiness_delay: Distribution,
        update: UpdateOptions,
    },
    /// A batch/v1 Job.
    Job(BatchJob),
    /// Pods of a trace, or of a training job: made by [`TracePod`](super::TracePod) and
    /// [`TrainingJob`](super::TrainingJob), never replaced when they end.
    Replayed,
}

/// The kind of a workload that keeps replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Deployment,
    ReplicaSet,
    StatefulSet,
}

/// A batch/v1 Job.
#[derive(Clone, Debug)]
pub struct BatchJob {
    pub spec: PodSpecId,
    pub arrival: SimTime,
    /// At most so many pods at once.
    pub parallelism: u32,
    /// Successes that it wants. `None`: a work queue, which is over once a pod has succeeded and none is left.
    pub completions: Option<u32>,
    /// `completionMode: Indexed`: each of the completions has a number, and is wanted once.
    pub indexed: bool,
    /// It makes no pods, and ends those that it has.
    pub suspended: bool,
    /// So many pods may fail.
    pub backoff_limit: u32,
    pub per_index: Option<PerIndexLimit>,
    /// `activeDeadlineSeconds`, from its start or resumption.
    pub active_deadline: Option<SimDuration>,
    /// `podFailurePolicy`; empty where there is none.
    pub failure_policy: Vec<FailureRule>,
    pub pod_replacement: PodReplacement,
    /// `successPolicy`; empty where there is none.
    pub success_policy: Vec<SuccessRule>,
    /// How long one pod's work takes.
    pub duration: Distribution,
    /// Failures of the application itself.
    pub failures: Option<FailureModel>,
    /// It is the template of a CronJob's Jobs.
    pub cron: Option<CronJob>,
}

impl Default for BatchJob {
    /// One pod that works no time, with the API server's defaults.
    fn default() -> BatchJob {
        BatchJob {
            spec: PodSpecId(0),
            arrival: SimTime::ZERO,
            parallelism: 1,
            completions: Some(1),
            indexed: false,
            suspended: false,
            backoff_limit: 6,
            per_index: None,
            active_deadline: None,
            failure_policy: Vec::new(),
            pod_replacement: PodReplacement::TerminatingOrFailed,
            success_policy: Vec::new(),
            duration: Distribution::Constant(SimDuration::ZERO),
            failures: None,
            cron: None,
        }
    }
}

/// A pod's work ends with this exit code, with this chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureModel {
    pub probability: f64,
    pub exit_code: i32,
}

/// Somebody's hand on the replica count.
#[derive(Clone, Debug)]
pub struct ReplicaChange {
    pub at: SimTime,
    pub target: WorkloadId,
    pub replicas: u32,
}

/// Somebody's hand on a workload: from `at` on it is as `kind` says.
#[derive(Clone, Debug)]
pub struct Patch {
    pub at: SimTime,
    pub target: WorkloadId,
    pub kind: WorkloadKind,
    /// `spec.replicas`, where the patch sets it.
    pub replicas: Option<u32>,
    /// The fields that it sets, for people: `spec.template, spec.paused`.
    pub fields: Arc<str>,
}

/// A PersistentVolumeClaim that pods share by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeClaim {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub scope: VolumeScope,
    /// Where its volume is, as alternatives; `None`: it has none yet, and gets one where its first pod goes.
    pub bound: Option<Vec<NodeSelectorTerm>>,
}

/// From where a volume can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeScope {
    Anywhere,
    /// From the zone that it is in, as a cloud's disks.
    Zone,
    /// From its node alone.
    Node,
}

/// A volume of a workload's pods that lives somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeUse {
    /// An entry of [`Scenario::claims`](super::Scenario::claims).
    Claim(u32),
    /// `volumeClaimTemplates` of a StatefulSet: each ordinal has its own, which outlives its pod.
    PerReplica {
        scope: VolumeScope,
        /// Ordinals whose volumes are there beforehand, and where.
        bound: Vec<(u32, Vec<NodeSelectorTerm>)>,
        /// `persistentVolumeClaimRetentionPolicy.whenScaled: Delete`: it goes with the replica.
        deleted_when_scaled: bool,
    },
}

/// Use as a fraction of the request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageModel {
    pub cpu: f64,
    pub memory: f64,
    pub gpu: GpuUsage,
}

/// Duty cycle of the requested GPUs, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpuUsage(pub f64);
