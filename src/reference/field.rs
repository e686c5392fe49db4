//! One field of a schema: name, type, default, meaning, and the fields below it.

use serde_json::Value;

use super::schema::{Schema, choices};
use crate::scenario::spec::ScenarioDocument;

/// A field as people read of it.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// `integer`, `duration`, `list of NodeGroup`, `on-demand | spot | reserved`, …; the unit where the type has one.
    pub kind: String,
    pub is_required: bool,
    /// As it would be written; `None` where there is none, or where only the text says it.
    pub default: Option<String>,
    pub doc: String,
    /// Of the object, of the items of the list or of the values of the mapping.
    pub fields: Vec<Field>,
    pub is_list: bool,
    /// A mapping with keys of the user's own.
    pub takes_any_key: bool,
    /// One of its `fields` stands there, and not several.
    pub is_choice: bool,
}

/// No description of ours is deeper; a type that holds itself ends here.
const DEEPEST: usize = 9;

impl Field {
    /// The whole document.
    pub(super) fn of_document(schema: &Schema) -> Field {
        read(schema, "", schema.root(), true, &mut Vec::new())
    }

    /// One of a type by itself, such as an expectation.
    pub(super) fn of_type(schema: &Schema) -> Field {
        Field::of_document(schema)
    }

    pub fn child(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The first sentence or two, without the default that stands in a column of its own.
    pub fn first_paragraph(&self) -> &str {
        self.doc.split("\n\n").next().unwrap_or("")
    }
}

/// The scenario document, for whoever lists all of it.
pub fn fields_of_document() -> Field {
    Field::of_document(&Schema::of::<ScenarioDocument>())
}

fn read(schema: &Schema, name: &str, node: &Value, is_required: bool, above: &mut Vec<String>) -> Field {
    let (target, type_name) = schema.resolve(node);
    let doc_of = |node: &Value| node["description"].as_str().unwrap_or_default().to_owned();
    let doc = Some(doc_of(node)).filter(|doc| !doc.is_empty()).unwrap_or_else(|| doc_of(target));
    let mut field = Field {
        name: name.to_owned(),
        kind: kind(schema, node),
        is_required,
        default: default_of(node),
        doc,
        fields: Vec::new(),
        is_list: false,
        takes_any_key: false,
        is_choice: false,
    };
    let repeats = type_name.is_some_and(|name| above.iter().any(|other| other == name));
    if repeats || above.len() > DEEPEST {
        return field;
    }
    above.push(type_name.unwrap_or_default().to_owned());
    below(schema, target, &mut field, above);
    above.pop();
    field
}

/// Adds what stands below `node`.
fn below(schema: &Schema, node: &Value, field: &mut Field, above: &mut Vec<String>) {
    let required: Vec<&str> = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut names: Vec<(&String, &Value)> = node["properties"].as_object().into_iter().flatten().collect();
    // What must be written first, the rest by name.
    names.sort_by_key(|(name, _)| (!required.contains(&name.as_str()), name.as_str()));
    for (name, of) in names {
        field.fields.push(read(schema, name, of, required.contains(&name.as_str()), above));
    }
    if node["items"].is_object() {
        field.is_list = true;
        below(schema, schema.resolve(&node["items"]).0, field, above);
    }
    if node["additionalProperties"].is_object() {
        field.takes_any_key = true;
        below(schema, schema.resolve(&node["additionalProperties"]).0, field, above);
    }
    let alternatives = choices(node);
    if alternatives.len() > 1 {
        let mut with_fields = 0;
        for choice in alternatives {
            let (target, _) = schema.resolve(choice);
            let text = choice["description"].as_str();
            let from = field.fields.len();
            below(schema, target, field, above);
            for added in field.fields[from..].iter_mut().filter(|added| added.doc.is_empty()) {
                added.doc = text.unwrap_or_default().to_owned();
            }
            with_fields += usize::from(field.fields.len() > from);
        }
        field.is_choice |= with_fields > 1;
    }
}

/// The type in words.
fn kind(schema: &Schema, node: &Value) -> String {
    let (target, name) = schema.resolve(node);
    match name {
        Some("Duration") => return "duration".to_owned(),
        Some("Seconds") => return "seconds".to_owned(),
        Some("Quantity") => return "quantity".to_owned(),
        Some("Cpu") => return "quantity of CPU".to_owned(),
        Some("Memory") => return "quantity of memory".to_owned(),
        Some("UsdPerHour") => return "USD an hour".to_owned(),
        Some("TimeOfDay") => return "time of day".to_owned(),
        Some("CronSchedule") => return "cron schedule".to_owned(),
        _ => {}
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(values) = target["enum"].as_array() {
        return values.iter().filter(|value| !value.is_null()).map(text).collect::<Vec<_>>().join(" | ");
    }
    if !target["const"].is_null() {
        return text(&target["const"]);
    }
    let alternatives = choices(target);
    let constants: Vec<String> =
        alternatives.iter().filter(|choice| !choice["const"].is_null()).map(|choice| text(&choice["const"])).collect();
    if !constants.is_empty() && constants.len() == alternatives.len() {
        return constants.join(" | ");
    }
    if alternatives.len() > 1 {
        let mut kinds: Vec<String> = Vec::new();
        for choice in alternatives {
            let kind = kind(schema, choice);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        return kinds.join(" or ");
    }
    if target["items"].is_object() {
        return format!("list of {}", kind(schema, &target["items"]));
    }
    if target["properties"].is_object() {
        return "object".to_owned();
    }
    if target["additionalProperties"].is_object() {
        return format!("mapping of names to {}", kind(schema, &target["additionalProperties"]));
    }
    let types: Vec<&str> = match &target["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    };
    if types.is_empty() { "any value".to_owned() } else { types.join(" or ") }
}

/// Plain defaults; those of whole objects are those of their fields.
fn default_of(node: &Value) -> Option<String> {
    match &node["default"] {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Object(_) => None,
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => None,
        other => Some(other.to_string()),
    }
}
