//! HorizontalPodAutoscalers (`autoscaling/v2`), with the API server's defaults and its checks
//! (`pkg/apis/autoscaling/v2/defaults.go`, `pkg/apis/autoscaling/validation`, 1.33).
//!
//! The one reader of scenarios and of `decide hpa`. A scenario's manifest is one that somebody applies, so it is
//! [admitted](admitted_autoscaler_spec) as well; a live object may hold what an API server of another version or with
//! other gates let pass, and the controller has an answer to it.

use k8s_openapi::api::autoscaling::v2 as raw;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;

use super::{ManifestError, label_selector, unknown_value};
use crate::autoscaler::hpa::{
    Behavior, HpaSpec, MetricIdentifier, MetricSelector, MetricSpec, ObjectReference, PolicyType, ResourceTarget,
    ScalingPolicy, ScalingRules, SelectPolicy, ValueTarget,
};
use crate::cluster::label;
use crate::units::Quantity;

/// The longest that a policy's period and a stabilization window may be, in seconds.
const MAX_PERIOD_SECONDS: i32 = 1800;
const MAX_STABILIZATION_WINDOW_SECONDS: i32 = 3600;

const SOURCES: [(&str, &str); 5] = [
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
    ("Pods", "pods"),
    ("Object", "object"),
    ("External", "external"),
];

/// The spec of an HPA; its target is the caller's to find. Paths of errors start at the object (`spec.…`).
pub fn autoscaler_spec(raw: &raw::HorizontalPodAutoscalerSpec) -> Result<HpaSpec, ManifestError> {
    spec(raw).map_err(|error| error.within("spec"))
}

/// As [`autoscaler_spec`], and what the API server refuses though the controller would have an answer: an unknown
/// metric type, `minReplicas: 0` without an Object or External metric, a metric's name that is no part of a path.
pub fn admitted_autoscaler_spec(raw: &raw::HorizontalPodAutoscalerSpec) -> Result<HpaSpec, ManifestError> {
    let spec = autoscaler_spec(raw)?;
    admit_autoscaler(&spec)?;
    Ok(spec)
}

/// Only the second half of [`admitted_autoscaler_spec`].
pub fn admit_autoscaler(spec: &HpaSpec) -> Result<(), ManifestError> {
    for (index, metric) in spec.metrics.iter().enumerate() {
        admit_metric(metric).map_err(|error| error.within(format!("spec.metrics[{index}]")))?;
    }
    let counts_outside =
        |metric: &MetricSpec| matches!(metric, MetricSpec::Object { .. } | MetricSpec::External { .. });
    if spec.min_replicas == 0 && !spec.metrics.iter().any(counts_outside) {
        let problem =
            "0 needs an Object or External metric (feature HPAScaleToZero), for without pods there is no usage";
        return Err(ManifestError::new("spec.minReplicas", problem));
    }
    Ok(())
}

fn admit_metric(metric: &MetricSpec) -> Result<(), ManifestError> {
    let (field, name) = match metric {
        MetricSpec::Unknown { source_type } => {
            return Err(unknown_value("type", source_type, &SOURCES.map(|(source, _)| source)));
        }
        MetricSpec::Pods { metric, .. } => ("pods", &metric.name),
        MetricSpec::Object { metric, .. } => ("object", &metric.name),
        MetricSpec::External { metric, .. } => ("external", &metric.name),
        MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => return Ok(()),
    };
    if matches!(name.as_str(), "." | "..") || name.contains(['/', '%']) {
        let problem = format!("{name:?} can't be part of a path: neither / nor % may be in it");
        return Err(ManifestError::new(format!("{field}.metric.name"), problem));
    }
    Ok(())
}

fn spec(raw: &raw::HorizontalPodAutoscalerSpec) -> Result<HpaSpec, ManifestError> {
    let (min, max) = (raw.min_replicas.unwrap_or(1), raw.max_replicas);
    if min < 0 {
        return Err(ManifestError::new("minReplicas", format!("{min} is negative")));
    }
    match max {
        0 => return Err(ManifestError::new("maxReplicas", "must be set to 1 or more")),
        max if max < 0 => return Err(ManifestError::new("maxReplicas", format!("{max} is negative"))),
        max if max < min => {
            return Err(ManifestError::new("maxReplicas", format!("{max} is below minReplicas {min}")));
        }
        _ => {}
    }
    let mut metrics = Vec::new();
    for (index, raw) in raw.metrics.iter().flatten().enumerate() {
        metrics.push(metric(raw).map_err(|error| error.within(format!("metrics[{index}]")))?);
    }
    if metrics.is_empty() {
        metrics = HpaSpec::default_metrics();
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
    if raw.type_.is_empty() {
        let sources = SOURCES.map(|(source, _)| source).join(", ");
        return Err(ManifestError::new("type", format!("missing; one of {sources}")));
    }
    let Some(kind) = SOURCES.iter().position(|(source, _)| *source == raw.type_) else {
        return Ok(MetricSpec::Unknown { source_type: raw.type_.clone() });
    };
    let (source, field) = SOURCES[kind];
    if !set[kind] {
        return Err(ManifestError::new(field, format!("missing, though type is {source}")));
    }
    if let Some(other) = (0..set.len()).find(|at| *at != kind && set[*at]) {
        return Err(ManifestError::new(SOURCES[other].1, format!("must not be set where type is {source}")));
    }
    source_of(raw).map_err(|error| error.within(field))
}

/// The one source that is set.
fn source_of(raw: &raw::MetricSpec) -> Result<MetricSpec, ManifestError> {
    if let Some(raw) = &raw.resource {
        let target = resource_target(&raw.target).map_err(|error| error.within("target"))?;
        return Ok(MetricSpec::Resource { resource: name(&raw.name, "name")?, target });
    }
    if let Some(raw) = &raw.container_resource {
        let target = resource_target(&raw.target).map_err(|error| error.within("target"))?;
        let container = name(&raw.container, "container")?;
        return Ok(MetricSpec::ContainerResource { resource: name(&raw.name, "name")?, container, target });
    }
    if let Some(raw) = &raw.pods {
        let target = target(&raw.target).map_err(|error| error.within("target"))?;
        let Some(average_value) = target.average_value else {
            return Err(ManifestError::new("target.averageValue", "missing"));
        };
        return Ok(MetricSpec::Pods { metric: identifier(&raw.metric)?, average_value });
    }
    if let Some(raw) = &raw.object {
        let described = &raw.described_object;
        return Ok(MetricSpec::Object {
            described_object: ObjectReference {
                api_version: described.api_version.clone().unwrap_or_default(),
                kind: name(&described.kind, "describedObject.kind")?,
                name: name(&described.name, "describedObject.name")?,
            },
            metric: identifier(&raw.metric)?,
            target: object_target(&raw.target).map_err(|error| error.within("target"))?,
        });
    }
    let Some(raw) = &raw.external else { return Err(ManifestError::new("", "missing")) };
    let target = external_target(&raw.target).map_err(|error| error.within("target"))?;
    Ok(MetricSpec::External { metric: identifier(&raw.metric)?, target })
}

fn name(value: &str, field: &str) -> Result<String, ManifestError> {
    if value.is_empty() { Err(ManifestError::new(field, "missing")) } else { Ok(value.to_owned()) }
}

fn identifier(raw: &raw::MetricIdentifier) -> Result<MetricIdentifier, ManifestError> {
    let selector = raw.selector.as_ref().map_or(MetricSelector::All, metric_selector);
    Ok(MetricIdentifier { name: name(&raw.name, "metric.name")?, selector })
}

/// The API server lets any selector pass; the controller finds out when it makes one of it
/// (`metav1.LabelSelectorAsSelector`, which checks keys and values).
fn metric_selector(raw: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector) -> MetricSelector {
    let Ok(selector) = label_selector(raw) else { return MetricSelector::Malformed };
    let keys = selector.match_labels.keys().chain(selector.match_expressions.iter().map(|term| &term.key));
    let mut values =
        selector.match_labels.values().chain(selector.match_expressions.iter().flat_map(|term| &term.values));
    match keys.into_iter().all(|key| label::is_key(key)) && values.all(|value| label::is_value(value)) {
        true if selector.is_empty() => MetricSelector::All,
        true => MetricSelector::Labels(selector),
        false => MetricSelector::Malformed,
    }
}

/// The fields of a target, each positive where set.
struct Target {
    utilization: Option<i32>,
    average_value: Option<i64>,
    value: Option<i64>,
}

fn target(raw: &raw::MetricTarget) -> Result<Target, ManifestError> {
    let known = ["Utilization", "Value", "AverageValue"];
    let nothing = raw.average_utilization.is_none() && raw.value.is_none() && raw.average_value.is_none();
    let unset = || ManifestError::new("", "no target is set; set averageUtilization, averageValue or value");
    if raw.type_.is_empty() {
        if nothing {
            return Err(unset());
        }
        return Err(ManifestError::new("type", format!("missing; one of {}", known.join(", "))));
    }
    if !known.contains(&raw.type_.as_str()) {
        return Err(unknown_value("type", &raw.type_, &known));
    }
    if nothing {
        return Err(unset());
    }
    let amount = |quantity: &Option<RawQuantity>, field: &str| {
        let Some(quantity) = quantity else { return Ok(None) };
        let parsed: Quantity = quantity.0.parse().map_err(|error| ManifestError::new(field, format!("{error}")))?;
        if parsed.is_negative() || parsed.is_zero() {
            return Err(ManifestError::new(field, format!("{} is not positive", quantity.0)));
        }
        Ok(Some(parsed.milli_value()))
    };
    if let Some(percent) = raw.average_utilization.filter(|percent| *percent < 1) {
        return Err(ManifestError::new("averageUtilization", format!("{percent} is below 1")));
    }
    Ok(Target {
        utilization: raw.average_utilization,
        average_value: amount(&raw.average_value, "averageValue")?,
        value: amount(&raw.value, "value")?,
    })
}

/// The controller goes by the field that is set, whatever the type says.
fn resource_target(raw: &raw::MetricTarget) -> Result<ResourceTarget, ManifestError> {
    match target(raw)? {
        Target { utilization: Some(_), average_value: Some(_), .. } => {
            Err(ManifestError::new("", "averageUtilization and averageValue must not both be set"))
        }
        Target { utilization: Some(percent), .. } => Ok(ResourceTarget::Utilization(percent)),
        Target { average_value: Some(value), .. } => Ok(ResourceTarget::AverageValue(value)),
        _ => Err(ManifestError::new("", "neither averageUtilization nor averageValue is set")),
    }
}

/// The controller goes by the type here, and has an error where its field is not set; both fields may be.
fn object_target(raw: &raw::MetricTarget) -> Result<ValueTarget, ManifestError> {
    let target = target(raw)?;
    match (raw.type_.as_str(), target.value, target.average_value) {
        ("Value", Some(value), _) => Ok(ValueTarget::Value(value)),
        ("AverageValue", _, Some(average)) => Ok(ValueTarget::AverageValue(average)),
        (_, None, None) => Err(ManifestError::new("", "neither value nor averageValue is set")),
        _ => Ok(ValueTarget::Mismatched),
    }
}

/// Here it goes by the field, of which the API server lets pass only one.
fn external_target(raw: &raw::MetricTarget) -> Result<ValueTarget, ManifestError> {
    let target = target(raw)?;
    match (target.value, target.average_value) {
        (Some(_), Some(_)) => Err(ManifestError::new("", "value and averageValue must not both be set")),
        (None, Some(average)) => Ok(ValueTarget::AverageValue(average)),
        (Some(value), None) => Ok(ValueTarget::Value(value)),
        (None, None) => Err(ManifestError::new("", "neither value nor averageValue is set")),
    }
}

/// A `behavior` by itself, as KEDA's objects hold it.
pub fn autoscaler_behavior(raw: &raw::HorizontalPodAutoscalerBehavior) -> Result<Behavior, ManifestError> {
    behavior(raw)
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
        if !(0..=MAX_STABILIZATION_WINDOW_SECONDS).contains(&window) {
            let problem = format!("{window} is not from 0 to {MAX_STABILIZATION_WINDOW_SECONDS} seconds");
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
        rules.tolerance = Some(approximate_f64(&tolerance.0).map_err(|error| error.within("tolerance"))?);
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
        return Err(ManifestError::new("value", format!("{} is below 1", raw.value)));
    }
    if !(1..=MAX_PERIOD_SECONDS).contains(&raw.period_seconds) {
        let problem = format!("{} is not from 1 to {MAX_PERIOD_SECONDS} seconds", raw.period_seconds);
        return Err(ManifestError::new("periodSeconds", problem));
    }
    Ok(ScalingPolicy { policy, value: raw.value, period_seconds: raw.period_seconds })
}

/// A tolerance as the controller reads it (`Quantity.AsApproximateFloat64`): the digits times a power of ten, which is
/// not always the nearest float.
fn approximate_f64(text: &str) -> Result<f64, ManifestError> {
    let parsed = Quantity::parse_non_negative(text).map_err(|error| ManifestError::new("", error.to_string()))?;
    Ok(digits_times_power(text).unwrap_or_else(|| parsed.as_f64()))
}

/// `None` for binary suffixes, which are exact anyway.
fn digits_times_power(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let exponent: i32 = match suffix {
        "" => 0,
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        _ => suffix.strip_prefix(['e', 'E'])?.parse().ok()?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent - i32::try_from(fraction.len()).ok()?;
    let power: f64 = format!("1e{exponent}").parse().ok()?;
    Some(if exponent == 0 { digits as f64 } else { digits as f64 * power })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> Result<HpaSpec, ManifestError> {
        let mut full = json!({"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "d"}});
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        admitted_autoscaler_spec(&serde_json::from_value(full).unwrap())
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
            {"type": "Object", "object": {"metric": {"name": "q"}, "describedObject": {"kind": "Service", "name": "s"},
                "target": target("AverageValue", "value", "10")}},
            {"type": "Object", "object": {"metric": {"name": "q"}, "describedObject": {"kind": "Service", "name": "s"},
                "target": {"type": "AverageValue", "value": "10", "averageValue": "5"}}},
        ]}))
        .unwrap();
        let names: Vec<_> = spec.metrics.iter().map(|m| (m.source_type().to_owned(), m.name().to_owned())).collect();
        assert_eq!(names.len(), 7);
        assert!(matches!(spec.metrics[2], MetricSpec::Pods { average_value: 500, .. }));
        assert!(matches!(spec.metrics[3], MetricSpec::Object { target: ValueTarget::Value(10_000), .. }));
        // The controller goes by the field for External metrics, by the type for Object metrics.
        assert!(matches!(spec.metrics[4], MetricSpec::External { target: ValueTarget::AverageValue(1000), .. }));
        assert!(matches!(spec.metrics[5], MetricSpec::Object { target: ValueTarget::Mismatched, .. }));
        assert!(matches!(spec.metrics[6], MetricSpec::Object { target: ValueTarget::AverageValue(5000), .. }));
    }

    #[test]
    fn a_bad_autoscaler_names_its_field() {
        let metric =
            |target: Value| json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]});
        for (spec, path) in [
            (json!({"maxReplicas": 0}), "spec.maxReplicas"),
            (json!({"minReplicas": 6}), "spec.maxReplicas"),
            (json!({"minReplicas": 0}), "spec.minReplicas"),
            (metric(json!({"type": "Utilisation"})), "spec.metrics[0].resource.target.type"),
            (metric(json!({"type": "Utilization"})), "spec.metrics[0].resource.target"),
            (
                metric(json!({"type": "Utilization", "averageUtilization": 0})),
                "spec.metrics[0].resource.target.averageUtilization",
            ),
            (
                metric(json!({"type": "Utilization", "averageUtilization": 5, "averageValue": "1"})),
                "spec.metrics[0].resource.target",
            ),
            (json!({"metrics": [{"type": "Pods"}]}), "spec.metrics[0].pods"),
            (json!({"metrics": [{"type": "Podz"}]}), "spec.metrics[0].type"),
            (
                json!({"metrics": [{"type": "Pods", "pods": {"metric": {"name": "a/b"},
                    "target": {"type": "AverageValue", "averageValue": "1"}}}]}),
                "spec.metrics[0].pods.metric.name",
            ),
            (
                json!({"metrics": [{"type": "External", "external": {"metric": {"name": "q"},
                    "target": {"type": "Value", "value": "1", "averageValue": "1"}}}]}),
                "spec.metrics[0].external.target",
            ),
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

    #[test]
    fn a_tolerance_becomes_the_float_that_go_makes_of_it() {
        let tolerance = |text: &str| {
            let spec = read(json!({"behavior": {"scaleUp": {"tolerance": text}}}))?;
            Ok::<_, ManifestError>(spec.behavior.unwrap().scale_up.tolerance.unwrap())
        };
        assert_eq!(tolerance("0.3"), Ok(3.0 * 0.1));
        assert_eq!(tolerance("300m"), Ok(300.0 * 0.001));
        assert_eq!(tolerance("700e-3"), Ok(700.0 * 0.001));
        assert_eq!(tolerance("0.000820k"), Ok(820.0 * 0.001));
        assert_eq!((tolerance("0"), tolerance("1Ki")), (Ok(0.0), Ok(1024.0)));
        assert_eq!(tolerance("-0.1").unwrap_err().path, "spec.behavior.scaleUp.tolerance");
    }

    #[test]
    fn a_metric_selector_that_is_no_selector_is_found_out_by_the_controller() {
        let selector = |selector: Value| {
            let spec = read(json!({"metrics": [{"type": "External", "external": {
                "metric": {"name": "q", "selector": selector}, "target": {"type": "Value", "value": "1"}}}]}));
            match &spec.unwrap().metrics[0] {
                MetricSpec::External { metric, .. } => metric.selector.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(selector(json!({})), MetricSelector::All);
        assert!(matches!(selector(json!({"matchLabels": {"queue": "a"}})), MetricSelector::Labels(_)));
        assert_eq!(selector(json!({"matchLabels": {"queue": "a/b"}})), MetricSelector::Malformed);
        assert_eq!(selector(json!({"matchLabels": {"a key": "a"}})), MetricSelector::Malformed);
        let expression = json!({"matchExpressions": [{"key": "queue", "operator": "Of", "values": ["a"]}]});
        assert_eq!(selector(expression), MetricSelector::Malformed);
    }
}
