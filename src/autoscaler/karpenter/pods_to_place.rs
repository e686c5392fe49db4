//! The pods that a simulation finds places for.

use super::Snapshot;
use super::pods::{is_currently_reschedulable, is_provisionable, why_not_looked_at};
use crate::cluster::{ClusterView, NodeId, PodId, PodSpecId};

/// A pod to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodToPlace {
    pub pod: PodId,
    pub spec: PodSpecId,
    /// It has no room now: it is pending, or its node is being deleted. Others are only moved to save money.
    pub homeless: bool,
}

/// Provisionable pods, and pods of nodes that are marked for deletion.
pub(super) fn pods_to_place(snapshot: &Snapshot<'_>) -> Vec<PodToPlace> {
    let cluster = snapshot.cluster;
    let homeless = |pod: PodId| PodToPlace { pod, spec: cluster.pod(pod).spec, homeless: true };
    let mut pods: Vec<PodToPlace> = Vec::new();
    for pod in snapshot.pending {
        let info = cluster.pod(*pod);
        let spec = cluster.specs.pod(info.spec);
        if is_provisionable(info, spec) && why_not_looked_at(spec).is_none() {
            pods.push(homeless(*pod));
        }
    }
    let of_claims =
        snapshot.claims.iter().filter(|claim| claim.is_marked_for_deletion()).filter_map(|claim| claim.node);
    let mut leaving: Vec<NodeId> = of_claims.collect();
    let others = cluster.node_views().filter(|view| view.state.deleting).map(|view| view.id);
    for node in others {
        if !leaving.contains(&node) {
            leaving.push(node);
        }
    }
    for node in leaving {
        let Some(state) = cluster.node(node) else { continue };
        let held = state.pods.iter().map(|held| held.pod);
        pods.extend(held.filter(|pod| is_currently_reschedulable(snapshot, *pod)).map(homeless));
    }
    pods
}
