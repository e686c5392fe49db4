//! Every field of the API's types stands in the tables, and one that is said to act does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::diagnostic::Source;
use super::super::lower;
use super::super::tables::Tables;
use super::super::yaml::{Entry, parse};
use super::table::KINDS;
use super::*;

/// The fields of each struct that is read, by its path.
type Seen = RefCell<BTreeMap<String, BTreeSet<&'static str>>>;

/// Answers every question of a type's reader, so that it asks for all of its fields.
#[derive(Clone)]
struct Asked<'a> {
    path: String,
    kind: &'static str,
    version: &'static str,
    seen: &'a Seen,
}

impl Asked<'_> {
    fn below(&self, step: &str) -> Self {
        let dot = if self.path.is_empty() || step == "[]" { "" } else { "." };
        Asked { path: format!("{}{dot}{step}", self.path), ..self.clone() }
    }

    fn text(&self) -> &'static str {
        match self.path.as_str() {
            "apiVersion" => self.version,
            "kind" => self.kind,
            path if path.ends_with("volumeClaimTemplates[].apiVersion") => "v1",
            path if path.ends_with("volumeClaimTemplates[].kind") => "PersistentVolumeClaim",
            _ => "1",
        }
    }
}

struct Fields<'a> {
    of: Asked<'a>,
    left: std::slice::Iter<'static, &'static str>,
    next: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(next) = self.left.next() else { return Ok(None) };
        self.next = next;
        let key: StrDeserializer<'_, Error> = self.next.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.of.below(self.next))
    }
}

/// A list of one item.
struct One<'a>(Option<Asked<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|item| seed.deserialize(item)).transpose()
    }
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(true)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i32(1)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(1)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(1.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name.ends_with("Time") {
            return visitor.visit_newtype_struct(StrDeserializer::new("2026-01-05T00:00:00Z"));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(One(Some(self.below("[]"))))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { of: self, left: ["key"].iter(), next: "" })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.seen.borrow_mut().insert(self.path.clone(), fields.iter().copied().collect());
        visitor.visit_map(Fields { of: self, left: fields.iter(), next: "" })
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct enum
        identifier ignored_any
    }
}

fn asked<T: for<'de> Deserialize<'de>>(kind: &'static str, version: &'static str, seen: &Seen) {
    T::deserialize(Asked { path: String::new(), kind, version, seen })
        .unwrap_or_else(|error| panic!("{kind}: {error}"));
}

/// The fields of a kind's type, by the path of the struct.
fn fields_of_type(kind: &'static str, version: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    use k8s_openapi::api::{apps, autoscaling, batch, core, policy, scheduling, storage};
    let seen = Seen::default();
    match (kind, version) {
        ("Deployment", _) => asked::<apps::v1::Deployment>(kind, "apps/v1", &seen),
        ("ReplicaSet", _) => asked::<apps::v1::ReplicaSet>(kind, "apps/v1", &seen),
        ("StatefulSet", _) => asked::<apps::v1::StatefulSet>(kind, "apps/v1", &seen),
        ("DaemonSet", _) => asked::<apps::v1::DaemonSet>(kind, "apps/v1", &seen),
        ("CronJob", _) => asked::<batch::v1::CronJob>(kind, "batch/v1", &seen),
        ("Job", _) => asked::<batch::v1::Job>(kind, "batch/v1", &seen),
        ("Pod", _) => asked::<core::v1::Pod>(kind, "v1", &seen),
        ("Node", _) => asked::<core::v1::Node>(kind, "v1", &seen),
        ("HorizontalPodAutoscaler", "autoscaling/v1") => {
            asked::<autoscaling::v1::HorizontalPodAutoscaler>(kind, "autoscaling/v1", &seen);
        }
        ("HorizontalPodAutoscaler", _) => {
            asked::<autoscaling::v2::HorizontalPodAutoscaler>(kind, "autoscaling/v2", &seen);
        }
        ("PodDisruptionBudget", _) => asked::<policy::v1::PodDisruptionBudget>(kind, "policy/v1", &seen),
        ("PriorityClass", _) => asked::<scheduling::v1::PriorityClass>(kind, "scheduling.k8s.io/v1", &seen),
        ("PersistentVolumeClaim", _) => asked::<core::v1::PersistentVolumeClaim>(kind, "v1", &seen),
        ("PersistentVolume", _) => asked::<core::v1::PersistentVolume>(kind, "v1", &seen),
        ("StorageClass", _) => asked::<storage::v1::StorageClass>(kind, "storage.k8s.io/v1", &seen),
        _ => panic!("which type is {kind}?"),
    }
    seen.into_inner()
}

#[test]
fn every_field_of_the_api_stands_in_the_tables() {
    let mut wrong = Vec::new();
    for (kind, version, fields) in KINDS {
        let of_type = fields_of_type(kind, version);
        compare(kind, "", fields, &of_type, &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn compare(
    kind: &str,
    path: &str,
    fields: &[Field],
    of_type: &BTreeMap<String, BTreeSet<&'static str>>,
    wrong: &mut Vec<String>,
) {
    let is_list = format!("{path}[]");
    let Some(known) = of_type.get(path).or_else(|| of_type.get(&is_list)) else {
        return wrong.push(format!("{kind} {path}: no such struct"));
    };
    let path = if of_type.contains_key(path) { path } else { &is_list };
    let listed: BTreeSet<&str> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed.len(), fields.len(), "{kind} {path}: a field stands twice");
    let is_envelope = |name: &str| path.is_empty() && ["apiVersion", "kind"].contains(&name);
    for missing in known.iter().filter(|name| !listed.contains(*name) && !is_envelope(name)) {
        wrong.push(format!("{kind} {path}.{missing} is not listed"));
    }
    for unknown in listed.iter().filter(|name| !known.contains(*name)) {
        wrong.push(format!("{kind} {path}.{unknown} is no field of the API"));
    }
    for (name, bearing) in fields {
        if let Bearing::Holds(below) = bearing {
            let dot = if path.is_empty() { "" } else { "." };
            compare(kind, &format!("{path}{dot}{name}"), below, of_type, wrong);
        }
    }
}

/// Objects that set every field which acts, each to what it is not by default.
const SAMPLE: &str = include_str!("sample.yaml");

fn documents(text: &str) -> Vec<Node> {
    parse(&Arc::new(Source::new("sample", text))).expect("it is YAML")
}

/// The scenario that they make, in full; with its mistakes, for a field may be needed.
fn lowered(documents: Vec<Node>) -> String {
    let (scenarios, objects): (Vec<Node>, Vec<Node>) =
        documents.into_iter().partition(|node| node.get("kind").and_then(Node::as_str) == Some("Scenario"));
    let lowered = lower::lower(&scenarios[0], objects, true, &Tables::default());
    // What the tables tell of a field proves nothing.
    let told = lowered.diagnostics.iter().filter(|diagnostic| !diagnostic.message.contains(": not modelled: "));
    let told: Vec<&str> = told.map(|diagnostic| diagnostic.message.as_str()).collect();
    let is_refused = lowered.diagnostics.iter().any(Diagnostic::is_error);
    format!("{:?} {told:?} refused: {is_refused}", lowered.scenario)
}

/// Of pods one kind's example speaks for all, be it a template's or a pod's own.
fn canonical(kind: &str, path: &str) -> String {
    if let ("CronJob", Some(of_job)) = (kind, path.strip_prefix("spec.jobTemplate.")) {
        return canonical("Job", of_job);
    }
    match path.strip_prefix("spec.template.") {
        Some(rest) => format!("template {rest}"),
        None if kind == "Pod" => format!("template {path}"),
        None => format!("{kind} {path}"),
    }
}

#[test]
fn the_sample_has_no_mistake() {
    let text = lowered(documents(SAMPLE));
    assert!(text.ends_with("refused: false"), "{}", &text[text.rfind("})").unwrap_or(0)..]);
}

#[test]
fn a_field_that_is_said_to_act_does() {
    let whole = lowered(documents(SAMPLE));
    let mut acting: BTreeSet<String> = BTreeSet::new();
    for (kind, _, fields) in KINDS {
        list_acting(kind, fields, "", &mut acting);
    }
    let mut proven: BTreeSet<String> = BTreeSet::new();
    for index in 0..documents(SAMPLE).len() {
        let document = &documents(SAMPLE)[index];
        let Some(kind) = document.get("kind").and_then(Node::as_str) else { continue };
        let Some(fields) = fields_of(kind, document) else { continue };
        let mut steps = Vec::new();
        leaves(document, fields, "", &mut Vec::new(), &mut steps);
        for (path, address) in steps {
            let key = canonical(kind, &path);
            if proven.contains(&key) {
                continue;
            }
            let mut without = documents(SAMPLE);
            remove(&mut without[index], &address);
            if lowered(without) != whole {
                proven.insert(key);
            }
        }
    }
    let idle: Vec<&String> = acting.difference(&proven).collect();
    assert!(idle.is_empty(), "nothing depends on: {idle:#?}");
}

fn list_acting(kind: &str, fields: &[Field], path: &str, acting: &mut BTreeSet<String>) {
    for (name, bearing) in fields {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        match bearing {
            Bearing::Holds(below) => list_acting(kind, below, &path, acting),
            Bearing::Metadata(names) => {
                acting.extend(names.iter().map(|name| canonical(kind, &format!("{path}.{name}"))));
            }
            Bearing::Acts | Bearing::ActsPartly(_) => {
                acting.insert(canonical(kind, &path));
            }
            Bearing::Inert | Bearing::NotModelled(_) => {}
        }
    }
}

/// Entries of the object that act: their path without indexes, and the way to them.
fn leaves(node: &Node, fields: &[Field], path: &str, way: &mut Vec<usize>, found: &mut Vec<(String, Vec<usize>)>) {
    if let Value::Sequence(items) = &node.value {
        for (index, item) in items.iter().enumerate() {
            way.push(index);
            leaves(item, fields, path, way, found);
            way.pop();
        }
        return;
    }
    for (index, Entry { key, value, .. }) in node.entries().iter().enumerate() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{key}");
        way.push(index);
        match fields.iter().find(|(name, _)| name == key).map(|field| field.1) {
            Some(Bearing::Holds(below)) => leaves(value, below, &path, way, found),
            Some(Bearing::Metadata(names)) => {
                for (inner, entry) in value.entries().iter().enumerate() {
                    if names.contains(&entry.key.as_str()) {
                        way.push(inner);
                        found.push((format!("{path}.{}", entry.key), way.clone()));
                        way.pop();
                    }
                }
            }
            Some(Bearing::Acts | Bearing::ActsPartly(_)) => found.push((path, way.clone())),
            Some(Bearing::Inert | Bearing::NotModelled(_)) | None => {}
        }
        way.pop();
    }
}

fn remove(node: &mut Node, way: &[usize]) {
    match (&mut node.value, way) {
        (Value::Mapping(entries), [at]) => {
            entries.remove(*at);
        }
        (Value::Mapping(entries), [at, rest @ ..]) => remove(&mut entries[*at].value, rest),
        (Value::Sequence(items), [at, rest @ ..]) => remove(&mut items[*at], rest),
        _ => unreachable!("the way was found in this tree"),
    }
}

#[test]
fn what_is_not_modelled_is_told_once_by_field_with_what_it_means() {
    let container = "{name: c, image: i, livenessProbe: {httpGet: {port: 80}}}";
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{runtimeClassName: gvisor, containers: [{container}, {container}]}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: b}}\nspec: {{containers: [{container}], hostPID: true}}\n"
    );
    let told: Vec<String> = report(&documents(&text)).iter().map(|warning| warning.message.clone()).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("spec.containers[].livenessProbe (2 objects): not modelled: "), "{told:#?}");
    assert!(told[1].starts_with("spec.runtimeClassName (1 object): not modelled: the class's overhead"), "{told:#?}");
}
