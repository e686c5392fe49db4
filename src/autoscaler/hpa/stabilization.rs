//! What the controller remembers of recent recommendations, and how they hold the next one back.
//!
//! The log is a list of slots: an entry too old to matter is overwritten in place (the last such one), and only where
//! there is none does the log grow. What is logged is the raw recommendation, before stabilization and limits.

use crate::units::{SimDuration, SimTime};

/// A recommendation from the metrics alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    pub time: SimTime,
    pub replicas: i32,
}

/// The log, in slot order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recommendations(pub Vec<Recommendation>);

/// Which window changed the recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stabilized {
    Up,
    Down,
}

impl Stabilized {
    /// The reason of `AbleToScale`.
    pub fn reason(self) -> &'static str {
        match self {
            Stabilized::Up => "ScaleUpStabilized",
            Stabilized::Down => "ScaleDownStabilized",
        }
    }
}

impl Recommendations {
    fn record(&mut self, replicas: i32, now: SimTime, obsolete: Option<usize>) {
        let entry = Recommendation { time: now, replicas };
        match obsolete {
            Some(slot) => self.0[slot] = entry,
            None => self.0.push(entry),
        }
    }

    /// Without `spec.behavior` (`stabilizeRecommendation`): the highest of `desired` and of what the log holds since
    /// `window` ago.
    pub fn stabilize_simple(&mut self, desired: i32, window: SimDuration, now: SimTime) -> i32 {
        let cutoff = now - window;
        let mut highest = desired;
        let mut obsolete = None;
        for (slot, entry) in self.0.iter().enumerate() {
            if entry.time < cutoff {
                obsolete = Some(slot);
            } else {
                highest = highest.max(entry.replicas);
            }
        }
        self.record(desired, now, obsolete);
        highest
    }

    /// With `spec.behavior` (`stabilizeRecommendationWithBehaviors`): `current`, raised to the lowest recommendation of
    /// the window up and lowered to the highest of the window down. Between the two it holds still.
    pub fn stabilize(
        &mut self,
        current: i32,
        desired: i32,
        up_window: SimDuration,
        down_window: SimDuration,
        now: SimTime,
    ) -> i32 {
        let (up_cutoff, down_cutoff) = (now - up_window, now - down_window);
        let (mut lowest, mut highest) = (desired, desired);
        let mut obsolete = None;
        for (slot, entry) in self.0.iter().enumerate() {
            if entry.time > up_cutoff {
                lowest = lowest.min(entry.replicas);
            }
            if entry.time > down_cutoff {
                highest = highest.max(entry.replicas);
            }
            if entry.time < up_cutoff && entry.time < down_cutoff {
                obsolete = Some(slot);
            }
        }
        self.record(desired, now, obsolete);
        // Not `clamp`: `lowest` is never above `highest`, but the order of the two steps is upstream's.
        current.max(lowest).min(highest)
    }
}
