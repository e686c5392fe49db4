//! KEDA's ScaledObjects (`keda.sh/v1alpha1`), with KEDA's own field names.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{TargetKind, TargetRef};
use crate::units::{Quantity, SimDuration};

/// A KEDA ScaledObject of one workload: its spec under `scaledObject`, or the whole object as it is applied (`apiVersion`,
/// `kind`, `metadata`, `spec`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KedaSpec {
    /// Default: the target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Default: `scaledObject.scaleTargetRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRef>,
    /// Exactly one of `scaledObject` and `spec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled_object: Option<ScaledObjectSpec>,
    /// `keda.sh/v1alpha1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// `ScaledObject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its `name` and `namespace` count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub metadata: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<ScaledObjectSpec>,
}

impl KedaSpec {
    /// A text of `metadata`.
    pub fn metadata_text(&self, field: &str) -> Option<String> {
        Some(self.metadata.as_ref()?.get(field)?.as_str()?.to_owned())
    }
}

/// `kind: ScaledObject` among the manifests.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObjectManifest {
    /// `keda.sh/v1alpha1`.
    pub api_version: String,
    /// `ScaledObject`.
    pub kind: String,
    pub metadata: serde_json::Value,
    pub spec: ScaledObjectSpec,
    /// What KEDA wrote; a run starts anew.
    #[serde(default)]
    pub status: serde_json::Value,
}

/// The `spec` of a ScaledObject, with KEDA's names and defaults.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaledObjectSpec {
    /// What is scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_target_ref: Option<ScaleTargetRef>,
    /// How often triggers are asked whether they are active: seconds, or a duration. Default: 30s.
    #[serde(default = "seconds::<30>")]
    pub polling_interval: Seconds,
    /// How long after the last active poll the workload goes idle: seconds, or a duration. Default: 300s.
    #[serde(default = "seconds::<300>")]
    pub cooldown_period: Seconds,
    /// How long after its creation an object that was never active may not go idle. Default: 0s.
    #[serde(default = "seconds::<0>")]
    pub initial_cooldown_period: Seconds,
    /// The count without active triggers, where it is below the minimum. Default: the minimum itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_replica_count: Option<u32>,
    /// The least while a trigger is active, and without `idleReplicaCount` at any time. Default: 0.
    #[serde(default)]
    pub min_replica_count: u32,
    /// The most that the HPA may ask for. Default: 100.
    #[serde(default = "default_max_replica_count")]
    pub max_replica_count: u32,
    pub triggers: Vec<TriggerSpec>,
    /// Settings of the HPA that KEDA makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advanced: Option<AdvancedSpec>,
    /// What counts when a trigger's source fails. Not modelled: no source fails here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub fallback: Option<serde_json::Value>,
}

/// The workload that a ScaledObject scales, in its own namespace.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleTargetRef {
    /// Default: `apps/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Default: Deployment.
    #[serde(default = "deployment")]
    pub kind: TargetKind,
    pub name: String,
    /// Whose environment triggers read. Not modelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_source_container_name: Option<String>,
}

/// `advanced` of a ScaledObject.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdvancedSpec {
    /// What becomes of the count when the object is deleted, which does not happen here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_to_original_replica_count: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_config: Option<HpaConfigSpec>,
    /// A formula over the triggers. Not modelled: each counts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub scaling_modifiers: Option<serde_json::Value>,
}

/// The HPA that KEDA makes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HpaConfigSpec {
    /// Default: `keda-hpa-` and the object's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `behavior` of `autoscaling/v2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub behavior: Option<serde_json::Value>,
}

/// One event source: as KEDA writes it, by `type` and `metadata`, or plainly by the `name` of a metric that a load or
/// `metrics.series` reports and its `threshold`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerSpec {
    /// KEDA's name of the source: `cron`, `cpu`, `memory`, `prometheus`, `rabbitmq`, …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The metric's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The source's own fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, MetadataText>,
    /// Default: AverageValue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<TriggerMetricType>,
    /// Without `type`: what each replica should have of the metric, or for `Value` what there should be in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Quantity>,
    /// Without `type`: the trigger is active above this. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_threshold: Option<Quantity>,
    /// Whether values are kept between polls. Not modelled: every sync asks anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_cached_metrics: Option<bool>,
    /// How KEDA logs in. Not modelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub authentication_ref: Option<serde_json::Value>,
}

/// How a trigger's threshold is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriggerMetricType {
    /// For each replica.
    AverageValue,
    /// In all; replicas scale by the ratio.
    Value,
    /// CPU and memory: percent of the requests.
    Utilization,
}

/// A value of a trigger's metadata: text, or a number or boolean that somebody forgot to quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetadataText(pub String);

/// Whole seconds as KEDA writes them, or a duration such as `30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub SimDuration);

fn seconds<const SECONDS: i64>() -> Seconds {
    Seconds(SimDuration::from_secs(SECONDS))
}

const fn default_max_replica_count() -> u32 {
    100
}

fn deployment() -> TargetKind {
    TargetKind::Deployment
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        struct SecondsVisitor;

        impl Visitor<'_> for SecondsVisitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole seconds, or a duration such as 30s")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seconds, E> {
                let seconds = i64::try_from(number).ok().filter(|seconds| *seconds <= 1 << 31);
                let seconds = seconds.ok_or_else(|| E::custom(format_args!("{number} seconds are too many")))?;
                Ok(Seconds(SimDuration::from_secs(seconds)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Seconds, E> {
                let number = u64::try_from(number).map_err(|_| E::custom(format_args!("{number} is negative")))?;
                self.visit_u64(number)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
                let duration: SimDuration = text.parse().map_err(E::custom)?;
                if duration.is_negative() {
                    return Err(E::custom(format_args!("duration {text:?} is negative")));
                }
                Ok(Seconds(duration))
            }
        }

        deserializer.deserialize_any(SecondsVisitor)
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<SimDuration>();
        json_schema!({"description": "Whole seconds, or a duration such as 30s.", "anyOf": [{"type": "integer", "minimum": 0}, duration]})
    }
}

impl<'de> Deserialize<'de> for MetadataText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MetadataText, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = MetadataText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MetadataText, E> {
                Ok(MetadataText(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<MetadataText, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MetadataText, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MetadataText, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<MetadataText, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

impl JsonSchema for MetadataText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MetadataText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}
