//! A recorded series for the load pattern `replay`: one column of a CSV file over another that holds times.

use std::io::Read;

use super::clock::Clock;
use super::table::Table;
use super::{ImportError, Listed, Options, opened, samples};
use crate::load::pattern::SeriesPoint;
use crate::units::SimTime;

/// Reads the columns `time` (seconds, Unix times or dates, each once) and `value` (zero or more); others are ignored. Of
/// what Prometheus answered (or its text format) `value` selects series and `time` means nothing.
///
/// # Errors
/// A missing column, no row at all, or the first field that is not as stated.
pub fn read_series(
    mut reader: impl Read,
    file: &str,
    time: &str,
    value: &str,
) -> Result<Listed<SeriesPoint>, ImportError> {
    let opened = opened::open(&mut reader, file)?;
    if samples::is_of_prometheus(&opened.head) {
        let mut reader = opened.reader;
        return samples::read_selected(&mut reader, file, value);
    }
    let reader = opened.reader;
    let mut table = Table::open(reader, file, &Options::default())?;
    let (time, value) = (table.column(time)?, table.column(value)?);
    let (mut clock, mut points) = (Clock::default(), Vec::new());
    table.each(|row| {
        let at = SimTime::from_nanos(clock.read(row, time)?);
        if points.last().is_some_and(|point: &SeriesPoint| point.at == at) {
            return Err(row.refuse(time, "a time other than the row above"));
        }
        points.push(SeriesPoint { at, value: row.number(value)? });
        Ok(())
    })?;
    let notes = clock.settle(&mut points, |point| point.at, |point, at| point.at = at);
    match points.windows(2).find(|pair| pair[0].at == pair[1].at) {
        Some(pair) => {
            let at = pair[0].at.as_secs_f64();
            let problem = format!("two rows have the time {at} (seconds from the first); one value a time is expected");
            Err(ImportError::Unreadable { file: file.to_owned(), problem })
        }
        None => Ok(Listed { notes: table.notes(notes), rows: points }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: &str = include_str!("../../../data/genai-serving-2026/request_rate.csv");

    #[test]
    fn the_published_request_rates_are_read_whole() {
        let points = read_series(RATES.as_bytes(), "rates.csv", "time_s", "generative_rps").unwrap().rows;
        assert_eq!(points.len(), 1_369);
        assert_eq!(points[1].at, SimTime::from_secs(60));
        assert!(points.iter().any(|point| point.value > 0.0));
    }

    #[test]
    fn a_bad_series_names_its_place() {
        for (text, parts) in [
            ("t,v\n", &["rates.csv", "no row"][..]),
            ("t,w\n1,2\n", &["no column \"v\""]),
            ("t,v\n0,1\n0,2\n", &["rates.csv:3:1", "other than the row above"]),
            ("t,v\n0,1\n5,1\n0,2\n", &["rates.csv", "two rows have the time 0"]),
            ("t,v\n0,\n", &["rates.csv:2:3", "a number of zero or more"]),
            ("t,v\n0,-1\n", &["rates.csv:2:3", "a number of zero or more"]),
        ] {
            let error = read_series(text.as_bytes(), "rates.csv", "t", "v").unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
    }
}
