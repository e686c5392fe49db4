//! A recorded series for the load pattern `replay`: one column of a CSV file over another that holds seconds.

use std::io::Read;

use super::ImportError;
use super::table::Table;
use crate::load::pattern::SeriesPoint;
use crate::units::SimTime;

/// Reads the columns `time` (seconds, each later than the one above) and `value` (zero or more); others are ignored.
///
/// # Errors
/// A missing column, no row at all, or the first field that is not as stated.
pub fn read_series(reader: impl Read, file: &str, time: &str, value: &str) -> Result<Vec<SeriesPoint>, ImportError> {
    let mut table = Table::open(reader, file)?;
    let (time, value) = (table.column(time)?, table.column(value)?);
    let mut points: Vec<SeriesPoint> = Vec::new();
    while let Some(row) = table.next()? {
        let earliest = points.last().map_or(SimTime::ZERO, |point| point.at);
        let at = row.seconds_from(time, earliest)?;
        if at == earliest && !points.is_empty() {
            return Err(row.refuse(time, "a time later than the row above"));
        }
        points.push(SeriesPoint { at, value: row.number(value)? });
    }
    if points.is_empty() {
        return Err(ImportError::Unreadable { file: file.to_owned(), problem: "no row under the header".to_owned() });
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: &str = include_str!("../../../data/genai-serving-2026/request_rate.csv");

    #[test]
    fn the_published_request_rates_are_read_whole() {
        let points = read_series(RATES.as_bytes(), "rates.csv", "time_s", "generative_rps").unwrap();
        assert_eq!(points.len(), 1_369);
        assert_eq!(points[1].at, SimTime::from_secs(60));
        assert!(points.iter().any(|point| point.value > 0.0));
    }

    #[test]
    fn a_bad_series_names_its_place() {
        for (text, parts) in [
            ("t,v\n", &["rates.csv", "no row"][..]),
            ("t,w\n1,2\n", &["no column \"v\""]),
            ("t,v\n0,1\n0,2\n", &["rates.csv:3:1", "later than"]),
            ("t,v\n5,1\n0,2\n", &["rates.csv:3:1", "not before"]),
            ("t,v\n0,\n", &["rates.csv:2:3", "a number of zero or more"]),
            ("t,v\n0,-1\n", &["rates.csv:2:3", "a number of zero or more"]),
        ] {
            let error = read_series(text.as_bytes(), "rates.csv", "t", "v").unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
    }
}
