//! The object around the Kubernetes objects of a `decide` input: its fields, by name and type.
//!
//! Unknown fields of the envelope are refused with the nearest known name; what is inside Kubernetes objects is read as
//! the API server would.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Refusal;
use crate::scenario::manifest::{ManifestError, instant};
use crate::units::SimTime;

/// One input object whose fields are all known.
pub struct Envelope<'a> {
    fields: &'a Map<String, Value>,
}

impl<'a> Envelope<'a> {
    /// Refuses anything but an object with fields among `known`.
    pub fn new(input: &'a Value, known: &[&str]) -> Result<Envelope<'a>, Refusal> {
        let Value::Object(fields) = input else { return Err(refusal("input", "an object is expected")) };
        for field in fields.keys() {
            if known.contains(&field.as_str()) {
                continue;
            }
            let nearest = known.iter().min_by_key(|name| strsim::damerau_levenshtein(name, field));
            let hint = nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            return Err(refusal(field, &format!("unknown field{hint}")));
        }
        Ok(Envelope { fields })
    }

    /// The raw field; `null` is absent.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub fn optional<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, Refusal> {
        self.get(field).map(|value| read(field, value)).transpose()
    }

    /// A list, or a Kubernetes `List` object with `items`; absent: empty. An error names the element.
    pub fn list<T: DeserializeOwned>(&self, field: &str) -> Result<Vec<T>, Refusal> {
        let Some(value) = self.get(field) else { return Ok(Vec::new()) };
        let items = value.get("items").unwrap_or(value);
        let Value::Array(items) = items else { return Err(refusal(field, "a list is expected")) };
        items.iter().enumerate().map(|(index, item)| read(&format!("{field}[{index}]"), item)).collect()
    }

    /// An RFC 3339 instant, since the Unix epoch.
    pub fn instant(&self, field: &str) -> Result<Option<SimTime>, Refusal> {
        Ok(self.optional::<Time>(field)?.as_ref().map(instant))
    }
}

fn read<T: DeserializeOwned>(path: &str, value: &Value) -> Result<T, Refusal> {
    super::fields::object(value, path)
}

/// A refusal of one field.
pub fn refusal(path: &str, problem: &str) -> Refusal {
    Refusal { path: path.to_owned(), problem: problem.to_owned() }
}

impl From<ManifestError> for Refusal {
    fn from(error: ManifestError) -> Refusal {
        Refusal { path: error.path, problem: error.problem }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest_name() {
        let error = Envelope::new(&json!({"node": []}), &["nodes", "pods"]).err().unwrap();
        assert_eq!(error.to_string(), "node: unknown field; did you mean nodes?");
    }

    #[test]
    fn a_list_is_an_array_or_a_list_object_and_names_its_bad_element() {
        let input = json!({"a": [1, 2], "b": {"kind": "List", "items": [3]}, "c": [1, "x"], "d": 1, "e": null});
        let envelope = Envelope::new(&input, &["a", "b", "c", "d", "e"]).unwrap();
        assert_eq!(envelope.list::<i32>("a").unwrap(), [1, 2]);
        assert_eq!(envelope.list::<i32>("b").unwrap(), [3]);
        assert_eq!(envelope.list::<i32>("c").unwrap_err().path, "c[1]");
        assert_eq!(envelope.list::<i32>("d").unwrap_err().path, "d");
        assert!(envelope.list::<i32>("e").unwrap().is_empty());
        assert_eq!(envelope.optional::<i32>("d").unwrap(), Some(1));
    }
}
