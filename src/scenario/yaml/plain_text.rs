//! Text without what a terminal would act on: our own documents hold names and sentences for people and tables.

use super::{Node, Value};
use crate::scenario::diagnostic::{Diagnostic, Place};

/// More would tell the same again.
const MOST_TOLD: usize = 50;

/// An error for each text, key or value, that holds a control character other than a line break or a tab.
pub fn control_characters(root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    walk(root, &mut found);
    found
}

fn walk(node: &Node, found: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Scalar(text, _) => check(text, &node.place, found),
        Value::Sequence(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Mapping(entries) => {
            for entry in entries {
                check(&entry.key, &entry.key_place, found);
                walk(&entry.value, found);
            }
        }
    }
}

fn check(text: &str, place: &Place, found: &mut Vec<Diagnostic>) {
    let is_acted_on = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if found.len() < MOST_TOLD && text.chars().any(is_acted_on) {
        let hint = "take them out: they would act on the terminal that shows it";
        found.push(Diagnostic::error(place, "this text holds control characters").hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::parse;
    use super::*;
    use crate::scenario::diagnostic::Source;

    #[test]
    fn escapes_are_refused_in_keys_and_values_and_line_breaks_are_not() {
        let text = "a: \"x\\e[31m\"\nb: |\n  two\n  lines\n\"k\\a\": [ok, \"\\0\"]\n";
        let tree = parse(&Arc::new(Source::new("t", text))).unwrap().remove(0);
        let places: Vec<(usize, usize)> = control_characters(&tree).iter().map(|one| (one.line, one.column)).collect();
        assert_eq!(places, [(1, 4), (5, 1), (5, 13)]);
    }
}
