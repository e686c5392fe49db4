//! The version of the control plane as it is written.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A version's text; YAML and `--set` read `1.36` as a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KubernetesVersion(pub String);

impl<'de> Deserialize<'de> for KubernetesVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KubernetesVersion, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = KubernetesVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version such as 1.36")
            }

            fn visit_str<E>(self, text: &str) -> Result<KubernetesVersion, E> {
                Ok(KubernetesVersion(text.to_owned()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<KubernetesVersion, E> {
                Ok(KubernetesVersion(number.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for KubernetesVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KubernetesVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number"], "examples": ["1.36", "v1.36.2"]})
    }
}
