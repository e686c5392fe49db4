//! The names of the summary's figures, from the summary's own type: what can be asked for before anything has run.

use std::sync::LazyLock;

use serde_json::Value;

use crate::record::Summary;

/// Every path to a number of `summary.json`; `*` stands for a name of the scenario's own.
#[derive(Debug)]
pub struct FigureNames {
    patterns: Vec<Vec<String>>,
}

static OF_SUMMARY: LazyLock<FigureNames> = LazyLock::new(|| {
    let schema = schemars::schema_for!(Summary).to_value();
    let mut patterns = Vec::new();
    gather(&schema, &schema, &mut Vec::new(), &mut patterns);
    patterns.retain(|pattern| pattern != &["seed"]);
    FigureNames { patterns }
});

impl FigureNames {
    /// Those of [`Summary`].
    pub fn of_summary() -> &'static FigureNames {
        &OF_SUMMARY
    }

    /// The keys that lead to the figure `name`, whose parts are joined by dots; one with a dot of its own may stand in
    /// double quotes. `None` where no summary could have it.
    pub fn path(&self, name: &str) -> Option<Vec<String>> {
        self.patterns.iter().find_map(|pattern| matched(pattern, name))
    }

    /// As people would write them, with `NAME` for a name of the scenario's own.
    pub fn all(&self) -> impl Iterator<Item = String> + '_ {
        let part = |part: &String| if part == "*" { "NAME".to_owned() } else { part.clone() };
        self.patterns.iter().map(move |pattern| pattern.iter().map(part).collect::<Vec<_>>().join("."))
    }
}

/// Follows a JSON Schema down to its numbers.
fn gather(schema: &Value, root: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if let Some(reference) = schema["$ref"].as_str() {
        if let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            gather(target, root, path, found);
        }
        return;
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        gather(choice, root, path, found);
    }
    let is = |kind: &str| match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(many) => many.iter().any(|one| one == kind),
        _ => false,
    };
    if is("number") || is("integer") {
        found.push(path.clone());
    }
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        path.push(key.clone());
        gather(below, root, path, found);
        path.pop();
    }
    if schema["additionalProperties"].is_object() {
        path.push("*".to_owned());
        gather(&schema["additionalProperties"], root, path, found);
        path.pop();
    }
}

/// The keys by which `text` is an instance of `pattern`.
fn matched(pattern: &[String], text: &str) -> Option<Vec<String>> {
    let [first, rest @ ..] = pattern else { return text.is_empty().then(Vec::new) };
    if first != "*" {
        let after = text.strip_prefix(first.as_str())?;
        return followed_by(first, rest, after);
    }
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, after) = quoted.split_once('"')?;
        return followed_by(key, rest, after);
    }
    // The longest key first: names of the scenario's own may hold dots.
    let ends = text.match_indices('.').map(|(at, _)| at).chain([text.len()]);
    let ends: Vec<usize> = ends.filter(|end| *end > 0).collect();
    ends.into_iter().rev().find_map(|end| followed_by(&text[..end], rest, &text[end..]))
}

fn followed_by(key: &str, rest: &[String], after: &str) -> Option<Vec<String>> {
    let below =
        if rest.is_empty() { after.is_empty().then(Vec::new)? } else { matched(rest, after.strip_prefix('.')?)? };
    Some([vec![key.to_owned()], below].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_summary_s_type() {
        let names = FigureNames::of_summary();
        let path = |name: &str| names.path(name).map(|path| path.join("|"));
        assert_eq!(path("pod_wait_seconds.p99").as_deref(), Some("pod_wait_seconds|p99"));
        assert_eq!(path("training.wait_seconds.p95").as_deref(), Some("training|wait_seconds|p95"));
        assert_eq!(path("cost.by_node_group.gpu.a100").as_deref(), Some("cost|by_node_group|gpu.a100"));
        assert_eq!(path("cost.by_node_group.\"gpu.a100\"").as_deref(), Some("cost|by_node_group|gpu.a100"));
        for unknown in ["pod_wait.p99", "seed", "scenario", "cost", "cost.by_node_group.", "cost.total_usd.x"] {
            assert_eq!(path(unknown), None, "{unknown}");
        }
        assert!(names.all().count() > 40);
    }
}
