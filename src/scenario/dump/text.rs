//! From texts to objects, one at a time: a dump of 200 MB is never a tree as a whole.
//!
//! `kubectl` prints a List with its items in block style, or as JSON; both are cut where an item begins, by their
//! indentation or by their braces. What is cut in no such way is read as a document.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::scenario::diagnostic::{Diagnostic, Source};
use crate::scenario::yaml::{Node, Value, parse_item};

/// Objects of a text, in its order, each as `keep` leaves it; and what could not be read.
pub struct Objects<T> {
    pub kept: Vec<T>,
    pub problems: Vec<Diagnostic>,
    /// Documents that are no Kubernetes objects.
    pub strangers: usize,
}

/// What one stretch of a text holds, and how many documents in it are no objects.
type Part<T> = Result<(Vec<T>, usize), Vec<Diagnostic>>;

/// Reads every object of a text; `keep` makes of it what is to be kept, as soon as it is read.
pub fn objects<T: Send>(source: &Arc<Source>, keep: impl Fn(Node) -> Vec<T> + Sync) -> Objects<T> {
    let is_json = source.text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let parts = if is_json { json_parts(&source.text) } else { yaml_parts(&source.text) };
    let read: Vec<Part<T>> = parts
        .into_par_iter()
        .map(|part| {
            let mut kept = Vec::new();
            let mut strangers = 0;
            for document in parse_item(source, part)? {
                strangers += take(document, &keep, &mut kept);
            }
            Ok((kept, strangers))
        })
        .collect();
    let mut all = Objects { kept: Vec::new(), problems: Vec::new(), strangers: 0 };
    for part in read {
        match part {
            Ok((kept, strangers)) => {
                all.kept.extend(kept);
                all.strangers += strangers;
            }
            Err(problems) => all.problems.extend(problems),
        }
    }
    all
}

/// Takes items out of lists of whatever depth; gives the number of documents that are no objects.
fn take<T>(document: Node, keep: &impl Fn(Node) -> Vec<T>, kept: &mut Vec<T>) -> usize {
    if let Value::Sequence(items) = document.value {
        return items.into_iter().map(|item| take(item, keep, kept)).sum();
    }
    let is_list = document.text_at(&["kind"]).is_some_and(|kind| kind.ends_with("List"));
    if is_list && matches!(document.get("items").map(|items| &items.value), Some(Value::Sequence(_))) {
        let mut document = document;
        let Some(Node { value: Value::Sequence(items), .. }) = document.take("items") else { return 0 };
        return items.into_iter().map(|item| take(item, keep, kept)).sum();
    }
    let is_object = document.text_at(&["kind"]).is_some() && document.text_at(&["apiVersion"]).is_some();
    if is_object {
        kept.extend(keep(document));
    }
    usize::from(!is_object)
}

/// Stretches of lines, of which each is a document or an item of a list in one.
fn yaml_parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_mark =
            line.strip_prefix("---").is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t']));
        if is_mark && at > start {
            document_parts(text, start..at, &mut parts);
            start = at;
        }
        at += line.len();
    }
    document_parts(text, start..text.len(), &mut parts);
    parts
}

fn document_parts(text: &str, document: Range<usize>, parts: &mut Vec<Range<usize>>) {
    match items_of(text, &document) {
        Some(items) => parts.extend(items),
        None => parts.push(document),
    }
}

/// The items of a list in block style: from each line that has a dash at the items' indentation to the next.
fn items_of(text: &str, document: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut at = document.start;
    let mut items: Option<(usize, Vec<Range<usize>>)> = None;
    let mut begins_items = false;
    let mut is_list = false;
    let mut is_over = false;
    for line in text[document.clone()].split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim_end();
        if body.is_empty() {
            continue;
        }
        let indent = body.len() - body.trim_start_matches(' ').len();
        let has_dash = body[indent..].starts_with("- ") || body[indent..] == *"-";
        if indent == 0 && !has_dash {
            is_over |= items.is_some();
            is_list |=
                body.strip_prefix("kind:").is_some_and(|kind| kind.trim().trim_matches(['"', '\'']).ends_with("List"));
            begins_items = body == "items:";
            // What is shared by all items can't be cut.
            if body.contains(['&', '*']) {
                return None;
            }
            continue;
        }
        if is_over {
            // Fields of the list itself, below its items.
            continue;
        }
        match &mut items {
            None if begins_items && has_dash => {
                let first = start..at;
                items = Some((indent, Vec::from([first])));
            }
            Some((of, found)) if has_dash && indent == *of => found.push(start..at),
            Some((_, found)) => found.last_mut()?.end = at,
            None => {}
        }
    }
    let (_, found) = items.filter(|_| is_list)?;
    Some(found)
}

/// Top-level values of JSON, and of each that has a list of `items`, these.
fn json_parts(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut depth, mut start, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    let mut last_text: Range<usize> = 0..0;
    let mut text_start = 0;
    // Where the elements of `items` stand, and the one that is open.
    let mut items: Vec<Range<usize>> = Vec::new();
    let (mut in_items, mut item_start) = (false, 0);
    for (at, byte) in bytes.iter().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    in_text = false;
                    last_text = text_start..at;
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                in_text = true;
                text_start = at + 1;
            }
            b'{' | b'[' => {
                if depth == 0 {
                    start = at;
                    items.clear();
                }
                if depth == 1 && *byte == b'[' && &bytes[last_text.clone()] == b"items" {
                    in_items = true;
                }
                if depth == 2 && in_items {
                    item_start = at;
                }
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 2 && in_items {
                    items.push(item_start..at + 1);
                }
                if depth == 1 {
                    in_items = false;
                }
                if depth == 0 {
                    match items.is_empty() {
                        true => parts.push(start..at + 1),
                        false => parts.append(&mut items),
                    }
                }
            }
            _ => {}
        }
    }
    // A text that breaks off: the parser says where.
    if depth > 0 || in_text {
        parts.append(&mut items);
        parts.push(start..text.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Vec<String>, usize, usize) {
        let source = Arc::new(Source::new("t", text));
        let read = objects(&source, |node| vec![node.name().unwrap_or("?").to_owned()]);
        (read.kept, read.problems.len(), read.strangers)
    }

    #[test]
    fn lists_and_documents_are_cut_into_their_objects() {
        let item = |name: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}");
        for (text, found) in [
            ("apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n    list:\n    - x\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: b\nkind: List\nmetadata:\n  resourceVersion: ''\n".to_owned(), vec!["a", "b"]),
            ("kind: List\napiVersion: v1\nitems:\n  - apiVersion: v1\n    kind: Pod\n    metadata: {name: a}\n\n  # one more\n  - kind: Pod\n    apiVersion: v1\n    metadata: {name: b}\n".to_owned(), vec!["a", "b"]),
            (format!("---\n{}\n---\n{}\n--- # end\n", item("a"), item("b")), vec!["a", "b"]),
            (format!("kind: PodList\napiVersion: v1\nitems: [{}, {}]\n", item("a"), item("b")), vec!["a", "b"]),
            ("{\"apiVersion\":\"v1\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"items\":\"[{\\\"\"}},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}],\"kind\":\"List\"}".to_owned(), vec!["a", "b"]),
            ("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}".to_owned(), vec!["a", "b"]),
        ] {
            assert_eq!(names(&text), (found.into_iter().map(str::to_owned).collect(), 0, 0), "{text}");
        }
    }

    #[test]
    fn one_document_that_is_no_yaml_leaves_the_others() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n{{ if .Values.x }}\n---\nreplicas: 3\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n";
        let (found, problems, strangers) = names(text);
        assert_eq!((found, strangers), (vec!["a".to_owned(), "b".to_owned()], 1));
        assert!(problems > 0);
        assert!(names("{\"kind\": \"Pod\", \"apiVersion\"").1 > 0);
        assert_eq!(names(""), (vec![], 0, 0));
    }
}
