//! NodeAffinity: the pod's node selector and its required node affinity.

use super::{Cycle, Filter, NodeView, Reason, Scope};
use crate::cluster::{NodeSelectorTerm, PodSpec};

pub struct NodeAffinity;

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn scope(&self) -> Scope {
        Scope::Shape
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        if matches_node_selector_and_affinity(cycle.pod, node) { Ok(()) } else { Err(Reason::NodeAffinity) }
    }
}

/// Both the node selector and, where there is one, a term of the required affinity hold.
pub fn matches_node_selector_and_affinity(pod: &PodSpec, node: &NodeView<'_>) -> bool {
    pod.node_selector.iter().all(|(key, value)| node.label(key) == Some(value))
        && pod.affinity.node.required.as_ref().is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)))
}

/// A term without requirements matches nothing, as upstream.
pub(in crate::scheduler) fn matches_term(term: &NodeSelectorTerm, node: &NodeView<'_>) -> bool {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return false;
    }
    term.match_expressions.iter().all(|requirement| requirement.matches(node.label(&requirement.key)))
        && term.match_fields.iter().all(|requirement| {
            let value = (requirement.key == "metadata.name").then_some(&*node.state.name);
            requirement.matches(value)
        })
}
