//! The wall clock that a simulation starts at, for patterns that follow the day and the week.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::units::SimTime;

const DAY: i64 = 86_400_000_000_000;
const NANOS_PER_MINUTE: i64 = 60_000_000_000;

/// Where in the week the simulation's time zero lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// Nanoseconds since Monday 00:00, within one week.
    into_week: i64,
}

impl Default for WallClock {
    /// Monday 00:00.
    fn default() -> WallClock {
        WallClock { into_week: 0 }
    }
}

impl WallClock {
    /// `weekday` counts from 0 (Monday) to 6 (Sunday), `seconds_of_day` from midnight; both wrap round.
    pub fn new(weekday: u8, seconds_of_day: u32) -> WallClock {
        let nanos = i64::from(weekday) * DAY + i64::from(seconds_of_day) * 1_000_000_000;
        WallClock { into_week: nanos.rem_euclid(7 * DAY) }
    }

    /// From seconds since the Unix epoch (a Thursday), in the zone that the scenario's times are meant in.
    pub fn from_unix_seconds(seconds: i64) -> WallClock {
        let seconds = (seconds.rem_euclid(7 * 86_400) + 3 * 86_400).rem_euclid(7 * 86_400);
        WallClock { into_week: seconds * 1_000_000_000 }
    }

    /// Nanoseconds since the last midnight at simulated instant `at`.
    pub fn nanos_of_day(self, at: SimTime) -> i64 {
        self.nanos_of_week(at).rem_euclid(DAY)
    }

    pub fn is_weekend(self, at: SimTime) -> bool {
        self.nanos_of_week(at) >= 5 * DAY
    }

    fn nanos_of_week(self, at: SimTime) -> i64 {
        (at.nanos().rem_euclid(7 * DAY) + self.into_week).rem_euclid(7 * DAY)
    }
}

/// A time of day, to the minute: `"14:00"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"))]
pub struct TimeOfDay {
    minutes: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a time of day; write hours and minutes such as \"14:00\"")]
pub struct TimeOfDayError(String);

impl TimeOfDay {
    /// Nanoseconds since midnight.
    pub fn nanos(self) -> i64 {
        i64::from(self.minutes) * NANOS_PER_MINUTE
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<TimeOfDay, TimeOfDayError> {
        let number = |part: &str, below: u16| {
            (1..=2).contains(&part.len()).then_some(()).filter(|()| part.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse().ok().filter(|n: &u16| *n < below)
        };
        text.split_once(':')
            .filter(|(_, minutes)| minutes.len() == 2)
            .and_then(|(hours, minutes)| Some(number(hours, 24)? * 60 + number(minutes, 60)?))
            .map(|minutes| TimeOfDay { minutes })
            .ok_or_else(|| TimeOfDayError(text.to_owned()))
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = TimeOfDayError;

    fn try_from(text: String) -> Result<TimeOfDay, TimeOfDayError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_was_a_thursday_and_saturday_is_weekend() {
        assert_eq!(WallClock::from_unix_seconds(0), WallClock::new(3, 0));
        assert_eq!(WallClock::from_unix_seconds(-1), WallClock::new(2, 86_399));
        let friday_evening = WallClock::new(4, 23 * 3600);
        assert!(!friday_evening.is_weekend(SimTime::ZERO));
        assert!(friday_evening.is_weekend(SimTime::from_secs(3600)));
        assert!(friday_evening.is_weekend(SimTime::from_secs(48 * 3600)));
        assert!(!friday_evening.is_weekend(SimTime::from_secs(49 * 3600)));
        assert_eq!(friday_evening.nanos_of_day(SimTime::from_secs(7200)), 3_600_000_000_000);
    }

    #[test]
    fn a_time_of_day_is_two_numbers() {
        assert_eq!("14:30".parse::<TimeOfDay>().unwrap().to_string(), "14:30");
        assert_eq!("9:05".parse::<TimeOfDay>().unwrap().to_string(), "09:05");
        for text in ["24:00", "12:60", "12", "12:5", "+1:00", "", ":", "12:00:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }
}
