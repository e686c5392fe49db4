//! What a run makes of each field of a Kubernetes object: most act, some say nothing that a simulated cluster could
//! answer to, and the rest would change what a cluster does and is not modelled. Those are told, once by field.
//!
//! A test walks the API's own types and asks of every field where it stands in the tables.

mod pod;
mod table;
#[cfg(test)]
mod tests;
mod training;

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, Place};
use super::yaml::{Node, Value};

/// A field and what a run makes of it.
type Field = (&'static str, Bearing);

#[derive(Clone, Copy, Debug)]
enum Bearing {
    /// A run acts on it.
    Acts,
    /// What it holds is told apart, be it a mapping or the items of a list.
    Holds(&'static [Field]),
    /// Metadata, of which these fields act.
    Metadata(#[cfg_attr(not(test), expect(dead_code, reason = "for the tests"))] &'static [&'static str]),
    /// It says nothing that bears on where pods run, how many, for how long and at what price.
    Inert,
    /// It would, and does not: what that means for the run.
    NotModelled(&'static str),
    /// It acts, and not as in every cluster: what that means.
    ActsPartly(&'static str),
}

/// A field that is not modelled, where it stands first and in how many objects.
struct Omission<'n> {
    place: &'n Place,
    meaning: &'static str,
    objects: u32,
}

/// Tells each field of the objects that a run does not act on as a cluster would.
pub fn report(objects: &[Node]) -> Vec<Diagnostic> {
    let mut omissions: BTreeMap<String, Omission<'_>> = BTreeMap::new();
    for object in objects {
        let Some(fields) = object.get("kind").and_then(Node::as_str).and_then(|kind| fields_of(kind, object)) else {
            continue;
        };
        let mut found = BTreeMap::new();
        walk(object, fields, "", &mut found);
        for (path, (place, meaning)) in found {
            omissions.entry(path).or_insert(Omission { place, meaning, objects: 0 }).objects += 1;
        }
    }
    let told = omissions.into_iter().map(|(path, Omission { place, meaning, objects })| {
        let noun = if objects == 1 { "object" } else { "objects" };
        Diagnostic::warning(place, format!("{path} ({objects} {noun}): not modelled: {meaning}"))
    });
    told.collect()
}

/// Takes out of an object what says nothing to a run, but its status, which says how it stands.
pub fn drop_inert(object: &mut Node) {
    let Some(fields) = object.get("kind").and_then(Node::as_str).and_then(|kind| fields_of(kind, object)) else {
        return;
    };
    thin(object, fields, true);
}

fn thin(node: &mut Node, fields: &'static [Field], is_root: bool) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| thin(item, fields, false)),
        Value::Mapping(entries) => entries.retain_mut(|entry| {
            match fields.iter().find(|(name, _)| *name == entry.key).map(|field| field.1) {
                // Kubernetes' own types lack no selector.
                Some(Bearing::Inert) => (is_root && entry.key == "status") || entry.key == "selector",
                Some(Bearing::Holds(fields)) => {
                    thin(&mut entry.value, fields, false);
                    true
                }
                _ => true,
            }
        }),
        Value::Scalar(..) => {}
    }
}

fn fields_of(kind: &str, object: &Node) -> Option<&'static [Field]> {
    let version = object.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
    let of_the_api = table::KINDS.iter().find(|(known, of, _)| *known == kind && (of.is_empty() || *of == version));
    let custom = || training::KINDS.iter().find(|(known, _)| *known == kind).map(|known| known.1);
    of_the_api.map(|known| known.2).or_else(custom)
}

/// Notes what is not modelled, by its path with `[]` for the items of lists.
fn walk<'n>(
    node: &'n Node,
    fields: &'static [Field],
    path: &str,
    found: &mut BTreeMap<String, (&'n Place, &'static str)>,
) {
    if let Value::Sequence(items) = &node.value {
        for item in items {
            walk(item, fields, &format!("{path}[]"), found);
        }
        return;
    }
    for entry in node.entries().iter().filter(|entry| !entry.value.is_null()) {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", entry.key);
        match fields.iter().find(|(name, _)| *name == entry.key).map(|field| field.1) {
            Some(Bearing::Holds(fields)) => walk(&entry.value, fields, &path, found),
            Some(Bearing::NotModelled(meaning) | Bearing::ActsPartly(meaning)) => {
                found.entry(path).or_insert((&entry.key_place, meaning));
            }
            // A field that no API type has is a mistake, and told as one.
            Some(Bearing::Acts | Bearing::Metadata(_) | Bearing::Inert) | None => {}
        }
    }
}
