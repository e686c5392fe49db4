//! `summary.json` and `engine.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::{Provenance, Summary};
use crate::sim::EngineFigures;

/// What the run cost its machine; the command line measures it.
#[derive(Clone, Debug)]
pub struct EngineReport {
    pub provenance: Provenance,
    pub figures: EngineFigures,
    pub wall_seconds: f64,
    /// Of all threads of the process meanwhile, in user and in kernel mode; `None` where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// `None` where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// Equal summaries give equal bytes.
pub fn summary(summary: &Summary) -> Vec<u8> {
    pretty(summary)
}

/// The only output that differs between two runs of one seed.
pub fn engine(report: &EngineReport) -> Vec<u8> {
    #[derive(Serialize)]
    struct Engine<'a> {
        #[serde(flatten)]
        provenance: &'a Provenance,
        events: u64,
        scheduling_attempts: u64,
        autoscaler_loops: u64,
        autoscaler_loops_skipped: u64,
        events_by_kind: BTreeMap<&'static str, u64>,
        wall_seconds: f64,
        cpu_seconds: Option<f64>,
        events_per_second: f64,
        peak_memory_bytes: Option<u64>,
    }
    let figures = report.figures;
    pretty(&Engine {
        provenance: &report.provenance,
        events: figures.events,
        scheduling_attempts: figures.scheduling_attempts,
        autoscaler_loops: figures.autoscaler_loops,
        autoscaler_loops_skipped: figures.autoscaler_loops_skipped,
        events_by_kind: figures.events_by_kind.iter().collect(),
        wall_seconds: report.wall_seconds,
        cpu_seconds: report.cpu_seconds,
        events_per_second: figures.events as f64 / report.wall_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
    })
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("these structs have only string keys");
    bytes.push(b'\n');
    bytes
}
