//! Pending pods in groups that schedule alike (`core/scaleup/equivalence`).

use rustc_hash::FxHashMap;

use super::facts;
use crate::cluster::{PodId, PodSpecId, Specs};

/// Groups of one controller that later pods can join; beyond them every pod stands alone.
const MAX_GROUPS_BY_CONTROLLER: usize = 10;

/// Pods of one controller with equal labels and specs. Only the first is tried against a node group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodGroup {
    pub spec: PodSpecId,
    pub pods: Vec<PodId>,
}

/// In the order of each group's first pod. A pod without a controller is a group by itself.
pub fn pod_groups(specs: &Specs, pods: &[(PodId, PodSpecId)]) -> Vec<PodGroup> {
    let mut groups: Vec<PodGroup> = Vec::new();
    let mut by_controller: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for &(pod, spec_id) in pods {
        let spec = specs.pod(spec_id);
        let controller = spec.controller.as_ref().filter(|_| !facts::is_daemon_set_pod(spec));
        if let Some(controller) = controller {
            let known = by_controller.entry(&controller.uid).or_default();
            let matching = known.iter().copied().find(|index| {
                let other = groups[*index].spec;
                other == spec_id || facts::are_equivalent(specs.pod(other), spec)
            });
            if let Some(index) = matching {
                groups[index].pods.push(pod);
                continue;
            }
            if known.len() < MAX_GROUPS_BY_CONTROLLER {
                known.push(groups.len());
            }
        }
        groups.push(PodGroup { spec: spec_id, pods: vec![pod] });
    }
    groups
}
