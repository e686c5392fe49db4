//! A log of requests: when each came, and what it was like.

use std::collections::BTreeMap;
use std::io::Read;

use super::clock::Clock;
use super::table::{Column, Table};
use super::{ImportError, Listed, Notes, Options, Source, Trace};
use crate::units::{SimDuration, SimTime};

/// A row of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedRequest {
    /// Nanoseconds: from the log's own zero where it holds seconds, from the first row where it holds timestamps.
    pub at: i64,
    /// The sum of the columns asked for, each times its weight; 1 where none is.
    pub size: f64,
}

/// Which rows of a log are taken: those whose column has one of these values.
pub type Only = BTreeMap<String, Vec<String>>;

/// Reads a row a request, sorted by time (rows of one instant stay in their order). `time` is a column of seconds, Unix
/// times or timestamps (RFC 3339, or `2023-11-16 18:17:03.98`, taken as UTC).
///
/// # Errors
/// A missing column, no row at all, or the first field that is not as stated.
pub fn read_requests(
    reader: impl Read,
    file: &str,
    time: &str,
    size: &[(&str, f64)],
    only: &Only,
) -> Result<Listed<LoggedRequest>, ImportError> {
    let options = Options::default();
    let mut table = Table::open(reader, file, &options)?;
    let time = table.column(time)?;
    let columns = size.iter().map(|(name, weight)| Ok((table.column(name)?, *weight)));
    let columns = columns.collect::<Result<Vec<_>, ImportError>>()?;
    let only = only.iter().map(|(name, values)| Ok((table.column(name)?, &values[..])));
    let only = only.collect::<Result<Vec<_>, ImportError>>()?;
    read_rows(&mut table, time, &columns, &only, &mut 0)
}

fn read_rows(
    table: &mut Table<'_>,
    time: Column,
    columns: &[(Column, f64)],
    only: &[(Column, &[String])],
    rows: &mut usize,
) -> Result<Listed<LoggedRequest>, ImportError> {
    let (mut clock, mut requests) = (Clock::default(), Vec::new());
    table.each(|row| {
        *rows += 1;
        if only.iter().any(|(column, values)| !values.iter().any(|value| value.as_bytes() == row.bytes(*column))) {
            return Ok(());
        }
        let at = clock.read(row, time)?;
        let mut size = f64::from(u8::from(columns.is_empty()));
        for (column, weight) in columns {
            size += weight * row.number(*column)?;
        }
        requests.push(LoggedRequest { at, size });
        Ok(())
    })?;
    if requests.is_empty() {
        let problem = format!("none of the {rows} rows has a value that is asked for");
        return Err(ImportError::Unreadable { file: table.file().to_owned(), problem });
    }
    let of = |request: &LoggedRequest| SimTime::from_nanos(request.at);
    let notes = clock.settle(&mut requests, of, |request, at| request.at = at.nanos());
    Ok(Listed { notes: table.notes(notes), rows: requests })
}

/// What makes a request of a published log long.
pub(super) struct Work {
    /// The names that this column goes by.
    pub columns: &'static [&'static str],
    /// Of a GPU, for one of what the column counts.
    pub gpu_seconds: f64,
}

/// How a published log is written.
pub(super) struct Shape {
    pub time: &'static [&'static str],
    pub work: &'static [Work],
    /// Columns, where there are such, that must have this value.
    pub only: &'static [(&'static [&'static str], &'static str)],
    /// Requests that a pod works on at a time.
    pub concurrency: u32,
}

/// What a log of requests says beyond its rows, which a scenario reads from the file itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestTrace {
    pub count: usize,
    /// From the log's zero to the last request.
    pub span: SimDuration,
    pub time_column: String,
    /// GPU seconds of one of what each column counts.
    pub size: BTreeMap<String, f64>,
    pub only: Only,
    pub concurrency: u32,
    pub mean_gpu_seconds: f64,
}

/// Reads a log in a published form.
pub(super) fn read_log(source: Source<'_>, shape: &Shape, options: &Options) -> Result<Trace, ImportError> {
    let mut table = Table::open(source.reader, source.file, options)?;
    let time = table.any_of(shape.time)?;
    let mut columns = Vec::new();
    for work in shape.work {
        columns.push((table.any_of(work.columns)?, work.gpu_seconds));
    }
    let mut only = Vec::new();
    for (names, value) in shape.only {
        if let Some(column) = names.iter().find_map(|name| table.optional(name)) {
            only.push((column, vec![(*value).to_owned()]));
        }
    }
    let asked: Vec<(Column, &[String])> = only.iter().map(|(column, values)| (*column, &values[..])).collect();
    let mut rows = 0usize;
    let mut listed = read_rows(&mut table, time, &columns, &asked, &mut rows)?;
    if listed.rows.len() < rows {
        let left_out = rows - listed.rows.len();
        listed.notes.push(format!("{}: {left_out} of {rows} requests did not succeed and are left out", source.file));
    }
    let last = listed.rows.last().map_or(0, |request| request.at);
    let mean = listed.rows.iter().map(|request| request.size).sum::<f64>() / listed.rows.len() as f64;
    let requests = RequestTrace {
        count: listed.rows.len(),
        span: SimDuration::from_nanos(last),
        time_column: table.name(time).to_owned(),
        size: columns.iter().map(|(column, weight)| (table.name(*column).to_owned(), *weight)).collect(),
        only: only.iter().map(|(column, values)| (table.name(*column).to_owned(), values.clone())).collect(),
        concurrency: shape.concurrency,
        mean_gpu_seconds: mean,
    };
    Ok(Trace { requests: Some(requests), notes: Notes(listed.notes), ..Trace::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, size: &[(&str, f64)]) -> Result<Vec<(i64, f64)>, String> {
        let requests =
            read_requests(text.as_bytes(), "log.csv", "at", size, &Only::new()).map_err(|error| error.to_string())?;
        Ok(requests.rows.iter().map(|request| (request.at / 1_000_000, request.size)).collect())
    }

    #[test]
    fn rows_are_requests_of_a_size() {
        let log = "at,in,out\n1.5,100,20\n0.5,10,1\n";
        assert_eq!(read(log, &[("in", 0.5), ("out", 2.0)]).unwrap(), [(500, 7.0), (1500, 90.0)]);
        assert_eq!(read(log, &[]).unwrap(), [(500, 1.0), (1500, 1.0)]);
    }

    #[test]
    fn timestamps_count_from_the_first() {
        let log = "at\n2023-11-16 18:17:04.25\n2023-11-16 18:17:03.0\n";
        assert_eq!(read(log, &[]).unwrap(), [(0, 1.0), (1250, 1.0)]);
        assert_eq!(
            read("at\n2026-01-01T00:00:00Z\n2026-01-01T00:00:01+00:00\n", &[]).unwrap(),
            [(0, 1.0), (1000, 1.0)]
        );
    }

    #[test]
    fn a_bad_log_names_its_place() {
        for (text, parts) in [
            ("at,in\n", &["log.csv", "no row"][..]),
            ("t,in\n1,2\n", &["no column \"at\""]),
            ("at,i\n1,2\n", &["no column \"in\""]),
            ("at,in\n1,x\n", &["log.csv:2:3", "a number of zero or more"]),
            ("at,in\nsoon,1\n", &["log.csv:2:1", "seconds"]),
            ("at,in\n1,1\n2026-01-01T00:00:00Z,1\n", &["log.csv:3:1", "the same form"]),
        ] {
            let error = read(text, &[("in", 1.0)]).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
    }
}
