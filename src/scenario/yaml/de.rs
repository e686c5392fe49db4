//! Typed values from a tree, with every mistake at its place.
//!
//! Serde stops at the first error. [`read`] notes it, passes the bad value over and reads again, so that one run shows
//! all of them. Fields that a struct does not know are found here, since serde tells the known ones: so Kubernetes'
//! types, which would ignore them, refuse them too. A null field counts as absent, as in Kubernetes.

use std::cell::RefCell;
use std::fmt;

use rustc_hash::FxHashSet;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Entry, Node, Scalar, Value};
use crate::scenario::diagnostic::{Diagnostic, Place, shortened, suggestion};

/// More mistakes in one document than anyone reads at once; each costs another reading of it.
const MOST_MISTAKES: usize = 50;

/// A `T` from `root`, and what is wrong with it. Values with a mistake are left out of the result where they can be.
pub fn read<T: DeserializeOwned>(root: &Node) -> (Option<T>, Vec<Diagnostic>) {
    let context = Context::default();
    for _ in 0..MOST_MISTAKES {
        match T::deserialize(Reader { node: root, context: &context }) {
            Ok(value) => return (Some(value), context.diagnostics.into_inner()),
            Err(error) => {
                let mistake = *error.at(root).0;
                let at = mistake.at.expect("it was set just now");
                if !mistake.is_consequence {
                    let mut diagnostic = Diagnostic::error(&at.place, mistake.message).maybe_hint(mistake.hint);
                    diagnostic.expected = mistake.expected;
                    context.diagnostics.borrow_mut().push(diagnostic);
                }
                let is_new = context.skipped.borrow_mut().insert(at.skip);
                if at.skip == address(root) || !is_new {
                    break;
                }
            }
        }
    }
    (None, context.diagnostics.into_inner())
}

/// What all readers of one tree share.
#[derive(Default)]
struct Context {
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// Addresses of values that were refused; the tree does not move while it is read.
    skipped: RefCell<FxHashSet<usize>>,
}

impl Context {
    fn skips(&self, node: &Node) -> bool {
        self.skipped.borrow().contains(&address(node))
    }

    fn unknown_field(&self, entry: &Entry, known: &[&str]) {
        if self.skipped.borrow_mut().insert(address(&entry.value)) {
            let diagnostic = Diagnostic::error(&entry.key_place, format!("unknown field `{}`", shortened(&entry.key)))
                .maybe_hint(suggestion(&entry.key, known));
            self.diagnostics.borrow_mut().push(diagnostic);
        }
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node) as usize
}

/// A mistake on its way up; it gets its place from the innermost value that was being read. Boxed, for it stands in the
/// result of every reading.
#[derive(Debug)]
struct Error(Box<Mistake>);

#[derive(Debug, Default)]
struct Mistake {
    message: String,
    expected: Option<String>,
    hint: Option<String>,
    missing: Option<&'static str>,
    /// Follows from another mistake and is not told.
    is_consequence: bool,
    at: Option<At>,
}

#[derive(Debug)]
struct At {
    place: Place,
    skip: usize,
}

impl Error {
    fn of(mistake: Mistake) -> Error {
        Error(Box::new(mistake))
    }

    fn new(message: String) -> Error {
        Error::of(Mistake { message, ..Mistake::default() })
    }

    fn hinted(message: String, hint: Option<String>) -> Error {
        Error::of(Mistake { message, hint, ..Mistake::default() })
    }

    fn at(mut self, node: &Node) -> Error {
        let mistake = &mut self.0;
        if mistake.at.is_none() {
            let is_text = mistake.expected.as_deref() == Some("a string");
            if let Value::Scalar(text, scalar) = &node.value {
                if is_text && !matches!(scalar, Scalar::Text | Scalar::Null) {
                    mistake.hint = Some(format!("write it in quotes: \"{text}\""));
                }
                let is_number = mistake.expected.as_deref().is_some_and(|expected| expected.contains("number"));
                if is_number && *scalar == Scalar::Text && text.parse::<f64>().is_ok() {
                    mistake.hint = Some("remove the quotes".to_owned());
                }
            }
            if let Some(field) = mistake.missing {
                mistake.is_consequence = node.get(field).is_some_and(|value| !value.is_null());
            }
            mistake.at = Some(At { place: node.place.clone(), skip: address(node) });
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Error {
        Error::of(Mistake {
            message: format!("wrong type: found {}", name(found)),
            expected: Some(plain(&expected.to_string())),
            ..Mistake::default()
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Error {
        Error::of(Mistake {
            message: format!("wrong value: found {}", name(found)),
            expected: Some(plain(&expected.to_string())),
            ..Mistake::default()
        })
    }

    fn missing_field(field: &'static str) -> Error {
        Error::of(Mistake {
            message: format!("missing field `{field}`"),
            missing: Some(field),
            hint: Some(format!("add `{field}:` here")),
            ..Mistake::default()
        })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Error {
        Error::hinted(format!("unknown field `{field}`"), suggestion(field, known))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Error {
        Error::hinted(format!("unknown value `{}`", shortened(variant)), suggestion(variant, known))
    }
}

fn name(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("the boolean {value}"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text \"{}\"", shortened(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// Rust's names of types in words for people who write YAML.
fn plain(expected: &str) -> String {
    match expected {
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of zero or more".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "Quantity" => "a quantity such as 500m, 2 or 1Gi".to_owned(),
        _ if expected.starts_with("struct ") => "a mapping".to_owned(),
        // Kubernetes' types name themselves.
        _ if expected.starts_with(|c: char| c.is_ascii_uppercase()) && !expected.contains(' ') => {
            format!("a mapping ({expected})")
        }
        _ => expected.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    context: &'a Context,
}

impl<'a> Reader<'a> {
    fn wrong_type(self, visitor: &dyn de::Expected) -> Error {
        let found = match &self.node.value {
            Value::Scalar(text, scalar) => match scalar {
                Scalar::Null => Unexpected::Unit,
                Scalar::Bool(value) => Unexpected::Bool(*value),
                Scalar::Integer(value) => Unexpected::Signed(*value),
                Scalar::Unsigned(value) => Unexpected::Unsigned(*value),
                Scalar::Float(value) => Unexpected::Float(*value),
                Scalar::Text => Unexpected::Str(text),
            },
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
        };
        <Error as de::Error>::invalid_type(found, visitor).at(self.node)
    }

    fn mapping<V: Visitor<'a>>(
        self,
        entries: &'a [Entry],
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Mapping { entries: entries.iter(), value: None, fields, context: self.context })
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Scalar(text, scalar) => match *scalar {
                Scalar::Null => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Integer(value) => match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_i64(value),
                },
                Scalar::Unsigned(value) => visitor.visit_u64(value),
                Scalar::Float(value) => visitor.visit_f64(value),
                Scalar::Text => visitor.visit_borrowed_str(text),
            },
            Value::Sequence(items) => visitor.visit_seq(Sequence { items: items.iter(), context: self.context }),
            Value::Mapping(entries) => self.mapping(entries, None, visitor),
        }
        .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Mapping(entries) = &self.node.value else { return Err(self.wrong_type(&visitor)) };
        self.mapping(entries, Some(fields), visitor).map_err(|error| error.at(self.node))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (variant, value) = match &self.node.value {
            Value::Scalar(text, Scalar::Text) => (text, None),
            Value::Mapping(entries) if entries.len() == 1 => (&entries[0].key, Some(&entries[0].value)),
            _ => {
                let expected = format!("one of {}", variants.join(", "));
                return Err(self.wrong_type(&expected.as_str()));
            }
        };
        if !variants.contains(&variant.as_str()) {
            return Err(<Error as de::Error>::unknown_variant(variant, variants).at(self.node));
        }
        visitor.visit_enum(Variant { variant, value, reader: self }).map_err(|error| error.at(self.node))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Sequence<'a> {
    items: std::slice::Iter<'a, Node>,
    context: &'a Context,
}

impl<'de> SeqAccess<'de> for Sequence<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let context = self.context;
        let next = self.items.find(|node| !context.skips(node));
        next.map(|node| seed.deserialize(Reader { node, context })).transpose()
    }
}

struct Mapping<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
    /// The only keys allowed; `None`: any.
    fields: Option<&'static [&'static str]>,
    context: &'a Context,
}

impl<'de> MapAccess<'de> for Mapping<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for entry in self.entries.by_ref() {
            if self.context.skips(&entry.value) {
                continue;
            }
            if let Some(fields) = self.fields {
                if !fields.contains(&entry.key.as_str()) {
                    self.context.unknown_field(entry, fields);
                    continue;
                }
                if entry.value.is_null() {
                    continue;
                }
            }
            self.value = Some(&entry.value);
            let key = Key(&entry.key);
            return seed.deserialize(key).map(Some).map_err(|mut error: Error| {
                error.0.at.get_or_insert_with(|| At { place: entry.key_place.clone(), skip: address(&entry.value) });
                error
            });
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let node = self.value.take().expect("serde asks for a key before its value");
        seed.deserialize(Reader { node, context: self.context }).map_err(|error| error.at(node))
    }
}

/// A key: text, or a number for maps from numbers.
struct Key<'a>(&'a str);

macro_rules! numeric_keys {
    ($($method:ident $visit:ident $type:ty)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(<Error as de::Error>::invalid_type(Unexpected::Str(self.0), &visitor)),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    numeric_keys! {
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    forward_to_deserialize_any! {
        bool i8 i16 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'a> {
    variant: &'a str,
    value: Option<&'a Node>,
    reader: Reader<'a>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Variant<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Variant<'de>), Error> {
        Ok((seed.deserialize(Key(self.variant))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(self) -> Result<Reader<'de>, Error> {
        match self.value {
            Some(node) => Ok(Reader { node, ..self.reader }),
            None => {
                let message = format!("`{}` stands alone, but needs settings", self.variant);
                let hint = format!("write {}: {{…}}", self.variant);
                Err(Error::hinted(message, Some(hint)).at(self.reader.node))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            Some(value) if !value.is_null() => {
                Err(Error::new(format!("`{}` takes no settings", self.variant)).at(value))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_any(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use k8s_openapi::api::apps::v1::Deployment;
    use serde::Deserialize;

    use super::super::parse;
    use super::*;
    use crate::scenario::diagnostic::Source;
    use crate::units::{Distribution, SimDuration};

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Sample {
        count: u32,
        delay: Option<Distribution>,
        names: Vec<String>,
        kind: Option<Kind>,
        inner: Option<Inner>,
        by_priority: BTreeMap<i32, Vec<String>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Kind {
        Plain,
        Timed(SimDuration),
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        size: u32,
    }

    fn read_text<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<String>) {
        let source = Arc::new(Source::new("t", text));
        let (value, diagnostics) = read(&parse(&source).unwrap()[0]);
        (value, diagnostics.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn good_values_are_read() {
        let (value, diagnostics) = read_text::<Sample>(
            "{count: 3, delay: {uniform: {min: 1s, max: 2s}}, names: [a], kind: {timed: 5s}, inner: {size: 1}, byPriority: {-1: [x]}}",
        );
        assert_eq!(diagnostics, [""; 0]);
        let value = value.unwrap();
        assert_eq!((value.count, value.names.len(), value.by_priority[&-1].len()), (3, 1, 1));
        assert!(matches!(value.kind, Some(Kind::Timed(d)) if d == SimDuration::from_secs(5)));
        assert!(matches!(read_text::<Sample>("kind: plain").0.unwrap().kind, Some(Kind::Plain)));
        assert!(value.delay.is_some() && value.inner.unwrap().size == 1);
    }

    #[test]
    fn every_mistake_is_told_in_one_go() {
        let (value, diagnostics) = read_text::<Sample>(
            "cuont: 3\ncount: -1\ndelay: {uniform: {min: 2s, max: 1s}}\nnames: [a, 1, b]\nkind: plian\ninner: {size: x}\n",
        );
        assert_eq!(
            diagnostics,
            [
                "t:1:1: unknown field `cuont`; did you mean `count`?",
                "t:2:8: wrong value: found the number -1; expected a whole number of zero or more",
                "t:3:8: uniform.max (1s) must not be less than min (2s)",
                "t:4:12: wrong type: found the number 1; expected a string; write it in quotes: \"1\"",
                "t:5:7: unknown value `plian`; did you mean `plain`?",
                "t:6:15: wrong type: found the text \"x\"; expected a whole number of zero or more",
            ]
        );
        assert_eq!(value.unwrap().names, ["a", "b"]);
    }

    #[test]
    fn a_missing_field_is_told_where_it_belongs() {
        let (_, diagnostics) = read_text::<Sample>("count: 1\ninner: {}\n");
        assert_eq!(diagnostics, ["t:2:8: missing field `size`; add `size:` here"]);
    }

    #[test]
    fn kubernetes_types_refuse_unknown_fields() {
        let (_, diagnostics) = read_text::<Deployment>(
            "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replica: 3\n  selector: {}\n  template:\n    spec:\n      containers:\n      - name: a\n        resources: {requests: {cpu: 1, memory: 1Gi}, limit: {}}\n",
        );
        assert_eq!(
            diagnostics,
            [
                "t:4:3: unknown field `replica`; did you mean `replicas`?",
                "t:10:54: unknown field `limit`; did you mean `limits`?"
            ]
        );
    }
}
