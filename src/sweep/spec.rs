//! The sweep file as a user writes it: `kind: Sweep`. The JSON Schema (`windtunnel schema --sweep`) comes from these types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::units::SimDuration;

/// A space of settings of a scenario, and what is asked of it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Windtunnel sweep")]
pub struct SweepFile {
    pub api_version: ApiVersion,
    pub kind: Kind,
    pub metadata: Metadata,
    pub spec: SweepSpec,
}

/// `windtunnel/v1`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "windtunnel/v1")]
    V1,
}

/// `Sweep`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    Sweep,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Names the sweep's results.
    pub name: String,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SweepSpec {
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Path of the scenario, from the folder of the sweep file. A parameter with the path `scenario` has such paths as
    /// its values and takes precedence.
    pub scenario: PathBuf,
    /// Settings with a name of their own. Combined with all values of the parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpec>,
    /// Each parameter's values are combined with all values of the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterSpec>,
    /// What must hold between parameters (by path or by its last part) and numbers: `general.maxSize + gpu.maxSize <= 40`.
    /// Combinations for which one does not hold are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// Take some combinations rather than all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleSpec>,
    /// Every combination runs under each of these; default: the scenario's own seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<SeedsSpec>,
    /// Label of the configuration that the others are held against. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    #[serde(default)]
    pub plot: PlotSpec,
    /// What `windtunnel optimize` looks for in the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimize: Option<OptimizeSpec>,
}

/// Settings that belong together, under one name.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Names it in tables and plots.
    pub label: String,
    /// Values by path, as `--set` takes them; none: the scenario as it is.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
}

/// One parameter: a path into the scenario, as `--set` takes it, and its values; or several that go together (`zip`).
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// Into the scenario, as `--set` takes it: `nodeGroups.general.maxSize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Either these values,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// or these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeSpec>,
    /// In place of the above: parameters with lists of equal length; the first values go together, then the second, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Vec<ZippedSpec>>,
}

/// One of the parameters that go together.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZippedSpec {
    /// Into the scenario, as `--set` takes it.
    pub path: String,
    /// Either these values, of which some may be equal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// or these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeSpec>,
}

/// Numbers, or durations such as `5m`, from `from` up to and including `to`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeSpec {
    pub from: Bound,
    pub to: Bound,
    /// Step by step,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Bound>,
    /// or so many values, evenly spaced. With neither, a `sample` draws anywhere between (whole numbers where both ends
    /// are, whole seconds of durations).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How values are spaced or drawn. Default: linear.
    #[serde(default)]
    pub scale: Scale,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scale {
    #[default]
    Linear,
    /// By factors; both ends above zero, no `step`.
    Log,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Bound {
    Number(f64),
    Duration(SimDuration),
}

/// Which combinations are taken.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleSpec {
    pub method: SampleMethod,
    /// How many.
    pub count: u32,
    /// Of the draws. Default: 1.
    #[serde(default = "one")]
    pub seed: u64,
}

const fn one() -> u64 {
    1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SampleMethod {
    /// Each by itself, none twice.
    Random,
    /// Each parameter's range is cut into as many strips as samples, and each strip is used once.
    LatinHypercube,
}

/// `count` seeds: `from`, `from` + 1, …
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedSeeds {
    pub from: u64,
    pub count: u64,
}

/// Seeds as a list, or counted.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SeedsSpec {
    List(Vec<u64>),
    Counted(CountedSeeds),
}

impl<'de> Deserialize<'de> for SeedsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SeedsSpec, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = SeedsSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of seeds, or a mapping with `from` and `count`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<SeedsSpec, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(SeedsSpec::List)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SeedsSpec, A::Error> {
                CountedSeeds::deserialize(MapAccessDeserializer::new(map)).map(SeedsSpec::Counted)
            }

            fn visit_u64<E: de::Error>(self, seed: u64) -> Result<SeedsSpec, E> {
                Err(E::invalid_type(de::Unexpected::Unsigned(seed), &self))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl JsonSchema for SeedsSpec {
    fn schema_name() -> Cow<'static, str> {
        "Seeds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let counted = generator.subschema_for::<CountedSeeds>();
        json_schema!({
            "description": "A list of seeds, or how many from which.",
            "anyOf": [{"type": "array", "items": {"type": "integer", "minimum": 0}}, counted]
        })
    }
}

/// Which figures of the summary the table and the plot show.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlotSpec {
    /// Default: `pod_wait_seconds.p99`.
    pub x: String,
    /// Default: `cost.total_usd`.
    pub y: String,
}

impl Default for PlotSpec {
    fn default() -> PlotSpec {
        PlotSpec { x: "pod_wait_seconds.p99".to_owned(), y: "cost.total_usd".to_owned() }
    }
}

/// The best setting of the space: what counts, and what must hold.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OptimizeSpec {
    /// A figure of the summary, such as `cost.total_usd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimize: Option<String>,
    /// Or this one, the more the better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximize: Option<String>,
    /// Conditions on figures, such as `training.wait_seconds.p95 < 30m`; a figure that is `null` breaks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_to: Vec<String>,
    /// How many runs it may take. Default: a tenth of all combinations under all seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
}
