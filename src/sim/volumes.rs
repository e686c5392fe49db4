//! Volumes that live somewhere: a claim without one gets it where its first pod goes (`WaitForFirstConsumer`), and
//! every later pod that mounts it has to go there too.

use super::entities::Role;
use super::world::World;
use crate::cluster::{
    ClusterView, NodeId, NodeSelectorTerm, PodId, PodSpec, SelectorOperator, SelectorRequirement, WorkloadId, label,
};
use crate::scenario::{VolumeScope, VolumeUse};

impl World<'_> {
    pub(super) fn start_volumes(&mut self) {
        let scenario = self.scenario;
        self.claims = scenario.claims.iter().map(|claim| claim.bound.clone()).collect();
        self.has_volumes = scenario.workloads.iter().any(|workload| !workload.volumes.is_empty());
        for workload in &scenario.workloads {
            for volume in &workload.volumes {
                if let VolumeUse::PerReplica { bound, .. } = volume {
                    self.workloads[workload.id.index()].volumes.extend(bound.iter().cloned());
                }
            }
        }
    }

    /// Before a pod is tried: what its volumes have been bound to since ties it.
    pub(super) fn follow_volumes(&mut self, pod: PodId) {
        if !self.has_volumes {
            return;
        }
        let affinity = self.volume_affinity(pod);
        let info = self.cluster.pod(pod);
        if self.cluster.specs.pod(info.spec).volume_affinity != affinity {
            let template = self.cluster.specs.pod(self.pods[pod.index()].template);
            let spec = PodSpec { volume_affinity: affinity, ..template.clone() };
            let spec = self.cluster.intern_pod(spec);
            self.cluster.respec(pod, spec);
        }
    }

    /// Where the pod's bound volumes can be reached.
    fn volume_affinity(&self, pod: PodId) -> Vec<Vec<NodeSelectorTerm>> {
        let run = &self.pods[pod.index()];
        let volumes = &self.scenario.workloads[run.workload.index()].volumes;
        let bound = volumes.iter().filter_map(|volume| match volume {
            VolumeUse::Claim(claim) => self.claims[*claim as usize].clone(),
            VolumeUse::PerReplica { .. } => {
                self.workloads[run.workload.index()].volumes.get(&replica_of(run.role)?).cloned()
            }
        });
        bound.collect()
    }

    /// A pod was bound to a node: its claims without a volume get theirs there.
    pub(super) fn bind_volumes(&mut self, pod: PodId, node: NodeId) {
        if !self.has_volumes {
            return;
        }
        let (workload, role) = (self.pods[pod.index()].workload, self.pods[pod.index()].role);
        for volume in &self.scenario.workloads[workload.index()].volumes {
            match volume {
                VolumeUse::Claim(claim) => {
                    let scope = self.scenario.claims[*claim as usize].scope;
                    if self.claims[*claim as usize].is_none() {
                        self.claims[*claim as usize] = self.reached_from(node, scope);
                    }
                }
                VolumeUse::PerReplica { scope, .. } => {
                    let Some(ordinal) = replica_of(role) else { continue };
                    let Some(terms) = self.reached_from(node, *scope) else { continue };
                    self.workloads[workload.index()].volumes.entry(ordinal).or_insert(terms);
                }
            }
        }
    }

    /// A replica is scaled away: its volumes stay, or go with it.
    pub(super) fn release_volumes(&mut self, workload: WorkloadId, ordinal: u32) {
        let volumes = &self.scenario.workloads[workload.index()].volumes;
        if volumes.iter().any(|volume| matches!(volume, VolumeUse::PerReplica { deleted_when_scaled: true, .. })) {
            self.workloads[workload.index()].volumes.remove(&ordinal);
        }
    }

    /// `None` where every node reaches it: the node is in no zone.
    fn reached_from(&self, node: NodeId, scope: VolumeScope) -> Option<Vec<NodeSelectorTerm>> {
        let key = match scope {
            VolumeScope::Anywhere => return None,
            VolumeScope::Zone => label::ZONE,
            VolumeScope::Node => label::HOSTNAME,
        };
        let value = self.cluster.node_view(node)?.label(key)?.to_owned();
        let requirement =
            SelectorRequirement { key: key.to_owned(), operator: SelectorOperator::In, values: vec![value] };
        Some(vec![NodeSelectorTerm { match_expressions: vec![requirement], match_fields: Vec::new() }])
    }
}

fn replica_of(role: Role) -> Option<u32> {
    if let Role::Replica { ordinal } = role { Some(ordinal) } else { None }
}
