//! Expectations on the outcome of a run, and the names that they can use.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// The keys of `summary.json` that an expectation can name; `*` stands for a name or a key.
pub const EXPECTED_METRICS: [&str; 32] = [
    "simulated_seconds",
    "cost.total_usd",
    "cost.idle_usd",
    "cost.by_node_group.*",
    "cost.by_workload.*",
    "pods.created",
    "pods.scheduled",
    "pods.completed",
    "pods.failed",
    "pods.evicted",
    "pods.pending_at_end",
    "pod_wait_seconds.mean",
    "pod_wait_seconds.p50",
    "pod_wait_seconds.p95",
    "pod_wait_seconds.p99",
    "pod_wait_seconds.max",
    "utilization.cpu.requested",
    "utilization.cpu.used",
    "utilization.memory.requested",
    "utilization.memory.used",
    "utilization.gpu.requested",
    "utilization.gpu.used",
    "nodes.min",
    "nodes.mean",
    "nodes.peak",
    "nodes.node_hours",
    "scaling.scale_ups",
    "scaling.scale_downs",
    "scaling.hpa_changes",
    "training.*",
    "services.*",
    "scaling.*",
];

/// Whether `metric` is one of [`EXPECTED_METRICS`].
pub fn is_known_metric(metric: &str) -> bool {
    EXPECTED_METRICS.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => metric.len() > prefix.len() && metric.starts_with(prefix),
        None => metric == *known,
    })
}

/// What must hold of one key of the summary: `pod_wait_seconds.p99 < 180`, or the same as a mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectationSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub metric: String,
    /// At least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// More than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Less than.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
}

/// The mapping form.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongForm {
    /// Names it in reports. Default: the condition itself.
    name: Option<String>,
    /// A key of `summary.json`, such as `cost.total_usd`.
    metric: String,
    /// At least.
    min: Option<f64>,
    /// At most.
    max: Option<f64>,
    /// More than.
    above: Option<f64>,
    /// Less than.
    below: Option<f64>,
    /// Exactly, or up to `within`.
    equals: Option<f64>,
    /// Slack of `equals`. Default: 0.
    within: Option<f64>,
}

const FORM: &str = "a condition such as `pod_wait_seconds.p99 < 180`, or a mapping with `metric` and `max`";

/// Splits `metric OPERATOR number`.
fn short_form(text: &str) -> Result<ExpectationSpec, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [metric, operator, number] = parts[..] else { return Err(format!("{text:?} is not {FORM}")) };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} in {text:?} is not a number"))?;
    let mut expectation = ExpectationSpec { metric: metric.to_owned(), ..ExpectationSpec::default() };
    *match operator {
        "<" => &mut expectation.below,
        "<=" => &mut expectation.max,
        ">" => &mut expectation.above,
        ">=" => &mut expectation.min,
        "==" | "=" => &mut expectation.equals,
        _ => return Err(format!("unknown comparison {operator:?}; write one of <, <=, >, >=, ==")),
    } = Some(number);
    Ok(expectation)
}

impl<'de> Deserialize<'de> for ExpectationSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExpectationSpec, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = ExpectationSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORM)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ExpectationSpec, E> {
                short_form(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExpectationSpec, A::Error> {
                let LongForm { name, metric, min, max, above, below, equals, within } =
                    LongForm::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ExpectationSpec { name, metric, min, max, above, below, equals, within })
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
        let long = generator.subschema_for::<LongForm>();
        json_schema!({
            "description": "What must hold of one key of the summary.",
            "anyOf": [{"type": "string", "pattern": "^\\S+ +(<|<=|>|>=|==|=) +\\S+$"}, long]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_read_and_metrics_are_known_by_name_or_prefix() {
        let expectation = short_form("pod_wait_seconds.p99 < 180").unwrap();
        assert_eq!((expectation.metric.as_str(), expectation.below), ("pod_wait_seconds.p99", Some(180.0)));
        assert!(short_form("a b").is_err() && short_form("a ~ 1").is_err() && short_form("a < x").is_err());
        assert!(is_known_metric("cost.by_workload.default/web.totalCost") && is_known_metric("nodes.peak"));
        assert!(!is_known_metric("cost.by_workload.") && !is_known_metric("pod_wait.p99"));
    }
}
