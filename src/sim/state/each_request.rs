//! What `sim::each_request` remembers.

use crate::load::each_request::{EachRequest, Happened};
use crate::load::service::{Books, Work};
use crate::units::SimTime;

/// A service whose requests are served one by one.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Each {
    pub requests: EachRequest,
    pub books: Books,
    /// Since when the use is measured.
    pub(in crate::sim) measured: SimTime,
    /// Endpoints on machines that have stopped.
    pub(in crate::sim) dead: usize,
}

impl Each {
    pub(in crate::sim) fn note(&mut self, happened: &Happened) {
        self.books.arrived += Work::whole(happened.arrived);
        self.books.served += Work::whole(happened.taken);
        self.books.served -= Work::whole(happened.lost);
        self.books.dropped += Work::whole(happened.dropped + happened.lost);
        self.books.backlog = Work::whole(self.requests.in_line() as u64);
    }
}
