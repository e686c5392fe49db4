//! Counts between samples: how low, how high and how much on average each was, and the extremes of the whole run.
//!
//! A count is what it is at the end of an instant: one that comes and goes within an instant was never there. The engine
//! tells the cluster's counts when time moves on ([`Gauges::note`]), so that whoever changes a count needs not tell the time.

use super::records::{PodCounts, TrainingCounts};
use super::state::gauges::Counts;
use super::world::World;
use crate::cluster::WorkloadId;

impl World<'_> {
    /// The registered nodes of a group changed.
    pub(super) fn note_group(&mut self, group: usize) {
        self.gauges.groups[group].set(self.groups[group].registered, self.now);
    }

    /// The desired, current or ready replicas of a workload changed.
    #[inline]
    pub(super) fn note_replicas(&mut self, workload: WorkloadId) {
        let run = &self.workloads[workload.index()];
        let [desired, current, ready] = &mut self.gauges.replicas[workload.index()];
        desired.set(run.desired, self.now);
        current.set(run.pods.len() as u32, self.now);
        ready.set(run.ready, self.now);
    }

    /// What the cluster counts has been so since this instant; to be called when time moves on.
    #[inline]
    pub(super) fn note_counts(&mut self) {
        let ledger = self.cluster.ledger();
        let nodes = [ledger.nodes, ledger.nodes_ready, ledger.nodes_upcoming];
        self.gauges.note(counts(nodes, &ledger.pods, &self.training), self.now);
    }

    /// The gauges of groups and workloads against what they measure.
    pub(super) fn audit_gauges(&self) -> Result<(), String> {
        for (index, gauge) in self.gauges.groups.iter().enumerate() {
            if gauge.value != self.groups[index].registered {
                return Err(format!("the gauge of group {index} says {}", gauge.value));
            }
        }
        for (index, [desired, current, ready]) in self.gauges.replicas.iter().enumerate() {
            let run = &self.workloads[index];
            let told = (desired.value, current.value as usize, ready.value);
            if told != (run.desired, run.pods.len(), run.ready) {
                return Err(format!("the gauges of workload {index} say {told:?}"));
            }
        }
        Ok(())
    }
}

/// In the order of [`CountExtents`].
fn counts(nodes: [u32; 3], pods: &PodCounts, jobs: &TrainingCounts) -> Counts {
    let [registered, ready, upcoming] = nodes;
    [registered, ready, upcoming, pods.pending, pods.unbound, pods.running, pods.ready, jobs.waiting, jobs.running]
}
