//! What the controller remembers of its scale changes, for the rate limits of `spec.behavior`.

use crate::units::{SimDuration, SimTime};

/// One change of the replica count by this HPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleEvent {
    pub time: SimTime,
    /// How many replicas were added or removed; positive either way.
    pub change: i32,
    /// Older than every policy's period when last looked at; its slot is free.
    pub outdated: bool,
}

/// The changes in one direction, in slot order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog(pub Vec<ScaleEvent>);

impl EventLog {
    /// How much changed since `period_seconds` ago (`getReplicasChangePerPeriod`).
    pub fn change_within(&self, period_seconds: i32, now: SimTime) -> i32 {
        let cutoff = now - SimDuration::from_secs(i64::from(period_seconds));
        self.0.iter().filter(|event| event.time > cutoff).fold(0i32, |sum, event| sum.wrapping_add(event.change))
    }

    /// Remembers a change (`storeScaleEvent`): flags what is older than `longest_period_seconds`, then takes the last
    /// flagged slot, or a new one.
    pub fn store(&mut self, change: i32, longest_period_seconds: i32, now: SimTime) {
        let cutoff = now - SimDuration::from_secs(i64::from(longest_period_seconds));
        for event in &mut self.0 {
            event.outdated |= event.time < cutoff;
        }
        let event = ScaleEvent { time: now, change, outdated: false };
        match self.0.iter().rposition(|event| event.outdated) {
            Some(slot) => self.0[slot] = event,
            None => self.0.push(event),
        }
    }
}
