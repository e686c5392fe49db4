//! What the times of a table count from, told by the first of them.
//!
//! Seconds of up to about thirty years count from the trace's own zero. Larger numbers are Unix times, in seconds or a
//! thousandth, a millionth or a billionth of one by their size, and dates are dates: such times are moved so that the
//! earliest is zero.

use super::ImportError;
use super::numbers::{nanoseconds, scaled, timestamp};
use super::table::{Column, Row};
use crate::units::SimTime;

/// The form of a table's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// From the trace's own zero.
    Seconds,
    /// Since 1970, in parts of a second: 1, 1,000, … a second.
    Unix {
        a_second: i64,
    },
    Dates,
}

/// Reads the times of one table, all of one form.
#[derive(Debug, Default)]
pub(super) struct Clock {
    form: Option<Form>,
}

/// The first second of the year 2000: no trace is that long.
const UNIX_FROM: f64 = 946_684_800.0;

impl Clock {
    /// Nanoseconds, from the trace's zero or from 1970; see [`zero`](Self::zero).
    pub fn read(&mut self, row: &Row<'_>, column: Column) -> Result<i64, ImportError> {
        let bytes = row.bytes(column);
        let found = form(bytes);
        let nanos = match found {
            Some(found) if self.form.is_some_and(|known| known != found) => {
                return Err(row.refuse(column, "a time of the same form as in the rows above"));
            }
            Some(Form::Seconds) => nanoseconds(bytes),
            Some(Form::Unix { a_second }) => {
                scaled(bytes, 1_000_000_000 / a_second).or_else(|| nanoseconds(bytes).filter(|_| a_second == 1))
            }
            Some(Form::Dates) => std::str::from_utf8(bytes).ok().and_then(timestamp),
            None => None,
        };
        let expected = "seconds as a decimal number of zero or more, a Unix time or a date";
        let nanos = nanos.ok_or_else(|| row.refuse(column, expected))?;
        self.form = found;
        Ok(nanos)
    }

    /// Where the trace's zero lies among what was read, by the earliest instant; and what is to be said of it.
    pub fn zero(&self, earliest: i64) -> (i64, Option<String>) {
        let what = match self.form {
            None | Some(Form::Seconds) => return (0, None),
            Some(Form::Dates) => "dates",
            Some(Form::Unix { a_second: 1 }) => "Unix seconds",
            Some(Form::Unix { a_second: 1_000 }) => "Unix milliseconds",
            Some(Form::Unix { a_second: 1_000_000 }) => "Unix microseconds",
            Some(Form::Unix { .. }) => "Unix nanoseconds",
        };
        let start = jiff::Timestamp::from_nanosecond(i128::from(earliest)).map_or(String::new(), |at| at.to_string());
        (earliest, Some(format!("times are {what}; they count from the earliest, {start}")))
    }
}

/// `time` from the trace's zero.
pub(super) fn since(time: i64, zero: i64) -> SimTime {
    SimTime::from_nanos(time.saturating_sub(zero))
}

fn form(bytes: &[u8]) -> Option<Form> {
    let text = std::str::from_utf8(bytes).ok()?;
    if let Ok(number) = text.parse::<f64>() {
        return Some(match number {
            number if number < UNIX_FROM => Form::Seconds,
            number if number < 1e11 => Form::Unix { a_second: 1 },
            number if number < 1e14 => Form::Unix { a_second: 1_000 },
            number if number < 1e17 => Form::Unix { a_second: 1_000_000 },
            number if number < 9.2e18 => Form::Unix { a_second: 1_000_000_000 },
            _ => return None,
        });
    }
    timestamp(text).map(|_| Form::Dates)
}
