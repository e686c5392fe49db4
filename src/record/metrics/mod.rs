//! The run as a monitoring system sees it: metrics under the names that a live cluster exports.
//!
//! [`Exporter`] reads the cluster's objects at every scrape and tells [`Sink`]s which series changed; [`METRICS`] is the
//! one table of what there is.

mod autoscalers;
mod cadvisor;
mod closed;
mod controllers;
mod exporter;
mod nodes;
pub mod openmetrics;
mod pods;
pub mod remote_write;
mod series;
mod services;
mod table;
mod tape;
mod values;
mod workloads;

pub use exporter::{Exporter, Watched};
pub use series::{Series, SeriesId, Sink};
pub use table::{Kind, METRICS, Metric, MetricRow, Source};
