//! Changes that several dialects share.

use crate::scenario::yaml::Node;

pub fn set_version(object: &mut Node, version: &str) {
    if let Some(node) = object.get_mut("apiVersion") {
        *node = Node::text(&node.place, version);
    }
}

pub fn set_kind(object: &mut Node, kind: &str, version: &str) {
    set_version(object, version);
    if let Some(node) = object.get_mut("kind") {
        *node = Node::text(&node.place, kind);
    }
}

/// Before `apps/v1` a selector could be left out; it was that of the template's labels.
pub fn select_by_template(object: &mut Node) {
    if object.find(&["spec", "selector"]).is_some_and(|selector| !selector.is_null()) {
        return;
    }
    let Some(labels) = object.find(&["spec", "template", "metadata", "labels"]).cloned() else { return };
    let place = labels.place.clone();
    if let Some(spec) = object.get_mut("spec") {
        spec.put("selector", Node::mapping(&place, vec![("matchLabels", labels)]));
    }
}
