//! InterPodAffinity: required affinity and anti-affinity to pods, of this pod and of those that already run.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct InterPodAffinity;

impl Filter for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn applies(&self, cycle: &Cycle<'_>) -> bool {
        cycle.affinity.is_some()
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let Some(counts) = &cycle.affinity else { return Ok(()) };
        if !counts.satisfies_affinity(cycle.pod, node) {
            return Err(Reason::PodAffinity);
        }
        if counts.violates_anti_affinity(cycle.pod, node) {
            return Err(Reason::PodAntiAffinity);
        }
        if counts.violates_existing_anti_affinity(node) {
            return Err(Reason::ExistingPodAntiAffinity);
        }
        Ok(())
    }
}
