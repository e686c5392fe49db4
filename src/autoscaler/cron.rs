//! A cron-like scaler: replica counts at times of the day, as a CronJob with `kubectl scale` sets them.
//!
//! A policy beside the HPA, not a part of it: where both drive one workload, the HPA sees the new count at its next
//! sync and goes on from there. Schedules are classic five-field cron (`minute hour day-of-month month day-of-week`,
//! in UTC shifted by a fixed offset; no daylight saving). Where both day fields are restricted, either one matches, as
//! in Vixie cron and in Kubernetes CronJobs.

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan, tz};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::units::cron::{CronError, CronSchedule};

/// Replica counts by schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronScaler {
    /// What to set when; of rules that fire in the same minute the last one counts.
    pub rules: Vec<CronRule>,
    /// Minutes that the schedules' clock is ahead of UTC (default 0).
    #[serde(default)]
    pub utc_offset_minutes: i32,
}

/// One time of the day and its count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronRule {
    /// Five-field cron, such as `0 8 * * 1-5`.
    pub schedule: CronSchedule,
    /// The replica count to set.
    pub replicas: u32,
}

/// A rule that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CronDecision {
    pub replicas: u32,
    pub at: Timestamp,
    /// Index of the rule.
    pub rule: usize,
}

impl CronScaler {
    /// What the rules set in the time after `since` up to `now`, both instants of the wall clock: the last that fired.
    pub fn decide(&self, since: Timestamp, now: Timestamp) -> Option<CronDecision> {
        let mut latest: Option<CronDecision> = None;
        for (rule, CronRule { schedule, replicas }) in self.rules.iter().enumerate() {
            let fired = schedule.last_in(self.local(since), self.local(now)).and_then(|at| self.instant(at));
            if let Some(at) = fired.filter(|at| latest.is_none_or(|latest| *at >= latest.at)) {
                latest = Some(CronDecision { replicas: *replicas, at, rule });
            }
        }
        latest
    }

    /// When a rule fires next after `now`; `None` where none does within eight years.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.rules.iter().filter_map(|rule| rule.schedule.next_after(self.local(now))).min()?;
        self.instant(next)
    }

    fn local(&self, time: Timestamp) -> DateTime {
        tz::Offset::UTC.to_datetime(time).saturating_add(i64::from(self.utc_offset_minutes).minutes())
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let shifted = local.saturating_sub(i64::from(self.utc_offset_minutes).minutes());
        tz::Offset::UTC.to_timestamp(shifted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn scaler(rules: &[(&str, u32)], utc_offset_minutes: i32) -> CronScaler {
        let rule =
            |(schedule, replicas): &(&str, u32)| CronRule { schedule: schedule.parse().unwrap(), replicas: *replicas };
        CronScaler { rules: rules.iter().map(rule).collect(), utc_offset_minutes }
    }

    #[test]
    fn the_rule_that_fired_last_sets_the_count() {
        // 2026-03-02 is a Monday.
        let scaler = scaler(&[("0 8 * * 1-5", 10), ("0 20 * * *", 2)], 0);
        let decided = scaler.decide(at("2026-03-02T07:59:30Z"), at("2026-03-02T08:00:00Z")).unwrap();
        assert_eq!((decided.replicas, decided.rule, decided.at), (10, 0, at("2026-03-02T08:00:00Z")));
        assert_eq!(scaler.decide(at("2026-03-02T08:00:00Z"), at("2026-03-02T08:00:15Z")), None);
        let slept_through = scaler.decide(at("2026-03-01T00:00:00Z"), at("2026-03-02T21:00:00Z")).unwrap();
        assert_eq!(slept_through.replicas, 2);
        assert_eq!(scaler.next_after(at("2026-03-06T20:00:00Z")), Some(at("2026-03-07T20:00:00Z")));
    }

    #[test]
    fn an_offset_moves_the_schedule_against_utc() {
        let scaler = scaler(&[("30 8 * * *", 3)], 120);
        assert_eq!(scaler.next_after(at("2026-03-02T00:00:00Z")), Some(at("2026-03-02T06:30:00Z")));
    }

    #[test]
    fn fields_take_lists_ranges_steps_and_names() {
        for (schedule, next) in [
            ("*/20 * * * *", "2026-03-02T12:20:00Z"),
            ("5/25 * * * *", "2026-03-02T12:05:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 0 1 * fri", "2026-03-06T00:00:00Z"),
            ("15 1,13 * Mar-Apr 7", "2026-03-08T01:15:00Z"),
            ("0 0 * * SUN", "2026-03-08T00:00:00Z"),
        ] {
            assert_eq!(
                scaler(&[(schedule, 1)], 0).next_after(at("2026-03-02T12:00:00Z")),
                Some(at(next)),
                "{schedule}"
            );
        }
        assert_eq!(scaler(&[("0 0 30 2 *", 1)], 0).next_after(at("2026-03-02T12:00:00Z")), None);
    }

    #[test]
    fn a_malformed_schedule_says_what_a_field_may_be() {
        for (text, part) in [
            ("0 8 * *", "4 fields"),
            ("60 8 * * *", "minute"),
            ("0 8 0 * *", "day of month"),
            ("0 8 * * 5-1", "day of week"),
            ("*/0 * * * *", "minute"),
            ("+1 * * * *", "minute"),
            ("0 8 * janu *", "month"),
        ] {
            let error = text.parse::<CronSchedule>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
