//! Answers of the metrics APIs to readings: `metrics/client.go` of the controller.
//!
//! The APIs select by labels; lists in the input may hold more than the controller would be given. What is known to be
//! selected elsewhere is left out: samples whose own labels, or whose pod in the input, the selector does not match.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use serde::Deserialize;

use super::super::Refusal;
use super::objects::{milli, same_namespace};
use crate::autoscaler::hpa::{MetricError, ObjectReference, Sample};
use crate::cluster::LabelSelector;
use crate::scenario::manifest::{instant, label_selector};
use crate::units::{SimDuration, SimTime};

/// `PodMetrics` of `metrics.k8s.io/v1beta1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodMetrics {
    metadata: meta::ObjectMeta,
    timestamp: Option<meta::Time>,
    window: Option<String>,
    containers: Option<Vec<ContainerMetrics>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerMetrics {
    name: String,
    usage: Option<BTreeMap<String, RawQuantity>>,
}

/// `MetricValue` of `custom.metrics.k8s.io`, v1beta1 (`metricName`) or v1beta2 (`metric.name`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MetricValue {
    described_object: DescribedObject,
    metric_name: Option<String>,
    metric: Option<MetricName>,
    selector: Option<meta::LabelSelector>,
    timestamp: Option<meta::Time>,
    window_seconds: Option<i64>,
    value: Option<RawQuantity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DescribedObject {
    api_version: String,
    kind: String,
    name: String,
    namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetricName {
    name: String,
    selector: Option<meta::LabelSelector>,
}

/// `ExternalMetricValue` of `external.metrics.k8s.io`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExternalMetricValue {
    metric_name: String,
    metric_labels: Option<BTreeMap<String, String>>,
    value: Option<RawQuantity>,
}

/// What the metrics APIs would say, with the path of every item.
pub(super) struct MetricsApis {
    pub pods: Vec<(String, PodMetrics)>,
    pub custom: Vec<(String, MetricValue)>,
    pub external: Vec<(String, ExternalMetricValue)>,
}

/// Whose samples are asked for.
pub(super) struct Target<'a> {
    pub namespace: Option<&'a str>,
    pub selector: &'a LabelSelector,
    /// Names of the selected pods, in the snapshot's order.
    pub selected: &'a [&'a str],
    /// Names of pods in the input that the selector does not match.
    pub unselected: &'a BTreeSet<&'a str>,
}

/// Samples by pod, in the snapshot's order, and those of other pods.
pub(super) struct PodReading {
    pub samples: Vec<Option<Sample>>,
    pub foreign: Vec<i64>,
}

/// A fetch either fails as the controller's would, or finds the input unreadable.
type Fetched<T> = Result<Result<T, MetricError>, Refusal>;

/// The window that custom metrics without one are taken to have.
const DEFAULT_WINDOW: SimDuration = SimDuration::from_secs(60);

impl Target<'_> {
    fn split(&self, by_name: BTreeMap<&str, Sample>) -> PodReading {
        let samples = self.selected.iter().map(|name| by_name.get(name).copied()).collect();
        let known: BTreeSet<&str> = self.selected.iter().copied().collect();
        let foreign =
            by_name.iter().filter(|(name, _)| !known.contains(*name)).map(|(_, sample)| sample.value).collect();
        PodReading { samples, foreign }
    }
}

impl MetricsApis {
    /// `GetResourceMetric`.
    pub(super) fn resource(&self, resource: &str, container: Option<&str>, target: &Target<'_>) -> Fetched<PodReading> {
        let mut by_name = BTreeMap::new();
        let mut any = false;
        for (path, item) in &self.pods {
            let name = item.metadata.name.as_deref().unwrap_or_default();
            let labelled_elsewhere = match &item.metadata.labels {
                Some(labels) if !labels.is_empty() => !target.selector.matches(labels),
                _ => target.unselected.contains(name),
            };
            if labelled_elsewhere || !same_namespace(item.metadata.namespace.as_deref(), target.namespace) {
                continue;
            }
            any = true;
            let Some(value) = item.usage(resource, container, path)? else { continue };
            let window = match &item.window {
                None => SimDuration::ZERO,
                Some(text) => {
                    text.parse().map_err(|error| Refusal::new(format!("{path}.window"), format!("{error}")))?
                }
            };
            let timestamp = item.timestamp.as_ref().map_or(SimTime::MIN, instant);
            by_name.insert(name, Sample { value, timestamp, window });
        }
        Ok(if any { Ok(target.split(by_name)) } else { Err(MetricError::Unavailable) })
    }

    /// `GetRawMetric`: one custom metric of all selected pods.
    pub(super) fn per_pod(
        &self,
        metric: &str,
        selector: Option<&LabelSelector>,
        target: &Target<'_>,
    ) -> Fetched<PodReading> {
        let of_pods = |item: &MetricValue| {
            let object = &item.described_object;
            object.kind == "Pod"
                && same_namespace(object.namespace.as_deref(), target.namespace)
                && !target.unselected.contains(object.name.as_str())
        };
        let mut by_name = BTreeMap::new();
        for (path, item) in self.custom_values(metric, selector, of_pods) {
            let sample = Sample {
                value: item.milli(path)?,
                timestamp: item.timestamp.as_ref().map_or(SimTime::MIN, instant),
                window: item.window_seconds.map_or(DEFAULT_WINDOW, SimDuration::from_secs),
            };
            by_name.insert(item.described_object.name.as_str(), sample);
        }
        Ok(if by_name.is_empty() { Err(MetricError::Unavailable) } else { Ok(target.split(by_name)) })
    }

    /// `GetObjectMetric`: exactly one value is expected.
    pub(super) fn object(
        &self,
        metric: &str,
        selector: Option<&LabelSelector>,
        object: &ObjectReference,
        namespace: Option<&str>,
    ) -> Fetched<Vec<i64>> {
        let of_object = |item: &MetricValue| {
            let described = &item.described_object;
            described.kind == object.kind
                && described.name == object.name
                && same_group(&described.api_version, &object.api_version)
                && (object.kind == "Namespace" || same_namespace(described.namespace.as_deref(), namespace))
        };
        match self.custom_values(metric, selector, of_object)[..] {
            [(path, item)] => Ok(Ok(vec![item.milli(path)?])),
            _ => Ok(Err(MetricError::Unavailable)),
        }
    }

    /// `GetExternalMetric`: the values of all series whose labels match.
    pub(super) fn external(&self, metric: &str, selector: Option<&LabelSelector>) -> Fetched<Vec<i64>> {
        let no_labels = BTreeMap::new();
        let mut values = Vec::new();
        for (path, item) in &self.external {
            let labels = item.metric_labels.as_ref().unwrap_or(&no_labels);
            let matches = selector.is_none_or(|selector| selector.matches(labels));
            if item.metric_name == metric && matches {
                let Some(value) = &item.value else { return Err(Refusal::new(format!("{path}.value"), "missing")) };
                values.push(milli(value, || format!("{path}.value"))?);
            }
        }
        Ok(if values.is_empty() { Err(MetricError::Unavailable) } else { Ok(values) })
    }

    /// Values of a custom metric that were asked for with this selector; where none says so, those without any.
    fn custom_values(
        &self,
        metric: &str,
        selector: Option<&LabelSelector>,
        of_target: impl Fn(&MetricValue) -> bool,
    ) -> Vec<(&String, &MetricValue)> {
        let selector = selector.filter(|selector| !selector.is_empty());
        let named: Vec<_> = self
            .custom
            .iter()
            .map(|(path, item)| (path, item))
            .filter(|(_, item)| item.name() == metric && of_target(item))
            .collect();
        let exact: Vec<_> = named.iter().copied().filter(|(_, item)| item.selector().as_ref() == selector).collect();
        if exact.is_empty() { named.into_iter().filter(|(_, item)| item.selector().is_none()).collect() } else { exact }
    }
}

impl PodMetrics {
    /// The sum over containers, or one container's usage; `None` where the sample lacks the resource or the container:
    /// the pod is missing then. (A missing container failed the whole metric up to Kubernetes 1.32,
    /// kubernetes#127193.)
    fn usage(&self, resource: &str, container: Option<&str>, path: &str) -> Result<Option<i64>, Refusal> {
        let of = |index: usize, container: &ContainerMetrics| match container
            .usage
            .as_ref()
            .and_then(|usage| usage.get(resource))
        {
            Some(quantity) => milli(quantity, || format!("{path}.containers[{index}].usage.{resource}")).map(Some),
            None => Ok(None),
        };
        let containers = self.containers.as_deref().unwrap_or_default();
        if let Some(wanted) = container {
            return match containers.iter().enumerate().find(|(_, container)| container.name == wanted) {
                Some((index, container)) => of(index, container),
                None => Ok(None),
            };
        }
        let mut sum = if containers.is_empty() { None } else { Some(0i64) };
        for (index, container) in containers.iter().enumerate() {
            let usage = of(index, container)?;
            sum = sum.zip(usage).map(|(sum, usage)| sum.wrapping_add(usage));
        }
        Ok(sum)
    }
}

impl MetricValue {
    fn name(&self) -> &str {
        match (&self.metric, &self.metric_name) {
            (Some(metric), _) => &metric.name,
            (None, Some(name)) => name,
            (None, None) => "",
        }
    }

    fn selector(&self) -> Option<LabelSelector> {
        let raw = self.metric.as_ref().and_then(|metric| metric.selector.as_ref()).or(self.selector.as_ref())?;
        label_selector(raw).ok().filter(|selector| !selector.is_empty())
    }

    fn milli(&self, path: &str) -> Result<i64, Refusal> {
        match &self.value {
            Some(value) => milli(value, || format!("{path}.value")),
            None => Err(Refusal::new(format!("{path}.value"), "missing")),
        }
    }
}

/// The group of an `apiVersion`; a version that is not told fits any.
fn same_group(one: &str, other: &str) -> bool {
    let group = |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    one.is_empty() || other.is_empty() || group(one) == group(other)
}
