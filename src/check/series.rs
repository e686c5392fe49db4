//! Columns of `timeseries.csv`, judged over time.
//!
//! They are read from the table as it is written, so that a check sees what a reader of the file would.

use std::collections::HashMap;

use crate::record::Recorder;
use crate::record::columns;
use crate::record::writer::csv as tables;

/// What is made of a column's samples. A plain column must hold at every sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    Every,
    Max,
    Min,
    Avg,
    Last,
    /// The smallest sample that at least this fraction of all do not exceed.
    Quantile(f64),
}

const FUNCTIONS: [(&str, Function); 4] = [
    ("max_over_time", Function::Max),
    ("min_over_time", Function::Min),
    ("avg_over_time", Function::Avg),
    ("last_over_time", Function::Last),
];

/// Names for a hint.
pub const FUNCTION_NAMES: [&str; 5] =
    ["max_over_time", "min_over_time", "avg_over_time", "last_over_time", "quantile_over_time"];

/// Takes `max_over_time(pods_pending)` apart. `None` where the text is no call of a known function.
pub fn call(text: &str) -> Option<(Function, &str)> {
    let (name, rest) = text.split_once('(')?;
    let argument = rest.trim_end().strip_suffix(')')?.trim();
    if name.trim() == "quantile_over_time" {
        let (fraction, column) = argument.split_once(',')?;
        let fraction = fraction.trim().parse().ok().filter(|fraction| (0.0..=1.0).contains(fraction))?;
        return Some((Function::Quantile(fraction), column.trim()));
    }
    FUNCTIONS.iter().find(|(known, _)| *known == name.trim()).map(|(_, function)| (*function, argument))
}

/// Whether `timeseries.csv` can have this column.
pub fn is_column(name: &str) -> bool {
    fixed_columns().any(|column| column == name) || named_columns().any(|column| below(name, column))
}

fn below(name: &str, column: &str) -> bool {
    name.strip_prefix(column).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
}

/// Columns of every run.
pub fn fixed_columns() -> impl Iterator<Item = &'static str> {
    columns::SAMPLE.iter().chain(columns::TRAINING).map(|column| column.name)
}

/// Columns that stand once a node group, workload, service, HPA or metric of one, its name behind a dot.
pub fn named_columns() -> impl Iterator<Item = &'static str> {
    let groups = columns::NODE_GROUP.iter().map(|column| column.name);
    let workloads = columns::WORKLOAD.iter().map(|column| column.name);
    let services = columns::SERVICE.iter().map(|column| column.name);
    let hpas =
        columns::HPA.iter().map(|column| column.name).chain(columns::HPA_METRIC.iter().map(|column| column.name));
    groups.chain(workloads).chain(services).chain(hpas)
}

/// The time series of one run, by column.
pub struct Series {
    columns: HashMap<String, usize>,
    /// Seconds of each sample.
    pub times: Vec<f64>,
    rows: Vec<csv::StringRecord>,
}

impl Series {
    pub fn of(record: &Recorder) -> Series {
        let bytes = tables::timeseries(record);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().cloned().unwrap_or_default();
        let columns = header.iter().enumerate().map(|(index, name)| (name.to_owned(), index)).collect();
        let rows: Vec<csv::StringRecord> = reader.records().filter_map(Result::ok).collect();
        let mut series = Series { columns, times: Vec::new(), rows };
        series.times = series.column("time").unwrap_or_default();
        series
    }

    /// The samples of a column; NaN where a cell is empty. `None` where this run has no such column.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let index = *self.columns.get(name)?;
        let cell = |row: &csv::StringRecord| row.get(index).and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN);
        Some(self.rows.iter().map(cell).collect())
    }

    /// Names of this run's columns.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.columns.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

/// The value of a function over samples, and the index of a sample that shows it. `None` without a number.
pub fn apply(function: Function, values: &[f64]) -> Option<(f64, usize)> {
    let numbers = || values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan());
    let (index, value) = match function {
        Function::Max => numbers().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?,
        Function::Min => numbers().min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))?,
        Function::Last | Function::Every => numbers().next_back()?,
        Function::Avg => {
            let (count, sum) = numbers().fold((0u32, 0.0), |(count, sum), (_, value)| (count + 1, sum + value));
            let last = numbers().next_back()?.0;
            (last, sum / f64::from(count))
        }
        Function::Quantile(fraction) => {
            let mut sorted: Vec<(usize, f64)> = numbers().collect();
            sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
            let rank = ((sorted.len() as f64 * fraction).ceil() as usize).clamp(1, sorted.len().max(1));
            *sorted.get(rank - 1)?
        }
    };
    Some((value, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_taken_apart() {
        assert_eq!(call("max_over_time(pods_pending)"), Some((Function::Max, "pods_pending")));
        assert_eq!(call("quantile_over_time(0.95, nodes)"), Some((Function::Quantile(0.95), "nodes")));
        assert_eq!(call("quantile_over_time(95, nodes)"), None);
        assert_eq!(call("sum_over_time(nodes)"), None);
        assert_eq!(call("nodes"), None);
    }

    #[test]
    fn functions_pass_over_empty_cells() {
        let values = [f64::NAN, 2.0, 9.0, 4.0, 9.0];
        assert_eq!(apply(Function::Max, &values), Some((9.0, 2)));
        assert_eq!(apply(Function::Min, &values), Some((2.0, 1)));
        assert_eq!(apply(Function::Avg, &values), Some((6.0, 4)));
        assert_eq!(apply(Function::Last, &values), Some((9.0, 4)));
        assert_eq!(apply(Function::Quantile(0.5), &values), Some((4.0, 3)));
        assert_eq!(apply(Function::Max, &[f64::NAN]), None);
    }

    #[test]
    fn columns_are_known_by_the_declared_tables() {
        assert!(is_column("pods_pending") && is_column("nodes.general") && is_column("replicas.default/web"));
        assert!(!is_column("pods_pendng") && !is_column("pods_pending.x") && !is_column("nodes."));
    }
}
