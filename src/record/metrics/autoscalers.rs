//! HPAs and budgets as kube-state-metrics shows them.

use super::series::Teller;
use super::table::Metric;
use super::values::{flag, thousandths};
use crate::autoscaler::hpa::{ConditionStatus, MetricSpec, ResourceTarget, ValueTarget};
use crate::sim::{Exposed, ExposedHpa};

pub(super) fn tell(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    for hpa in exposed.hpas() {
        tell_hpa(tell, &hpa);
    }
    for (budget, standing) in exposed.budgets() {
        let labels = [("namespace", &*budget.namespace), ("poddisruptionbudget", &*budget.name)];
        tell.put(Metric::KubePdbHealthy, standing.healthy as f64, || labels);
        tell.put(Metric::KubePdbDesired, standing.desired_healthy as f64, || labels);
        tell.put(Metric::KubePdbAllowed, standing.allowed as f64, || labels);
        tell.put(Metric::KubePdbExpected, standing.expected as f64, || labels);
    }
}

fn tell_hpa(tell: &mut Teller<'_, '_>, hpa: &ExposedHpa<'_>) {
    let namespace = &*hpa.target.workload.namespace;
    let base = [("namespace", namespace), ("horizontalpodautoscaler", &*hpa.hpa.name)];
    let kind = match hpa.target.kind_name() {
        "statefulset" => "StatefulSet",
        "replicaset" => "ReplicaSet",
        _ => "Deployment",
    };
    tell.put(Metric::KubeHpaInfo, 1.0, || {
        [base[0], base[1], ("scaletargetref_kind", kind), ("scaletargetref_name", &*hpa.target.workload.name)]
    });
    let spec = &hpa.hpa.spec;
    tell.put(Metric::KubeHpaMin, f64::from(spec.min_replicas), || base);
    tell.put(Metric::KubeHpaMax, f64::from(spec.max_replicas), || base);
    tell.put(Metric::KubeHpaCurrent, f64::from(hpa.target.current()), || base);
    tell.put(Metric::KubeHpaDesired, f64::from(hpa.target.desired()), || base);
    for condition in &hpa.conditions().0 {
        let kind = condition.kind.to_string();
        for (status, of) in
            [("true", ConditionStatus::True), ("false", ConditionStatus::False), ("unknown", ConditionStatus::Unknown)]
        {
            let labels = [base[0], base[1], ("condition", &*kind), ("status", status)];
            let key = format!("{}/{namespace} {kind} {status}", hpa.hpa.name);
            tell.put_keyed(&key, Metric::KubeHpaCondition, flag(condition.status == of), &labels);
        }
    }
    for (metric, read) in spec.metrics.iter().zip(hpa.last_read()) {
        let (name, kind, target) = target(metric);
        let labels = || [base[0], base[1], ("metric_name", name), ("metric_target_type", kind)];
        tell.put(Metric::KubeHpaTarget, target, labels);
        tell.put(Metric::KubeHpaStatus, read.map(thousandths), labels);
    }
}

/// A metric's name, the type of its target and that: percent, or the metric's own unit.
fn target(metric: &MetricSpec) -> (&str, &'static str, Option<f64>) {
    let of_resource = |target: &ResourceTarget| match target {
        ResourceTarget::Utilization(percent) => ("utilization", Some(f64::from(*percent))),
        ResourceTarget::AverageValue(milli) => ("average", Some(thousandths(*milli))),
    };
    let of_value = |target: &ValueTarget| match target {
        ValueTarget::Value(milli) => ("value", Some(thousandths(*milli))),
        ValueTarget::AverageValue(milli) => ("average", Some(thousandths(*milli))),
        ValueTarget::Mismatched => ("value", None),
    };
    let (name, (kind, target)) = match metric {
        MetricSpec::Resource { resource, target } | MetricSpec::ContainerResource { resource, target, .. } => {
            (resource, of_resource(target))
        }
        MetricSpec::Pods { metric, average_value } => (&metric.name, ("average", Some(thousandths(*average_value)))),
        MetricSpec::Object { metric, target, .. } | MetricSpec::External { metric, target } => {
            (&metric.name, of_value(target))
        }
        MetricSpec::Unknown { source_type } => (source_type, ("value", None)),
    };
    (name, kind, target)
}
