//! The JSON Schema of a type, to be walked.

use schemars::JsonSchema;
use serde_json::Value;

/// The schema of a type, to be walked.
pub(super) struct Schema {
    root: Value,
}

impl Schema {
    pub fn of<T: JsonSchema>() -> Schema {
        Schema { root: schemars::schema_for!(T).to_value() }
    }

    pub fn root(&self) -> &Value {
        &self.root
    }

    /// What a reference stands for, and its name; the null of an optional field left out.
    pub fn resolve<'s>(&'s self, mut node: &'s Value) -> (&'s Value, Option<&'s str>) {
        let mut name = None;
        loop {
            if let Some(target) = node["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
                name = target.rsplit('/').next();
                node = self.root.pointer(target).unwrap_or(&Value::Null);
                continue;
            }
            match &choices(node)[..] {
                [only] if node["properties"].is_null() => node = only,
                _ => return (node, name),
            }
        }
    }
}

/// The alternatives of a schema but for null.
pub(super) fn choices(node: &Value) -> Vec<&Value> {
    let of = |key: &str| node[key].as_array().map(Vec::as_slice).unwrap_or_default();
    of("anyOf").iter().chain(of("oneOf")).filter(|choice| choice["type"] != "null").collect()
}
