//! Strategic merge patches, as `kubectl patch` applies them: mappings are merged, null takes a key away, lists of named
//! things are merged by their key and other lists replaced (`k8s.io/apimachinery/pkg/util/strategicpatch`).

use super::{Entry, Node, Value};

/// Lists whose items are told apart by a key, by the field that holds them (`patchMergeKey` of `k8s.io/api`).
const MERGE_KEYS: [(&str, &str); 13] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("imagePullSecrets", "name"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("ports", "containerPort"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("topologySpreadConstraints", "topologyKey"),
    ("hostAliases", "ip"),
];

/// Says how a mapping or an item is merged: `merge`, `replace` or `delete`.
const DIRECTIVE: &str = "$patch";

impl Node {
    /// Applies a strategic merge patch; what it changes keeps the patch's place.
    pub fn merge(&mut self, patch: &Node) {
        let Value::Mapping(changes) = &patch.value else {
            *self = patch.clone();
            return;
        };
        if directive(patch) == Some("replace") || !matches!(self.value, Value::Mapping(_)) {
            *self = Node { place: patch.place.clone(), value: Value::Mapping(without_directives(changes)) };
            return;
        }
        let Value::Mapping(entries) = &mut self.value else { unreachable!("it was looked at just now") };
        for change in changes.iter().filter(|change| !change.key.starts_with('$')) {
            let known = entries.iter().position(|entry| entry.key == change.key);
            if change.value.is_null() || directive(&change.value) == Some("delete") {
                entries.retain(|entry| entry.key != change.key);
                continue;
            }
            let Some(known) = known else {
                entries.push(change.clone());
                continue;
            };
            let merge_key = MERGE_KEYS.iter().find(|(field, _)| *field == change.key).map(|(_, key)| *key);
            let entry = &mut entries[known];
            match (merge_key, &mut entry.value.value, &change.value.value) {
                (Some(key), Value::Sequence(items), Value::Sequence(changes)) => merge_items(items, changes, key),
                _ => entry.value.merge(&change.value),
            }
        }
    }
}

fn merge_items(items: &mut Vec<Node>, changes: &[Node], key: &str) {
    let identity = |node: &Node| node.get(key).map(scalar);
    if changes.iter().any(|change| directive(change) == Some("replace") && identity(change).is_none()) {
        *items = changes.iter().filter(|change| directive(change).is_none()).cloned().collect();
        return;
    }
    for change in changes {
        let known = items.iter().position(|item| identity(item).is_some() && identity(item) == identity(change));
        match (known, directive(change)) {
            (Some(known), Some("delete")) => {
                items.remove(known);
            }
            (None, Some("delete")) => {}
            (Some(known), _) => items[known].merge(change),
            (None, _) => items.push(change.clone()),
        }
    }
}

fn directive(node: &Node) -> Option<&str> {
    node.get(DIRECTIVE).and_then(Node::as_str)
}

fn without_directives(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().filter(|entry| !entry.key.starts_with('$')).cloned().collect()
}

fn scalar(node: &Node) -> String {
    if let Value::Scalar(text, _) = &node.value { text.clone() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{parse, read};
    use crate::scenario::diagnostic::Source;

    fn merged(base: &str, patch: &str) -> serde_json::Value {
        let tree = |text: &str| {
            let source = Arc::new(Source::new("test", text));
            parse(&source).expect("it is YAML").pop().expect("one document")
        };
        let mut node = tree(base);
        node.merge(&tree(patch));
        read::<serde_json::Value>(&node).0.expect("any value")
    }

    #[test]
    fn containers_are_merged_by_name_and_plain_lists_replaced() {
        let base = "{spec: {containers: [{name: a, image: a:1, args: [x, y]}, {name: b, image: b:1}], tolerations: [{key: k}]}}";
        let patch =
            "{spec: {containers: [{name: a, image: a:2, args: [z]}, {name: c, image: c:1}], tolerations: [{key: l}]}}";
        let expected = serde_json::json!({"spec": {
            "containers": [{"name": "a", "image": "a:2", "args": ["z"]}, {"name": "b", "image": "b:1"}, {"name": "c", "image": "c:1"}],
            "tolerations": [{"key": "l"}],
        }});
        assert_eq!(merged(base, patch), expected);
    }

    #[test]
    fn null_takes_away_and_directives_replace_and_delete() {
        let base = "{a: {x: 1, y: 2}, containers: [{name: a}, {name: b}], b: {z: 1}}";
        let patch = "{a: {x: null}, containers: [{name: a, $patch: delete}], b: {$patch: replace, w: 2}}";
        let expected = serde_json::json!({"a": {"y": 2}, "containers": [{"name": "b"}], "b": {"w": 2}});
        assert_eq!(merged(base, patch), expected);
    }
}
