//! The instant of an iteration, which notes when one of its comparisons with time would come out otherwise.
//!
//! Every rule that depends on time asks the clock. So the earliest instant at which an iteration could decide
//! otherwise, with nothing else changed, is known exactly and without a second list of all timers.

use std::cell::Cell;

use crate::units::{SimDuration, SimTime};

/// The Cluster Autoscaler's time: every comparison with it notes when its outcome would next change.
#[derive(Debug)]
pub struct Clock {
    now: SimTime,
    next: Cell<SimTime>,
}

impl Clock {
    pub fn new(now: SimTime) -> Clock {
        Clock { now, next: Cell::new(SimTime::MAX) }
    }

    pub fn now(&self) -> SimTime {
        self.now
    }

    /// `instant < now`, upstream's `Before`.
    pub fn is_past(&self, instant: SimTime) -> bool {
        let past = instant < self.now;
        if !past {
            self.wake(instant + SimDuration::from_nanos(1));
        }
        past
    }

    /// `instant <= now`, the contrary of upstream's `After`.
    pub fn has_come(&self, instant: SimTime) -> bool {
        let come = instant <= self.now;
        if !come {
            self.wake(instant);
        }
        come
    }

    /// The earliest instant after now at which a comparison made so far turns; `SimTime::MAX` where none can.
    pub fn next(&self) -> SimTime {
        self.next.get()
    }

    fn wake(&self, at: SimTime) {
        self.next.set(self.next.get().min(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_instant_is_the_first_at_which_a_comparison_turns() {
        let clock = Clock::new(SimTime::from_secs(10));
        assert!(clock.is_past(SimTime::from_secs(9)));
        assert_eq!(clock.next(), SimTime::MAX);
        assert!(!clock.has_come(SimTime::from_secs(30)));
        assert!(!clock.is_past(SimTime::from_secs(20)));
        assert_eq!(clock.next(), SimTime::from_secs(20) + SimDuration::from_nanos(1));
        assert!(clock.has_come(SimTime::from_secs(10)));
    }
}
