//! The moment that an input describes: the scale target's pods and the answers of the metrics APIs, as the controller
//! would be shown them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use super::super::Refusal;
use super::super::fields::{Fields, objects};
use super::readings::MetricsApis;
use crate::autoscaler::hpa::{
    MetricError, MetricIdentifier, ObjectReference, Observed, PodState, Sample, Samples, Scale, SelectorState,
};
use crate::cluster::{LabelSelector, PodSpec, ResourceNames};
use crate::scenario::manifest::{observed_pod, parse_selector};

/// Everything that the controller is shown in one sync.
pub(super) struct Moment {
    pub scale: Scale,
    pub selector: LabelSelector,
    pub namespace: Option<String>,
    pods: Vec<SelectedPod>,
    /// Names of pods in the input that the selector does not match.
    unselected: BTreeSet<String>,
    pub apis: MetricsApis,
    names: ResourceNames,
}

struct SelectedPod {
    name: String,
    spec: PodSpec,
    state: PodState,
}

impl Moment {
    pub(super) fn read(fields: &Fields<'_>, namespace: Option<&str>) -> Result<Moment, Refusal> {
        let (scale, selector) = scale(fields)?;
        let mut moment = Moment {
            scale,
            selector,
            namespace: namespace.map(str::to_owned),
            pods: Vec::new(),
            unselected: BTreeSet::new(),
            apis: MetricsApis::read(fields)?,
            names: ResourceNames::default(),
        };
        for (path, pod) in objects::<Pod>(fields, "pods")? {
            moment.add(pod, &path)?;
        }
        for pod in &moment.pods {
            moment.unselected.remove(&pod.name);
        }
        Ok(moment)
    }

    fn add(&mut self, pod: Pod, path: &str) -> Result<(), Refusal> {
        let name = pod.metadata.name.clone().filter(|name| !name.is_empty());
        let Some(name) = name else { return Err(Refusal::new(format!("{path}.metadata.name"), "missing")) };
        let labels = pod.metadata.labels.as_ref();
        let selected = same_namespace(pod.metadata.namespace.as_deref(), self.namespace.as_deref())
            && labels.map_or_else(|| self.selector.is_empty(), |labels| self.selector.matches(labels));
        if !selected {
            self.unselected.insert(name);
            return Ok(());
        }
        let (spec, state) = observed_pod(pod, &mut self.names).map_err(|error| error.within(path))?;
        self.pods.push(SelectedPod { name, spec, state });
        Ok(())
    }

    pub(super) fn pod_name(&self, index: usize) -> String {
        self.pods.get(index).map_or_else(|| format!("#{index}"), |pod| pod.name.clone())
    }

    /// Puts samples by name in the order of the pods; the rest are of pods that nobody knows.
    fn sort(&self, by_name: BTreeMap<&str, Sample>, found: &mut Samples) {
        found.of_pods.extend(self.pods.iter().map(|pod| by_name.get(pod.name.as_str()).copied()));
        let known: BTreeSet<&str> = self.pods.iter().map(|pod| pod.name.as_str()).collect();
        found.foreign.extend(by_name.iter().filter(|(name, _)| !known.contains(*name)).map(|(_, sample)| sample.value));
    }

    /// How many of the pods the resource metrics API knows, well or not.
    #[cfg(test)]
    pub(super) fn pods_with_metrics(&self) -> usize {
        let known = |pod: &&SelectedPod| self.apis.pods.iter().any(|usage| usage.name == pod.name);
        self.pods.iter().filter(known).count()
    }

    fn in_namespace(&self, other: Option<&str>) -> bool {
        same_namespace(other, self.namespace.as_deref())
    }
}

impl Observed for Moment {
    fn pods(&self) -> usize {
        self.pods.len()
    }

    fn state(&self, pod: usize) -> PodState {
        self.pods[pod].state
    }

    fn spec(&self, pod: usize) -> &PodSpec {
        &self.pods[pod].spec
    }

    fn names(&self) -> &ResourceNames {
        &self.names
    }

    /// The APIs select by labels; lists in the input may hold more than the controller would be given. What is known
    /// to be selected elsewhere is left out: samples whose own labels, or whose pod in the input, the selector does
    /// not match.
    fn resource(&self, resource: &str, container: Option<&str>, found: &mut Samples) -> Result<(), MetricError> {
        let mut by_name = BTreeMap::new();
        let mut any = false;
        for usage in &self.apis.pods {
            let labelled_elsewhere = match usage.labels.is_empty() {
                false => !self.selector.matches(&usage.labels),
                true => self.unselected.contains(&usage.name),
            };
            if labelled_elsewhere || !self.in_namespace(usage.namespace.as_deref()) {
                continue;
            }
            any = true;
            if let Some(value) = usage.of(resource, container) {
                let sample = Sample { value, timestamp: usage.timestamp, window: usage.window };
                by_name.insert(usage.name.as_str(), sample);
            }
        }
        if !any {
            return Err(MetricError::Unavailable);
        }
        self.sort(by_name, found);
        Ok(())
    }

    fn per_pod(&self, metric: &MetricIdentifier, found: &mut Samples) -> Result<(), MetricError> {
        let values = self.apis.custom_values(metric, |object| {
            object.kind == "Pod"
                && self.in_namespace(object.namespace.as_deref())
                && !self.unselected.contains(&object.name)
        });
        let by_name: BTreeMap<&str, Sample> =
            values.iter().map(|value| (value.object.name.as_str(), value.sample)).collect();
        if by_name.is_empty() {
            return Err(MetricError::Unavailable);
        }
        self.sort(by_name, found);
        Ok(())
    }

    /// Exactly one value is expected.
    fn object(
        &self,
        object: &ObjectReference,
        metric: &MetricIdentifier,
        values: &mut Vec<i64>,
    ) -> Result<(), MetricError> {
        let found = self.apis.custom_values(metric, |described| {
            described.kind == object.kind
                && described.name == object.name
                && same_group(&described.api_version, &object.api_version)
                && (object.kind == "Namespace" || self.in_namespace(described.namespace.as_deref()))
        });
        let [value] = found[..] else { return Err(MetricError::Unavailable) };
        values.push(value.sample.value);
        Ok(())
    }

    fn external(&self, metric: &MetricIdentifier, values: &mut Vec<i64>) -> Result<(), MetricError> {
        let selector = metric.selector.labels();
        let matches = |labels| selector.is_none_or(|selector| selector.matches(labels));
        let series = self.apis.external.iter();
        values.extend(series.filter(|s| s.name == metric.name && matches(&s.labels)).map(|series| series.value));
        if values.is_empty() { Err(MetricError::Unavailable) } else { Ok(()) }
    }
}

/// The scale subresource, and its selector.
fn scale(fields: &Fields<'_>) -> Result<(Scale, LabelSelector), Refusal> {
    let scale = Fields::open(fields.required("scale")?, "scale")?;
    let spec = Fields::open(scale.required("spec")?, "scale.spec")?;
    // Go leaves a count of zero out of its JSON.
    let spec_replicas = spec.count("replicas")?.unwrap_or(0);
    let (mut status_replicas, mut text) = (0, "");
    if let Some(status) = scale.get("status") {
        let status = Fields::open(status, "scale.status")?;
        status_replicas = status.count("replicas")?.unwrap_or(0);
        text = status.text("selector")?.unwrap_or_default();
    }
    let (selector, state) = match text {
        "" => (LabelSelector::default(), SelectorState::Missing),
        text => match parse_selector(text) {
            Ok(selector) => (selector, SelectorState::Valid),
            Err(_) => (LabelSelector::default(), SelectorState::Malformed),
        },
    };
    Ok((Scale { spec_replicas, status_replicas, selector: state }, selector))
}

/// Absent on either side fits: dumps by hand often leave namespaces out.
fn same_namespace(one: Option<&str>, other: Option<&str>) -> bool {
    match (one.filter(|name| !name.is_empty()), other.filter(|name| !name.is_empty())) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// The group of an `apiVersion`; a version that is not told fits any.
fn same_group(one: &str, other: &str) -> bool {
    let group = |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    one.is_empty() || other.is_empty() || group(one) == group(other)
}
