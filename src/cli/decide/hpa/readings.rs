//! The lists of the metrics APIs as they are printed, to amounts in thousandths.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use serde::Deserialize;

use super::super::Refusal;
use super::super::fields::{Fields, objects};
use crate::autoscaler::hpa::{MetricIdentifier, Sample};
use crate::cluster::{LabelSelector, Labels};
use crate::scenario::manifest::{instant, label_selector};
use crate::units::{Quantity, SimDuration, SimTime};

/// The window that custom metrics without one are taken to have.
const DEFAULT_WINDOW: SimDuration = SimDuration::from_secs(60);

/// What the metrics APIs would say.
pub(super) struct MetricsApis {
    pub pods: Vec<PodUsage>,
    custom: Vec<CustomValue>,
    pub external: Vec<ExternalSeries>,
}

/// `PodMetrics` of `metrics.k8s.io/v1beta1`.
pub(super) struct PodUsage {
    pub name: String,
    pub namespace: Option<String>,
    pub labels: Labels,
    pub timestamp: SimTime,
    pub window: SimDuration,
    containers: Vec<(String, BTreeMap<String, i64>)>,
}

/// `MetricValue` of `custom.metrics.k8s.io`, v1beta1 (`metricName`) or v1beta2 (`metric.name`).
pub(super) struct CustomValue {
    pub object: DescribedObject,
    name: String,
    selector: Option<LabelSelector>,
    pub sample: Sample,
}

/// `ExternalMetricValue` of `external.metrics.k8s.io`.
pub(super) struct ExternalSeries {
    pub name: String,
    pub labels: Labels,
    pub value: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DescribedObject {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPodMetrics {
    metadata: meta::ObjectMeta,
    timestamp: Option<meta::Time>,
    window: Option<String>,
    containers: Option<Vec<RawContainerMetrics>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawContainerMetrics {
    name: String,
    usage: Option<BTreeMap<String, RawQuantity>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawMetricValue {
    described_object: DescribedObject,
    metric_name: Option<String>,
    metric: Option<RawMetricName>,
    selector: Option<meta::LabelSelector>,
    timestamp: Option<meta::Time>,
    window_seconds: Option<i64>,
    value: Option<RawQuantity>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMetricName {
    name: String,
    selector: Option<meta::LabelSelector>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawExternalMetricValue {
    metric_name: String,
    metric_labels: Option<Labels>,
    value: Option<RawQuantity>,
}

impl MetricsApis {
    pub(super) fn read(fields: &Fields<'_>) -> Result<MetricsApis, Refusal> {
        let pods = objects(fields, "podMetrics")?.into_iter().map(|(path, raw)| pod_usage(raw, &path));
        let custom = objects(fields, "customMetrics")?.into_iter().map(|(path, raw)| custom_value(raw, &path));
        let external = objects(fields, "externalMetrics")?.into_iter().map(|(path, raw)| external_series(raw, &path));
        Ok(MetricsApis {
            pods: pods.collect::<Result<_, _>>()?,
            custom: custom.collect::<Result<_, _>>()?,
            external: external.collect::<Result<_, _>>()?,
        })
    }

    /// Values of a custom metric that were asked for with this selector; where none says so, those without any.
    pub(super) fn custom_values(
        &self,
        metric: &MetricIdentifier,
        of_target: impl Fn(&DescribedObject) -> bool,
    ) -> Vec<&CustomValue> {
        let named: Vec<_> =
            self.custom.iter().filter(|value| value.name == metric.name && of_target(&value.object)).collect();
        let exact: Vec<_> =
            named.iter().copied().filter(|value| value.selector.as_ref() == metric.selector.labels()).collect();
        if exact.is_empty() { named.into_iter().filter(|value| value.selector.is_none()).collect() } else { exact }
    }
}

impl PodUsage {
    /// The sum over containers, or one container's usage; `None` where the sample lacks the resource or the container:
    /// the pod is missing then. (A missing container failed the whole metric up to Kubernetes 1.32,
    /// kubernetes#127193.)
    pub(super) fn of(&self, resource: &str, container: Option<&str>) -> Option<i64> {
        if let Some(wanted) = container {
            let (_, usage) = self.containers.iter().find(|(name, _)| name == wanted)?;
            return usage.get(resource).copied();
        }
        let mut sum = None;
        for (_, usage) in &self.containers {
            sum = Some(sum.unwrap_or(0i64).wrapping_add(*usage.get(resource)?));
        }
        sum
    }
}

fn pod_usage(raw: RawPodMetrics, path: &str) -> Result<PodUsage, Refusal> {
    let window = match &raw.window {
        None => SimDuration::ZERO,
        Some(text) => text.parse().map_err(|error| Refusal::new(format!("{path}.window"), format!("{error}")))?,
    };
    let mut containers = Vec::new();
    for (index, container) in raw.containers.unwrap_or_default().into_iter().enumerate() {
        let mut usage = BTreeMap::new();
        for (resource, quantity) in container.usage.into_iter().flatten() {
            let value = milli(&quantity, || format!("{path}.containers[{index}].usage.{resource}"))?;
            usage.insert(resource, value);
        }
        containers.push((container.name, usage));
    }
    Ok(PodUsage {
        name: raw.metadata.name.unwrap_or_default(),
        namespace: raw.metadata.namespace,
        labels: raw.metadata.labels.unwrap_or_default(),
        timestamp: raw.timestamp.as_ref().map_or(SimTime::MIN, instant),
        window,
        containers,
    })
}

fn custom_value(raw: RawMetricValue, path: &str) -> Result<CustomValue, Refusal> {
    let selector = raw.metric.as_ref().and_then(|metric| metric.selector.as_ref()).or(raw.selector.as_ref());
    let selector = selector.and_then(|selector| label_selector(selector).ok()).filter(|selector| !selector.is_empty());
    Ok(CustomValue {
        sample: Sample {
            value: stated(raw.value.as_ref(), path)?,
            timestamp: raw.timestamp.as_ref().map_or(SimTime::MIN, instant),
            window: raw.window_seconds.map_or(DEFAULT_WINDOW, SimDuration::from_secs),
        },
        name: raw.metric.map(|metric| metric.name).or(raw.metric_name).unwrap_or_default(),
        object: raw.described_object,
        selector,
    })
}

fn external_series(raw: RawExternalMetricValue, path: &str) -> Result<ExternalSeries, Refusal> {
    let value = stated(raw.value.as_ref(), path)?;
    Ok(ExternalSeries { name: raw.metric_name, labels: raw.metric_labels.unwrap_or_default(), value })
}

fn stated(value: Option<&RawQuantity>, path: &str) -> Result<i64, Refusal> {
    match value {
        Some(value) => milli(value, || format!("{path}.value")),
        None => Err(Refusal::new(format!("{path}.value"), "missing")),
    }
}

fn milli(quantity: &RawQuantity, path: impl Fn() -> String) -> Result<i64, Refusal> {
    let parsed = Quantity::of_object(&quantity.0).map_err(|error| Refusal::new(path(), format!("{error}")))?;
    Ok(parsed.milli_value())
}
