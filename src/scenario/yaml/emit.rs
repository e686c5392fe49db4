//! From trees to text: block style, with what is small on one line, as people write manifests.

use std::fmt::Write;

use super::scalar::resolve;
use super::{Node, Scalar, Value};

/// What fits into a line of this many characters stands on one.
const WIDTH: usize = 110;

/// The document as YAML, without a `---` before it.
pub fn emit(root: &Node) -> String {
    let mut out = String::new();
    block(root, 0, &mut out);
    out
}

fn block(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for entry in entries {
                pad(indent, out);
                scalar(&entry.key, Scalar::Text, out);
                out.push(':');
                value(&entry.value, indent, entry.key.len() + 2, out);
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                pad(indent, out);
                out.push('-');
                item_of(item, indent, out);
            }
        }
        _ => {
            pad(indent, out);
            flow(node, out);
            out.push('\n');
        }
    }
}

/// After `key:`.
fn value(node: &Node, indent: usize, taken: usize, out: &mut String) {
    if fits(node, indent + taken) {
        out.push(' ');
        flow(node, out);
        out.push('\n');
        return;
    }
    if let Value::Scalar(text, Scalar::Text) = &node.value
        && is_block_text(text)
    {
        return block_text(text, indent + 2, out);
    }
    match &node.value {
        Value::Scalar(..) => {
            out.push(' ');
            flow(node, out);
            out.push('\n');
        }
        Value::Mapping(_) => {
            out.push('\n');
            block(node, indent + 2, out);
        }
        Value::Sequence(_) => {
            out.push('\n');
            block(node, indent + 2, out);
        }
    }
}

/// After the `-` of a sequence.
fn item_of(node: &Node, indent: usize, out: &mut String) {
    let is_small = fits(node, indent + 2);
    match &node.value {
        Value::Mapping(entries) if !is_small && !entries.is_empty() => {
            let mut inner = String::new();
            block(node, indent + 2, &mut inner);
            // The first key stands behind the dash.
            out.push(' ');
            out.push_str(&inner[indent + 2..]);
        }
        Value::Sequence(_) if !is_small => {
            out.push('\n');
            block(node, indent + 2, out);
        }
        _ => {
            out.push(' ');
            flow(node, out);
            out.push('\n');
        }
    }
}

fn fits(node: &Node, taken: usize) -> bool {
    if let Value::Scalar(text, Scalar::Text) = &node.value {
        return !is_block_text(text);
    }
    length(node, WIDTH.saturating_sub(taken)).is_some()
}

/// How long it is on one line, where that is no more than `most`.
fn length(node: &Node, most: usize) -> Option<usize> {
    let total = match &node.value {
        Value::Scalar(text, Scalar::Text) if text.contains('\n') => return None,
        Value::Scalar(text, _) => text.len() + 2,
        Value::Sequence(items) => {
            let mut total = 2;
            for item in items {
                total += 2 + length(item, most.checked_sub(total)?)?;
            }
            total
        }
        Value::Mapping(entries) => {
            let mut total = 2;
            for entry in entries {
                total += 4 + entry.key.len();
                total += length(&entry.value, most.checked_sub(total)?)?;
            }
            total
        }
    };
    (total <= most).then_some(total)
}

fn flow(node: &Node, out: &mut String) {
    match &node.value {
        Value::Scalar(text, kind) => scalar(text, *kind, out),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flow(item, out);
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                scalar(&entry.key, Scalar::Text, out);
                out.push_str(": ");
                flow(&entry.value, out);
            }
            out.push('}');
        }
    }
}

fn scalar(text: &str, kind: Scalar, out: &mut String) {
    match kind {
        Scalar::Text if !is_plain(text) => quoted(text, out),
        Scalar::Null => out.push_str("null"),
        _ => out.push_str(text),
    }
}

/// Whether text can stand without quotes, in block and in flow style, and in YAML 1.1 too.
fn is_plain(text: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./$%+~".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '.' || c == '_');
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "."
    );
    let colons_are_within = !text.ends_with(':') && text.split(':').count() <= 2 && !text.starts_with(':');
    starts_well
        && !is_word
        && text.chars().all(|c| is_safe(c) || c == ':')
        && (!text.contains(':') || (colons_are_within && !text.replace(':', "").bytes().all(|b| b.is_ascii_digit())))
        && resolve(text) == Scalar::Text
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' || c == '\u{feff}' => {
                let _ = if u32::from(c) <= 0xff {
                    write!(out, "\\x{:02x}", u32::from(c))
                } else {
                    write!(out, "\\u{:04x}", u32::from(c))
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Several lines that a `|` can hold as they are.
fn is_block_text(text: &str) -> bool {
    let is_printable = |c: char| c == '\n' || !c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}';
    let first = text.lines().next().unwrap_or_default();
    text.trim_end_matches('\n').contains('\n')
        && !first.is_empty()
        && !first.starts_with([' ', '\t'])
        && text.chars().all(is_printable)
        && text.lines().all(|line| !line.ends_with(' '))
        && !text.ends_with("\n\n")
}

fn block_text(text: &str, indent: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.lines() {
        if !line.is_empty() {
            pad(indent, out);
        }
        out.push_str(line);
        out.push('\n');
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::parse;
    use super::*;
    use crate::scenario::diagnostic::Source;

    fn tree(text: &str) -> Node {
        parse(&Arc::new(Source::new("t", text))).unwrap().remove(0)
    }

    fn same(a: &Node, b: &Node) -> bool {
        match (&a.value, &b.value) {
            (Value::Scalar(a, Scalar::Null), Value::Scalar(b, Scalar::Null)) => a.len() + b.len() < 100,
            (Value::Scalar(a, x), Value::Scalar(b, y)) => a == b && x == y,
            (Value::Sequence(a), Value::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Value::Mapping(a), Value::Mapping(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && same(&a.value, &b.value))
            }
            _ => false,
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for text in [
            "a: 1\nb: '1'\nc: [x, {y: null, z: ~}, [1, [2]]]\nd: {}\ne: []\nf: ''\n",
            "k: \"a\\nb\\n\"\nl: \"  a\\nb\"\nm: \"a\\n\\nb\"\nn: \"a\\tb\\u0007é\\u2028\"\n",
            "- - a\n  - - b\n- {c: 'no', d: 'yes', e: '12:30', f: 'a: b', g: 'a #b', h: '*x', i: '&y', j: '!z'}\n",
            "x: '0x1F'\ny: 1e3\nz: .5\nw: '.5'\nv: '2026-01-01'\nu: 'a:b:c'\nt: 'a:1'\ns: '- a'\nr: '?'\n",
            "'a b': 1\n'1': 2\n'true': {'': x}\n\"q\\\"\": '\\\\'\n",
        ] {
            let written = emit(&tree(text));
            assert!(same(&tree(text), &tree(&written)), "{text}\n{written}");
        }
    }

    #[test]
    fn small_things_stand_on_a_line_and_large_ones_below_their_key() {
        let long = "x".repeat(60);
        let text = format!(
            "spec:\n  containers:\n    - name: {long}\n      image: {long}\n      ports: [{{a: 1}}, {{a: 2}}]\n"
        );
        assert_eq!(emit(&tree(&text)), text);
        assert_eq!(emit(&tree("metadata:\n  name: a\n")), "metadata: {name: a}\n");
    }
}
