//! What was last scraped of each pod.

use rustc_hash::FxHashMap;

use crate::cluster::PodId;
use crate::sim::state::services::ServiceReading;
use crate::units::{SimDuration, SimTime};

/// One container's last scrapes.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Meter {
    /// The container's start; a restart begins anew.
    pub(in crate::sim) started: SimTime,
    /// Instant and counter (millicore-nanoseconds) of the last scrape.
    pub(in crate::sim) last: (SimTime, i128),
    /// What the resource metrics API says: millicores over the window that ended at the scrape.
    pub cpu: Option<Scraped>,
    pub memory: Scraped,
    /// Custom metrics of the pod: thousandths of requests a second where it serves requests, and of percent of its
    /// GPUs where it has any.
    pub requests_per_second: Option<i64>,
    pub gpu_duty_cycle: Option<i64>,
}

impl Meter {
    #[cfg(test)]
    pub fn given(cpu: Option<Scraped>, memory: Scraped, requests_per_second: Option<i64>) -> Meter {
        Meter { started: memory.at, last: (memory.at, 0), cpu, memory, requests_per_second, gpu_duty_cycle: None }
    }
}

/// A sample as the API has it, in thousandths of the unit.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Scraped {
    pub value: i64,
    pub at: SimTime,
    pub window: SimDuration,
}

/// What was scraped last.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Scrapes {
    pub pods: FxHashMap<PodId, Meter>,
    /// By load.
    pub services: Vec<ServiceReading>,
}
