//! Plots of a run, as SVG or PNG.
//!
//! A plot is a file with one function from a [`Run`] to a [`Figure`] (or to nothing, where the run has nothing of the
//! kind), and a line in [`PLOTS`]. A figure only says what is to be seen; `render` lays it out and `canvas` is the one
//! file that knows plotters and the font.

mod alerts;
mod axis;
mod canvas;
mod cost;
mod cost_against_wait;
mod cost_by_group;
mod figure;
mod goodput;
mod hpa;
mod intervals;
mod jobs;
mod labels;
mod marks;
mod nodes;
mod pending_pods;
mod render;
mod rows;
mod services;
mod sheet;
#[cfg(test)]
mod tests;
mod thin;
mod training;
mod utilization;
mod waits;

pub use alerts::{Spans as AlertSpans, spans as alert_spans};
pub use axis::number;
pub use canvas::PlotError;
pub use cost_against_wait::{Configuration, Range, Tradeoff};
pub use figure::{Across, Bar, Color, Figure, Key, Look, Panel, Row, Series, Shape};
pub use intervals::{Difference, Intervals};
pub use jobs::{longest as longest_jobs, told as told_job};

use crate::record::{Episode, Provenance, Recorder, SampleRow};
use crate::scenario::{Hpa, Scenario};
use crate::sim::{Extent, Outcome};

/// What plots are made from.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub scenario: &'a Scenario,
    pub record: &'a Recorder,
    pub outcome: &'a Outcome,
    pub provenance: &'a Provenance,
    /// Where rules watched it: every alert that was pending.
    pub alerts: &'a [Episode],
}

/// A count of a sample.
#[derive(Clone, Copy)]
struct Count {
    value: fn(&SampleRow) -> u32,
    extent: fn(&SampleRow) -> Extent,
}

/// A kind of plot.
pub struct Plot {
    /// Of its file, without extension.
    pub name: &'static str,
    /// `None` where the run has nothing to show.
    pub figure: fn(&Run<'_>) -> Option<Figure>,
}

/// Every plot of a run, in the order in which reports show them.
pub const PLOTS: &[Plot] = &[
    Plot { name: "utilization", figure: utilization::figure },
    Plot { name: "nodes", figure: nodes::figure },
    Plot { name: "pending", figure: pending_pods::figure },
    Plot { name: "waits", figure: waits::figure },
    Plot { name: "hpa", figure: hpa::figure },
    Plot { name: "services", figure: services::figure },
    Plot { name: "training", figure: training::figure },
    Plot { name: "jobs", figure: jobs::figure },
    Plot { name: "goodput", figure: goodput::figure },
    Plot { name: "alerts", figure: alerts::figure },
    Plot { name: "cost", figure: cost::figure },
    Plot { name: "cost-by-group", figure: cost_by_group::figure },
];

/// The figures that a run has something for, with their names.
pub fn figures(run: &Run<'_>) -> Vec<(&'static str, Figure)> {
    PLOTS.iter().filter_map(|plot| Some((plot.name, (plot.figure)(run)?))).collect()
}

impl Run<'_> {
    /// A figure about this run, without panels.
    fn figure(&self, title: &str) -> Figure {
        let outcome = self.outcome;
        Figure {
            title: title.to_owned(),
            subtitle: format!("{}, seed {}", outcome.scenario, outcome.seed),
            made_by: self.provenance.line(),
            across: Across::Time,
            at: self.record.rows().iter().map(|row| row.at.as_secs_f64()).collect(),
            start_epoch_seconds: outcome.start_epoch_seconds,
            panels: Vec::new(),
        }
    }

    /// A count of the cluster: its values, and what it was between them.
    fn count(&self, label: &str, color: Color, shape: Shape, count: Count) -> Series {
        let values = self.values(|row| f64::from((count.value)(row)));
        Series::new(label, color, shape, values).within(self.record.rows().iter().map(|row| (count.extent)(row)))
    }

    /// Minimum and maximum of the HPA of this workload; none without an HPA.
    fn replica_limits(&self, workload: &str) -> Vec<Series> {
        let is_of = |hpa: &&Hpa| {
            let target = &self.scenario.workloads[hpa.target.index()];
            let key = format!("{}/{}", target.namespace, target.name);
            workload == key || workload.ends_with(&format!("/{key}"))
        };
        let Some(hpa) = self.scenario.hpas.iter().find(is_of) else { return Vec::new() };
        let (min, max) = (hpa.spec.min_replicas, hpa.spec.max_replicas);
        let count = self.record.rows().len();
        vec![
            Series::limit(format!("minReplicas ({min})"), Color::GRAY, min.into(), count),
            Series::limit(format!("maxReplicas ({max})"), Color::VERMILLION, max.into(), count),
        ]
    }

    /// One value a sample.
    fn values(&self, value: impl FnMut(&SampleRow) -> f64) -> Vec<f64> {
        self.record.rows().iter().map(value).collect()
    }
}
