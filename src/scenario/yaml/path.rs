//! Dotted paths into a tree: `nodeGroups.general.maxSize`, `spec.containers[0].image`.
//!
//! A step into a list is an index (`[0]` or `0`) or the name of an item (`name` or `metadata.name`). Keys and names
//! may hold dots (`nvidia.com/gpu`): the longest one that exists is taken.

use thiserror::Error;

use super::{Entry, Node, Scalar, Value};
use crate::scenario::diagnostic::{Place, suggestion};

/// More than any field of a scenario or a manifest needs; a step costs a call, and a call has its place on the stack.
const MOST_STEPS: usize = 100;

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct PathError {
    pub problem: String,
    pub hint: Option<String>,
}

impl Node {
    /// The place of what `path` leads to, or of the innermost value on the way that exists.
    pub fn at(&self, path: &str) -> &Place {
        let mut node = self;
        let mut rest = path;
        while !rest.is_empty() {
            let (Ok(Some(at)), after) = step(node, rest) else { break };
            node = child(node, at);
            rest = after;
        }
        &node.place
    }

    /// Puts `value` where `path` leads; keys of mappings that are missing are made.
    ///
    /// # Errors
    /// An item of a list that does not exist, or a step into a scalar.
    pub fn set(&mut self, path: &str, value: Node) -> Result<(), PathError> {
        check_length(path)?;
        self.set_below(path, value)
    }

    fn set_below(&mut self, path: &str, value: Node) -> Result<(), PathError> {
        if path.is_empty() {
            self.value = value.value;
            self.place = value.place;
            return Ok(());
        }
        if self.is_null() {
            self.value = Value::Mapping(Vec::new());
        }
        let (found, after) = step(self, path);
        let at = match (found?, &mut self.value) {
            (Some(at), _) => at,
            (None, Value::Mapping(entries)) => {
                let key = path[..path.len() - after.len()].trim_end_matches('.');
                let key = key.strip_prefix('[').and_then(|key| key.strip_suffix(']')).unwrap_or(key).to_owned();
                let node = Node { place: value.place.clone(), value: Value::Scalar(String::new(), Scalar::Null) };
                entries.push(Entry { key, key_place: value.place.clone(), value: node });
                entries.len() - 1
            }
            (None, _) => unreachable!("only a mapping lacks a key; the others are errors"),
        };
        match &mut self.value {
            Value::Mapping(entries) => entries[at].value.set_below(after, value),
            Value::Sequence(items) => items[at].set_below(after, value),
            Value::Scalar(..) => unreachable!("a step into a scalar is an error"),
        }
    }
}

/// # Errors
/// A path of more than [`MOST_STEPS`] steps.
pub fn check_length(path: &str) -> Result<(), PathError> {
    let steps = path.bytes().filter(|byte| matches!(byte, b'.' | b'[')).count() + 1;
    if steps <= MOST_STEPS {
        return Ok(());
    }
    Err(PathError { problem: format!("a path of {steps} steps; at most {MOST_STEPS} are taken for meant"), hint: None })
}

fn child(node: &Node, at: usize) -> &Node {
    match &node.value {
        Value::Mapping(entries) => &entries[at].value,
        Value::Sequence(items) => &items[at],
        Value::Scalar(..) => unreachable!("a step into a scalar is an error"),
    }
}

/// One step from `node`: the position of the child (`None`: a mapping has no such key) and the path after it.
fn step<'p>(node: &Node, path: &'p str) -> (Result<Option<usize>, PathError>, &'p str) {
    match &node.value {
        Value::Mapping(entries) => {
            // `annotations[example.com/key]` is another way to write a key.
            if let Some((key, after)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) {
                let at = entries.iter().position(|entry| entry.key == key);
                return (Ok(at), after.strip_prefix('.').unwrap_or(after));
            }
            match longest(path, entries.iter().map(|entry| Some(entry.key.as_str()))) {
                Some((at, after)) => (Ok(Some(at)), after),
                None => (Ok(None), split_plain(path).1),
            }
        }
        Value::Sequence(items) => {
            // The quick way to an item, for long lists are read by index.
            if let Some(at) = bracketed_index(path).filter(|at| *at < items.len()) {
                return (Ok(Some(at)), split_plain(path).1);
            }
            if let Some((at, after)) = longest(path, items.iter().map(Node::name)) {
                return (Ok(Some(at)), after);
            }
            let (segment, after) = split_plain(path);
            let index = segment.trim_start_matches('[').trim_end_matches(']').parse::<usize>();
            match index {
                Ok(index) if index < items.len() => (Ok(Some(index)), after),
                Ok(index) => {
                    let problem = format!("there is no item {index}: the list has {}, counted from 0", items.len());
                    (Err(PathError { problem, hint: None }), after)
                }
                Err(_) => {
                    let names: Vec<&str> = items.iter().filter_map(Node::name).collect();
                    let problem = format!("no item of the list is called `{segment}`");
                    let hint = suggestion(segment, &names).or_else(|| Some("use an index such as [0]".to_owned()));
                    (Err(PathError { problem, hint }), after)
                }
            }
        }
        Value::Scalar(text, _) => {
            let (segment, after) = split_plain(path);
            let problem = format!("`{segment}` leads into the plain value `{text}`, which holds nothing");
            (Err(PathError { problem, hint: None }), after)
        }
    }
}

fn bracketed_index(path: &str) -> Option<usize> {
    path.strip_prefix('[')?.split_once(']')?.0.parse().ok()
}

/// The longest of `names` that `path` starts with, and the path after it.
fn longest<'p, 'n>(path: &'p str, names: impl Iterator<Item = Option<&'n str>>) -> Option<(usize, &'p str)> {
    names
        .enumerate()
        .filter_map(|(at, name)| Some((at, name?)))
        .filter_map(|(at, name)| {
            let rest = path.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some((name.len(), at, rest))
        })
        .max_by_key(|(length, at, _)| (*length, std::cmp::Reverse(*at)))
        .map(|(_, at, rest)| (at, rest.strip_prefix('.').unwrap_or(rest)))
}

/// The first segment of a path by its punctuation alone, and the path after it.
fn split_plain(path: &str) -> (&str, &str) {
    let end = if path.starts_with('[') {
        path.find(']').map_or(path.len(), |at| at + 1)
    } else {
        path.find(['.', '[']).unwrap_or(path.len())
    };
    let (segment, rest) = path.split_at(end);
    (segment, rest.strip_prefix('.').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::parse;
    use super::*;
    use crate::scenario::diagnostic::Source;

    fn tree(text: &str) -> Node {
        let source = Arc::new(Source::new("t.yaml", text));
        parse(&source).unwrap().remove(0)
    }

    fn text_at(node: &Node, path: &str) -> String {
        let place = node.at(path);
        place.source.text[place.span.clone()].to_owned()
    }

    #[test]
    fn a_path_leads_by_keys_indexes_names_and_keys_with_dots() {
        let root = tree("groups:\n- name: a.b\n  size: 1\n- name: c\n  nvidia.com/gpu: 8\n");
        assert_eq!(text_at(&root, "groups[0].size"), "1");
        assert_eq!(text_at(&root, "groups.a.b.size"), "1");
        assert_eq!(text_at(&root, "groups.c.nvidia.com/gpu"), "8");
        assert_eq!(text_at(&root, "groups.1.nvidia.com/gpu"), "8");
        assert_eq!(text_at(&root, "groups[0].size.x"), "1", "the innermost value that exists");
    }

    #[test]
    fn setting_makes_missing_keys_and_refuses_missing_items() {
        let mut root = tree("groups: [{name: a, size: 1}]\n");
        root.set("groups.a.size", tree("5")).unwrap();
        root.set("x.y.z", tree("{w: 1}")).unwrap();
        assert_eq!(text_at(&root, "groups[0].size"), "5");
        assert_eq!(text_at(&root, "x.y.z.w"), "1");
        let error = root.set("groups.aa.size", tree("5")).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `a`?"));
        assert!(root.set("groups[3].size", tree("5")).unwrap_err().problem.contains("list has 1"));
        assert!(root.set("groups.a.size.x", tree("5")).is_err());
    }
}
