//! What exporters count of a run beside its objects: things that happened, by what tells them apart, and how long things
//! took. Kept only where somebody scrapes.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tally {
    /// The scheduler bound a pod, and tried one in vain.
    PodBound,
    PodRefused,
    /// Places that the Cluster Autoscaler asked for.
    NodesAsked,
    /// A node that the Cluster Autoscaler removed, and why: `empty`, `underutilized` or `unready`.
    NodeRemoved {
        why: &'static str,
    },
    /// The Cluster Autoscaler gave up a scale-up.
    ScaleUpFailed {
        why: Arc<str>,
    },
    /// The Cluster Autoscaler deleted a machine that never registered.
    UnregisteredRemoved,
    /// A pod that the Cluster Autoscaler evicted.
    PodEvicted,
    /// Karpenter created a claim.
    ClaimCreated {
        pool: Arc<str>,
        why: &'static str,
    },
    /// Karpenter began to delete a claim.
    ClaimDisrupted {
        pool: Arc<str>,
        why: String,
        capacity: &'static str,
    },
    /// Karpenter carried out a command.
    Disruption {
        decision: &'static str,
        why: &'static str,
        kind: &'static str,
    },
    /// A cycle of Kueue's scheduler that had heads.
    AdmissionCycle {
        admitted: bool,
    },
    Admitted {
        queue: Arc<str>,
    },
    Evicted {
        queue: Arc<str>,
        why: String,
    },
    Preempted {
        by: Arc<str>,
        why: &'static str,
    },
    Finished {
        queue: Arc<str>,
    },
}

/// Something that takes time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    /// From a pod's creation until the scheduler binds it.
    Scheduling,
    /// Victims of a preemption: a number, not a time.
    Victims,
    /// From a job's arrival in its queue, or its return to it, until its admission.
    Admission { queue: Arc<str> },
}

impl Lasting {
    /// Upper bounds of its buckets as upstream has them, without the last, infinite one.
    pub fn bounds(&self) -> &'static [f64] {
        match self {
            // `pkg/scheduler/metrics/metrics.go`: 20 from 10 ms on, each twice the one before; 7 from 1 on.
            Lasting::Scheduling => &[
                0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
                655.36, 1310.72, 2621.44, 5242.88,
            ],
            Lasting::Victims => &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            // Kueue, `pkg/metrics/metrics.go`, `generateExponentialBuckets(14)`.
            Lasting::Admission { .. } => {
                &[1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 5120.0, 10240.0]
            }
        }
    }
}

/// How long something took, over all times that it happened.
#[derive(Clone, Debug, Default)]
pub struct Lasted {
    /// By bound; the last one is infinite.
    counts: Vec<u64>,
    sum: f64,
}

impl Lasted {
    pub(in crate::sim) fn add(&mut self, value: f64, bounds: &[f64]) {
        self.counts.resize(bounds.len() + 1, 0);
        self.counts[bounds.partition_point(|bound| *bound < value)] += 1;
        self.sum += value;
    }

    /// How many were at most as long as each bound, and the infinite one.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> + '_ {
        self.counts.iter().scan(0, |all, count| {
            *all += count;
            Some(*all)
        })
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn sum(&self) -> f64 {
        self.sum
    }
}

/// See the module's description.
#[derive(Debug, Default)]
pub(in crate::sim) struct Tallies {
    /// Somebody scrapes.
    pub are_kept: bool,
    pub happened: BTreeMap<Tally, u64>,
    pub lasted: BTreeMap<Lasting, Lasted>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_what_is_equal_to_it() {
        let mut lasted = Lasted::default();
        for value in [1.0, 1.5, 2.0, 300.0] {
            lasted.add(value, Lasting::Victims.bounds());
        }
        assert_eq!(lasted.cumulative().collect::<Vec<_>>(), [1, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((lasted.count(), lasted.sum()), (4, 304.5));
    }
}
