//! A log of requests: when each came, and what it was like.

use std::io::Read;

use super::ImportError;
use super::table::Table;

/// A row of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedRequest {
    /// Nanoseconds: from the log's own zero where it holds seconds, from the first row where it holds timestamps.
    pub at: i64,
    /// The sum of the columns asked for, each times its weight; 1 where none is.
    pub size: f64,
}

/// Reads a row a request, sorted by time (rows of one instant stay in their order). `time` is a column of seconds or of
/// timestamps (RFC 3339, or `2023-11-16 18:17:03.98`, taken as UTC).
///
/// # Errors
/// A missing column, no row at all, or the first field that is not as stated.
pub fn read_requests(
    reader: impl Read,
    file: &str,
    time: &str,
    size: &[(&str, f64)],
) -> Result<Vec<LoggedRequest>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let time = table.column(time)?;
    let columns = size.iter().map(|(name, weight)| Ok((table.column(name)?, *weight)));
    let columns = columns.collect::<Result<Vec<_>, ImportError>>()?;
    let mut requests: Vec<LoggedRequest> = Vec::new();
    let mut stamps = None;
    while let Some(row) = table.next()? {
        let stamp = std::str::from_utf8(row.bytes(time)).ok().and_then(timestamp);
        if *stamps.get_or_insert(stamp.is_some()) != stamp.is_some() {
            return Err(row.refuse(time, "a time of the same form as in the rows above"));
        }
        let at = match stamp {
            Some(at) => at,
            None => row.seconds(time)?.nanos(),
        };
        let mut size = f64::from(u8::from(columns.is_empty()));
        for (column, weight) in &columns {
            size += weight * row.number(*column)?;
        }
        requests.push(LoggedRequest { at, size });
    }
    requests.sort_by_key(|request| request.at);
    let Some(first) = requests.first().map(|request| request.at) else {
        return Err(ImportError::Unreadable { file: file.to_owned(), problem: "no row under the header".to_owned() });
    };
    if stamps == Some(true) {
        requests.iter_mut().for_each(|request| request.at -= first);
    }
    Ok(requests)
}

/// Nanoseconds since 1970.
fn timestamp(text: &str) -> Option<i64> {
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
    };
    i64::try_from(at.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, size: &[(&str, f64)]) -> Result<Vec<(i64, f64)>, String> {
        let requests = read_requests(text.as_bytes(), "log.csv", "at", size).map_err(|error| error.to_string())?;
        Ok(requests.iter().map(|request| (request.at / 1_000_000, request.size)).collect())
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
