//! Counting for exporters, where somebody scrapes.

use super::state::tallies::{Lasting, Tally};
use super::world::World;
use crate::units::SimDuration;

impl World<'_> {
    /// `tally` is asked for only where somebody wants to know.
    pub(super) fn tally(&mut self, times: u64, tally: impl FnOnce(&World<'_>) -> Tally) {
        if self.tallies.are_kept && times > 0 {
            let tally = tally(self);
            *self.tallies.happened.entry(tally).or_default() += times;
        }
    }

    pub(super) fn took(&mut self, lasting: Lasting, time: SimDuration) {
        self.took_amount(lasting, time.as_secs_f64());
    }

    pub(super) fn took_amount(&mut self, lasting: Lasting, amount: f64) {
        if self.tallies.are_kept {
            let bounds = lasting.bounds();
            self.tallies.lasted.entry(lasting).or_default().add(amount, bounds);
        }
    }
}
