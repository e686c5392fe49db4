//! Reading an envelope: JSON objects whose fields are known, with the path of whatever is wrong.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Refusal;
use crate::scenario::manifest::{ManifestError, instant};
use crate::units::{SimTime, did_you_mean};

/// Of an object in which the culprit of a mistake is looked for.
const MOST_KEYS: usize = 100;

/// A JSON object at a path. Unknown fields were refused when it was made.
pub(super) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl Refusal {
    pub(super) fn new(path: impl Into<String>, problem: impl Into<String>) -> Refusal {
        Refusal { path: path.into(), problem: problem.into() }
    }
}

impl From<ManifestError> for Refusal {
    fn from(error: ManifestError) -> Refusal {
        Refusal { path: error.path, problem: error.problem }
    }
}

impl<'a> Fields<'a> {
    /// Refuses what is no object, and the first field that is not in `known`, with the nearest name that is.
    pub(super) fn new(value: &'a Value, path: impl Into<String>, known: &[&str]) -> Result<Fields<'a>, Refusal> {
        let path = path.into();
        let Value::Object(map) = value else {
            return Err(Refusal::new(or_input(&path), format!("an object is expected, found {}", kind_of(value))));
        };
        let fields = Fields { path, map };
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Refusal::new(fields.at(key), format!("unknown field{}", hint(key, known)))),
            None => Ok(fields),
        }
    }

    /// A part of a Kubernetes object: fields that nobody knows are ignored, as kubectl would.
    pub(super) fn open(value: &'a Value, path: impl Into<String>) -> Result<Fields<'a>, Refusal> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Fields { path, map }),
            _ => Err(Refusal::new(or_input(&path), format!("an object is expected, found {}", kind_of(value)))),
        }
    }

    /// The path of the field `name`.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// `None` where the field is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name).ok_or_else(|| Refusal::new(self.at(name), "missing"))
    }

    /// A field as serde reads it; unknown fields below it are ignored.
    pub(super) fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.get(name).map(|value| object(value, &self.at(name))).transpose()
    }

    /// The objects of a list, as serde reads them.
    pub(super) fn items<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Refusal> {
        self.list(name)?.into_iter().map(|(path, item)| object(item, &path)).collect()
    }

    /// An RFC 3339 instant, since the Unix epoch.
    pub(super) fn instant(&self, name: &str) -> Result<Option<SimTime>, Refusal> {
        Ok(self.optional::<Time>(name)?.as_ref().map(instant))
    }

    fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match parse(value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(Refusal::new(self.at(name), format!("expected {expected}, found {}", show(value)))),
        }
    }

    fn demanded<T>(&self, name: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| Refusal::new(self.at(name), "missing"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.parsed(name, "a string", Value::as_str)
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.demanded(name, self.text(name)?)
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.parsed(name, "true or false", Value::as_bool)
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.parsed(name, "a 64-bit integer", Value::as_i64)
    }

    pub(super) fn required_integer(&self, name: &str) -> Result<i64, Refusal> {
        self.demanded(name, self.integer(name)?)
    }

    /// A 32-bit integer that is not negative: a replica count.
    pub(super) fn count(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let Some(integer) = self.integer(name)? else { return Ok(None) };
        if integer < 0 {
            return Err(Refusal::new(self.at(name), format!("{integer} is negative")));
        }
        i32::try_from(integer)
            .map(Some)
            .map_err(|_| Refusal::new(self.at(name), format!("{integer} does not fit 32 bits")))
    }

    pub(super) fn required_count(&self, name: &str) -> Result<i32, Refusal> {
        self.demanded(name, self.count(name)?)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Refusal> {
        self.parsed(name, "a number", Value::as_f64)
    }

    /// The items of a list with their paths; empty where the field is absent. A Kubernetes list object (`items`) does
    /// as well.
    pub(super) fn list(&self, name: &str) -> Result<Vec<(String, &'a Value)>, Refusal> {
        let path = self.at(name);
        let (path, items) = match self.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => (path, items),
            Some(Value::Object(list)) if matches!(list.get("items"), Some(Value::Array(_))) => {
                let Some(Value::Array(items)) = list.get("items") else { return Ok(Vec::new()) };
                (format!("{path}.items"), items)
            }
            Some(other) => return Err(Refusal::new(path, format!("expected a list, found {}", kind_of(other)))),
        };
        Ok(items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect())
    }
}

/// The Kubernetes objects of a list, each with its path.
pub(super) fn objects<T: DeserializeOwned>(fields: &Fields<'_>, name: &str) -> Result<Vec<(String, T)>, Refusal> {
    fields.list(name)?.into_iter().map(|(path, item)| Ok((path.clone(), object(item, &path)?))).collect()
}

/// Reads a Kubernetes object, ignoring unknown fields; an error names the field that can't be read.
pub(super) fn object<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, Refusal> {
    T::deserialize(value).map_err(|error| {
        let message = error.to_string();
        let place = culprit::<T>(value, &message);
        let joint = if place.is_empty() || place.starts_with('[') { "" } else { "." };
        let at = format!("{path}{}{place}", if path.is_empty() { "" } else { joint });
        Refusal::new(or_input(&at), hinted(message))
    })
}

/// serde lists the fields that it knows in the order of their declaration: where one is near, it alone is told.
fn hinted(message: String) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match message.starts_with("unknown field").then(|| quoted.next()).flatten() {
        Some(field) => {
            let known: Vec<&str> = quoted.collect();
            format!("unknown field {field}{}", hint(field, &known))
        }
        None => message,
    }
}

/// The path of the value that makes `T` unreadable: the deepest one without which the error is another or none.
/// (serde does not say where it was; bad input may take its time.)
fn culprit<T: DeserializeOwned>(root: &Value, message: &str) -> String {
    let still_fails = |root: &Value| T::deserialize(root).is_err_and(|error| error.to_string() == message);
    let (mut pointer, mut path) = (String::new(), String::new());
    loop {
        let (step, name) = match root.pointer(&pointer) {
            // Each key costs a reading of the whole.
            Some(Value::Object(map)) if map.len() > MOST_KEYS => return path,
            Some(Value::Object(map)) => {
                let guilty = map.keys().find(|key| {
                    let mut copy = root.clone();
                    if let Some(Value::Object(map)) = copy.pointer_mut(&pointer) {
                        map.remove(key.as_str());
                    }
                    !still_fails(&copy)
                });
                let Some(key) = guilty else { return path };
                let joint = if path.is_empty() { "" } else { "." };
                (key.replace('~', "~0").replace('/', "~1"), format!("{joint}{key}"))
            }
            Some(Value::Array(items)) => {
                // The list is read in order: the first item with which it fails is the one, found by halves.
                let fails_with = |count: usize| {
                    let mut copy = root.clone();
                    if let Some(Value::Array(items)) = copy.pointer_mut(&pointer) {
                        items.truncate(count);
                    }
                    still_fails(&copy)
                };
                let (mut holds, mut fails) = (0, items.len());
                if fails == 0 || !fails_with(fails) || fails_with(0) {
                    return path;
                }
                while fails - holds > 1 {
                    let middle = holds.midpoint(fails);
                    *(if fails_with(middle) { &mut fails } else { &mut holds }) = middle;
                }
                let index = holds;
                (index.to_string(), format!("[{index}]"))
            }
            _ => return path,
        };
        pointer = format!("{pointer}/{step}");
        path.push_str(&name);
    }
}

/// `; did you mean x?` where a known name is near, else all of them.
pub(super) fn hint(name: &str, known: &[&str]) -> String {
    let hint = did_you_mean(name, known.iter().copied());
    if hint.is_empty() { format!("; the fields are {}", known.join(", ")) } else { hint }
}

fn or_input(path: &str) -> &str {
    if path.is_empty() { "input" } else { path }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest_name() {
        let refusal = Fields::new(&json!({"podMetric": []}), "", &["pods", "podMetrics"]).err().unwrap();
        assert_eq!(refusal.to_string(), "podMetric: unknown field; did you mean podMetrics?");
    }

    #[test]
    fn a_kubernetes_object_that_cannot_be_read_names_the_field() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "x"}, {"name": 5}]}});
        let refusal = object::<Pod>(&pod, "pods[0]").err().unwrap();
        assert_eq!(refusal.path, "pods[0].spec.containers[1].name");
    }

    #[test]
    fn a_negative_count_is_refused_at_its_path() {
        let input = json!({"replicas": -1});
        let fields = Fields::new(&input, "scale.spec", &["replicas"]).ok().unwrap();
        assert_eq!(fields.count("replicas").unwrap_err().to_string(), "scale.spec.replicas: -1 is negative");
    }
}
