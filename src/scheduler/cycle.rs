//! One pod's scheduling cycle: what the filters work out once a pod and not once a node.

use super::affinity_counts::AffinityCounts;
use super::spread_counts::SpreadCounts;
use crate::cluster::{ClusterView, NodeView, PodId, PodSpec, PodSpecId, Specs};

/// Upstream's `CycleState` after PreFilter: the pod, and what its constraints find in the cluster at this moment.
///
/// It goes stale as soon as a pod is placed or a node comes or goes: make a new one for each pod. For a pod without
/// spread constraints and affinity in a cluster without anti-affinity that costs next to nothing.
#[derive(Clone, Debug)]
pub struct Cycle<'a> {
    pub specs: &'a Specs,
    pub spec: PodSpecId,
    pub pod: &'a PodSpec,
    /// The pod itself, where it is one of the cluster's.
    pub pod_id: Option<PodId>,
    /// Whole GPUs that the pod requests, looked up once.
    pub whole_gpus: i64,
    /// For the filter PodTopologySpread; `None` where it has nothing to say.
    pub(super) spread: Option<SpreadCounts<'a>>,
    /// For the filter InterPodAffinity; `None` where it has nothing to say.
    pub(super) affinity: Option<AffinityCounts>,
}

impl<'a> Cycle<'a> {
    /// For any pod of this spec.
    pub fn new(view: &'a dyn ClusterView, spec: PodSpecId) -> Cycle<'a> {
        let specs = view.specs();
        let pod = specs.pod(spec);
        Cycle {
            specs,
            spec,
            pod,
            pod_id: None,
            whole_gpus: specs.whole_gpus(pod),
            spread: SpreadCounts::new(view, spec),
            affinity: AffinityCounts::new(view, spec),
        }
    }

    /// For a pending pod of the cluster, which may have been nominated to a node.
    pub fn for_pod(view: &'a dyn ClusterView, pod: PodId) -> Cycle<'a> {
        Cycle { pod_id: Some(pod), ..Cycle::new(view, view.pod_info(pod).spec) }
    }

    /// Takes note that another pod came to (`by` = 1) or left (-1) a node: upstream's PreFilter extensions `AddPod` and
    /// `RemovePod`, which plugins that were skipped do not see.
    pub(super) fn change(&mut self, other: &PodSpec, node: &NodeView<'_>, by: i64) {
        if let Some(spread) = &mut self.spread {
            spread.change(self.pod, other, node, by);
        }
        if let Some(affinity) = &mut self.affinity {
            affinity.change(self.pod, other, node, by);
        }
    }
}
