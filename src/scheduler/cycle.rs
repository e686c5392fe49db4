//! One pod's scheduling cycle: what filters and scores work out once a pod and not once a node.

use crate::cluster::{ClusterView, PodSpec, PodSpecId, Specs};

/// Upstream's `CycleState` after PreFilter: the pod, and what its constraints find in the cluster at this moment.
///
/// It goes stale as soon as a pod is placed or a node comes or goes: make a new one for each pod. For a pod without
/// spread constraints and affinity in a cluster without anti-affinity that costs next to nothing.
pub struct Cycle<'a> {
    pub specs: &'a Specs,
    pub spec: PodSpecId,
    pub pod: &'a PodSpec,
    /// Whole GPUs that the pod requests, looked up once.
    pub whole_gpus: i64,
}

impl<'a> Cycle<'a> {
    pub fn new(view: &'a dyn ClusterView, spec: PodSpecId) -> Cycle<'a> {
        let specs = view.specs();
        let pod = specs.pod(spec);
        Cycle { specs, spec, pod, whole_gpus: specs.whole_gpus(pod) }
    }
}
