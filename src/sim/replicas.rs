//! ReplicaSets at work: as many pods as are wanted, and who goes where they are too many.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::entities::{Role, SetRun};
use super::event::Event;
use super::world::World;
use crate::cluster::{NodeId, PodId, PodPhase, PodSpecId, WorkloadId};
use crate::scenario::{Owner, WorkloadKind};
use crate::units::{SimDuration, SimTime};

impl World<'_> {
    /// Creates or deletes pods until as many live as are wanted. What a pod's end brings about while that goes on is
    /// seen by its next step.
    pub(super) fn reconcile_replicas(&mut self, workload: WorkloadId) {
        if std::mem::replace(&mut self.workloads[workload.index()].is_reconciling, true) {
            return;
        }
        if let WorkloadKind::Replicated { owner, spec, ordered, update, .. } = self.kind(workload) {
            match owner {
                Owner::StatefulSet => self.reconcile_ordinals(workload, *spec, *ordered, update),
                Owner::Deployment if self.workloads[workload.index()].sets.len() > 1 => {
                    self.sync_deployment(workload);
                    let sets: Vec<SetRun> = self.workloads[workload.index()].sets.clone();
                    for set in sets {
                        self.reconcile_set(workload, set.template, set.state.replicas);
                    }
                    self.forget_old_sets(workload, *spec);
                }
                Owner::Deployment | Owner::ReplicaSet => {
                    self.reconcile_set(workload, *spec, self.workloads[workload.index()].desired);
                }
            }
        }
        self.workloads[workload.index()].is_reconciling = false;
    }

    /// As many pods of one template as its ReplicaSet wants.
    pub(super) fn reconcile_set(&mut self, workload: WorkloadId, template: PodSpecId, replicas: u32) {
        let run = &self.workloads[workload.index()];
        let is_alone = run.sets.len() <= 1;
        let is_of_it = |pod: &PodId| is_alone || self.pods[pod.index()].template == template;
        let wanted = replicas as usize;
        let live = if is_alone { run.pods.len() } else { run.pods.iter().filter(|pod| is_of_it(pod)).count() };
        if live > wanted {
            let mut ranked = run.pods.clone();
            self.rank_for_deletion(&mut ranked);
            let gone: Vec<PodId> = ranked.into_iter().filter(|pod| is_of_it(pod)).take(live - wanted).collect();
            for pod in gone {
                self.delete_pod(pod, "ScaledDown");
            }
            return;
        }
        for _ in live..wanted {
            if self.is_full() {
                return;
            }
            let ordinal = self.next_ordinal(workload);
            self.create_replica(workload, template, ordinal);
        }
    }

    pub(super) fn create_replica(&mut self, workload: WorkloadId, spec: PodSpecId, ordinal: u32) {
        let name = format!("{}-{ordinal}", self.pod_stem(workload)).into();
        let pod = self.create_pod(name, spec, workload, Role::Replica { ordinal });
        self.enqueue(pod);
    }

    /// Upstream's order of victims (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): unbound before bound,
    /// pending before running, unready before ready, lower deletion cost, crowded nodes first, then the ones ready for
    /// a shorter time (in powers of two, as `LogarithmicScaleDown` has it), more restarts, newer.
    pub(super) fn rank_for_deletion(&self, pods: &mut [PodId]) {
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
        match self.kind(self.pods[pod.index()].workload) {
            // Nobody asks before the probes' initial delay.
            WorkloadKind::Replicated { readiness_delay, .. } => self
                .draw(readiness_delay, "readiness", pod)
                .max(self.cluster.specs.pod(self.cluster.pod(pod).spec).probe_delay),
            _ => SimDuration::ZERO,
        }
    }

    pub(super) fn replica_became_ready(&mut self, pod: PodId) {
        let workload = self.pods[pod.index()].workload;
        let WorkloadKind::Replicated { ordered, update, .. } = self.kind(workload) else { return };
        if update.min_ready > SimDuration::ZERO {
            let generation = self.pods[pod.index()].generation;
            self.events.push(self.now + update.min_ready, Event::PodAvailable { pod, generation });
        } else if *ordered || self.workloads[workload.index()].sets.len() > 1 {
            self.workloads[workload.index()].note_progress(self.now);
            self.reconcile_replicas(workload);
        }
    }
}

/// Powers of two of the age in nanoseconds, younger first.
fn age_bucket(now: SimTime, since: SimTime) -> u32 {
    let age = (now - since).nanos().max(0) as u64;
    64 - age.leading_zeros()
}
