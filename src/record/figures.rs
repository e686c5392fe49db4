//! A summary as a flat list of figures: `pod_wait_seconds.p99` and its value.
//!
//! Sweeps write them as columns, checks look them up by name. They are read from the JSON form, so a summary of this
//! process and one from a file give the same list, in the order of the summary.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Summary;

/// One number of a summary; NaN where it is `null` (a percentile of nothing).
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Keys joined by dots.
    pub name: String,
    pub value: f64,
    /// An integer: a count, which it is in every run.
    pub is_whole: bool,
}

/// Every number of `summary`, in its order; `seed` is no result and left out.
pub fn figures(summary: &Summary) -> Vec<Figure> {
    let json = serde_json::to_string(summary).expect("a summary has only string keys");
    read_figures(&json).expect("serde_json reads what it wrote")
}

/// Every number of the text of a `summary.json`, in its order.
///
/// # Errors
/// The text is no JSON.
pub fn read_figures(json: &str) -> Result<Vec<Figure>, serde_json::Error> {
    let tree: Tree = serde_json::from_str(json)?;
    let mut figures = Vec::new();
    flatten(&tree, &mut String::new(), &mut figures);
    figures.retain(|figure| figure.name != "seed");
    Ok(figures)
}

/// The figure `name`; NaN where it is `null`, `None` where this list has none. A reason of `explain` that did not occur
/// stands in no summary, and nobody waited or paid for it: zero.
pub fn value_of(figures: &[Figure], name: &str) -> Option<f64> {
    let found = figures.iter().find(|figure| figure.name == name);
    found.map(|figure| figure.value).or_else(|| is_zero_where_absent(name).then_some(0.0))
}

/// When something first happened that never did is not zero.
pub fn is_zero_where_absent(name: &str) -> bool {
    let is_reason = name.starts_with("explain.idle.") || name.starts_with("explain.wait.");
    is_reason && !name.ends_with(".since_seconds")
}

fn flatten(tree: &Tree, path: &mut String, figures: &mut Vec<Figure>) {
    match tree {
        Tree::Number(value) => figures.push(Figure { name: path.clone(), value: *value, is_whole: false }),
        Tree::Whole(value) => figures.push(Figure { name: path.clone(), value: *value, is_whole: true }),
        Tree::Object(entries) => {
            for (key, value) in entries {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                flatten(value, path, figures);
                path.truncate(length);
            }
        }
        Tree::Other => {}
    }
}

/// JSON with the order of its keys kept.
enum Tree {
    Object(Vec<(String, Tree)>),
    Number(f64),
    Whole(f64),
    Other,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a summary")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Number(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Whole(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Whole(value as f64))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Number(f64::NAN))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
                Ok(Tree::Other)
            }

            fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
                Ok(Tree::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
                while sequence.next_element::<Tree>()?.is_some() {}
                Ok(Tree::Other)
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}
