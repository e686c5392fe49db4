//! What the HPAs of a run are: their limits, and the target of each metric, for the columns of `timeseries.csv`.

use std::sync::Arc;

use crate::autoscaler::hpa::{MetricSpec, ResourceTarget, ValueTarget};
use crate::scenario::Scenario;
use crate::sim::HpaMetricSample;

/// An HPA with what it never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct HpaLimits {
    /// `NAMESPACE/NAME`.
    pub name: Arc<str>,
    /// The key of the workload that it scales.
    pub workload: Arc<str>,
    pub min: u32,
    pub max: u32,
    /// In the order of its metrics.
    pub metrics: Vec<HpaMetric>,
}

/// A metric of an HPA.
#[derive(Clone, Debug, PartialEq)]
pub struct HpaMetric {
    /// `NAMESPACE/HPA.METRIC`; a container's has the container's name behind it. No two of a run are equal.
    pub name: Arc<str>,
    /// In thousandths of its unit, or of a percent of the requests; `None` where the HPA states none that can be met.
    pub target: Option<i64>,
}

/// An HPA at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HpaRow {
    /// What its workload is asked to keep.
    pub desired: u32,
    pub min: u32,
    pub max: u32,
}

/// A metric of an HPA at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HpaMetricRow {
    pub sample: HpaMetricSample,
    pub target: Option<i64>,
}

impl HpaLimits {
    /// Those of a scenario, in its order.
    pub fn of(scenario: &Scenario) -> Vec<HpaLimits> {
        limits(scenario)
    }
}

fn limits(scenario: &Scenario) -> Vec<HpaLimits> {
    let keys = if scenario.hpas.is_empty() { Vec::new() } else { scenario.workload_keys() };
    let mut taken: Vec<Arc<str>> = Vec::new();
    let mut unique = |name: String| {
        let mut free: Arc<str> = name.as_str().into();
        let mut number = 2;
        while taken.contains(&free) {
            free = format!("{name}#{number}").into();
            number += 1;
        }
        taken.push(Arc::clone(&free));
        free
    };
    let mut all = Vec::new();
    for hpa in &scenario.hpas {
        let name: Arc<str> = format!("{}/{}", scenario.workloads[hpa.target.index()].namespace, hpa.name).into();
        let metrics = hpa.spec.metrics.iter().map(|metric| HpaMetric {
            name: unique(format!("{name}.{}", metric_name(metric))),
            target: target(metric),
        });
        all.push(HpaLimits {
            metrics: metrics.collect(),
            name,
            workload: Arc::clone(&keys[hpa.target.index()]),
            min: hpa.spec.min_replicas.max(0) as u32,
            max: hpa.spec.max_replicas.max(0) as u32,
        });
    }
    all
}

fn metric_name(metric: &MetricSpec) -> String {
    match metric {
        MetricSpec::ContainerResource { resource, container, .. } => format!("{resource}.{container}"),
        MetricSpec::Unknown { source_type } => source_type.clone(),
        other => other.name().to_owned(),
    }
}

/// In thousandths.
fn target(metric: &MetricSpec) -> Option<i64> {
    match metric {
        MetricSpec::Resource { target, .. } | MetricSpec::ContainerResource { target, .. } => Some(match target {
            ResourceTarget::Utilization(percent) => i64::from(*percent) * 1000,
            ResourceTarget::AverageValue(value) => *value,
        }),
        MetricSpec::Pods { average_value, .. } => Some(*average_value),
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => match target {
            ValueTarget::Value(value) | ValueTarget::AverageValue(value) => Some(*value),
            ValueTarget::Mismatched => None,
        },
        MetricSpec::Unknown { .. } => None,
    }
}
