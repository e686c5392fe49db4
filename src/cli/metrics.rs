//! `windtunnel metrics`: the names that HPAs, rules and expectations may use.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Outcome;
use crate::record::metrics::{METRICS, MetricRow};
use crate::reference::{Metric, metrics};
use crate::report::table;

/// List the metrics that HPAs, rules and expectations may name
#[derive(Args)]
#[command(after_help = "Examples:
  windtunnel metrics
  windtunnel metrics wait --for figure
  windtunnel metrics --for scrape
  windtunnel metrics --for hpa --json")]
pub struct Arguments {
    /// Only names that hold this text
    #[arg(default_value = "", hide_default_value = true)]
    filter: String,
    /// Only names for this
    #[arg(long = "for", value_enum, value_name = "WHAT")]
    purpose: Option<Purpose>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// Metrics of HorizontalPodAutoscalers
    Hpa,
    /// What is exported to Prometheus, for rules and dashboards
    Scrape,
    /// Figures of summary.json, for `expect:`
    Figure,
    /// Columns of timeseries.csv, for `expect:`
    Column,
}

impl Purpose {
    fn takes(self, metric: &Metric) -> bool {
        let prefix = match self {
            Purpose::Hpa => "hpa ",
            Purpose::Scrape => "scrape",
            Purpose::Figure => "figure",
            Purpose::Column => "column",
        };
        metric.used_in.starts_with(prefix)
    }
}

/// The row of a metric that is exported.
fn exported(metric: &Metric) -> Option<&'static MetricRow> {
    METRICS.iter().find(|row| metric.used_in == "scrape" && row.name == metric.name)
}

/// Its labels; what its scrape job sets with the value.
fn labels(row: &MetricRow) -> Vec<String> {
    let own = row.labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned);
    let of_target = row.source.target_labels().iter().map(|(label, value)| format!("{label}={value}"));
    own.chain(of_target).collect()
}

pub fn run(arguments: &Arguments) -> Outcome {
    let filter = arguments.filter.to_lowercase();
    let mut listed = metrics();
    listed.retain(|metric| {
        metric.name.to_lowercase().contains(&filter) && arguments.purpose.is_none_or(|purpose| purpose.takes(metric))
    });
    if listed.is_empty() {
        return Err(anyhow::anyhow!("no metric holds {:?}; `windtunnel metrics` lists all", arguments.filter).into());
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let rows = listed.iter().map(|metric| {
            let mut row =
                json!({"name": metric.name, "used_in": metric.used_in, "unit": metric.unit, "about": metric.about});
            if let Some(exported) = exported(metric) {
                row["type"] = json!(exported.kind.name());
                row["labels"] = json!(labels(exported));
            }
            row
        });
        writeln!(out, "{:#}", json!(rows.collect::<Vec<_>>()))?;
    } else if arguments.purpose == Some(Purpose::Scrape) {
        let header = ["name", "type", "unit", "labels", "meaning"].map(str::to_owned);
        let row = |metric: &Metric| {
            let exported = exported(metric)?;
            let kind = exported.kind.name().to_owned();
            Some(vec![
                metric.name.clone(),
                kind,
                metric.unit.clone(),
                labels(exported).join(", "),
                metric.about.clone(),
            ])
        };
        let rows: Vec<Vec<String>> = listed.iter().filter_map(row).collect();
        write!(out, "{}", table::columns(&header, &rows, header.len()))?;
    } else {
        let header = ["name", "used in", "unit", "meaning"].map(str::to_owned);
        let rows: Vec<Vec<String>> = listed
            .into_iter()
            .map(|metric| vec![metric.name, metric.used_in.to_owned(), metric.unit, metric.about])
            .collect();
        write!(out, "{}", table::columns(&header, &rows, header.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}
