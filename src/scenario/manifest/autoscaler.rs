//! HorizontalPodAutoscalers (`autoscaling/v2`), with the API server's defaults and its checks
//! (`pkg/apis/autoscaling/v2/defaults.go`, `pkg/apis/autoscaling/validation`, 1.33).

use k8s_openapi::api::autoscaling::v2 as raw;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;

use super::{ManifestError, label_selector, unknown_value};
use crate::autoscaler::hpa::{
    Behavior, HpaSpec, MetricIdentifier, MetricSpec, ObjectReference, PolicyType, ResourceTarget, ScalingPolicy,
    ScalingRules, SelectPolicy, ValueTarget,
};
use crate::units::Quantity;

const SOURCES: [&str; 5] = ["Resource", "ContainerResource", "Pods", "Object", "External"];

/// The spec of an HPA; its target is the caller's to find. Paths of errors start at the object (`spec.…`).
pub fn autoscaler_spec(raw: &raw::HorizontalPodAutoscalerSpec) -> Result<HpaSpec, ManifestError> {
    spec(raw).map_err(|error| error.within("spec"))
}

fn spec(raw: &raw::HorizontalPodAutoscalerSpec) -> Result<HpaSpec, ManifestError> {
    let (min, max) = (raw.min_replicas.unwrap_or(1), raw.max_replicas);
    if max < 1 {
        return Err(ManifestError::new("maxReplicas", format!("{max} must be 1 or more")));
    }
    if min < 0 {
        return Err(ManifestError::new("minReplicas", format!("{min} is negative")));
    }
    if min > max {
        let problem = format!("{min} is above maxReplicas {max}; lower minReplicas or raise maxReplicas");
        return Err(ManifestError::new("minReplicas", problem));
    }
    let mut metrics = Vec::new();
    for (index, raw) in raw.metrics.iter().flatten().enumerate() {
        metrics.push(metric(raw).map_err(|error| error.within(format!("metrics[{index}]")))?);
    }
    if metrics.is_empty() {
        metrics = HpaSpec::default_metrics();
    }
    let counts_outside =
        |metric: &MetricSpec| matches!(metric, MetricSpec::Object { .. } | MetricSpec::External { .. });
    if min == 0 && !metrics.iter().any(counts_outside) {
        let problem =
            "0 needs an Object or External metric (feature HPAScaleToZero), for without pods there is no usage";
        return Err(ManifestError::new("minReplicas", problem));
    }
    let behavior = raw.behavior.as_ref().map(behavior).transpose().map_err(|error| error.within("behavior"))?;
    Ok(HpaSpec { min_replicas: min, max_replicas: max, metrics, behavior })
}

fn metric(raw: &raw::MetricSpec) -> Result<MetricSpec, ManifestError> {
    let set = [
        raw.resource.is_some(),
        raw.container_resource.is_some(),
        raw.pods.is_some(),
        raw.object.is_some(),
        raw.external.is_some(),
    ];
    let Some(kind) = SOURCES.iter().position(|source| *source == raw.type_) else {
        return Err(unknown_value("type", &raw.type_, &SOURCES));
    };
    let fields = ["resource", "containerResource", "pods", "object", "external"];
    if !set[kind] {
        return Err(ManifestError::new("type", format!("{} needs the field `{}`", raw.type_, fields[kind])));
    }
    if let Some(other) = (0..set.len()).find(|at| *at != kind && set[*at]) {
        let problem = format!("type is {}; `{}` does not belong to it", raw.type_, fields[other]);
        return Err(ManifestError::new(fields[other], problem));
    }
    let within = |error: ManifestError| error.within(fields[kind]);
    if let Some(raw) = &raw.resource {
        let target = resource_target(&raw.target).map_err(within)?;
        return Ok(MetricSpec::Resource { resource: raw.name.clone(), target });
    }
    if let Some(raw) = &raw.container_resource {
        let target = resource_target(&raw.target).map_err(within)?;
        return Ok(MetricSpec::ContainerResource {
            resource: raw.name.clone(),
            container: raw.container.clone(),
            target,
        });
    }
    if let Some(raw) = &raw.pods {
        let average_value = pods_target(&raw.target).map_err(within)?;
        return Ok(MetricSpec::Pods { metric: identifier(&raw.metric).map_err(within)?, average_value });
    }
    if let Some(raw) = &raw.object {
        let described = &raw.described_object;
        return Ok(MetricSpec::Object {
            described_object: ObjectReference {
                api_version: described.api_version.clone().unwrap_or_default(),
                kind: described.kind.clone(),
                name: described.name.clone(),
            },
            metric: identifier(&raw.metric).map_err(within)?,
            target: value_target(&raw.target).map_err(within)?,
        });
    }
    let raw = raw.external.as_ref().expect("one field is set, and it is none of the others");
    Ok(MetricSpec::External {
        metric: identifier(&raw.metric).map_err(within)?,
        target: value_target(&raw.target).map_err(within)?,
    })
}

fn identifier(raw: &raw::MetricIdentifier) -> Result<MetricIdentifier, ManifestError> {
    let selector = raw.selector.as_ref().map(label_selector).transpose();
    let selector = selector.map_err(|error| error.within("metric.selector"))?;
    Ok(MetricIdentifier { name: raw.name.clone(), selector })
}

/// Exactly one of the fields of a target, and the one that its type names.
struct Target {
    utilization: Option<i32>,
    average_value: Option<i64>,
    value: Option<i64>,
}

fn target(raw: &raw::MetricTarget) -> Result<Target, ManifestError> {
    let known = ["Utilization", "AverageValue", "Value"];
    if !known.contains(&raw.type_.as_str()) {
        return Err(unknown_value("target.type", &raw.type_, &known));
    }
    if raw.average_utilization.is_some() && raw.average_value.is_some() {
        let problem = "averageValue is set too; a target has one of the two";
        return Err(ManifestError::new("target.averageUtilization", problem));
    }
    let amount = |quantity: &Option<RawQuantity>, field: &str| {
        let parse = |raw: &RawQuantity| -> Result<i64, ManifestError> {
            let path = format!("target.{field}");
            let amount = Quantity::parse_non_negative(&raw.0);
            let amount = amount.map_err(|error| ManifestError::new(path.as_str(), error.to_string()))?;
            if amount.is_zero() {
                return Err(ManifestError::new(path, "a target must be above 0"));
            }
            Ok(amount.milli_value())
        };
        quantity.as_ref().map(parse).transpose()
    };
    if let Some(percent) = raw.average_utilization.filter(|percent| *percent < 1) {
        return Err(ManifestError::new("target.averageUtilization", format!("{percent} must be 1 or more")));
    }
    Ok(Target {
        utilization: raw.average_utilization,
        average_value: amount(&raw.average_value, "averageValue")?,
        value: amount(&raw.value, "value")?,
    })
}

fn resource_target(raw: &raw::MetricTarget) -> Result<ResourceTarget, ManifestError> {
    match target(raw)? {
        Target { utilization: Some(percent), .. } => Ok(ResourceTarget::Utilization(percent)),
        Target { average_value: Some(value), .. } => Ok(ResourceTarget::AverageValue(value)),
        _ => Err(ManifestError::new("target", "a resource needs averageUtilization or averageValue")),
    }
}

fn pods_target(raw: &raw::MetricTarget) -> Result<i64, ManifestError> {
    target(raw)?.average_value.ok_or_else(|| ManifestError::new("target", "a Pods metric needs averageValue"))
}

fn value_target(raw: &raw::MetricTarget) -> Result<ValueTarget, ManifestError> {
    let target = target(raw)?;
    match (raw.type_.as_str(), target.value, target.average_value) {
        (_, None, None) => Err(ManifestError::new("target", "the metric needs value or averageValue")),
        (_, Some(_), Some(_)) => {
            Err(ManifestError::new("target.value", "averageValue is set too; a target has one of the two"))
        }
        ("Value", Some(value), None) => Ok(ValueTarget::Value(value)),
        ("AverageValue", None, Some(value)) => Ok(ValueTarget::AverageValue(value)),
        _ => Ok(ValueTarget::Mismatched),
    }
}

fn behavior(raw: &raw::HorizontalPodAutoscalerBehavior) -> Result<Behavior, ManifestError> {
    let side = |raw: &Option<raw::HPAScalingRules>, field: &str, defaults: ScalingRules| match raw {
        None => Ok(defaults),
        Some(raw) => rules(raw, defaults).map_err(|error| error.within(field)),
    };
    Ok(Behavior {
        scale_up: side(&raw.scale_up, "scaleUp", ScalingRules::default_up())?,
        scale_down: side(&raw.scale_down, "scaleDown", ScalingRules::default_down())?,
    })
}

/// What is stated replaces the default, field by field.
fn rules(raw: &raw::HPAScalingRules, mut rules: ScalingRules) -> Result<ScalingRules, ManifestError> {
    if let Some(window) = raw.stabilization_window_seconds {
        if !(0..=3600).contains(&window) {
            let problem = format!("{window} is not from 0 to 3600 seconds");
            return Err(ManifestError::new("stabilizationWindowSeconds", problem));
        }
        rules.stabilization_window_seconds = Some(window);
    }
    rules.select_policy = match raw.select_policy.as_deref() {
        None => rules.select_policy,
        Some("Max") => SelectPolicy::Max,
        Some("Min") => SelectPolicy::Min,
        Some("Disabled") => SelectPolicy::Disabled,
        Some(other) => return Err(unknown_value("selectPolicy", other, &["Max", "Min", "Disabled"])),
    };
    if let Some(raw) = &raw.policies {
        if raw.is_empty() {
            return Err(ManifestError::new(
                "policies",
                "at least one policy is needed; leave the field out for the defaults",
            ));
        }
        let read = |(index, raw)| policy(raw).map_err(|error| error.within(format!("policies[{index}]")));
        rules.policies = raw.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    }
    if let Some(tolerance) = &raw.tolerance {
        let parsed = Quantity::parse_non_negative(&tolerance.0);
        rules.tolerance = Some(parsed.map_err(|error| ManifestError::new("tolerance", error.to_string()))?.as_f64());
    }
    Ok(rules)
}

fn policy(raw: &raw::HPAScalingPolicy) -> Result<ScalingPolicy, ManifestError> {
    let policy = match raw.type_.as_str() {
        "Pods" => PolicyType::Pods,
        "Percent" => PolicyType::Percent,
        other => return Err(unknown_value("type", other, &["Pods", "Percent"])),
    };
    if raw.value < 1 {
        return Err(ManifestError::new("value", format!("{} must be 1 or more", raw.value)));
    }
    if !(1..=1800).contains(&raw.period_seconds) {
        return Err(ManifestError::new("periodSeconds", format!("{} is not from 1 to 1800", raw.period_seconds)));
    }
    Ok(ScalingPolicy { policy, value: raw.value, period_seconds: raw.period_seconds })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> Result<HpaSpec, ManifestError> {
        let mut full = json!({"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "d"}});
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        autoscaler_spec(&serde_json::from_value(full).unwrap())
    }

    #[test]
    fn what_is_left_out_is_what_the_api_server_fills_in() {
        let spec = read(json!({})).unwrap();
        assert_eq!((spec.min_replicas, spec.metrics, spec.behavior), (1, HpaSpec::default_metrics(), None));
        let spec = read(json!({"behavior": {"scaleDown": {"selectPolicy": "Min"}}})).unwrap();
        let behavior = spec.behavior.unwrap();
        assert_eq!(behavior.scale_up, ScalingRules::default_up());
        assert_eq!(
            behavior.scale_down,
            ScalingRules { select_policy: SelectPolicy::Min, ..ScalingRules::default_down() }
        );
    }

    #[test]
    fn every_kind_of_metric_is_read() {
        let target = |kind: &str, field: &str, value: &str| json!({"type": kind, field: value});
        let spec = read(json!({"metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
            {"type": "ContainerResource", "containerResource":
                {"name": "memory", "container": "c", "target": target("AverageValue", "averageValue", "1Gi")}},
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": target("AverageValue", "averageValue", "500m")}},
            {"type": "Object", "object": {"metric": {"name": "q"}, "describedObject": {"kind": "Service", "name": "s"},
                "target": target("Value", "value", "10")}},
            {"type": "External", "external": {"metric": {"name": "x"}, "target": target("Value", "averageValue", "1")}},
        ]}))
        .unwrap();
        let names: Vec<_> = spec.metrics.iter().map(|m| (m.source_type().to_owned(), m.name().to_owned())).collect();
        assert_eq!(names.len(), 5);
        assert!(matches!(spec.metrics[2], MetricSpec::Pods { average_value: 500, .. }));
        assert!(matches!(spec.metrics[3], MetricSpec::Object { target: ValueTarget::Value(10_000), .. }));
        assert!(matches!(spec.metrics[4], MetricSpec::External { target: ValueTarget::Mismatched, .. }));
    }

    #[test]
    fn a_bad_autoscaler_names_its_field() {
        let metric =
            |target: Value| json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]});
        for (spec, path) in [
            (json!({"maxReplicas": 0}), "spec.maxReplicas"),
            (json!({"minReplicas": 6}), "spec.minReplicas"),
            (json!({"minReplicas": 0}), "spec.minReplicas"),
            (metric(json!({"type": "Utilisation"})), "spec.metrics[0].resource.target.type"),
            (metric(json!({"type": "Utilization"})), "spec.metrics[0].resource.target"),
            (
                metric(json!({"type": "Utilization", "averageUtilization": 0})),
                "spec.metrics[0].resource.target.averageUtilization",
            ),
            (
                metric(json!({"type": "Utilization", "averageUtilization": 5, "averageValue": "1"})),
                "spec.metrics[0].resource.target.averageUtilization",
            ),
            (json!({"metrics": [{"type": "Pods"}]}), "spec.metrics[0].type"),
            (json!({"behavior": {"scaleUp": {"policies": []}}}), "spec.behavior.scaleUp.policies"),
            (
                json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 4000}}}),
                "spec.behavior.scaleUp.stabilizationWindowSeconds",
            ),
            (
                json!({"behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 0}]}}}),
                "spec.behavior.scaleDown.policies[0].periodSeconds",
            ),
        ] {
            assert_eq!(read(spec.clone()).expect_err(&spec.to_string()).path, path, "{spec}");
        }
    }
}
