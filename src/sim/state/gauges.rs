//! Counts between samples: minimum, mean and maximum of each.

use crate::sim::records::{CountExtents, Extent};
use crate::units::SimTime;

/// One count over the interval since the last sample.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Gauge {
    /// What it has been since `since`.
    pub(in crate::sim) value: u32,
    pub(in crate::sim) since: SimTime,
    /// When the interval began.
    pub(in crate::sim) from: SimTime,
    pub(in crate::sim) min: u32,
    pub(in crate::sim) max: u32,
    /// Count × nanoseconds from `from` to `since`.
    pub(in crate::sim) sum: u128,
}

impl Default for Gauge {
    fn default() -> Gauge {
        Gauge { value: 0, since: SimTime::ZERO, from: SimTime::ZERO, min: u32::MAX, max: 0, sum: 0 }
    }
}

impl Gauge {
    /// It is `value` from `now` on.
    pub fn set(&mut self, value: u32, now: SimTime) {
        if value != self.value {
            self.hold(now);
            self.value = value;
        }
    }

    pub(in crate::sim) fn hold(&mut self, now: SimTime) {
        let span = (now - self.since).nanos();
        if span > 0 {
            self.see();
            self.sum += u128::from(self.value) * span as u128;
            self.since = now;
        }
    }

    pub(in crate::sim) fn see(&mut self) {
        self.min = self.min.min(self.value);
        self.max = self.max.max(self.value);
    }

    /// Ends the interval at `now` and begins the next; the values at both its ends count.
    pub fn take(&mut self, now: SimTime) -> Extent {
        self.hold(now);
        self.see();
        let span = (now - self.from).nanos();
        let mean = if span > 0 { self.sum as f64 / span as f64 } else { f64::from(self.value) };
        let extent = Extent { min: self.min, mean, max: self.max };
        *self = Gauge { value: self.value, since: now, from: now, ..Gauge::default() };
        self.see();
        extent
    }
}

/// The counts of one instant, in the order of [`CountExtents`].
pub(in crate::sim) type Counts = [u32; COUNTS];
pub(in crate::sim) const COUNTS: usize = 9;

/// Every count that a sample shows with its extent.
#[derive(Debug, Default)]
pub(in crate::sim) struct Gauges {
    pub(in crate::sim) cluster: [Gauge; COUNTS],
    /// What the cluster's gauges were told last.
    pub(in crate::sim) told: Counts,
    /// By node group: registered nodes.
    pub groups: Vec<Gauge>,
    /// By workload: desired, current and ready replicas.
    pub replicas: Vec<[Gauge; 3]>,
    /// Extremes of the run's nodes up to the last sample.
    pub nodes_min: Option<u32>,
    pub nodes_peak: u32,
}

impl Gauges {
    pub fn new(groups: usize, workloads: usize) -> Gauges {
        Gauges {
            groups: vec![Gauge::default(); groups],
            replicas: vec![Default::default(); workloads],
            ..Gauges::default()
        }
    }

    /// The counts have been `counts` since `now`, when events last happened.
    #[inline]
    pub fn note(&mut self, counts: Counts, now: SimTime) {
        if counts != self.told {
            self.tell(counts, now);
        }
    }

    pub(in crate::sim) fn tell(&mut self, counts: Counts, now: SimTime) {
        for (gauge, count) in self.cluster.iter_mut().zip(counts) {
            gauge.set(count, now);
        }
        self.told = counts;
    }

    /// Ends the interval of the cluster's counts.
    pub fn take(&mut self, now: SimTime) -> CountExtents {
        let mut each = self.cluster.iter_mut().map(|gauge| gauge.take(now));
        let mut next = || each.next().expect("as many gauges as counts");
        let extents = CountExtents {
            nodes: next(),
            nodes_ready: next(),
            nodes_upcoming: next(),
            pods_pending: next(),
            pods_unbound: next(),
            pods_running: next(),
            pods_ready: next(),
            jobs_waiting: next(),
            jobs_running: next(),
        };
        self.nodes_min = Some(self.nodes_min.unwrap_or(u32::MAX).min(extents.nodes.min));
        self.nodes_peak = self.nodes_peak.max(extents.nodes.max);
        extents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_between_two_samples_is_seen_and_one_within_an_instant_is_not() {
        let at = SimTime::from_secs;
        let mut gauge = Gauge::default();
        gauge.set(2, at(0));
        assert_eq!(gauge.take(at(0)), Extent { min: 2, mean: 2.0, max: 2 });
        gauge.set(9, at(10));
        gauge.set(5, at(10));
        gauge.set(1, at(40));
        assert_eq!(gauge.take(at(60)), Extent { min: 1, mean: (2.0 * 10.0 + 5.0 * 30.0 + 20.0) / 60.0, max: 5 });
        // The next interval begins with what is.
        assert_eq!(gauge.take(at(120)), Extent { min: 1, mean: 1.0, max: 1 });
    }

    #[test]
    fn what_changes_at_the_instant_of_a_sample_counts_in_the_interval_that_it_ends() {
        let at = SimTime::from_secs;
        let mut gauge = Gauge::default();
        gauge.take(at(0));
        gauge.set(3, at(60));
        assert_eq!(gauge.take(at(60)), Extent { min: 0, mean: 0.0, max: 3 });
    }
}
