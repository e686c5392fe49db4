//! A whole sync: the envelope of `DECIDE.md`, one call of [`sync`], and the decision as JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;

use k8s_openapi::api::autoscaling::v2 as api;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};

use super::super::Refusal;
use super::super::fields::{Fields, object};
use super::objects::InputPod;
use super::readings::{ExternalMetricValue, MetricValue, MetricsApis, PodMetrics, PodReading, Target};
use super::{flags, history};
use crate::autoscaler::hpa::{
    Condition, ConditionStatus, ConditionType, Conditions, Current, Decision, HpaFlags, HpaSpec, Memory, MetricError,
    MetricSelector, MetricSpec, PodState, Reading, Requests, ResourceTarget, SelectorState, Snapshot, sync,
};
use crate::cluster::LabelSelector;
use crate::scenario::manifest::{autoscaler_spec, instant, parse_selector};
use crate::units::Quantity;

const FIELDS: [&str; 9] =
    ["now", "hpa", "scale", "pods", "podMetrics", "customMetrics", "externalMetrics", "history", "flags"];

pub(super) fn decide(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &FIELDS)?;
    let now = history::time(&fields, "now")?;
    let hpa: api::HorizontalPodAutoscaler = object(fields.required("hpa")?, "hpa")?;
    let Some(raw_spec) = &hpa.spec else { return Err(Refusal::new("hpa.spec", "missing")) };
    let spec = autoscaler_spec(raw_spec).map_err(|error| error.within("hpa"))?;
    let flags = fields.get("flags").map_or(Ok(HpaFlags::default()), |value| flags::read(value, "flags"))?;
    let mut memory = Memory { conditions: conditions(&hpa), ..Memory::default() };
    memory.last_scale_time = hpa.status.as_ref().and_then(|status| status.last_scale_time.as_ref()).map(instant);
    if let Some(value) = fields.get("history") {
        history::read(value, "history", &mut memory)?;
    }
    let scale = Scale::read(&fields)?;
    let (selector, selector_state) = match scale.selector {
        "" => (LabelSelector::default(), SelectorState::Missing),
        text => match parse_selector(text) {
            Ok(selector) => (selector, SelectorState::Valid),
            Err(_) => (LabelSelector::default(), SelectorState::Malformed),
        },
    };

    let pods = objects::<Pod>(&fields, "pods")?;
    let pods: Vec<InputPod> = pods.into_iter().map(|(path, pod)| InputPod { path, pod }).collect();
    for pod in &pods {
        if pod.name().is_empty() {
            return Err(Refusal::new(format!("{}.metadata.name", pod.path), "missing"));
        }
    }
    let namespace = hpa.metadata.namespace.as_deref();
    let (selected, unselected): (Vec<&InputPod>, Vec<&InputPod>) =
        pods.iter().partition(|pod| pod.is_selected(namespace, &selector));
    let names: Vec<&str> = selected.iter().map(|pod| pod.name()).collect();
    let mut other_names: BTreeSet<&str> = unselected.iter().map(|pod| pod.name()).collect();
    for name in &names {
        other_names.remove(name);
    }
    let apis = MetricsApis {
        pods: objects::<PodMetrics>(&fields, "podMetrics")?,
        custom: objects::<MetricValue>(&fields, "customMetrics")?,
        external: objects::<ExternalMetricValue>(&fields, "externalMetrics")?,
    };
    let target = Target { namespace, selector: &selector, selected: &names, unselected: &other_names };
    let mut fetched = Vec::new();
    for metric in &spec.metrics {
        fetched.push(Fetched::of(metric, &apis, &target, &selected)?);
    }

    let states: Vec<PodState> = selected.iter().map(|pod| pod.state()).collect();
    let readings: Vec<Reading<'_>> = fetched.iter().map(Fetched::reading).collect();
    let snapshot = Snapshot {
        now,
        spec_replicas: scale.spec_replicas,
        status_replicas: scale.status_replicas,
        selector: selector_state,
        pods: &states,
        readings: &readings,
    };
    let decision = sync(&snapshot, &spec, &flags, &mut memory);
    Ok(answer(&decision, &spec, &memory, &names))
}

/// The scale subresource.
struct Scale<'a> {
    spec_replicas: i32,
    status_replicas: i32,
    selector: &'a str,
}

impl<'a> Scale<'a> {
    fn read(fields: &Fields<'a>) -> Result<Scale<'a>, Refusal> {
        // A Kubernetes object: fields that are not known here are none of our business.
        let part = |value: &'a Value, path: &str| match value {
            Value::Object(map) => Fields::new(value, path, &map.keys().map(String::as_str).collect::<Vec<_>>()),
            _ => Fields::new(value, path, &[]),
        };
        let scale = part(fields.required("scale")?, "scale")?;
        let spec = part(scale.required("spec")?, "scale.spec")?;
        // Go leaves a count of zero out of its JSON.
        let spec_replicas = spec.count("replicas")?.unwrap_or(0);
        let Some(status) = scale.get("status") else {
            return Ok(Scale { spec_replicas, status_replicas: 0, selector: "" });
        };
        let status = part(status, "scale.status")?;
        let status_replicas = status.count("replicas")?.unwrap_or(0);
        Ok(Scale { spec_replicas, status_replicas, selector: status.text("selector")?.unwrap_or_default() })
    }
}

fn objects<T: serde::de::DeserializeOwned>(fields: &Fields<'_>, name: &str) -> Result<Vec<(String, T)>, Refusal> {
    fields.list(name)?.into_iter().map(|(path, item)| Ok((path.clone(), object(item, &path)?))).collect()
}

fn conditions(hpa: &api::HorizontalPodAutoscaler) -> Conditions {
    let raw = hpa.status.iter().flat_map(|status| status.conditions.iter().flatten());
    Conditions(
        raw.map(|condition| Condition {
            kind: match condition.type_.as_str() {
                "AbleToScale" => ConditionType::AbleToScale,
                "ScalingActive" => ConditionType::ScalingActive,
                "ScalingLimited" => ConditionType::ScalingLimited,
                other => ConditionType::Other(other.into()),
            },
            status: match condition.status.as_str() {
                "True" => ConditionStatus::True,
                "False" => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: Cow::Owned(condition.reason.clone().unwrap_or_default()),
        })
        .collect(),
    )
}

/// What was fetched for one metric; the snapshot's reading borrows from it.
enum Fetched {
    PerPod { reading: PodReading, requests: FetchedRequests },
    Values(Vec<i64>),
    Failed(MetricError),
}

enum FetchedRequests {
    PerPod(Vec<i64>),
    Failed(crate::autoscaler::hpa::RequestError),
}

impl Fetched {
    fn of(
        metric: &MetricSpec,
        apis: &MetricsApis,
        target: &Target<'_>,
        selected: &[&InputPod],
    ) -> Result<Fetched, Refusal> {
        if metric.identifier().is_some_and(|metric| metric.selector == MetricSelector::Malformed) {
            return Ok(Fetched::Failed(MetricError::InvalidSelector));
        }
        let per_pod = |reading: Result<PodReading, MetricError>, requests| match reading {
            Ok(reading) => Fetched::PerPod { reading, requests },
            Err(error) => Fetched::Failed(error),
        };
        let values = |values: Result<Vec<i64>, MetricError>| match values {
            Ok(values) => Fetched::Values(values),
            Err(error) => Fetched::Failed(error),
        };
        let none = FetchedRequests::PerPod(Vec::new());
        Ok(match metric {
            MetricSpec::Resource { resource, target: wanted } => {
                let requests = requests(resource, None, *wanted, selected)?;
                per_pod(apis.resource(resource, None, target)?, requests)
            }
            MetricSpec::ContainerResource { resource, container, target: wanted } => {
                let requests = requests(resource, Some(container), *wanted, selected)?;
                per_pod(apis.resource(resource, Some(container), target)?, requests)
            }
            MetricSpec::Pods { metric, .. } => {
                per_pod(apis.per_pod(&metric.name, metric.selector.labels(), target)?, none)
            }
            MetricSpec::Object { metric, described_object, .. } => {
                values(apis.object(&metric.name, metric.selector.labels(), described_object, target.namespace)?)
            }
            MetricSpec::External { metric, .. } => values(apis.external(&metric.name, metric.selector.labels())?),
            MetricSpec::Unknown { .. } => Fetched::Failed(MetricError::InvalidType),
        })
    }

    fn reading(&self) -> Reading<'_> {
        match self {
            Fetched::PerPod { reading, requests } => Reading::PerPod {
                samples: &reading.samples,
                foreign: &reading.foreign,
                requests: match requests {
                    FetchedRequests::PerPod(requests) => Requests::PerPod(requests),
                    FetchedRequests::Failed(error) => Requests::Failed(*error),
                },
            },
            Fetched::Values(values) => Reading::Values(values),
            Fetched::Failed(error) => Reading::Failed(*error),
        }
    }
}

/// Every selected pod's request; the first pod without one fails them all, as upstream has it.
fn requests(
    resource: &str,
    container: Option<&str>,
    target: ResourceTarget,
    selected: &[&InputPod],
) -> Result<FetchedRequests, Refusal> {
    let mut requests = Vec::new();
    if matches!(target, ResourceTarget::Utilization(_)) {
        for (index, pod) in selected.iter().enumerate() {
            match pod.request(resource, container)? {
                Ok(request) => requests.push(request),
                Err(error) => return Ok(FetchedRequests::Failed(error.of_pod(index))),
            }
        }
    }
    Ok(FetchedRequests::PerPod(requests))
}

fn answer(decision: &Decision, spec: &HpaSpec, memory: &Memory, names: &[&str]) -> Value {
    let pod_name = |index: usize| names.get(index).map_or_else(|| format!("#{index}"), |name| (*name).to_owned());
    let reasons = decision.reasons(spec, &pod_name);
    let metrics: Vec<Value> = spec
        .metrics
        .iter()
        .zip(&decision.metrics)
        .map(|(source, status)| {
            let mut metric = Map::new();
            metric.insert("type".into(), source.source_type().into());
            metric.insert("name".into(), source.name().into());
            match status.result {
                Ok(proposal) => {
                    metric.insert("proposedReplicas".into(), proposal.replicas.into());
                    let quantity = |milli: i64| Value::from(Quantity::from_milli(milli).to_string());
                    match proposal.current {
                        Current::Utilization { percent, average } => {
                            metric.insert("currentAverageUtilization".into(), percent.into());
                            metric.insert("currentAverageValue".into(), quantity(average));
                        }
                        Current::AverageValue(average) => {
                            metric.insert("currentAverageValue".into(), quantity(average));
                        }
                        Current::Value(value) => {
                            metric.insert("currentValue".into(), quantity(value));
                        }
                    }
                }
                Err(error) => {
                    metric.insert("error".into(), error.describe(&pod_name).into());
                }
            }
            Value::Object(metric)
        })
        .collect();
    let conditions: Vec<Value> = memory
        .conditions
        .0
        .iter()
        .map(|condition| {
            json!({
                "type": condition.kind.to_string(),
                "status": condition.status.to_string(),
                "reason": condition.reason,
            })
        })
        .collect();
    json!({
        "desiredReplicas": decision.desired_replicas,
        "rescaled": decision.rescaled,
        "metrics": metrics,
        "conditions": conditions,
        "history": history::write(memory),
        "reasons": reasons,
    })
}
