//! StatefulSets at work: pods with numbers, made and ended in order.

use std::collections::BTreeMap;

use super::entities::Role;
use super::world::World;
use crate::cluster::{PodId, PodSpecId, WorkloadId};

impl World<'_> {
    /// A StatefulSet's pods have numbers, and one comes again only when its forerunner is gone. With `OrderedReady`
    /// each step waits until the one before is done: pods are made from the lowest number up as those before them turn
    /// ready, and deleted from the highest down, one at a time, while all that stay are ready
    /// (`pkg/controller/statefulset/stateful_set_control.go`).
    pub(super) fn reconcile_ordinals(&mut self, workload: WorkloadId, spec: PodSpecId, ordered: bool) {
        loop {
            match self.next_ordinal_step(workload, ordered) {
                OrdinalStep::Create(ordinal) => self.create_replica(workload, spec, ordinal),
                OrdinalStep::Delete(pod) => self.delete_pod(pod, "ScaledDown"),
                OrdinalStep::Wait => return,
            }
        }
    }

    fn next_ordinal_step(&self, workload: WorkloadId, ordered: bool) -> OrdinalStep {
        let run = &self.workloads[workload.index()];
        let numbered =
            |pods: &[PodId]| -> BTreeMap<u32, PodId> { pods.iter().map(|pod| (self.ordinal(*pod), *pod)).collect() };
        let (live, leaving) = (numbered(&run.pods), numbered(&run.leaving));
        let is_ready = |pod: PodId| self.cluster.pod(pod).ready;
        for ordinal in 0..run.desired {
            let waits = match live.get(&ordinal) {
                None if !leaving.contains_key(&ordinal) => return OrdinalStep::Create(ordinal),
                None => true,
                Some(pod) => !is_ready(*pod),
            };
            if ordered && waits {
                return OrdinalStep::Wait;
            }
        }
        let Some((_, last)) = live.range(run.desired..).next_back() else { return OrdinalStep::Wait };
        let first_unready = live.values().find(|pod| !is_ready(**pod));
        let may_go = !ordered
            || leaving.range(run.desired..).next().is_none() && (is_ready(*last) || first_unready == Some(last));
        if may_go { OrdinalStep::Delete(*last) } else { OrdinalStep::Wait }
    }

    /// A terminating pod is gone: a StatefulSet has waited for that.
    pub(super) fn leaver_is_gone(&mut self, pod: PodId) {
        if let Role::Replica { .. } = self.pods[pod.index()].role {
            self.reconcile_replicas(self.pods[pod.index()].workload);
        }
    }

    fn ordinal(&self, pod: PodId) -> u32 {
        match self.pods[pod.index()].role {
            Role::Replica { ordinal } => ordinal,
            _ => 0,
        }
    }
}

/// What a StatefulSet does next.
enum OrdinalStep {
    Create(u32),
    Delete(PodId),
    Wait,
}
