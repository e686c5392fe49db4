//! Expectations on the outcome of a run, as written. What their names mean is `check`'s to say, for it knows the summary
//! and the tables that a run writes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::units::SimDuration;

/// What must hold of a run: `pod_wait_seconds.p99 < 3m`, or the same as a mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LongExpectation {
    /// Names it in reports. Default: the condition itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A key of `summary.json` (`cost.total_usd`), a column of `timeseries.csv` (`pods_pending`), or a function of one
    /// over time (`max_over_time(pods_pending)`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Rows of `decisions.csv` that are counted, in place of `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<DecisionRule>,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Amount>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Amount>,
    /// More than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Amount>,
    /// Less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Amount>,
    /// Exactly, or up to `within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Amount>,
    /// Slack of `equals` (an amount, or a percentage of it); without `equals`, how far it may be from the baseline
    /// (`--baseline NAME`), such as `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Amount>,
    /// Judge a column at this instant only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<SimDuration>,
    /// A column may break its bound for less than this at a stretch.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<SimDuration>,
    /// In how many of `--seeds N` it must hold: a number, or a percentage. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_seeds: Option<Amount>,
}

/// Which rows of `decisions.csv` are counted, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionRule {
    /// `horizontal-pod-autoscaler`, `cluster-autoscaler`, `karpenter`, `scheduler`, …; default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// `KIND/NAMESPACE/NAME`, or `KIND/NAME` in any namespace, with `*` for any text: `hpa/default/web`, `hpa/web`, `node/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What the decision leads to, with `*` for any text, such as `ToBeDeleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What is counted of them.
    #[serde(default)]
    pub count: Counted,
    /// Count for each object by itself and take the highest count.
    #[serde(default)]
    pub per_object: bool,
    /// Count in every window of this length and take the highest count. Default: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<SimDuration>,
}

/// What is counted of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Counted {
    /// Decisions.
    #[default]
    Decisions,
    /// Decisions that go the other way (up after down, or down after up) than the one before on the same object.
    DirectionChanges,
}

/// A bound as written: a number, a duration (`3m`), a percentage (`5%`) or a quantity (`500m`, `4Gi`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    Number(f64),
    Text(String),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Number(number) => number.fmt(f),
            Amount::Text(text) => f.write_str(text),
        }
    }
}

/// An expectation in either form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExpectationSpec {
    Short(String),
    Long(Box<LongExpectation>),
}

impl Default for ExpectationSpec {
    fn default() -> ExpectationSpec {
        ExpectationSpec::Short(String::new())
    }
}

const FORM: &str = "a condition such as `pod_wait_seconds.p99 < 3m`, or a mapping with `metric` and `max`";

impl<'de> Deserialize<'de> for ExpectationSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExpectationSpec, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = ExpectationSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORM)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ExpectationSpec, E> {
                Ok(ExpectationSpec::Short(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExpectationSpec, A::Error> {
                LongExpectation::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(ExpectationSpec::Long)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl JsonSchema for ExpectationSpec {
    fn schema_name() -> Cow<'static, str> {
        "Expectation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongExpectation>();
        json_schema!({
            "description": "What must hold of a run.",
            "anyOf": [{"type": "string", "pattern": "^.+ *(<|<=|>|>=|==|=) *.+$"}, long]
        })
    }
}

/// The scenario once more with other settings, and what must hold of that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestSpec {
    /// Names it in reports.
    pub name: String,
    /// Values by path, as `--set` takes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Value>,
    /// How many seeds it runs under, from the scenario's own up. Default: 1, or `--seeds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<u32>,
    /// Judged beside the scenario's own `expect`, which holds for every test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<ExpectationSpec>,
}
