//! Pods that wait on a node for preemption's victims to leave it.

use crate::cluster::{ClusterView, NodeId, NodeView, PodId};

use super::filter::{self, Rejection};
use super::{Cycle, Profile};

/// Who is nominated where. A pod leaves it when it is bound or nominated anew.
#[derive(Clone, Debug, Default)]
pub struct Nominations {
    /// In the order of nomination.
    pods: Vec<(PodId, NodeId)>,
}

impl Nominations {
    /// Nominates a pod, which gives up an earlier nomination.
    pub fn add(&mut self, pod: PodId, node: NodeId) {
        self.remove(pod);
        self.pods.push((pod, node));
    }

    pub fn remove(&mut self, pod: PodId) {
        self.pods.retain(|(other, _)| *other != pod);
    }

    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    pub fn on(&self, node: NodeId) -> impl Iterator<Item = PodId> + '_ {
        self.pods.iter().filter(move |(_, other)| *other == node).map(|(pod, _)| *pod)
    }
}

/// Runs the profile's filters on a node. Where pods of the same or a higher priority are nominated to it, the pod must
/// fit both with and without them (`RunFilterPluginsWithNominatedPods`, 1.31).
pub fn fits_with_nominated(
    view: &dyn ClusterView,
    cycle: &Cycle<'_>,
    profile: &Profile,
    nominations: &Nominations,
    node: &NodeView<'_>,
) -> Result<(), Rejection> {
    let yields_to = |pod: &PodId| {
        Some(*pod) != cycle.pod_id && cycle.specs.pod(view.pod_info(*pod).spec).priority >= cycle.pod.priority
    };
    let mut nominated = nominations.on(node.id).filter(yields_to).peekable();
    if nominated.peek().is_some() {
        let mut state = node.state.clone();
        let mut crowded = cycle.clone();
        for pod in nominated {
            let spec_id = view.pod_info(pod).spec;
            let spec = cycle.specs.pod(spec_id);
            state.add_pod(pod, spec_id, spec, cycle.specs.whole_gpus(spec));
            crowded.change(spec, node, 1);
        }
        filter::run(&profile.filters, &crowded, &NodeView { state: &state, ..*node })?;
    }
    filter::run(&profile.filters, cycle, node)
}
