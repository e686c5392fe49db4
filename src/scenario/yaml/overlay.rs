//! Values over values, as Helm lays one file of values over another: mappings are merged, everything else is replaced,
//! and `null` takes a key away (`chartutil.CoalesceTables` and `helm --values`).

use super::{Node, Value};

impl Node {
    /// Lays `over` over this value; what it changes keeps its own place.
    pub fn overlay(&mut self, over: &Node) {
        let Value::Mapping(changes) = &over.value else {
            *self = over.clone();
            return;
        };
        if !matches!(self.value, Value::Mapping(_)) {
            *self = Node { place: over.place.clone(), value: Value::Mapping(Vec::new()) };
        }
        let Value::Mapping(entries) = &mut self.value else { unreachable!("it was made one just now") };
        for change in changes {
            if change.value.is_null() {
                entries.retain(|entry| entry.key != change.key);
                continue;
            }
            match entries.iter_mut().find(|entry| entry.key == change.key) {
                Some(entry) => entry.value.overlay(&change.value),
                None => {
                    let mut entry = change.clone();
                    entry.value = Node { place: change.value.place.clone(), value: Value::Mapping(Vec::new()) };
                    // Nulls within a mapping that is new take nothing away, and are none.
                    entry.value.overlay(&change.value);
                    entries.push(entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{parse, read};
    use crate::scenario::diagnostic::Source;

    fn laid(base: &str, over: &str) -> serde_json::Value {
        let tree = |text: &str| {
            let source = Arc::new(Source::new("test", text));
            parse(&source).expect("it is YAML").pop().expect("one document")
        };
        let mut node = tree(base);
        node.overlay(&tree(over));
        read::<serde_json::Value>(&node).0.expect("any value")
    }

    #[test]
    fn mappings_merge_lists_replace_and_null_takes_away() {
        let base = "{a: {x: 1, y: {z: 2}}, l: [1, 2], gone: {w: 1}, s: 5}";
        let over = "{a: {y: {z: 3, new: 4}}, l: [9], gone: null, s: {t: 1, u: null}, n: {v: null, k: 0}}";
        let expected =
            serde_json::json!({"a": {"x": 1, "y": {"z": 3, "new": 4}}, "l": [9], "s": {"t": 1}, "n": {"k": 0}});
        assert_eq!(laid(base, over), expected);
    }
}
