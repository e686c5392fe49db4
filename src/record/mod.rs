//! What is kept of a run, and how it is written down.
//!
//! [`Recorder`] watches a simulation and keeps its samples and decisions; [`Summary`] condenses the outcome into the
//! figures that checks, sweeps and people compare; [`writer`] turns both into files. Every column of every table is
//! declared once, in [`columns`]. Plots and terminal tables (`report`) read the same record.

pub mod alerts;
mod cells;
pub mod columns;
mod explain;
mod figures;
#[cfg(test)]
pub(crate) mod fixture;
mod hpas;
pub mod jobs;
pub mod metrics;
mod packed;
mod provenance;
mod recorder;
mod services;
mod statistics;
mod summary;
#[cfg(test)]
mod tests;
pub mod waits;
pub mod writer;

pub use alerts::{AlertFigures, Episode, RuleFailure};
pub use cells::Cells;
pub use explain::{ByReason, Explain, IdleFigures, Reason, WaitFigures};
pub use figures::{Figure, figures, is_zero_where_absent, read_figures, value_of};
pub use hpas::{HpaLimits, HpaMetric, HpaMetricRow, HpaRow};
pub use packed::{Packed, PackedRows, Row};
pub use provenance::{Provenance, SweepProvenance, VERSION, difference};
pub use recorder::{Decision, Hours, Recorder, Replicas, SampleRow, ServiceValues};
pub use services::{LatencySeconds, ServiceFigures, ServiceUnit, Services};
pub use statistics::{Seen, Spread, ended_within};
pub use summary::{
    CommitmentFigures, CostSummary, FaultSummary, NodeSummary, PodSummary, ScalingSummary, Share, Summary,
    TrainingSummary, Utilization, WorkloadFigures,
};
