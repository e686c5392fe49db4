//! How long each workload was asked to have the most replicas that its HPA allows.

use std::sync::Arc;

use super::world::World;
use crate::cluster::WorkloadId;
use crate::units::SimDuration;

impl World<'_> {
    pub(super) fn start_maxima(&mut self) {
        for index in 0..self.maxima.of.len() {
            self.watch_maximum(WorkloadId::new(index));
        }
    }

    /// The workload's `spec.replicas` may have come to its HPA's maximum, or have left it.
    pub(super) fn watch_maximum(&mut self, workload: WorkloadId) {
        let replicas = self.workloads[workload.index()].desired;
        let Some(Some(at)) = self.maxima.of.get_mut(workload.index()) else { return };
        match (replicas >= at.maximum, at.since) {
            (true, None) => at.since = Some(self.now),
            (false, Some(since)) => {
                at.total += self.now - since;
                at.since = None;
            }
            _ => {}
        }
    }

    /// Up to now; `None` without an HPA.
    pub(super) fn time_at_maximum(&self, workload: WorkloadId) -> Option<SimDuration> {
        let at = self.maxima.of.get(workload.index()).copied().flatten()?;
        Some(at.total + at.since.map_or(SimDuration::ZERO, |since| self.now - since))
    }

    /// Of every workload with an HPA, ascending by its key.
    pub(super) fn times_at_maximum(&self) -> Vec<(Arc<str>, SimDuration)> {
        let workloads = self.scenario.workloads.iter().map(|workload| workload.id);
        let times = workloads.filter_map(|id| Some((Arc::clone(self.workload_key(id)), self.time_at_maximum(id)?)));
        let mut times: Vec<(Arc<str>, SimDuration)> = times.collect();
        times.sort();
        times
    }
}
