//! Who watches a run.

use super::exposed::Exposed;
use super::records::{DecisionRecord, Outcome, Sample};
use crate::units::SimDuration;

/// Watches a run. Every method does nothing by default.
pub trait Observer {
    /// A controller changed something, or (with verbose decisions) said why it did not.
    fn decision(&mut self, _decision: &DecisionRecord<'_>) {}

    /// Called at time zero, at every sample interval and at the end.
    fn sample(&mut self, _sample: &Sample<'_>) {}

    /// False where samples are not looked at; none is made then.
    fn wants_samples(&self) -> bool {
        true
    }

    /// How often [`scrape`](Observer::scrape) is to be called, from time zero on; `None`: never. Asked once.
    fn scrape_interval(&self) -> Option<SimDuration> {
        None
    }

    /// The cluster's objects, at every scrape interval before the end and at the end where one falls there.
    fn scrape(&mut self, _exposed: &Exposed<'_>) {}

    /// Called once.
    fn finished(&mut self, _outcome: &Outcome) {}

    /// True where refusals ("why not") are wanted too; they cost time.
    fn wants_verbose_decisions(&self) -> bool {
        false
    }
}

/// A run that nobody watches.
impl Observer for () {
    fn wants_samples(&self) -> bool {
        false
    }
}
