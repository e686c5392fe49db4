//! The record as a whole: tables against their declared columns, totals of the time series against the summary.

use std::collections::BTreeSet;

use super::columns::{self, Column, Unit};
use super::writer::{csv as tables, json};
use super::{Summary, figures, fixture};
use crate::sim::Outcome;

/// The header and the rows of a written table.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |row: Result<csv::StringRecord, csv::Error>| row.unwrap().iter().map(str::to_owned).collect();
    (header, reader.records().map(row).collect())
}

/// Of a table without dates.
fn names<Row, Context>(columns: &[Column<Row, Context>]) -> Vec<String> {
    let undated = columns.iter().filter(|column| column.unit != Unit::Timestamp);
    undated.map(|column| column.name.to_owned()).collect()
}

fn suffixed<Row>(columns: &[Column<Row>], suffix: &str) -> Vec<String> {
    columns.iter().map(|column| format!("{}.{suffix}", column.name)).collect()
}

/// The csv reader refuses a row with another number of cells than the header, so each column gives exactly one.
#[test]
fn every_table_has_exactly_the_declared_columns() {
    let (record, outcome) = fixture::run(90);
    let (header, rows) = read(&tables::timeseries(&record));
    let expected = [
        names(columns::SAMPLE),
        names(columns::TRAINING),
        suffixed(columns::NODE_GROUP, "general"),
        suffixed(columns::NODE_GROUP, "gpu-spot"),
        suffixed(columns::WORKLOAD, "default/web"),
        suffixed(columns::SERVICE, "default/web"),
    ];
    assert_eq!((header, rows.len()), (expected.concat(), 91));
    let (header, rows) = read(&tables::pods(&outcome));
    assert_eq!((header, rows.len()), (names(columns::POD), 20));
    let (header, rows) = read(&tables::nodes(&outcome));
    assert_eq!((header, rows.len()), (names(columns::NODE), 1));
    let (header, rows) = read(&tables::decisions(&record));
    assert_eq!((header, rows.len()), (names(columns::DECISION), 1));
    assert_eq!(rows[0][5], "1 pod is unschedulable, \"web\" needs 500m");
}

/// Every instant of a run that has a date stands twice: as seconds and as a timestamp.
#[test]
fn a_run_with_a_date_has_a_timestamp_beside_every_instant() {
    let (_, outcome) = fixture::run(3);
    let outcome = Outcome { start_epoch_seconds: Some(1_767_571_200), ..outcome };
    let (header, rows) = read(&tables::pods(&outcome));
    assert_eq!(header, columns::POD.iter().map(|column| column.name).collect::<Vec<_>>());
    let cell = |row: usize, name: &str| rows[row][header.iter().position(|other| other == name).unwrap()].as_str();
    assert_eq!((cell(1, "created_time"), cell(1, "created_timestamp")), ("60.0", "2026-01-05T00:01:00Z"));
    assert_eq!((cell(1, "ready_time"), cell(1, "ready_timestamp")), ("67.5", "2026-01-05T00:01:07.5Z"));
    assert_eq!((cell(0, "scheduled_time"), cell(0, "scheduled_timestamp")), ("", ""), "it was never bound");
    let (header, rows) = read(&tables::nodes(&outcome));
    assert_eq!(header.len(), columns::NODE.len());
    assert_eq!(rows[0].iter().filter(|cell| cell.starts_with("2026-01-05T00:0")).count(), 3);
}

/// A reader that guesses a column's type from its first rows guesses the same from any other: counts are whole, all else
/// has a point.
#[test]
fn a_column_has_one_type_from_the_first_row_to_the_last() {
    let (record, outcome) = fixture::run(1_440);
    let units = |name: &str| -> Unit {
        let name = name.split('.').next().unwrap();
        let sample = columns::SAMPLE.iter().chain(columns::TRAINING).map(|column| (column.name, column.unit));
        let pods = columns::POD.iter().map(|column| (column.name, column.unit));
        let nodes = columns::NODE.iter().map(|column| (column.name, column.unit));
        let services = columns::SERVICE.iter().map(|column| (column.name, column.unit));
        let workloads = columns::WORKLOAD.iter().map(|column| (column.name, column.unit));
        let decisions = columns::DECISION.iter().map(|column| (column.name, column.unit));
        let all = sample.chain(pods).chain(nodes).chain(services).chain(workloads).chain(decisions);
        all.into_iter().find(|(other, _)| *other == name).map(|(_, unit)| unit).unwrap()
    };
    let written =
        [tables::timeseries(&record), tables::pods(&outcome), tables::nodes(&outcome), tables::decisions(&record)];
    for (header, rows) in written.iter().map(|bytes| read(bytes)) {
        for (index, name) in header.iter().enumerate() {
            let unit = units(name);
            for cell in rows.iter().map(|row| &row[index]).filter(|cell| !cell.is_empty()) {
                match unit {
                    Unit::Text | Unit::Timestamp => {}
                    Unit::Count | Unit::Bytes => assert!(cell.parse::<i64>().is_ok(), "{name}: {cell}"),
                    _ => assert!(cell.contains('.') && cell.parse::<f64>().is_ok(), "{name}: {cell}"),
                }
            }
        }
    }
}

#[test]
fn columns_are_snake_case_distinct_and_say_what_they_mean() {
    fn check<Row, Context>(columns: &[Column<Row, Context>]) {
        let distinct: BTreeSet<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(distinct.len(), columns.len());
        for column in columns {
            let snake =
                column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(snake, "{}", column.name);
            assert!(!column.doc.is_empty() || !column.upstream.is_empty(), "{} says nothing", column.name);
        }
    }
    check(columns::SAMPLE);
    check(columns::WORKLOAD);
    check(columns::SERVICE);
    check(columns::DECISION);
    check(columns::POD);
    check(columns::NODE);
}

#[test]
fn the_last_row_of_the_time_series_equals_the_summary() {
    let (record, outcome) = fixture::run(1_440);
    let summary = Summary::of(&outcome);
    let (header, rows) = read(&tables::timeseries(&record));
    let last = |name: &str| -> f64 {
        let column = header.iter().position(|other| other == name).unwrap();
        rows.last().unwrap()[column].parse().unwrap()
    };
    assert_eq!(last("cost_usd"), summary.cost.total_usd);
    assert_eq!(last("node_hours"), summary.nodes.node_hours);
    assert_eq!(last("time"), summary.simulated_seconds);
    for (resource, hours, share) in [
        ("cpu", "core_hours", summary.utilization.cpu),
        ("memory", "byte_hours", summary.utilization.memory),
        ("gpu", "hours", summary.utilization.gpu),
    ] {
        let allocatable = last(&format!("{resource}_allocatable_{hours}"));
        assert_eq!(last(&format!("{resource}_requested_{hours}")) / allocatable, share.requested);
        assert_eq!(last(&format!("{resource}_used_{hours}")) / allocatable, share.used);
    }
}

#[test]
fn every_pod_of_the_summary_is_in_one_state_and_unbound_pods_have_a_censored_wait() {
    let pods = Summary::of(&fixture::run(1).1).pods;
    assert_eq!(pods.created, pods.completed + pods.failed + pods.deleted + pods.pending_at_end + pods.running_at_end);
    assert_eq!((pods.created, pods.scheduled, pods.pending_at_end), (20, 15, 5));
    let waits = Summary::of(&fixture::run(1).1).pod_wait_seconds;
    assert_eq!((pods.never_scheduled, waits.count, waits.censored), (5, 20, 5));
}

#[test]
fn figures_keep_the_order_of_the_summary_and_name_nested_values_by_path() {
    let summary = Summary::of(&fixture::run(60).1);
    let figures = figures(&summary);
    assert_eq!((figures[0].name.as_str(), figures[0].value), ("simulated_seconds", 3600.0));
    let value = |name: &str| figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    assert_eq!(value("pod_wait_seconds.p50"), Some(13.0));
    assert_eq!(
        value("cost.by_workload.default/web.totalCost"),
        Some(summary.cost.by_workload["default/web"].total_cost)
    );
    assert_eq!(value("training.completed"), Some(4.0));
    assert!(value("training.makespan_seconds").unwrap().is_nan(), "two jobs have not ended");
    assert_eq!(value("seed"), None);
}

#[test]
fn equal_outcomes_give_equal_bytes() {
    let summary = || json::summary(&Summary::of(&fixture::run(60).1));
    assert_eq!(summary(), summary());
    assert!(!String::from_utf8(summary()).unwrap().contains("wall"));
}
