//! Classic five-field cron: `minute hour day-of-month month day-of-week`. Where both day fields are restricted, either one
//! matches, as in Vixie cron and in Kubernetes CronJobs.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A parsed cron expression: bit sets of the values that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSchedule {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 0.
    weekdays: u64,
    days_restricted: bool,
    weekdays_restricted: bool,
}

/// Why a text is no cron schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    #[error("{text:?} has {found} fields; a schedule has five: minute hour day-of-month month day-of-week")]
    FieldCount { text: String, found: usize },
    #[error("{part:?} is not a {field}; write a value of {low} to {high}, a range a-b, a list a,b, or a step */n")]
    BadField { part: String, field: &'static str, low: u32, high: u32 },
}

/// A day that a leap year brings may be eight years away (1896 to 1904).
const HORIZON_DAYS: i64 = 366 * 8;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl CronSchedule {
    fn day_matches(&self, date: Date) -> bool {
        if self.months >> date.month() & 1 == 0 {
            return false;
        }
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        if self.days_restricted && self.weekdays_restricted { day || weekday } else { day && weekday }
    }

    /// The first minute after `time` that matches.
    pub fn next_after(&self, time: DateTime) -> Option<DateTime> {
        let mut date = time.date();
        for _ in 0..=HORIZON_DAYS {
            if self.day_matches(date) {
                for hour in bits(self.hours) {
                    let minute = bits(self.minutes).find(|minute| date.at(hour, *minute, 0, 0) > time);
                    if let Some(minute) = minute {
                        return Some(date.at(hour, minute, 0, 0));
                    }
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last minute after `since` and not after `until` that matches.
    pub fn last_in(&self, since: DateTime, until: DateTime) -> Option<DateTime> {
        let mut date = until.date();
        for _ in 0..=HORIZON_DAYS {
            if date < since.date() {
                return None;
            }
            if self.day_matches(date) {
                let minutes = bits(self.hours).flat_map(|hour| bits(self.minutes).map(move |minute| (hour, minute)));
                let last =
                    minutes.map(|(hour, minute)| date.at(hour, minute, 0, 0)).filter(|time| *time <= until).last();
                if let Some(time) = last {
                    return (time > since).then_some(time);
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }
}

fn bits(set: u64) -> impl Iterator<Item = i8> {
    (0..60).filter(move |bit| set >> bit & 1 == 1)
}

impl FromStr for CronSchedule {
    type Err = CronError;

    fn from_str(text: &str) -> Result<CronSchedule, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::FieldCount { text: text.to_owned(), found: fields.len() });
        };
        // Sunday may be written as 0 or 7.
        let weekdays = field(weekday, "day of week", 0, 7, &WEEKDAYS)?;
        Ok(CronSchedule {
            text: text.to_owned(),
            minutes: field(minute, "minute", 0, 59, &[])?,
            hours: field(hour, "hour", 0, 23, &[])?,
            days: field(day, "day of month", 1, 31, &[])?,
            months: field(month, "month", 1, 12, &MONTHS)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            days_restricted: !day.starts_with('*'),
            weekdays_restricted: !weekday.starts_with('*'),
        })
    }
}

/// The set of a comma-separated field. `names` stand for values from `low` upwards.
fn field(text: &str, name: &'static str, low: u32, high: u32, names: &[&str]) -> Result<u64, CronError> {
    let mut set = 0;
    for part in text.split(',') {
        let bad = || CronError::BadField { part: part.to_owned(), field: name, low, high };
        let value = |text: &str| -> Result<u32, CronError> {
            let lower = text.to_ascii_lowercase();
            let named = names.iter().position(|name| *name == lower).map(|index| index as u32 + low);
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            named.or_else(|| text.parse().ok().filter(|_| digits)).filter(|v| (low..=high).contains(v)).ok_or_else(bad)
        };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0u32).ok_or_else(bad)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (value(first)?, value(last)?),
            // `5/10` runs from 5 to the end, as in Vixie cron.
            None if part.contains('/') => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        if first > last {
            return Err(bad());
        }
        for value in (first..=last).step_by(step as usize) {
            set |= 1u64 << value;
        }
    }
    Ok(set)
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for CronSchedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for CronSchedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CronSchedule, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for CronSchedule {
    fn schema_name() -> Cow<'static, str> {
        "CronSchedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Five-field cron: minute hour day-of-month month day-of-week, such as 0 8 * * 1-5.",
            "type": "string",
            "pattern": "^\\s*\\S+(\\s+\\S+){4}\\s*$"
        })
    }
}
