//! The CronJob controller: when a schedule makes a Job (`pkg/controller/cronjob`, 1.33).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::units::SimDuration;
use crate::units::cron::CronSchedule;

/// It looks so long after the scheduled time (`nextScheduleDelta`).
pub const SCHEDULE_DELTA: SimDuration = SimDuration::from_millis(100);

/// When a CronJob makes Jobs, and which of them may run together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronJob {
    pub schedule: CronSchedule,
    pub zone: TimeZone,
    pub concurrency: Concurrency,
    /// `startingDeadlineSeconds`: a start that was missed for longer is not made up for.
    pub starting_deadline: Option<SimDuration>,
    pub is_suspended: bool,
}

/// `concurrencyPolicy`: what becomes of the Jobs before that are still at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// They go on.
    #[default]
    Allow,
    /// The new one has to wait for their end.
    Forbid,
    /// They are deleted.
    Replace,
}

impl CronJob {
    /// The last scheduled time up to `now` for which no Job was made yet, `since` being the last for which one was, or
    /// else the creation (`mostRecentScheduleTime`). Of starts that were missed only the last is made up for; more than
    /// a hundred are an event and no more.
    pub fn due(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let too_late = self.starting_deadline.map(|deadline| now - SignedDuration::from_nanos(deadline.nanos()));
        let mut due = None;
        let mut from = too_late.map_or(since, |too_late| since.max(too_late));
        while let Some(next) = self.next_after(from).filter(|next| *next <= now) {
            due = Some(next);
            from = next;
        }
        due
    }

    /// The first scheduled time after `time`. Where the clock is put forward, times that it leaps over are left out;
    /// where it is put back, they come twice, as the library says that upstream uses (robfig/cron v3).
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let mut offset = self.zone.to_offset(time);
        let mut from = offset.to_datetime(time);
        let mut changes = self.zone.following(time);
        loop {
            let next = self.schedule.next_after(from).and_then(|next| offset.to_timestamp(next).ok())?;
            match changes.next() {
                Some(change) if change.timestamp() <= next => {
                    offset = change.offset();
                    from = offset.to_datetime(change.timestamp() - SignedDuration::from_nanos(1));
                }
                _ => return Some(next),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron_job(schedule: &str, zone: &str) -> CronJob {
        CronJob {
            schedule: schedule.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            concurrency: Concurrency::Allow,
            starting_deadline: None,
            is_suspended: false,
        }
    }

    #[test]
    fn the_last_missed_start_is_due_until_its_deadline() {
        let mut cron = cron_job("0 * * * *", "UTC");
        let (since, now) = (at("2026-03-02T08:00:00Z"), at("2026-03-02T11:20:00Z"));
        assert_eq!(cron.due(since, now), Some(at("2026-03-02T11:00:00Z")));
        assert_eq!(cron.due(at("2026-03-02T11:00:00Z"), now), None);
        cron.starting_deadline = Some(SimDuration::from_mins(10));
        assert_eq!(cron.due(since, now), None);
        assert_eq!(cron.due(since, at("2026-03-02T11:09:59Z")), Some(at("2026-03-02T11:00:00Z")));
    }

    #[test]
    fn a_schedule_follows_its_zones_summer_time() {
        let berlin = cron_job("30 2 * * *", "Europe/Berlin");
        // On 29 March 2026 there is no half past two, on 25 October there are two.
        let spring = berlin.next_after(at("2026-03-28T12:00:00Z"));
        assert_eq!(spring, Some(at("2026-03-30T00:30:00Z")));
        let autumn = berlin.next_after(at("2026-10-24T12:00:00Z"));
        assert_eq!(autumn, Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(berlin.next_after(autumn.unwrap()), Some(at("2026-10-25T01:30:00Z")));
        assert_eq!(berlin.next_after(at("2026-10-25T01:30:00Z")), Some(at("2026-10-26T01:30:00Z")));
    }
}
