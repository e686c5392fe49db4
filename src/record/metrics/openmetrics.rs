//! OpenMetrics 1.0 text with timestamps, as `promtool tsdb create-blocks-from openmetrics` takes it.
//!
//! The format wants all points of a series together and all series of a family; so the file is written from a [`Tape`]
//! when the run is over. A series that is gone has no more points: the format has no mark for staleness.

use std::io::{self, Write};
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;

use super::table::{Kind, Metric};
pub use super::tape::Tape;
use super::tape::TapedSeries;

/// Bytes of text between two writes: larger pieces of memory cost more than they save.
const BATCH: usize = 1 << 16;
/// So many samples, about, are packed as one piece.
const OF_A_PIECE: usize = 1 << 18;

/// How the text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    /// Each piece is a member of its own, as the format allows: so that they can be packed side by side.
    Gzip,
}

/// Writes the whole tape. `start` is the run's zero in seconds since the Unix epoch.
///
/// # Errors
/// What the tape's file or `out` says.
pub fn write(tape: &mut Tape, start: i64, packing: Packing, out: &mut dyn Write) -> io::Result<()> {
    tape.check()?;
    let tape = &*tape;
    // With the line's end, as all lines of a scrape have it.
    let stamps: Vec<String> = tape.times().iter().map(|at| format!(" {}\n", stamp(start, at.nanos()))).collect();
    let series = tape.series();
    if packing == Packing::Plain {
        write_series(tape, &series, 0..series.len(), &stamps, out)?;
        return out.write_all(END);
    }
    let of_a_piece = OF_A_PIECE.div_ceil(stamps.len().max(1));
    let pieces: Vec<Range<usize>> =
        (0..series.len()).step_by(of_a_piece).map(|from| from..(from + of_a_piece).min(series.len())).collect();
    for pieces in pieces.chunks(8 * rayon::current_num_threads().max(1)) {
        let packed: Vec<io::Result<Vec<u8>>> = pieces
            .par_iter()
            .map(|piece| {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                write_series(tape, &series, piece.clone(), &stamps, &mut packed)?;
                packed.finish()
            })
            .collect();
        for packed in packed {
            out.write_all(&packed?)?;
        }
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(END)?;
    out.write_all(&packed.finish()?)
}

const END: &[u8] = b"# EOF\n";

/// Some of the series; the first of its family says what that is.
fn write_series(
    tape: &Tape,
    series: &[TapedSeries<'_>],
    places: Range<usize>,
    stamps: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut text: Vec<u8> = Vec::with_capacity(BATCH + 4096);
    let mut line = String::new();
    for place in places {
        let one = &series[place];
        if place == 0 || series[place - 1].metric != one.metric {
            line.clear();
            head(one.metric, &mut line);
            text.extend_from_slice(line.as_bytes());
        }
        let mut written = Ok(());
        tape.replay(one, |scrapes, value| {
            line.clear();
            line.push_str(one.name);
            line.push_str(one.labels);
            line.push(' ');
            push_number(value, &mut line);
            for stamp in &stamps[scrapes] {
                text.extend_from_slice(line.as_bytes());
                text.extend_from_slice(stamp.as_bytes());
                if text.len() >= BATCH && written.is_ok() {
                    written = out.write_all(&text);
                    text.clear();
                }
            }
        })?;
        written?;
    }
    out.write_all(&text)
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
