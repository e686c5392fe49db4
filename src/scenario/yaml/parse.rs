//! From text to trees: the one place that touches the YAML parser.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span};

use super::scalar::resolve;
use super::{Entry, Node, Scalar, Value};
use crate::scenario::diagnostic::{Diagnostic, Place, Source};

/// Values that stand in one file, about 200 bytes of memory each: 20,000 objects have about a million.
const MOST_WRITTEN: usize = 2_000_000;
/// Values in one file that are copies, by an alias or kept of an anchor: more is an attack or a slip.
const MOST_COPIES: usize = 500_000;
/// Collections within one another; Kubernetes' deepest objects have about 20.
const MOST_DEPTH: usize = 100;
/// A mapping with fewer keys is searched, with more it is looked up.
const FEW_KEYS: usize = 16;

/// The documents of a YAML (or JSON) text; empty ones are left out.
///
/// # Errors
/// The first thing that is not YAML, and every key that a mapping holds twice.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Vec<Diagnostic>> {
    parse_part(source, 0..source.text.len())
}

/// The one value that a part of a text holds; null where it is empty.
pub fn parse_value(source: &Arc<Source>, part: Range<usize>) -> Result<Node, Vec<Diagnostic>> {
    let place = Place::new(source, part.clone());
    let null = Node { place, value: Value::Scalar(String::new(), Scalar::Null) };
    Ok(parse_part(source, part)?.into_iter().next().unwrap_or(null))
}

/// The documents that a part of a text holds, the whole of which is not to be read at once.
///
/// # Errors
/// As [`parse`].
pub fn parse_item(source: &Arc<Source>, part: Range<usize>) -> Result<Vec<Node>, Vec<Diagnostic>> {
    parse_part(source, part)
}

fn parse_part(source: &Arc<Source>, part: Range<usize>) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut builder = Builder::new(source, part.start);
    for event in Parser::new_from_str_with_options(&source.text[part.clone()], options) {
        match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                builder.problems.push(syntax_error(source, &part, &error));
                break;
            }
        }
        if builder.written > MOST_WRITTEN || builder.copies > MOST_COPIES {
            let place = Place::start_of(source);
            let message = match builder.copies > MOST_COPIES {
                true => format!("more than {MOST_COPIES} values in one file are copies by aliases and anchors"),
                false => format!("more than {MOST_WRITTEN} values in one file; objects may stand in several"),
            };
            builder.problems.push(Diagnostic::error(&place, message));
            break;
        }
        if let Some(deepest) = builder.open.get(MOST_DEPTH) {
            let message = format!("more than {MOST_DEPTH} lists and mappings within one another");
            builder.problems.push(Diagnostic::error(&deepest.place, message));
            break;
        }
    }
    if builder.problems.is_empty() { Ok(builder.documents) } else { Err(builder.problems) }
}

fn syntax_error(source: &Arc<Source>, part: &Range<usize>, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().map_or(part.end, |offset| part.start + offset);
    let place = Place::new(source, at..at + 1);
    let hint = match error.kind() {
        ErrorKind::UnknownAnchor => "define the anchor (`&name`) before its alias (`*name`)",
        _ if source.text.contains('\t') => "YAML is indented with spaces; this file holds a tab",
        _ => "check the indentation, and the brackets and quotes before this place",
    };
    Diagnostic::error(&place, format!("not YAML: {}", error.info())).hint(hint)
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    /// Where in the source the parsed part begins.
    offset: usize,
    documents: Vec<Node>,
    /// Collections that are open, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    written: usize,
    copies: usize,
    problems: Vec<Diagnostic>,
}

struct Open {
    place: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    /// The key that waits for its value stands beside the finished entries.
    Mapping(Entries, Option<Node>),
}

/// Entries with keys that are unique, but for merge keys.
#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    /// Positions by key; filled once there are many.
    positions: FxHashMap<String, usize>,
}

impl Entries {
    fn position(&self, key: &str) -> Option<usize> {
        if self.list.len() <= FEW_KEYS {
            return self.list.iter().position(|entry| entry.key == key);
        }
        self.positions.get(key).copied()
    }

    fn push(&mut self, entry: Entry) {
        match self.list.len() {
            0..FEW_KEYS => {}
            FEW_KEYS => {
                self.positions = self.list.iter().enumerate().map(|(at, known)| (known.key.clone(), at)).collect();
                self.positions.insert(entry.key.clone(), FEW_KEYS);
            }
            many => {
                self.positions.insert(entry.key.clone(), many);
            }
        }
        self.list.push(entry);
    }
}

impl Builder<'_> {
    fn new(source: &Arc<Source>, offset: usize) -> Builder<'_> {
        Builder {
            source,
            offset,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            written: 0,
            copies: 0,
            problems: Vec::new(),
        }
    }

    fn place(&self, span: Span) -> Place {
        let range = span.byte_range().unwrap_or(0..0);
        Place::new(self.source, range.start + self.offset..range.end + self.offset)
    }

    fn take(&mut self, event: Event<'_>, span: Span) {
        if let Some(tag) = event.tag()
            && !tag.is_yaml_core_schema()
        {
            let place = self.place(span);
            let message = format!("the tag {} has no meaning here", tag.original());
            self.problems.push(Diagnostic::error(&place, message).hint("leave the tag out"));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text_tag = tag.as_deref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let scalar = if style == ScalarStyle::Plain && !is_text_tag { resolve(&text) } else { Scalar::Text };
                self.written += 1;
                let node = Node { place: self.place(span), value: Value::Scalar(text.into_owned(), scalar) };
                self.close(node, anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { place: self.place(span), anchor, items: Items::Sequence(Vec::new()) });
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open {
                    place: self.place(span),
                    anchor,
                    items: Items::Mapping(Entries::default(), None),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { mut place, anchor, items } = self.open.pop().expect("the parser balances its events");
                let end = self.place(span).span.start;
                place.span.end = end.max(place.span.end);
                let value = match items {
                    Items::Sequence(items) => Value::Sequence(items),
                    Items::Mapping(entries, _) => {
                        if let Some(first) = entries.list.first() {
                            // A block mapping starts at its first key; the event stands there or just before it.
                            place.span.start = place.span.start.min(first.key_place.span.start);
                        }
                        Value::Mapping(merge(entries, &mut self.problems))
                    }
                };
                self.written += 1;
                self.close(Node { place, value }, anchor);
            }
            Event::Alias(id) => {
                if let Some(target) = self.anchors.get(&id) {
                    let node = Node { place: self.place(span), value: target.value.clone() };
                    self.copies += count(&node);
                    self.close(node, 0);
                }
            }
            Event::DocumentEnd => self.anchors.clear(),
            _ => {}
        }
    }

    /// A finished value goes into the collection that is open, or is a document.
    fn close(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.copies += count(&node);
            if self.copies > MOST_COPIES {
                return;
            }
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None if node.is_null() => {}
            None => self.documents.push(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping(_, key @ None)) => *key = Some(node),
            Some(Items::Mapping(entries, key)) => {
                let key = key.take().expect("the arm before takes the absent key");
                add_entry(entries, key, node, &mut self.problems);
            }
        }
    }
}

fn add_entry(entries: &mut Entries, key: Node, value: Node, problems: &mut Vec<Diagnostic>) {
    let Value::Scalar(text, _) = key.value else {
        problems.push(Diagnostic::error(&key.place, "a key must be a plain word, not a list or a mapping"));
        return;
    };
    if let Some(first) = entries.position(&text).filter(|_| text != MERGE) {
        let (line, _) = entries.list[first].key_place.line_and_column();
        let message = format!("the key `{text}` stands twice in this mapping");
        let hint = format!("it stands on line {line} already; remove one of the two");
        problems.push(Diagnostic::error(&key.place, message).hint(hint));
        return;
    }
    entries.push(Entry { key: text, key_place: key.place, value });
}

/// YAML 1.1's merge key, which many manifests use with anchors: the mapping's own keys win.
const MERGE: &str = "<<";

fn merge(entries: Entries, problems: &mut Vec<Diagnostic>) -> Vec<Entry> {
    if entries.position(MERGE).is_none() {
        return entries.list;
    }
    let (merges, own): (Vec<Entry>, Vec<Entry>) = entries.list.into_iter().partition(|entry| entry.key == MERGE);
    let mut entries = Entries::default();
    own.into_iter().for_each(|entry| entries.push(entry));
    for merge in merges {
        let maps = match merge.value.value {
            Value::Sequence(items) => items,
            value => vec![Node { place: merge.value.place, value }],
        };
        for map in maps {
            let Value::Mapping(merged) = map.value else {
                problems.push(Diagnostic::error(&map.place, "`<<` merges a mapping or a list of mappings"));
                continue;
            };
            for entry in merged {
                if entries.position(&entry.key).is_none() {
                    entries.push(entry);
                }
            }
        }
    }
    entries.list
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(..) => 1,
        Value::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Mapping(entries) => 1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
    }
}
