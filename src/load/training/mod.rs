//! Training jobs: gangs whose progress is counted in steps and whose pods' usage follows the phase they are in.
//!
//! [`ThroughputTable`] says how fast a job runs where it was placed, [`PhasesSpec`] what its pods use meanwhile, and
//! [`TrainingJob`] carries it from phase to phase. When its workers start or are lost is the caller's business: a job
//! here only ever sees instants and rates.

mod checkpoint;
mod copies;
mod data;
mod error;
mod flops;
mod job;
mod options;
mod phase;
mod profile;
mod rate;
mod step_time;
mod throughput;
mod usage;
mod variability;

pub use checkpoint::{CheckpointPhase, NearCopy, Tiers, YoungDaly};
pub use data::DataPhase;
pub use error::TrainingError;
pub use flops::Peaks;
pub use job::{Lost, TrainingJob, TrainingTotals};
pub use options::{Elastic, Stretch, TrainingJobRow, TrainingOptions};
pub use phase::{ComputePhase, LoadPhase, Phase, PhasesSpec};
pub use profile::{BatchLimits, Gradient, ModelProfile, Profiles, Split};
pub use rate::{Epochs, Pace, StepRate};
pub use step_time::{StepTime, StepTimes};
pub use throughput::{BeyondMeasured, Configuration, ThroughputError, ThroughputRow, ThroughputTable};
pub use usage::{Usage, UsageFractions};
pub use variability::{JitterSpec, StragglersSpec, VariabilitySpec};
