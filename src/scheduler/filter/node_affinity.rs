//! NodeAffinity: the pod's node selector and its required node affinity.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::scheduler::node_terms::matches_node_selector_and_affinity;

pub(super) const NAME: &str = "NodeAffinity";

pub struct NodeAffinity;

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        NAME
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        if matches_node_selector_and_affinity(cycle.pod, node) { Ok(()) } else { Err(Reason::NodeAffinity) }
    }
}
