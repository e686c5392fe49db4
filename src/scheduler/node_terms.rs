//! What a pod's own words say of a node: selector, node affinity and tolerations.

use crate::cluster::{NodeSelectorTerm, NodeView, PodSpec, Taint, TaintEffect};

/// Both the node selector and, where there is one, a term of the required affinity hold.
pub fn matches_node_selector_and_affinity(pod: &PodSpec, node: &NodeView<'_>) -> bool {
    pod.node_selector.iter().all(|(key, value)| node.label(key) == Some(value))
        && pod.affinity.node.required.as_ref().is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)))
}

/// A term without requirements matches nothing, as upstream.
pub(super) fn matches_term(term: &NodeSelectorTerm, node: &NodeView<'_>) -> bool {
    if term.match_expressions.is_empty() && term.match_fields.is_empty() {
        return false;
    }
    term.match_expressions.iter().all(|requirement| requirement.matches(node.label(&requirement.key)))
        && term.match_fields.iter().all(|requirement| {
            let value = (requirement.key == "metadata.name").then_some(&*node.state.name);
            requirement.matches(value)
        })
}

/// The first taint that keeps the pod off the node.
pub fn untolerated_taint<'a>(pod: &PodSpec, node: &NodeView<'a>) -> Option<&'a Taint> {
    node.taints()
        .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
        .find(|taint| !pod.tolerations.iter().any(|toleration| toleration.tolerates(taint)))
}
