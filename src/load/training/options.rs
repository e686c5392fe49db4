//! What a scenario says about training jobs, and a job as a trace lists it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BeyondMeasured, PhasesSpec, TrainingError, VariabilitySpec};
use crate::units::{Bytes, Distribution, Millicores, SimDuration, SimTime};

/// How training jobs become pods and how those behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrainingOptions {
    /// GPUs of one worker pod; a job of N GPUs is a gang of N / gpusPerWorker pods. Default: 1.
    pub gpus_per_worker: u32,
    /// One worker pod for as many of a job's GPUs as it may have, up to this many: as launchers like torchrun put a job on
    /// whole nodes. Takes the place of gpusPerWorker. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_gpus_per_worker: Option<u32>,
    /// CPU that a worker requests for each of its GPUs. Default: 3, which leaves room for the system on every GPU
    /// node type of the catalogue.
    pub cpu_per_gpu: Millicores,
    /// Memory that a worker requests for each of its GPUs. Default: 12Gi.
    pub memory_per_gpu: Bytes,
    /// How fast a job runs on more or fewer GPUs than its model was ever measured on. Default: linear.
    pub beyond_measured: BeyondMeasured,
    /// Durations and usage by phase.
    pub phases: PhasesSpec,
    /// `terminationGracePeriodSeconds` of a worker: what it has for a last save. Default: 30s, Kubernetes' own.
    pub termination_grace_period: SimDuration,
    /// How long the workers of a gang wait for one that has gone silent with its machine before they give up (`timeout`
    /// of `torch.distributed.init_process_group`). The eviction of its pod ends the wait too, and mostly comes first.
    /// Default: 10m, PyTorch's for NCCL.
    pub collective_timeout: SimDuration,
    /// Epochs end on the multiple of this that is nearest, as in simulators that count whole seconds; at most 1m. Default: 0s, when
    /// they end.
    pub epoch_rounding: SimDuration,
    /// A job whose workers are spread over nodes is as fast as on one, as in simulators that know no nodes. Default: false.
    pub ignore_spread: bool,
    /// Operations (FLOPs) of a step by model, forward and backward, of all its GPUs together: `{ResNet-50: 1.6e12}`. With them `mfu` in
    /// jobs.csv is known. Default: none are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flops_per_step: BTreeMap<String, f64>,
    /// Operations a second that a GPU model makes at most. Default: dense BF16 by NVIDIA's data sheets (V100 125e12, A100 312e12, H100
    /// 989e12, …).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub peak_flops: BTreeMap<String, f64>,
    /// Workers of each job beyond those that it needs: they hold their GPUs and wait. One takes the place of a worker that is lost, and the
    /// others need not leave their nodes. They count in `jobs.csv` as GPUs and workers. Default: 0.
    pub spares: u32,
    /// What a spare takes to step in, before loading begins. Default: 30s (a guess).
    pub swap: Distribution,
    /// Jitter and stragglers; none by default.
    pub variability: VariabilitySpec,
}

impl Default for TrainingOptions {
    fn default() -> TrainingOptions {
        TrainingOptions {
            gpus_per_worker: 1,
            max_gpus_per_worker: None,
            cpu_per_gpu: Millicores(3000),
            memory_per_gpu: Bytes(12 << 30),
            beyond_measured: BeyondMeasured::default(),
            phases: PhasesSpec::default(),
            termination_grace_period: SimDuration::from_secs(30),
            collective_timeout: SimDuration::from_mins(10),
            epoch_rounding: SimDuration::ZERO,
            ignore_spread: false,
            flops_per_step: BTreeMap::new(),
            peak_flops: BTreeMap::new(),
            spares: 0,
            swap: Distribution::Constant(SimDuration::from_secs(30)),
            variability: VariabilitySpec::default(),
        }
    }
}

impl TrainingOptions {
    const MOST_SPARES: u32 = 1024;

    pub fn validate(&self) -> Result<(), TrainingError> {
        if self.gpus_per_worker == 0 {
            return Err(TrainingError::new("gpusPerWorker", "must be 1 or more"));
        }
        if self.max_gpus_per_worker == Some(0) {
            return Err(TrainingError::new("maxGpusPerWorker", "must be 1 or more"));
        }
        if self.max_gpus_per_worker.is_some() && self.gpus_per_worker != 1 {
            return Err(TrainingError::new("maxGpusPerWorker", "either this or gpusPerWorker"));
        }
        if self.epoch_rounding.is_negative() || self.epoch_rounding > SimDuration::from_mins(1) {
            return Err(TrainingError::new("epochRounding", "must be from 0s to 1m"));
        }
        for (field, of) in [("flopsPerStep", &self.flops_per_step), ("peakFlops", &self.peak_flops)] {
            if let Some((name, flops)) = of.iter().find(|(_, flops)| !(flops.is_finite() && **flops > 0.0)) {
                return Err(TrainingError::new(format!("{field}.{name}"), format!("{flops} must be above 0")));
            }
        }
        if self.spares > TrainingOptions::MOST_SPARES {
            let problem = format!("must be from 0 to {}", TrainingOptions::MOST_SPARES);
            return Err(TrainingError::new("spares", problem));
        }
        if let Err(error) = self.swap.validate() {
            return Err(TrainingError::new("swap", error.to_string()));
        }
        self.phases.validate()?;
        self.variability.validate()
    }

    /// How many worker pods a job of `num_gpus` has.
    ///
    /// # Errors
    /// Where the GPUs cannot be shared out evenly.
    pub fn workers(&self, num_gpus: u32) -> Result<u32, TrainingError> {
        let per_worker = match self.max_gpus_per_worker {
            Some(most) => (1..=most.min(num_gpus)).rev().find(|each| num_gpus.is_multiple_of(*each)).unwrap_or(1),
            None => self.gpus_per_worker,
        };
        if num_gpus == 0 || per_worker == 0 || !num_gpus.is_multiple_of(per_worker) {
            let problem = format!("{num_gpus} GPUs cannot be shared out to workers of {per_worker}");
            return Err(TrainingError::new("gpusPerWorker", problem));
        }
        Ok(num_gpus / per_worker)
    }
}

/// The bounds within which a policy chooses how many workers a job has; each change stops the job and starts it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Elastic {
    /// The fewest. Default: 1.
    #[serde(default = "one")]
    pub min_workers: u32,
    /// The most.
    pub max_workers: u32,
}

const fn one() -> u32 {
    1
}

impl Elastic {
    /// Of one job.
    const MOST: u32 = 1024;

    pub fn validate(&self) -> Result<(), TrainingError> {
        if self.min_workers == 0 {
            return Err(TrainingError::new("minWorkers", "must be 1 or more"));
        }
        if self.max_workers < self.min_workers || self.max_workers > Elastic::MOST {
            let problem = format!("must be from minWorkers ({}) to {}", self.min_workers, Elastic::MOST);
            return Err(TrainingError::new("maxWorkers", problem));
        }
        Ok(())
    }
}

/// So long at one speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub seconds: f64,
    /// Of what the job makes in a second when nothing slows it.
    pub speed: f64,
}

/// A job as a trace lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingJobRow {
    pub name: String,
    pub arrival: SimTime,
    pub model: String,
    /// `None` where the model has one setting only.
    pub batch_size: Option<u32>,
    pub num_gpus: u32,
    /// The work to do.
    pub total_steps: u64,
    /// Where the trace has durations in place of work: it takes this long wherever it runs.
    pub duration: Option<SimDuration>,
    /// Where the trace has the speeds that it was measured at, one after the other: it runs through them wherever it runs.
    pub course: Vec<Stretch>,
    /// Its queue, team or virtual cluster; empty where the trace does not say.
    pub queue: String,
    /// Its team, where that is another name than the queue's.
    pub team: String,
    pub priority: i32,
}
