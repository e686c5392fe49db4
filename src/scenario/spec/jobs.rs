//! Training jobs that come from a trace, with measured speeds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::load::training::{Elastic, TrainingOptions};
use crate::scenario::import::ArrivalsSpec;
use crate::training::order::Discipline;
use crate::training::placement::Placement;

use super::JobTemplateSpec;

/// A trace of training jobs, and how all training jobs are run, those of the manifests (PyTorchJob, JobSet, …) too.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobsSpec {
    /// Default: gavel.
    #[serde(default)]
    pub format: JobsFormat,
    /// The jobs' file, relative to the scenario; for `gavel`: `job, arrival_s, model, batch_size, num_gpus, total_steps`; for `pollux`: `job,
    /// arrival_s, model, num_gpus, batch_size`. Unset: only those of the manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<String>,
    /// The measured speeds' file: for `gavel` `model, batch_size, gpu, num_gpus, consolidated, steps_per_second`, for `pollux` `model,
    /// placement, nodes, gpus, batch_per_gpu, step_seconds, sync_seconds`. Needed with both; jobs of `philly` take their own duration
    /// wherever they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughputs: Option<String>,
    /// The measured convergence's file: `model, batch_size, epoch, iteration, progress, grad_sqr, grad_var`. Needed with `pollux`, and
    /// only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convergence: Option<String>,
    /// Jobs that are drawn, beside those of the list or in their place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<JobTemplateSpec>,
    /// When the jobs come, for a list without times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalsSpec>,
    /// Leave out rows that can't be read, and say how many. Default: false, and the first is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_rows: bool,
    /// Leave out the first so many jobs. Default: 0.
    #[serde(default)]
    pub skip: usize,
    /// Count time from the first job that is taken. Default: false.
    #[serde(default)]
    pub from_first: bool,
    /// Which nodes the workers of a gang get. Default: packed.
    #[serde(default)]
    pub placement: Placement,
    /// A gang scheduler, and how it works its queue off: who is first, and who may pass. Default: gangs go through kube-scheduler's queue, one at
    /// a time, and any that fits starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Discipline>,
    /// Within which bounds an elastic allocation (optimus, pollux) chooses the number of workers of each job. Default: that of the list; for
    /// `pollux` from one GPU to as many as the batch can be shared out to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
    /// Only the first so many jobs. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Multiplies the work of every job. Default: 1.
    #[serde(default = "one")]
    pub step_scale: f64,
    /// Multiplies the time between arrivals: 0.5 is twice as crowded. Default: 1.
    #[serde(default = "one")]
    pub time_scale: f64,
    /// Namespace of the jobs' pods. Default: default.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Image of the workers, of a size that `kubelet.imageSizes` gives. Default: on every node already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The Kueue LocalQueue that admits the jobs, in their namespace. Default: they start when they arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// GPUs, CPU and memory of a worker, and its phases.
    #[serde(default)]
    pub training: TrainingOptions,
}

/// Formats of job traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobsFormat {
    /// Work in steps, with measured speeds.
    #[default]
    Gavel,
    /// Durations: `arrival_s, duration_s, num_gpus`, and `job`, `queue` (or `virtual_cluster`), `team`, `model`, `priority`.
    Philly,
    /// Mini-batch times of the workers of one job: `worker, gpu_percent, time, batch_time_norm`.
    Pai,
    /// Step times by placement and convergence by batch size: a job runs its model to the last epoch.
    Pollux,
}

const fn one() -> f64 {
    1.0
}

fn default_namespace() -> String {
    "default".to_owned()
}
