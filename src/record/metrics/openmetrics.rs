//! OpenMetrics 1.0 text with timestamps, as `promtool tsdb create-blocks-from openmetrics` takes it.
//!
//! The format wants all points of a series together and all series of a family; so the file is written from a [`Tape`]
//! when the run is over. A series that is gone has no more points: the format has no mark for staleness.

use std::io::{self, Write};

use super::table::{Kind, Metric};
pub use super::tape::Tape;

/// Points between two flushes of the text.
const BATCH: usize = 1 << 16;

/// Writes the whole tape. `start` is the run's zero in seconds since the Unix epoch.
///
/// # Errors
/// What the tape's file or `out` says.
pub fn write(tape: &mut Tape, start: i64, out: &mut dyn Write) -> io::Result<()> {
    tape.check()?;
    let stamps: Vec<String> = tape.times().iter().map(|at| stamp(start, at.nanos())).collect();
    let mut text = String::with_capacity(2 * BATCH);
    let mut digits = String::new();
    let mut family: Option<Metric> = None;
    for series in tape.series() {
        if family != Some(series.metric) {
            family = Some(series.metric);
            head(series.metric, &mut text);
        }
        let mut last: Option<u64> = None;
        let (name, labels) = (series.name, series.labels);
        tape.replay(&series, |scrape, value| {
            text.push_str(name);
            text.push_str(labels);
            text.push(' ');
            // Values repeat: digits are worked out when they change.
            if last != Some(value.to_bits()) {
                digits.clear();
                push_number(value, &mut digits);
                last = Some(value.to_bits());
            }
            text.push_str(&digits);
            text.push(' ');
            text.push_str(&stamps[scrape]);
            text.push('\n');
            if text.len() >= BATCH {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
            Ok(())
        })?;
    }
    text.push_str("# EOF\n");
    out.write_all(text.as_bytes())
}

/// How every file begins that is not empty.
pub fn beginning() -> String {
    let mut text = String::new();
    head(Metric::Up, &mut text);
    text
}

fn head(metric: Metric, text: &mut String) {
    let row = metric.row();
    let family = row.family();
    text.push_str(&format!("# TYPE {family} {}\n", row.kind.name()));
    if !row.unit.is_empty() && family.strip_suffix(row.unit).is_some_and(|rest| rest.ends_with('_')) {
        text.push_str(&format!("# UNIT {family} {}\n", row.unit));
    }
    text.push_str(&format!("# HELP {family} {}\n", row.help));
    debug_assert!(row.kind != Kind::Counter || row.name.ends_with("_total"));
}

/// Seconds since the Unix epoch, to the millisecond.
fn stamp(start: i64, nanos: i64) -> String {
    let millis = start * 1000 + nanos / 1_000_000;
    let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    if rest == 0 { seconds.to_string() } else { format!("{seconds}.{rest:03}") }
}

/// The shortest text that reads back as the same number.
pub(super) fn push_number(value: f64, text: &mut String) {
    const EXACT: f64 = (1i64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() < EXACT {
        text.push_str(itoa::Buffer::new().format(value as i64));
    } else if value.is_nan() {
        text.push_str("NaN");
    } else if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        text.push_str(&value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for (value, wanted) in [(3.0, "3"), (0.1, "0.1"), (-2.0, "-2"), (1e21, "1000000000000000000000")] {
            let mut text = String::new();
            push_number(value, &mut text);
            assert_eq!(text, wanted);
        }
        assert_eq!(stamp(0, 1_500_000_000), "1.500");
        assert_eq!(stamp(1_700_000_000, 15_000_000_000), "1700000015");
    }
}
