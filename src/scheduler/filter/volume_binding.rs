//! VolumeBinding: the pod goes where the volumes that it is bound to can be reached.
//!
//! Claims without a volume yet bind where the pod goes (`WaitForFirstConsumer`) and refuse no node. What is bound stands
//! in [`PodSpec::volume_affinity`](crate::cluster::PodSpec::volume_affinity); the upstream plugin VolumeZone answers the
//! same for volumes that say their zone by a label.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::scheduler::node_terms::matches_term;

pub struct VolumeBinding;

impl Filter for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        !cycle.pod.volume_affinity.is_empty()
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let reaches = |terms: &Vec<_>| terms.iter().any(|term| matches_term(term, node));
        if cycle.pod.volume_affinity.iter().all(reaches) { Ok(()) } else { Err(Reason::VolumeNodeAffinity) }
    }
}
