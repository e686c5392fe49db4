//! What each HPA reads against its target, with the tolerance in which it stays, and its replicas within their limits.

use super::{Color, Figure, Panel, Run, Series, Shape};
use crate::autoscaler::hpa::{HpaFlags, HpaSpec, MetricSpec, ResourceTarget, ValueTarget};
use crate::sim::HpaMetricSample;
use crate::units::Quantity;

/// HPAs shown; of more, the first of the scenario.
const SHOWN: usize = 3;
const GIB: f64 = (1u64 << 30) as f64;

/// `None` where there is no HPA.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let hpas = &run.scenario.hpas;
    let metrics: usize = hpas.iter().map(|hpa| hpa.spec.metrics.len()).sum();
    let has_samples = run.record.rows().iter().enumerate().any(|(row, _)| run.record.hpa_metrics(row).len() == metrics);
    if hpas.is_empty() || !has_samples {
        return None;
    }
    let mut figure = run.figure("HPA metrics against targets");
    if hpas.len() > SHOWN {
        figure.subtitle += &format!(", the first {SHOWN} HPAs of {}", hpas.len());
    }
    let mut first = 0;
    for hpa in hpas.iter().take(SHOWN) {
        for (index, metric) in hpa.spec.metrics.iter().enumerate() {
            let flags = &run.scenario.hpa_flags;
            figure.panels.extend(metric_panel(run, &hpa.name, &hpa.spec, flags, metric, first + index));
        }
        first += hpa.spec.metrics.len();
        let workload = &run.scenario.workloads[hpa.target.index()];
        let key = format!("{}/{}", workload.namespace, workload.name);
        let names = run.record.workloads();
        if let Some(index) = names.iter().position(|name| **name == *key || name.ends_with(&format!("/{key}"))) {
            figure.panels.push(replicas(run, index));
        }
    }
    Some(figure)
}

/// `None` for a metric without a target that can be drawn.
fn metric_panel(
    run: &Run<'_>,
    name: &str,
    spec: &HpaSpec,
    flags: &HpaFlags,
    metric: &MetricSpec,
    index: usize,
) -> Option<Panel> {
    let (target, of_what) = target(metric)?;
    let is_memory = metric.name() == "memory" && of_what != "% of the requests";
    let scale = if is_memory { 1000.0 * GIB } else { 1000.0 };
    let unit = if is_memory { "GiB, average of its pods" } else { of_what };
    let rows = run.record.rows().len();
    let sample = |row: usize| run.record.hpa_metrics(row).get(index).copied().unwrap_or_default();
    let value = |sample: HpaMetricSample| sample.last.map_or(f64::NAN, |value| value as f64 / scale);
    let range = |sample: HpaMetricSample| {
        let last = value(sample);
        sample.range.map_or((last, last), |(low, high)| (low as f64 / scale, high as f64 / scale))
    };
    let mut read = Series::new("as read", Color::BLUE, Shape::Step, (0..rows).map(|row| value(sample(row))).collect());
    read.envelope = (0..rows).map(|row| range(sample(row))).map(whole_or_nothing).collect();
    let (low, high) = tolerance(spec, flags);
    let target = target as f64 / scale;
    let shown =
        if is_memory { format!("{target:.2}") } else { Quantity::from_milli((target * 1000.0) as i64).to_string() };
    let percent = |fraction: f64| format!("{}", (1000.0 * fraction).round() / 10.0);
    let within = if low == high {
        format!("±{} %", percent(low))
    } else {
        format!("-{} % to +{} %", percent(low), percent(high))
    };
    let label = format!("target {shown}; shaded: within {within} it stays");
    let mut aim = Series::limit(label, Color::VERMILLION, target, rows);
    aim.envelope = vec![(target * (1.0 - low), target * (1.0 + high)); rows];
    Some(Panel::new(format!("{name}: {} ({unit})", metric.name()), vec![aim, read]))
}

/// A range without a value is none.
fn whole_or_nothing((low, high): (f64, f64)) -> (f64, f64) {
    if low.is_nan() || high.is_nan() { (0.0, 0.0) } else { (low, high) }
}

/// How far below and above the target nothing happens, as fractions.
fn tolerance(spec: &HpaSpec, flags: &HpaFlags) -> (f64, f64) {
    let own = |side: Option<f64>| side.unwrap_or(flags.tolerance);
    match &spec.behavior {
        Some(behavior) => (own(behavior.scale_down.tolerance), own(behavior.scale_up.tolerance)),
        None => (flags.tolerance, flags.tolerance),
    }
}

/// In thousandths, and of what.
fn target(metric: &MetricSpec) -> Option<(i64, &'static str)> {
    let of_value = |target: &ValueTarget| match target {
        ValueTarget::Value(value) => Some((*value, "whole")),
        ValueTarget::AverageValue(value) => Some((*value, "average of its pods")),
        ValueTarget::Mismatched => None,
    };
    match metric {
        MetricSpec::Resource { target, .. } | MetricSpec::ContainerResource { target, .. } => Some(match target {
            ResourceTarget::Utilization(percent) => (i64::from(*percent) * 1000, "% of the requests"),
            ResourceTarget::AverageValue(value) => (*value, "average of its pods"),
        }),
        MetricSpec::Pods { average_value, .. } => Some((*average_value, "average of its pods")),
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => of_value(target),
        MetricSpec::Unknown { .. } => None,
    }
}

fn replicas(run: &Run<'_>, workload: usize) -> Panel {
    let rows = run.record.rows().len();
    let desired = (0..rows).map(|row| f64::from(run.record.replicas(row)[workload].desired)).collect();
    let extents = (0..rows).map(|row| run.record.replicas(row)[workload].extents[0]);
    let name = &run.record.workloads()[workload];
    let mut series = run.replica_limits(name);
    series.push(Series::new("desired", Color::BLUE, Shape::Step, desired).within(extents));
    Panel::whole(format!("Replicas of {name}"), series)
}
