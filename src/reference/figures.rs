//! Every figure of `summary.json`, from the summary's own type.

use serde_json::Value;

use super::schema::Schema;
use crate::record::Summary;

/// A number of `summary.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Keys joined by dots; `NAME` stands for one of the scenario's own.
    pub name: String,
    pub unit: &'static str,
    pub doc: String,
}

/// In the order of the summary.
pub fn figures() -> Vec<Figure> {
    let schema = Schema::of::<Summary>();
    let mut found = Vec::new();
    gather(&schema, schema.root(), String::new(), "", &mut found);
    found.retain(|figure| figure.name != "seed");
    found
}

fn gather(schema: &Schema, node: &Value, path: String, inherited: &str, found: &mut Vec<Figure>) {
    let (target, _) = schema.resolve(node);
    let own = node["description"].as_str().or(target["description"].as_str()).unwrap_or_default();
    let is = |kind: &str| match &target["type"] {
        Value::String(one) => one == kind,
        Value::Array(many) => many.iter().any(|one| one == kind),
        _ => false,
    };
    if is("number") || is("integer") {
        let doc = if own.is_empty() { inherited } else { own };
        found.push(Figure { unit: unit(&path), name: path, doc: doc.replace('\n', " ") });
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    for (key, of) in target["properties"].as_object().into_iter().flatten() {
        gather(schema, of, below(key), own, found);
    }
    if target["additionalProperties"].is_object() {
        gather(schema, &target["additionalProperties"], below("NAME"), own, found);
    }
}

/// From the name, which has the base unit as its suffix.
fn unit(path: &str) -> &'static str {
    let steps: Vec<&str> = path.split('.').rev().collect();
    let has = |suffix: &str| steps.iter().any(|step| step.ends_with(suffix));
    let last = steps.first().copied().unwrap_or_default();
    if last == "count" || last == "censored" || last == "pods" {
        "count"
    } else if has("_usd") || has("usd") || last.ends_with("Cost") || path.starts_with("cost.by_") && !has("Hours") {
        "USD"
    } else if last == "node_seconds" {
        "node-seconds"
    } else if last == "pod_seconds" || path.starts_with("explain.wait") && last == "NAME" {
        "pod-seconds"
    } else if path.starts_with("explain.idle") && last == "NAME" {
        "USD"
    } else if has("_seconds") {
        "seconds"
    } else if last == "ramByteHours" {
        "byte hours"
    } else if last.ends_with("Hours") || last.ends_with("_hours") {
        "hours"
    } else if path.starts_with("utilization") || last.ends_with("_fraction") || last == "goodput" {
        "fraction"
    } else {
        "count"
    }
}
