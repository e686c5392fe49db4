//! `timeseries.csv`, `decisions.csv`, `pods.csv`, `nodes.csv`, `jobs.csv`, `attempts.csv` and `alerts.csv`, with the columns of [`columns`].

use std::borrow::Borrow;
use std::iter::once_with;
use std::ops::Range;
use std::sync::Arc;

use crate::record::columns::{self, Column, Unit};
use crate::record::{Cells, Episode, Recorder, alerts, jobs};
use crate::sim::Outcome;

/// One row a sample; the columns of node groups, workloads, services and HPAs follow those that every run has.
pub fn timeseries(record: &Recorder) -> Vec<u8> {
    timeseries_parts(record).collect::<Vec<_>>().concat()
}

/// As [`timeseries`], some rows at a time: the whole text of a long run of many services is many times what a part takes.
pub fn timeseries_parts(record: &Recorder) -> impl Iterator<Item = Vec<u8>> + '_ {
    let rows = record.rows().len();
    let parts = (0..rows).step_by(ROWS_OF_A_PART).map(move |from| from..rows.min(from + ROWS_OF_A_PART));
    once_with(|| timeseries_header(record)).chain(parts.map(|rows| timeseries_rows(record, rows)))
}

const ROWS_OF_A_PART: usize = 256;

fn timeseries_header(record: &Recorder) -> Vec<u8> {
    let mut out = Cells::default().starting_at(record.start());
    header(columns::SAMPLE, &mut out);
    if record.trains() {
        header(columns::TRAINING, &mut out);
    }
    series_header(columns::NODE_GROUP, record.node_groups().iter(), &mut out);
    series_header(columns::WORKLOAD, record.workloads().iter(), &mut out);
    series_header(columns::SERVICE, record.services().iter(), &mut out);
    series_header(columns::HPA, record.hpas().iter().map(|hpa| &hpa.name), &mut out);
    let metrics = record.hpas().iter().flat_map(|hpa| &hpa.metrics);
    series_header(columns::HPA_METRIC, metrics.map(|metric| &metric.name), &mut out);
    out.end_row();
    out.into_bytes()
}

fn timeseries_rows(record: &Recorder, rows: Range<usize>) -> Vec<u8> {
    let series = 4 * record.node_groups().len()
        + 12 * record.workloads().len()
        + 7 * record.services().len()
        + 8 * record.hpas().len();
    let mut out = Cells::with_capacity(rows.len() * (460 + 6 * series)).starting_at(record.start());
    for index in rows {
        let row = &record.rows()[index];
        cells(columns::SAMPLE, row, &(), &mut out);
        if record.trains() {
            cells(columns::TRAINING, row, &(), &mut out);
        }
        for group in record.nodes_by_group(index).iter().copied().zip(record.group_extents(index).iter().copied()) {
            cells(columns::NODE_GROUP, &group, &(), &mut out);
        }
        record.replicas(index).iter().for_each(|replicas| cells(columns::WORKLOAD, replicas, &(), &mut out));
        let services = (0..record.services().len()).map(|service| record.service_values(index, service));
        services.for_each(|values| cells(columns::SERVICE, &values, &(), &mut out));
        record.hpa_rows(index).for_each(|row| cells(columns::HPA, &row, &(), &mut out));
        record.hpa_metric_rows(index).for_each(|row| cells(columns::HPA_METRIC, &row, &(), &mut out));
        out.end_row();
    }
    out.into_bytes()
}

/// One row a decision.
pub fn decisions(record: &Recorder) -> Vec<u8> {
    table(columns::DECISION, 0..record.decisions().len(), record, record.start(), 120)
}

/// One row a pod.
pub fn pods(outcome: &Outcome) -> Vec<u8> {
    table(columns::POD, outcome.pods.iter(), outcome, outcome.start_epoch_seconds, 200)
}

/// One row a node.
pub fn nodes(outcome: &Outcome) -> Vec<u8> {
    table(columns::NODE, outcome.nodes.iter(), outcome, outcome.start_epoch_seconds, 200)
}

/// A row a training job.
pub fn jobs(outcome: &Outcome) -> Vec<u8> {
    table(jobs::JOB, outcome.training.iter(), outcome, outcome.start_epoch_seconds, 250)
}

/// A row a start of a training job.
pub fn attempts(outcome: &Outcome) -> Vec<u8> {
    table(jobs::ATTEMPT, jobs::starts(outcome).into_iter(), outcome, outcome.start_epoch_seconds, 100)
}

/// A row an alert.
pub fn alerts(episodes: &[Episode], start: Option<i64>) -> Vec<u8> {
    table(alerts::ALERT, episodes.iter(), &(), start, 150)
}

fn table<Row, Context>(
    columns: &[Column<Row, Context>],
    rows: impl ExactSizeIterator<Item: Borrow<Row>>,
    context: &Context,
    start: Option<i64>,
    bytes_a_row: usize,
) -> Vec<u8> {
    let mut out = Cells::with_capacity((rows.len() + 1) * bytes_a_row).starting_at(start);
    header(columns, &mut out);
    out.end_row();
    for row in rows {
        cells(columns, row.borrow(), context, &mut out);
        out.end_row();
    }
    out.into_bytes()
}

fn header<Row, Context>(columns: &[Column<Row, Context>], out: &mut Cells) {
    for column in columns {
        if is_in(column, out) {
            out.text(column.name);
        }
    }
}

fn series_header<'a, Row>(columns: &[Column<Row>], names: impl Iterator<Item = &'a Arc<str>>, out: &mut Cells) {
    for name in names {
        columns.iter().for_each(|column| out.dotted([column.name, name]));
    }
}

fn cells<Row, Context>(columns: &[Column<Row, Context>], row: &Row, context: &Context, out: &mut Cells) {
    for column in columns {
        if is_in(column, out) {
            (column.cell)(row, context, out);
        }
    }
}

/// Timestamps are only in tables that have dates.
fn is_in<Row, Context>(column: &Column<Row, Context>, out: &Cells) -> bool {
    column.unit != Unit::Timestamp || out.has_dates()
}
