//! Instants and durations as whole nanoseconds.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};
use std::str::FromStr;

use thiserror::Error;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// An instant: nanoseconds since the scenario's start (in `decide`: since the Unix epoch).
///
/// Signed, because a snapshot may hold instants from before its own clock's zero. No instant is `i64::MIN`, so that an
/// `Option<SimTime>` is as large as a `SimTime`: a run keeps a dozen of them a pod.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(NonZeroU64);

/// An instant is kept as its distance from `i64::MIN`, which orders as the instants do and is never zero.
const BIAS: u64 = 1 << 63;

/// A signed span of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(i64);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    #[error("an empty duration; write a number and a unit, such as 30s, 5m or 1h30m")]
    Empty,
    #[error("duration {0:?} has no unit; write one of ns, us, ms, s, m, h, d, such as {0}s")]
    MissingUnit(String),
    #[error("duration {text:?} has the unknown unit {unit:?}; the units are ns, us, ms, s, m, h, d")]
    UnknownUnit { text: String, unit: String },
    #[error("{0:?} is not a duration; write a number and a unit, such as 30s, 5m or 1h30m")]
    NotANumber(String),
    #[error("duration {0:?} is longer than 292 years")]
    Overflow(String),
}

impl SimTime {
    pub const ZERO: SimTime = SimTime::from_nanos(0);
    pub const MAX: SimTime = SimTime::from_nanos(i64::MAX);
    pub const MIN: SimTime = SimTime::from_nanos(i64::MIN + 1);

    /// `i64::MIN` is taken for [`SimTime::MIN`].
    #[inline]
    pub const fn from_nanos(nanos: i64) -> SimTime {
        match NonZeroU64::new(nanos as u64 ^ BIAS) {
            Some(biased) => SimTime(biased),
            None => SimTime(NonZeroU64::MIN),
        }
    }

    pub const fn from_secs(secs: i64) -> SimTime {
        SimTime::from_nanos(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Rounded to the nearest nanosecond; out-of-range values saturate, NaN is zero.
    pub fn from_secs_f64(secs: f64) -> SimTime {
        SimTime::from_nanos((secs * NANOS_PER_SEC as f64).round() as i64)
    }

    #[inline]
    pub const fn nanos(self) -> i64 {
        (self.0.get() ^ BIAS) as i64
    }

    pub fn as_secs_f64(self) -> f64 {
        self.nanos() as f64 / NANOS_PER_SEC as f64
    }

    /// Time passed since `earlier`; negative where `earlier` lies ahead.
    pub const fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.nanos().saturating_sub(earlier.nanos()))
    }
}

impl Default for SimTime {
    fn default() -> SimTime {
        SimTime::ZERO
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimTime").field(&self.nanos()).finish()
    }
}

impl SimDuration {
    /// A duration in Go's syntax, refused where negative: the form every option takes.
    pub fn parse_non_negative(text: &str) -> Result<SimDuration, String> {
        let duration: SimDuration = text.parse().map_err(|error| format!("{error}"))?;
        match duration.is_negative() {
            true => Err(format!("duration {text:?} is negative; a duration here is zero or more")),
            false => Ok(duration),
        }
    }

    pub const ZERO: SimDuration = SimDuration(0);
    pub const MAX: SimDuration = SimDuration(i64::MAX);

    pub const fn from_nanos(nanos: i64) -> SimDuration {
        SimDuration(nanos)
    }

    pub const fn from_millis(millis: i64) -> SimDuration {
        SimDuration(millis.saturating_mul(1_000_000))
    }

    pub const fn from_secs(secs: i64) -> SimDuration {
        SimDuration(secs.saturating_mul(NANOS_PER_SEC))
    }

    pub const fn from_mins(mins: i64) -> SimDuration {
        SimDuration::from_secs(mins.saturating_mul(60))
    }

    /// Rounded to the nearest nanosecond; out-of-range values saturate, NaN is zero.
    pub fn from_secs_f64(secs: f64) -> SimDuration {
        SimDuration((secs * NANOS_PER_SEC as f64).round() as i64)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub fn mul_f64(self, factor: f64) -> SimDuration {
        SimDuration((self.0 as f64 * factor).round() as i64)
    }
}

impl FromStr for SimDuration {
    type Err = DurationError;

    /// Go's `time.ParseDuration` syntax (`1h30m`, `1.5h`, `100ms`, `-5s`, `0`), plus `d` for days.
    fn from_str(text: &str) -> Result<SimDuration, DurationError> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(SimDuration::ZERO);
        }
        if rest.is_empty() {
            return Err(DurationError::Empty);
        }
        let mut nanos: i128 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_len);
            if !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
                return Err(DurationError::NotANumber(text.to_owned()));
            }
            let scale: i128 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                "d" => 86_400_000_000_000,
                "" => return Err(DurationError::MissingUnit(text.to_owned())),
                unit => {
                    return Err(DurationError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() });
                }
            };
            let overflow = || DurationError::Overflow(text.to_owned());
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| overflow())? };
            let fraction = &fraction[..fraction.len().min(18)];
            let numerator: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| overflow())? };
            let denominator = 10i128.pow(fraction.len() as u32);
            nanos = whole
                .checked_mul(scale)
                .and_then(|n| n.checked_add(numerator * scale / denominator))
                .and_then(|n| n.checked_add(nanos))
                .ok_or_else(overflow)?;
            rest = tail;
        }
        let nanos = i64::try_from(nanos).map_err(|_| DurationError::Overflow(text.to_owned()))?;
        Ok(SimDuration(if negative { -nanos } else { nanos }))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimDuration) -> SimTime {
        SimTime::from_nanos(self.nanos().saturating_add(span.0))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    fn sub(self, span: SimDuration) -> SimTime {
        SimTime::from_nanos(self.nanos().saturating_sub(span.0))
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: SimTime) -> SimDuration {
        self.since(earlier)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: SimDuration) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;
    fn sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for SimDuration {
    type Output = SimDuration;
    fn mul(self, factor: i64) -> SimDuration {
        SimDuration(self.0.saturating_mul(factor))
    }
}

impl Neg for SimDuration {
    type Output = SimDuration;
    fn neg(self) -> SimDuration {
        SimDuration(self.0.saturating_neg())
    }
}

impl fmt::Display for SimDuration {
    /// Go's `time.Duration` form: `1h30m0s`, `1.5s`, `100ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if nanos < NANOS_PER_SEC as u64 {
            let (scale, unit) = match nanos {
                n if n >= 1_000_000 => (1_000_000, "ms"),
                n if n >= 1_000 => (1_000, "µs"),
                _ => (1, "ns"),
            };
            return write!(f, "{}{unit}", nanos as f64 / f64::from(scale));
        }
        let secs = nanos / NANOS_PER_SEC as u64;
        let (hours, mins) = (secs / 3600, secs / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || mins > 0 {
            write!(f, "{mins}m")?;
        }
        write!(f, "{}", secs % 60)?;
        let fraction = nanos % NANOS_PER_SEC as u64;
        if fraction > 0 {
            let digits = format!("{fraction:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.nanos()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_parse_and_print_as_go_prints_them() {
        for (text, nanos, shown) in [
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("100ms", 100_000_000, "100ms"),
            ("-5s", -5_000_000_000, "-5s"),
            ("0", 0, "0s"),
            (".5s", 500_000_000, "500ms"),
            ("2m0.25s", 120_250_000_000, "2m0.25s"),
            ("1d", 86_400_000_000_000, "24h0m0s"),
        ] {
            let parsed: SimDuration = text.parse().unwrap();
            assert_eq!(parsed.nanos(), nanos, "{text}");
            assert_eq!(parsed.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn a_duration_that_is_none_says_what_to_write() {
        for (text, part) in
            [("", "empty"), ("5", "no unit"), ("5 s", "unknown unit"), ("x", "not a duration"), ("300000d", "longer")]
        {
            let error = text.parse::<SimDuration>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn instants_order_as_their_nanoseconds_and_none_takes_no_room() {
        let nanos = [i64::MIN + 1, -NANOS_PER_SEC, -1, 0, 1, NANOS_PER_SEC, i64::MAX];
        let instants = nanos.map(SimTime::from_nanos);
        assert!(instants.is_sorted() && instants.map(SimTime::nanos) == nanos);
        assert_eq!(SimTime::from_nanos(i64::MIN), SimTime::MIN);
        assert_eq!(SimTime::MAX - SimTime::MIN, SimDuration::MAX);
        assert_eq!(SimTime::MIN - SimDuration::from_secs(1), SimTime::MIN);
        assert_eq!(size_of::<Option<SimTime>>(), size_of::<SimTime>());
    }
}
