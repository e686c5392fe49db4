//! Trees made and changed by hand: what stands in for something that was written keeps its place.

use super::{Entry, Node, Scalar, Value};
use crate::scenario::diagnostic::Place;

impl Node {
    pub fn text(place: &Place, text: impl Into<String>) -> Node {
        Node { place: place.clone(), value: Value::Scalar(text.into(), Scalar::Text) }
    }

    pub fn integer(place: &Place, value: i64) -> Node {
        Node { place: place.clone(), value: Value::Scalar(value.to_string(), Scalar::Integer(value)) }
    }

    pub fn sequence(place: &Place, items: Vec<Node>) -> Node {
        Node { place: place.clone(), value: Value::Sequence(items) }
    }

    pub fn mapping(place: &Place, fields: Vec<(&str, Node)>) -> Node {
        let entry = |(key, value): (&str, Node)| Entry { key: key.to_owned(), key_place: place.clone(), value };
        Node { place: place.clone(), value: Value::Mapping(fields.into_iter().map(entry).collect()) }
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Value::Mapping(entries) = &mut self.value else { return None };
        entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    /// What a path of keys leads to.
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub fn find_mut(&mut self, path: &[&str]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// The text that a path of keys leads to.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.find(path).and_then(Node::as_str)
    }

    /// The whole number that a path of keys leads to.
    pub fn integer_at(&self, path: &[&str]) -> Option<i64> {
        match self.find(path)?.value {
            Value::Scalar(_, Scalar::Integer(value)) => Some(value),
            Value::Scalar(_, Scalar::Float(value)) => super::scalar::integral(value),
            _ => None,
        }
    }

    pub fn is_true_at(&self, path: &[&str]) -> bool {
        self.find(path).is_some_and(|node| matches!(node.value, Value::Scalar(_, Scalar::Bool(true))))
    }

    /// The items of a sequence; none of anything else.
    pub fn items_mut(&mut self) -> &mut [Node] {
        if let Value::Sequence(items) = &mut self.value { items } else { &mut [] }
    }

    /// Takes a key out of a mapping.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let Value::Mapping(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at).value)
    }

    /// Puts a key into a mapping, in the place of what it held; anything else becomes a mapping.
    pub fn put(&mut self, key: &str, value: Node) {
        if !matches!(self.value, Value::Mapping(_)) {
            self.value = Value::Mapping(Vec::new());
        }
        let Value::Mapping(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry { key: key.to_owned(), key_place: value.place.clone(), value }),
        }
    }

    /// The mapping under a key, made where it is not there.
    pub fn child(&mut self, key: &str) -> &mut Node {
        if self.get(key).is_none_or(Node::is_null) {
            let place = self.place.clone();
            self.put(key, Node::mapping(&place, Vec::new()));
        }
        self.get_mut(key).expect("it was put there just now")
    }

    /// Keeps those keys of a mapping for which `wanted` holds.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        if let Value::Mapping(entries) = &mut self.value {
            entries.retain(|entry| wanted(&entry.key));
        }
    }

    /// Numbers such as `2.0`, as programs that know one kind of number write them, become whole numbers.
    pub fn make_integral(&mut self) {
        match &mut self.value {
            Value::Scalar(text, scalar) => {
                if let Scalar::Float(value) = *scalar
                    && let Some(whole) = super::scalar::integral(value)
                    && text.contains('.')
                {
                    *text = whole.to_string();
                    *scalar = Scalar::Integer(whole);
                }
            }
            Value::Sequence(items) => items.iter_mut().for_each(Node::make_integral),
            Value::Mapping(entries) => entries.iter_mut().for_each(|entry| entry.value.make_integral()),
        }
    }
}
