//! When an observer looks at the cluster's objects.

use super::event::Event;
use super::exposed::Exposed;
use super::observer::Observer;
use super::world::World;
use crate::units::SimTime;

impl World<'_> {
    /// Plans the first look of an observer that wants to look at objects.
    pub(super) fn start_exposition(&mut self, observer: &dyn Observer) {
        self.exposition_interval = observer.scrape_interval().filter(|interval| interval.nanos() > 0);
        self.tallies.are_kept = self.exposition_interval.is_some();
        if self.exposition_interval.is_some() {
            self.events.push(SimTime::ZERO, Event::Exposition);
        }
    }

    /// Shows this instant's objects.
    pub(super) fn expose(&mut self, observer: &mut dyn Observer) {
        self.cluster.advance(self.now);
        self.make_up_all_books();
        observer.scrape(&Exposed::of(self));
        if let Some(interval) = self.exposition_interval {
            self.events.push(self.now + interval, Event::Exposition);
        }
    }
}
