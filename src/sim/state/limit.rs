//! What `sim::limit` remembers.

use thiserror::Error;

use crate::units::SimTime;

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the run came to {pods} pods at {at} (most of them of {workload}) and was stopped; `maxPods` or --max-pods raises the limit, where there is memory for them"
)]
pub struct Stopped {
    pub at: SimTime,
    pub pods: u64,
    /// Key of the workload that made most of them.
    pub workload: String,
}
