//! A `HorizontalPodAutoscaler` to the typed spec, with the API server's defaults and checks.
//!
//! `pkg/apis/autoscaling/v2/defaults.go` and `pkg/apis/autoscaling/validation` of Kubernetes 1.33. Two things the API
//! server would refuse are let pass, because the controller itself has an answer to them: an unknown metric type, and
//! `minReplicas: 0` without an object or external metric.

use k8s_openapi::api::autoscaling::v2 as api;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::super::Refusal;
use crate::autoscaler::hpa::{
    Behavior, HpaSpec, MetricIdentifier, MetricSpec, ObjectReference, PolicyType, ResourceTarget, ScalingPolicy,
    ScalingRules, SelectPolicy, ValueTarget,
};
use crate::scenario::manifest::label_selector;
use crate::units::Quantity;

/// The longest that a policy's period and a stabilization window may be, in seconds.
const MAX_PERIOD_SECONDS: i32 = 1800;
const MAX_STABILIZATION_WINDOW_SECONDS: i32 = 3600;

/// The typed spec. `path` is where the spec stands in the input.
pub(super) fn read(raw: &api::HorizontalPodAutoscalerSpec, path: &str) -> Result<HpaSpec, Refusal> {
    let min_replicas = raw.min_replicas.unwrap_or(1);
    if min_replicas < 0 {
        return Err(Refusal::new(format!("{path}.minReplicas"), format!("{min_replicas} is negative")));
    }
    let max_replicas = raw.max_replicas;
    let max_path = format!("{path}.maxReplicas");
    if max_replicas < 0 {
        return Err(Refusal::new(max_path, format!("{max_replicas} is negative")));
    }
    if max_replicas == 0 {
        return Err(Refusal::new(max_path, "must be set to 1 or more"));
    }
    if max_replicas < min_replicas {
        return Err(Refusal::new(max_path, format!("{max_replicas} is below minReplicas {min_replicas}")));
    }
    let metrics = match raw.metrics.as_deref() {
        None | Some([]) => HpaSpec::default_metrics(),
        Some(metrics) => metrics
            .iter()
            .enumerate()
            .map(|(index, raw)| metric(raw, &format!("{path}.metrics[{index}]")))
            .collect::<Result<_, _>>()?,
    };
    let behavior = raw.behavior.as_ref().map(|raw| behavior(raw, &format!("{path}.behavior"))).transpose()?;
    Ok(HpaSpec { min_replicas, max_replicas, metrics, behavior })
}

fn metric(raw: &api::MetricSpec, path: &str) -> Result<MetricSpec, Refusal> {
    let sources = [
        ("Resource", "resource", raw.resource.is_some()),
        ("ContainerResource", "containerResource", raw.container_resource.is_some()),
        ("Pods", "pods", raw.pods.is_some()),
        ("Object", "object", raw.object.is_some()),
        ("External", "external", raw.external.is_some()),
    ];
    let source_type = raw.type_.as_str();
    if source_type.is_empty() {
        return Err(Refusal::new(
            format!("{path}.type"),
            "missing; one of Resource, ContainerResource, Pods, Object, External",
        ));
    }
    let Some((_, field, present)) = sources.iter().find(|(name, ..)| *name == source_type) else {
        return Ok(MetricSpec::Unknown { source_type: source_type.to_owned() });
    };
    if !present {
        return Err(Refusal::new(format!("{path}.{field}"), format!("missing, though type is {source_type}")));
    }
    if let Some((_, other, _)) = sources.iter().find(|(name, _, present)| *present && *name != source_type) {
        return Err(Refusal::new(format!("{path}.{other}"), format!("must not be set where type is {source_type}")));
    }
    let path = format!("{path}.{field}");
    if let Some(source) = &raw.resource {
        let target = resource_target(&source.target, &format!("{path}.target"))?;
        return Ok(MetricSpec::Resource { resource: name(&source.name, &path, "name")?, target });
    }
    if let Some(source) = &raw.container_resource {
        let target = resource_target(&source.target, &format!("{path}.target"))?;
        let container = name(&source.container, &path, "container")?;
        return Ok(MetricSpec::ContainerResource { resource: name(&source.name, &path, "name")?, container, target });
    }
    if let Some(source) = &raw.pods {
        let amounts = target(&source.target, &format!("{path}.target"))?;
        let Some(average_value) = amounts.average_value else {
            return Err(Refusal::new(format!("{path}.target.averageValue"), "missing"));
        };
        return Ok(MetricSpec::Pods { metric: identifier(&source.metric, &path)?, average_value });
    }
    if let Some(source) = &raw.object {
        let described_object = ObjectReference {
            api_version: source.described_object.api_version.clone().unwrap_or_default(),
            kind: name(&source.described_object.kind, &path, "describedObject.kind")?,
            name: name(&source.described_object.name, &path, "describedObject.name")?,
        };
        let amounts = target(&source.target, &format!("{path}.target"))?;
        // The controller goes by the type here, and has an error where its field is not the one that is set.
        let target = match (source.target.type_.as_str(), amounts.value, amounts.average_value) {
            ("Value", Some(value), _) => ValueTarget::Value(value),
            ("AverageValue", _, Some(average)) => ValueTarget::AverageValue(average),
            (_, None, None) => {
                return Err(Refusal::new(format!("{path}.target"), "neither value nor averageValue is set"));
            }
            _ => ValueTarget::Mismatched,
        };
        return Ok(MetricSpec::Object { described_object, metric: identifier(&source.metric, &path)?, target });
    }
    let Some(source) = &raw.external else { return Err(Refusal::new(path, "missing")) };
    let amounts = target(&source.target, &format!("{path}.target"))?;
    let target = match (amounts.value, amounts.average_value) {
        (Some(_), Some(_)) => {
            return Err(Refusal::new(format!("{path}.target"), "value and averageValue must not both be set"));
        }
        (None, Some(average)) => ValueTarget::AverageValue(average),
        (Some(value), None) => ValueTarget::Value(value),
        (None, None) => return Err(Refusal::new(format!("{path}.target"), "neither value nor averageValue is set")),
    };
    Ok(MetricSpec::External { metric: identifier(&source.metric, &path)?, target })
}

fn name(value: &str, path: &str, field: &str) -> Result<String, Refusal> {
    if value.is_empty() { Err(Refusal::new(format!("{path}.{field}"), "missing")) } else { Ok(value.to_owned()) }
}

/// The selector is left out where it is malformed: [`metric_selector`] tells so to whoever reads the metric.
fn identifier(raw: &api::MetricIdentifier, path: &str) -> Result<MetricIdentifier, Refusal> {
    let name = name(&raw.name, path, "metric.name")?;
    Ok(MetricIdentifier { name, selector: raw.selector.as_ref().and_then(|raw| metric_selector(raw).ok()) })
}

/// Whether a metric's selector can be used; upstream finds out when it asks for the metric.
pub(super) fn metric_selector(raw: &meta::LabelSelector) -> Result<crate::cluster::LabelSelector, ()> {
    label_selector(raw).map_err(|_| ())
}

/// The selector of a metric spec as written, for types that have one.
pub(super) fn raw_selector(raw: &api::MetricSpec) -> Option<&meta::LabelSelector> {
    let identifier = match (&raw.pods, &raw.object, &raw.external) {
        (Some(source), ..) => &source.metric,
        (_, Some(source), _) => &source.metric,
        (_, _, Some(source)) => &source.metric,
        _ => return None,
    };
    identifier.selector.as_ref()
}

struct Amounts {
    utilization: Option<i32>,
    value: Option<i64>,
    average_value: Option<i64>,
}

/// The fields of a target, each positive where set.
fn target(raw: &api::MetricTarget, path: &str) -> Result<Amounts, Refusal> {
    if raw.average_utilization.is_none() && raw.value.is_none() && raw.average_value.is_none() {
        return Err(Refusal::new(path, "no target is set; set averageUtilization, averageValue or value"));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&raw.type_.as_str()) {
        let problem = if raw.type_.is_empty() { "missing".to_owned() } else { format!("{:?} is unknown", raw.type_) };
        return Err(Refusal::new(
            format!("{path}.type"),
            format!("{problem}; one of Utilization, Value, AverageValue"),
        ));
    }
    let milli = |quantity: &Option<RawQuantity>, field: &str| -> Result<Option<i64>, Refusal> {
        let Some(quantity) = quantity else { return Ok(None) };
        let path = format!("{path}.{field}");
        let parsed: Quantity = quantity.0.parse().map_err(|error| Refusal::new(&path, format!("{error}")))?;
        if parsed.is_negative() || parsed.is_zero() {
            return Err(Refusal::new(path, format!("{} is not positive", quantity.0)));
        }
        Ok(Some(parsed.milli_value()))
    };
    if let Some(percent) = raw.average_utilization.filter(|percent| *percent < 1) {
        return Err(Refusal::new(format!("{path}.averageUtilization"), format!("{percent} is below 1")));
    }
    Ok(Amounts {
        utilization: raw.average_utilization,
        value: milli(&raw.value, "value")?,
        average_value: milli(&raw.average_value, "averageValue")?,
    })
}

fn resource_target(raw: &api::MetricTarget, path: &str) -> Result<ResourceTarget, Refusal> {
    let amounts = target(raw, path)?;
    match (amounts.utilization, amounts.average_value) {
        (Some(_), Some(_)) => Err(Refusal::new(path, "averageUtilization and averageValue must not both be set")),
        (Some(percent), None) => Ok(ResourceTarget::Utilization(percent)),
        (None, Some(average)) => Ok(ResourceTarget::AverageValue(average)),
        (None, None) => Err(Refusal::new(path, "neither averageUtilization nor averageValue is set")),
    }
}

fn behavior(raw: &api::HorizontalPodAutoscalerBehavior, path: &str) -> Result<Behavior, Refusal> {
    let side = |raw: &Option<api::HPAScalingRules>, defaults: ScalingRules, field: &str| match raw {
        None => Ok(defaults),
        Some(raw) => rules(raw, defaults, &format!("{path}.{field}")),
    };
    Ok(Behavior {
        scale_up: side(&raw.scale_up, ScalingRules::default_up(), "scaleUp")?,
        scale_down: side(&raw.scale_down, ScalingRules::default_down(), "scaleDown")?,
    })
}

fn rules(raw: &api::HPAScalingRules, mut rules: ScalingRules, path: &str) -> Result<ScalingRules, Refusal> {
    if let Some(window) = raw.stabilization_window_seconds {
        if !(0..=MAX_STABILIZATION_WINDOW_SECONDS).contains(&window) {
            let problem = format!("{window} is not within 0 and {MAX_STABILIZATION_WINDOW_SECONDS}");
            return Err(Refusal::new(format!("{path}.stabilizationWindowSeconds"), problem));
        }
        rules.stabilization_window_seconds = Some(window);
    }
    if let Some(select) = &raw.select_policy {
        rules.select_policy = match select.as_str() {
            "Max" => SelectPolicy::Max,
            "Min" => SelectPolicy::Min,
            "Disabled" => SelectPolicy::Disabled,
            other => {
                let problem = format!("{other:?} is not one of Max, Min, Disabled");
                return Err(Refusal::new(format!("{path}.selectPolicy"), problem));
            }
        };
    }
    if let Some(policies) = &raw.policies {
        if policies.is_empty() {
            return Err(Refusal::new(format!("{path}.policies"), "at least one policy is needed"));
        }
        rules.policies = policies
            .iter()
            .enumerate()
            .map(|(index, raw)| policy(raw, &format!("{path}.policies[{index}]")))
            .collect::<Result<_, _>>()?;
    }
    if let Some(tolerance) = &raw.tolerance {
        let path = format!("{path}.tolerance");
        let parsed: Quantity = tolerance.0.parse().map_err(|error| Refusal::new(&path, format!("{error}")))?;
        if parsed.is_negative() {
            return Err(Refusal::new(path, format!("{} is negative", tolerance.0)));
        }
        rules.tolerance = Some(approximate_f64(&tolerance.0).unwrap_or_else(|| parsed.as_f64()));
    }
    Ok(rules)
}

fn policy(raw: &api::HPAScalingPolicy, path: &str) -> Result<ScalingPolicy, Refusal> {
    let policy = match raw.type_.as_str() {
        "Pods" => PolicyType::Pods,
        "Percent" => PolicyType::Percent,
        other => return Err(Refusal::new(format!("{path}.type"), format!("{other:?} is not one of Pods, Percent"))),
    };
    if raw.value < 1 {
        return Err(Refusal::new(format!("{path}.value"), format!("{} is below 1", raw.value)));
    }
    if !(1..=MAX_PERIOD_SECONDS).contains(&raw.period_seconds) {
        let problem = format!("{} is not within 1 and {MAX_PERIOD_SECONDS}", raw.period_seconds);
        return Err(Refusal::new(format!("{path}.periodSeconds"), problem));
    }
    Ok(ScalingPolicy { policy, value: raw.value, period_seconds: raw.period_seconds })
}

/// `Quantity.AsApproximateFloat64`: the digits times a power of ten, which is not always the nearest float.
fn approximate_f64(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let exponent: i32 = match suffix {
        "" => 0,
        "m" => -3,
        "u" => -6,
        "n" => -9,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent - i32::try_from(fraction.len()).ok()?;
    let power: f64 = format!("1e{exponent}").parse().ok()?;
    Some(if exponent == 0 { digits as f64 } else { digits as f64 * power })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_becomes_the_float_that_go_makes_of_it() {
        assert_eq!(approximate_f64("0.3"), Some(3.0 * 0.1));
        assert_eq!(approximate_f64("300m"), Some(300.0 * 0.001));
        assert_eq!(approximate_f64("0"), Some(0.0));
        assert_eq!(approximate_f64("1Ki"), None);
    }
}
