//! YAML as a tree in which every value knows its place, and typed reading from that tree.
//!
//! `parse` builds the tree, `set` changes it (`--set`), `merge` patches it, `de` reads typed values from it and reports every mistake
//! in one go. Semantic checks find the place of what they refuse with [`Node::at`].

mod build;
mod de;
mod emit;
mod merge;
mod overlay;
mod parse;
mod path;
mod plain_text;
mod scalar;

use super::diagnostic::Place;

pub use de::read;
pub use emit::emit;
pub use parse::{parse, parse_item, parse_value};
pub use path::{PathError, check_length};
pub use plain_text::control_characters;

/// One YAML value.
#[derive(Clone, Debug)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    /// Its text after quotes and escapes, and what YAML's core schema makes of it.
    Scalar(String, Scalar),
    Sequence(Vec<Node>),
    /// In the order as written, keys unique.
    Mapping(Vec<Entry>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    /// Above [`i64::MAX`].
    Unsigned(u64),
    Float(f64),
    /// Quoted, or nothing else.
    Text,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_place: Place,
    pub value: Node,
}

impl Node {
    /// The value of `key`, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Mapping(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a sequence; none of anything else.
    pub fn items(&self) -> &[Node] {
        if let Value::Sequence(items) = &self.value { items } else { &[] }
    }

    /// The text of a string scalar.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Scalar(text, Scalar::Text) = &self.value { Some(text) } else { None }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(_, Scalar::Null))
    }

    /// `metadata.name` of a Kubernetes object, or `name` of an item of a list.
    pub fn name(&self) -> Option<&str> {
        self.get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .or_else(|| self.get("name"))
            .and_then(Node::as_str)
    }
}
