//! The record as a whole: tables against their declared columns, totals of the time series against the summary.

use std::collections::BTreeSet;

use super::columns::{self, Column};
use super::writer::{csv as tables, json};
use super::{Summary, figures, fixture};

/// The header and the rows of a written table.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |row: Result<csv::StringRecord, csv::Error>| row.unwrap().iter().map(str::to_owned).collect();
    (header, reader.records().map(row).collect())
}

fn names<Row, Context>(columns: &[Column<Row, Context>]) -> Vec<String> {
    columns.iter().map(|column| column.name.to_owned()).collect()
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
fn every_pod_of_the_summary_is_in_one_state_and_unbound_pods_have_no_wait() {
    let pods = Summary::of(&fixture::run(1).1).pods;
    assert_eq!(pods.created, pods.completed + pods.failed + pods.deleted + pods.pending_at_end + pods.running_at_end);
    assert_eq!((pods.created, pods.scheduled, pods.pending_at_end), (20, 15, 5));
    assert_eq!(Summary::of(&fixture::run(1).1).pod_wait_seconds.count, 15);
}

#[test]
fn figures_keep_the_order_of_the_summary_and_name_nested_values_by_path() {
    let summary = Summary::of(&fixture::run(60).1);
    let figures = figures(&summary);
    assert_eq!((figures[0].name.as_str(), figures[0].value), ("simulated_seconds", 3600.0));
    let value = |name: &str| figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
    assert_eq!(value("pod_wait_seconds.p99"), Some(19.0));
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
