//! What would become of the pods if these nodes were gone?
//!
//! Follows `SimulateScheduling` in `pkg/controllers/disruption/helpers.go` (kubernetes-sigs/karpenter 22664681).

use super::candidate::Candidate;
use crate::autoscaler::karpenter::base::{Base, PodError};
use crate::autoscaler::karpenter::hopeless;
use crate::autoscaler::karpenter::pods::{is_currently_reschedulable, is_provisionable};
use crate::autoscaler::karpenter::pods_to_place::PodToPlace;
use crate::autoscaler::karpenter::provisioning::unplaced;
use crate::autoscaler::karpenter::scheduler::{Mode, Solution, solve};
use crate::cluster::PodPhase;

/// Places pending pods, pods of nodes on their way out, and those of the candidates, without the candidates' nodes.
/// `consolidating`: pods are only moved to save money, so that nodes under `consolidateAfter` are no destination.
pub(super) fn simulate(base: &Base<'_>, candidates: &[&Candidate], consolidating: bool) -> Solution {
    let cluster = base.snapshot.cluster;
    let homeless = base.pods_to_place();
    // A pending pod that finds no place may stay so (see `first_failure`), and is in nobody's way meanwhile.
    let has_hope = |pod: &PodToPlace| cluster.pod(pod.pod).node.is_some() || hopeless::why(base, pod.spec).is_none();
    let mut pods = base.pods_with_hope(|| homeless.iter().copied().filter(has_hope).collect()).to_vec();
    for pod in candidates.iter().flat_map(|candidate| &candidate.reschedulable) {
        if is_currently_reschedulable(base.snapshot, *pod) {
            let info = cluster.pod(*pod);
            pods.push(PodToPlace { pod: *pod, spec: info.spec, homeless: info.phase == PodPhase::Pending });
        }
    }
    let mut without: Vec<usize> = candidates.iter().map(|candidate| candidate.existing).collect();
    without.sort_unstable();
    let mode = Mode { enforce_consolidate_after: consolidating, strict_reservations: false };
    let mut solution = solve(base, pods, &without, mode);
    for (owner, index) in &solution.on_existing {
        if base.existing.nodes[*index].initialized {
            continue;
        }
        // Pods without a place of their own may land on nodes that are starting.
        let pod = solution.pods[*owner as usize].pod;
        let of_deleting_node = cluster.pod(pod).node.is_some() && homeless.iter().any(|other| other.pod == pod);
        if !of_deleting_node {
            solution.errors.push((*owner, PodError::Uninitialized(*index)));
        }
    }
    solution
}

/// The first pod that runs now and would not, with the reason; pods that were pending before may stay so.
pub(super) fn first_failure(base: &Base<'_>, solution: &Solution) -> Option<String> {
    let cluster = base.snapshot.cluster;
    solution.errors.iter().find_map(|(owner, error)| {
        let pod = solution.pods[*owner as usize].pod;
        let info = cluster.pod(pod);
        if is_provisionable(info, cluster.specs.pod(info.spec)) {
            return None;
        }
        let why = unplaced(base, pod, error).explain(base.snapshot.pools);
        Some(format!("pod {} would not schedule ({why})", info.name))
    })
}
