//! What a pod's own words say of a node: selector, node affinity and tolerations.

use crate::cluster::{NodeSelectorTerm, NodeView, PodSpec, SelectorOperator, SelectorRequirement, Taint, TaintEffect};

/// Both the node selector and, where there is one, a term of the required affinity hold.
pub fn matches_node_selector_and_affinity(pod: &PodSpec, node: &NodeView<'_>) -> bool {
    pod.node_selector.iter().all(|(key, value)| node.label(key) == Some(value))
        && pod.affinity.node.required.as_ref().is_none_or(|terms| terms.iter().any(|term| matches_term(term, node)))
}

/// Every term of the pod's required affinity names nodes, and none of them this one.
pub fn names_other_nodes(pod: &PodSpec, node: &NodeView<'_>) -> bool {
    let Some(terms) = &pod.affinity.node.required else { return false };
    let names = |requirement: &SelectorRequirement| {
        requirement.key == "metadata.name" && requirement.operator == SelectorOperator::In
    };
    let others = |term: &NodeSelectorTerm| {
        let mut named = term.match_fields.iter().filter(|requirement| names(requirement)).peekable();
        named.peek().is_some() && !named.all(|requirement| requirement.matches(Some(&*node.state.name)))
    };
    !terms.is_empty() && terms.iter().all(others)
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
