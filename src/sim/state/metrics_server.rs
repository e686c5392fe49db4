//! What was last scraped of each pod.

use std::num::NonZeroU32;

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

/// Where a pod's meter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct MeterId(Option<NonZeroU32>);

/// What was scraped last.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Scrapes {
    /// One a pod that is scraped; places of those that ended are taken anew.
    meters: Vec<Meter>,
    free: Vec<MeterId>,
    /// By load.
    pub services: Vec<ServiceReading>,
}

impl Scrapes {
    #[inline]
    pub fn get(&self, id: MeterId) -> Option<&Meter> {
        id.0.map(|place| &self.meters[place.get() as usize - 1])
    }

    /// The pod of this meter was scraped.
    #[inline]
    pub fn set(&mut self, id: &mut MeterId, meter: Meter) {
        match id.0 {
            Some(place) => self.meters[place.get() as usize - 1] = meter,
            None => *id = self.place(meter),
        }
    }

    fn place(&mut self, meter: Meter) -> MeterId {
        match self.free.pop() {
            Some(MeterId(Some(place))) => {
                self.meters[place.get() as usize - 1] = meter;
                MeterId(Some(place))
            }
            _ => {
                self.meters.push(meter);
                MeterId(u32::try_from(self.meters.len()).ok().and_then(NonZeroU32::new))
            }
        }
    }

    /// Nothing is known of the pod any more.
    pub fn forget(&mut self, id: &mut MeterId) {
        if id.0.is_some() {
            self.free.push(std::mem::take(id));
        }
    }
}
