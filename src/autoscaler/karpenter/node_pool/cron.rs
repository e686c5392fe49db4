//! Cron schedules in UTC, as `robfig/cron`'s `ParseStandard` reads them: five fields or `@daily` and its like.

use thiserror::Error;

/// When a budget opens: minutes, hours, days, months and weekdays as bit sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// A field written as `*` or `?`: where either day field is, both must hold, else one suffices.
    any_day: bool,
    any_weekday: bool,
}

/// Why a schedule of a budget is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    #[error("{0:?} has {1} fields; a schedule has five: minute, hour, day of month, month, day of week")]
    Fields(String, usize),
    #[error(
        "{0:?} is not a schedule; the named ones are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
    )]
    UnknownName(String),
    #[error("{field:?} is not a {name} from {min} to {max}")]
    Field { field: String, name: &'static str, min: u32, max: u32 },
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SECONDS_PER_DAY: i64 = 86_400;
/// A schedule that has not hit within this many days never will (29 February comes every 8 years at the latest).
const SEARCH_DAYS: i64 = 8 * 366;

impl Cron {
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        let text = text.trim();
        if text.starts_with('@') {
            let spelled_out = match text {
                "@yearly" | "@annually" => "0 0 1 1 *",
                "@monthly" => "0 0 1 * *",
                "@weekly" => "0 0 * * 0",
                "@daily" | "@midnight" => "0 0 * * *",
                "@hourly" => "0 * * * *",
                _ => return Err(CronError::UnknownName(text.to_owned())),
            };
            return Cron::parse(spelled_out);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields(text.to_owned(), fields.len()));
        };
        let is_any = |field: &str| field.split(',').any(|part| matches!(part, "*" | "?" | "*/1" | "?/1"));
        Ok(Cron {
            minutes: bits(minute, "minute", 0, 59, &[])?,
            hours: bits(hour, "hour", 0, 23, &[])?,
            days: bits(day, "day of the month", 1, 31, &[])?,
            months: bits(month, "month", 1, 12, &MONTHS)?,
            weekdays: bits(weekday, "day of the week", 0, 6, &WEEKDAYS)?,
            any_day: is_any(day),
            any_weekday: is_any(weekday),
        })
    }

    /// The first hit strictly after `seconds` (Unix time); `None` where there is none for eight years.
    pub fn next_after(&self, seconds: i64) -> Option<i64> {
        let start = seconds.div_euclid(60).saturating_add(1).saturating_mul(60);
        let first_day = start.div_euclid(SECONDS_PER_DAY);
        for day in first_day..first_day + SEARCH_DAYS {
            if !self.includes_day(day) {
                continue;
            }
            let midnight = day * SECONDS_PER_DAY;
            let from_minute = if day == first_day { (start - midnight) / 60 } else { 0 };
            let hit = (from_minute..24 * 60)
                .find(|minute| self.hours & (1 << (minute / 60)) != 0 && self.minutes & (1 << (minute % 60)) != 0);
            if let Some(minute) = hit {
                return Some(midnight + minute * 60);
            }
        }
        None
    }

    fn includes_day(&self, days_since_epoch: i64) -> bool {
        let (month, day) = month_and_day(days_since_epoch);
        // The epoch was a Thursday.
        let weekday = (days_since_epoch + 4).rem_euclid(7);
        if self.months & (1 << month) == 0 {
            return false;
        }
        let by_day = self.days & (1 << day) != 0;
        let by_weekday = self.weekdays & (1 << weekday) != 0;
        if self.any_day || self.any_weekday { by_day && by_weekday } else { by_day || by_weekday }
    }
}

fn bits(text: &str, name: &'static str, min: u32, max: u32, names: &[&str]) -> Result<u64, CronError> {
    let mut set = 0u64;
    for part in text.split(',') {
        let bad = || CronError::Field { field: part.to_owned(), name, min, max };
        let number = |text: &str| -> Option<u32> {
            let lower = text.to_ascii_lowercase();
            if let Some(at) = names.iter().position(|name| *name == lower) {
                return Some(at as u32 + min);
            }
            text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0).ok_or_else(bad)?),
            None => (part, 1),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (min, max),
            Some((low, high)) => (number(low).ok_or_else(bad)?, number(high).ok_or_else(bad)?),
            // `5/10` runs from 5 to the end, as robfig/cron has it.
            None if part.contains('/') => (number(range).ok_or_else(bad)?, max),
            None => {
                let value = number(range).ok_or_else(bad)?;
                (value, value)
            }
        };
        if low < min || high > max || low > high {
            return Err(bad());
        }
        for value in (low..=high).step_by(step as usize) {
            set |= 1 << value;
        }
    }
    Ok(set)
}

/// Proleptic Gregorian month (1 to 12) and day (1 to 31) of a day counted from 1 January 1970.
fn month_and_day(days_since_epoch: i64) -> (u32, u32) {
    // Years from 1 March, so that the leap day comes last; days from 1 March of the year 0.
    let days = days_since_epoch + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 24 November 2026, 20:00 UTC, a Tuesday.
    const TUESDAY_EVENING: i64 = 1_795_550_400;

    #[test]
    fn schedules_hit_when_cron_would() {
        let hours = |h: i64| h * 3600;
        for (schedule, after) in [
            ("@daily", hours(4)),
            ("@hourly", hours(1)),
            ("30 20 * * *", 1800),
            ("*/15 * * * *", 900),
            ("0 9 * * mon-fri", hours(13)),
            ("0 9 * * sat", hours(13 + 3 * 24)),
            ("0 0 1 12 *", hours(4 + 6 * 24)),
            // A day of the month or a weekday: the nearer one.
            ("0 0 1 * wed", hours(4)),
            ("0 0 29 2 *", 1_835_395_200 - TUESDAY_EVENING),
        ] {
            let cron = Cron::parse(schedule).unwrap();
            assert_eq!(cron.next_after(TUESDAY_EVENING), Some(TUESDAY_EVENING + after), "{schedule}");
        }
    }

    #[test]
    fn a_schedule_that_is_none_says_what_to_write() {
        for (schedule, part) in [
            ("* * *", "five"),
            ("@fortnightly", "@weekly"),
            ("61 * * * *", "minute from 0 to 59"),
            ("x * * * *", "minute"),
        ] {
            let error = Cron::parse(schedule).unwrap_err().to_string();
            assert!(error.contains(part), "{schedule}: {error}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *").unwrap().next_after(0), None);
    }
}
