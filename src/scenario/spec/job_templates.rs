//! Training jobs that are drawn in place of listed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::load::SignalSpec;
use crate::units::Distribution;

/// A stream of training jobs, drawn once: the run's own seed changes nothing here, for jobs are an input, as with a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobTemplateSpec {
    /// Jobs are called after it: `name-0`, `name-1`, …
    pub name: String,
    /// Jobs an hour over time: a Poisson process of that rate.
    pub arrivals: SignalSpec,
    /// Multiplies the rate from one day to the next, little by little: 1.01 is one percent more a day. Default: 1.
    #[serde(default = "one")]
    pub growth: f64,
    /// GPUs of a job, and how likely they are relative to each other: `{1: 6, 8: 3, 64: 1}`.
    pub gpus: BTreeMap<u32, f64>,
    /// How long a job computes.
    pub duration: Distribution,
    /// The GPU model on which it computes for so long; on others it takes as much longer as they make fewer operations a second at
    /// most. Default: as long everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_gpu: Option<String>,
    /// Of what its GPUs could make at most, the part that a job makes on the reference GPU (model FLOPs utilization); with it `mfu` in
    /// jobs.csv is known. Takes a referenceGpu.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfu: Option<f64>,
    /// What it trains, for the tables. Default: the template's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whose jobs they are, for the tables. Default: that of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The Kueue LocalQueue that admits them, in the jobs' namespace; without Kueue a name for the tables. Default: jobs.queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Of their pods. Default: 0.
    #[serde(default)]
    pub priority: i32,
    /// No more jobs than this. Default: as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Of the draws. Default: 1.
    #[serde(default = "first")]
    pub seed: u64,
}

const fn one() -> f64 {
    1.0
}

const fn first() -> u64 {
    1
}
