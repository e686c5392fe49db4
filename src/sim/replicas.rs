//! ReplicaSets at work: as many pods as are wanted, and who goes where they are too many.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::entities::Role;
use super::world::World;
use crate::cluster::{NodeId, PodId, PodPhase, PodSpecId, WorkloadId};
use crate::scenario::{Owner, WorkloadKind};
use crate::units::{SimDuration, SimTime};

impl World<'_> {
    /// Creates or deletes pods until as many live as are wanted.
    pub(super) fn reconcile_replicas(&mut self, workload: WorkloadId) {
        let scenario = self.scenario;
        let WorkloadKind::Replicated { owner, spec, ordered, .. } = &scenario.workloads[workload.index()].kind else {
            return;
        };
        if *owner == Owner::StatefulSet {
            return self.reconcile_ordinals(workload, *spec, *ordered);
        }
        let desired = self.workloads[workload.index()].desired as usize;
        let live = self.workloads[workload.index()].pods.len();
        if live > desired {
            let mut candidates = self.workloads[workload.index()].pods.clone();
            self.rank_for_deletion(&mut candidates);
            for pod in candidates.into_iter().take(live - desired) {
                self.delete_pod(pod, "ScaledDown");
            }
            return;
        }
        for _ in live..desired {
            let ordinal = self.next_ordinal(workload);
            self.create_replica(workload, *spec, ordinal);
        }
    }

    pub(super) fn create_replica(&mut self, workload: WorkloadId, spec: PodSpecId, ordinal: u32) {
        let name = format!("{}-{ordinal}", self.workload_name(workload)).into();
        let pod = self.create_pod(name, spec, workload, Role::Replica { ordinal });
        self.enqueue(pod);
    }

    /// Upstream's order of victims (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): unbound before bound,
    /// pending before running, unready before ready, lower deletion cost, crowded nodes first, then the ones ready for
    /// a shorter time (in powers of two, as `LogarithmicScaleDown` has it), more restarts, newer.
    fn rank_for_deletion(&self, pods: &mut [PodId]) {
        let mut on_node: BTreeMap<NodeId, usize> = Default::default();
        for pod in pods.iter() {
            if let Some(node) = self.cluster.pod(*pod).node {
                *on_node.entry(node).or_default() += 1;
            }
        }
        let rank = |pod: PodId| {
            let info = self.cluster.pod(pod);
            let run = &self.pods[pod.index()];
            let cost: i32 = self
                .cluster
                .specs
                .pod(info.spec)
                .annotations
                .get("controller.kubernetes.io/pod-deletion-cost")
                .and_then(|cost| cost.parse().ok())
                .unwrap_or(0);
            let crowd = info.node.map_or(0, |node| on_node[&node]);
            (
                info.node.is_some(),
                info.phase == PodPhase::Running,
                info.ready,
                cost,
                Reverse(crowd),
                info.ready.then(|| age_bucket(self.now, run.ready_changed.unwrap_or(self.now))),
                Reverse(run.restarts),
                age_bucket(self.now, info.created),
                Reverse(pod),
            )
        };
        pods.sort_by_cached_key(|pod| rank(*pod));
    }

    pub(super) fn readiness_delay(&self, pod: PodId) -> SimDuration {
        match &self.scenario.workloads[self.pods[pod.index()].workload.index()].kind {
            WorkloadKind::Replicated { readiness_delay, .. } => self.draw(readiness_delay, "readiness", pod),
            _ => SimDuration::ZERO,
        }
    }

    pub(super) fn replica_became_ready(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        if let WorkloadKind::Replicated { ordered: true, .. } = self.scenario.workloads[workload.index()].kind {
            self.reconcile_replicas(workload);
        }
    }
}

/// Powers of two of the age in nanoseconds, younger first.
fn age_bucket(now: SimTime, since: SimTime) -> u32 {
    let age = (now - since).nanos().max(0) as u64;
    64 - age.leading_zeros()
}
