//! Groups whose scale-up failed are left alone for a while, longer after each failure (`utils/backoff`).

use std::sync::Arc;

use super::Clock;
use crate::units::{SimDuration, SimTime};

/// A node group that is backed off, until when and for what error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackoffEntry {
    pub duration: SimDuration,
    /// Backed off up to and including this instant.
    pub until: SimTime,
    pub last_failure: SimTime,
    /// The cloud's error, or `timeout`.
    pub error: Arc<str>,
}

/// Durations of [`Backoff`].
#[derive(Clone, Copy, Debug)]
pub struct BackoffTimes {
    pub initial: SimDuration,
    pub max: SimDuration,
    pub reset_timeout: SimDuration,
}

/// Back-off by group, groups counted from zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    entries: Vec<Option<BackoffEntry>>,
}

impl Backoff {
    /// Records a failure. One that comes while the group is backed off keeps the duration and restarts it.
    pub fn fail(&mut self, group: usize, error: Arc<str>, now: SimTime, times: BackoffTimes) -> SimTime {
        let duration = match self.entry(group) {
            None => times.initial,
            Some(entry) if entry.until < now => (entry.duration * 2).min(times.max),
            Some(entry) => entry.duration,
        };
        let until = now + duration;
        self.set(group, BackoffEntry { duration, until, last_failure: now, error });
        until
    }

    /// The entry that holds the group back now.
    pub fn status(&self, group: usize, clock: &Clock) -> Option<&BackoffEntry> {
        self.entry(group).filter(|entry| !clock.is_past(entry.until))
    }

    pub fn entry(&self, group: usize) -> Option<&BackoffEntry> {
        self.entries.get(group)?.as_ref()
    }

    pub fn set(&mut self, group: usize, entry: BackoffEntry) {
        if self.entries.len() <= group {
            self.entries.resize(group + 1, None);
        }
        self.entries[group] = Some(entry);
    }

    pub fn remove(&mut self, group: usize) {
        if let Some(entry) = self.entries.get_mut(group) {
            *entry = None;
        }
    }

    /// Forgets groups that have not failed for long. No success does.
    pub fn remove_stale(&mut self, clock: &Clock, reset_timeout: SimDuration) {
        for slot in &mut self.entries {
            if slot.as_ref().is_some_and(|entry| clock.is_past(entry.last_failure + reset_timeout)) {
                *slot = None;
            }
        }
    }

    /// How many groups are remembered.
    pub fn tracked(&self) -> usize {
        self.entries.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_after_expiry_doubles_and_one_before_only_restarts() {
        let minutes = SimDuration::from_mins;
        let times = BackoffTimes { initial: minutes(5), max: minutes(30), reset_timeout: minutes(180) };
        let mut backoff = Backoff::default();
        let at = |mins| SimTime::ZERO + minutes(mins);
        assert_eq!(backoff.fail(0, "quota".into(), at(0), times), at(5));
        assert_eq!(backoff.fail(0, "quota".into(), at(5), times), at(10));
        assert_eq!(backoff.fail(0, "stock-out".into(), at(11), times), at(21));
        assert_eq!(&*backoff.status(0, &Clock::new(at(21))).unwrap().error, "stock-out");
        assert!(backoff.status(0, &Clock::new(at(22))).is_none());
        backoff.remove_stale(&Clock::new(at(192)), times.reset_timeout);
        assert_eq!(backoff.tracked(), 0);
    }
}
