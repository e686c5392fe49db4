//! The component case `reconcile`: a whole pass in compact form.

use serde_json::{Map, Value};

use super::super::super::Refusal;
use super::super::super::fields::Fields;
use super::NOW;
use super::input::{
    MetricCase, config, integers, metric_source, pods, recommendations, scaling_rules_pair, target_fields, tolerance,
};
use crate::autoscaler::hpa::{
    Behavior, ConditionStatus, ConditionType, Current, HpaFlags, HpaSpec, Memory, MetricSpec, Outcome, Reading,
    Recommendations, SelectorState, Snapshot, Stabilized, sync,
};
use crate::units::SimDuration;

const FIELDS: [&str; 13] = [
    "kind",
    "spec_replicas",
    "status_replicas",
    "min_replicas",
    "max_replicas",
    "tolerance",
    "config",
    "downscale_stabilization_s",
    "metrics",
    "pods",
    "recommendations",
    "behavior",
    "foreign_metrics_milli",
];

pub(super) fn decide(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &FIELDS)?;
    let mut flags = HpaFlags::default();
    config(&fields, &mut flags)?;
    if let Some(seconds) = fields.count("downscale_stabilization_s")? {
        flags.downscale_stabilization = SimDuration::from_secs(i64::from(seconds));
    }
    let tolerances = tolerance(&fields, &flags)?;
    let mut behavior = fields.get("behavior").map(|value| scaling_rules_pair(Some(value), "behavior")).transpose()?;
    apply_tolerances(&mut flags, &mut behavior, tolerances.scale_up, tolerances.scale_down)?;

    let pods = pods(&fields)?;
    let foreign = integers(&fields, "foreign_metrics_milli")?;
    let mut cases = Vec::new();
    for (path, value) in fields.list("metrics")? {
        let metric = Fields::new(value, path, &["type", "resource", "target", "values_milli", "unavailable"])?;
        let source = match metric.required_text("type")? {
            known @ ("Resource" | "ContainerResource" | "Pods" | "Object" | "External") => {
                metric_source(known, &target_fields(&metric)?, metric.text("resource")?)?
            }
            other => MetricSpec::Unknown { source_type: other.to_owned() },
        };
        let unavailable = metric.flag("unavailable")?.unwrap_or(false);
        cases.push(MetricCase::new(source, &pods, foreign.clone(), integers(&metric, "values_milli")?, unavailable));
    }
    let metrics = match cases.is_empty() {
        true => HpaSpec::default_metrics(),
        false => cases.iter().map(|case| case.source.clone()).collect(),
    };
    if cases.is_empty() {
        let default = HpaSpec::default_metrics().swap_remove(0);
        cases.push(MetricCase::new(default, &pods, foreign, Vec::new(), false));
    }
    let spec = HpaSpec {
        min_replicas: fields.count("min_replicas")?.unwrap_or(1),
        max_replicas: fields.required_count("max_replicas")?,
        metrics,
        behavior,
    };
    let spec_replicas = fields.required_count("spec_replicas")?;
    let mut memory = Memory { recommendations: recommendations(&fields)?.map(Recommendations), ..Memory::default() };

    let states: Vec<_> = pods.iter().map(|pod| pod.state).collect();
    let readings: Vec<Reading<'_>> = cases.iter().map(MetricCase::reading).collect();
    let snapshot = Snapshot {
        now: NOW,
        spec_replicas,
        status_replicas: fields.count("status_replicas")?.unwrap_or(spec_replicas),
        selector: SelectorState::Valid,
        pods: &states,
        counts: &[],
        readings: &readings,
    };
    let decision = sync(&snapshot, &spec, &flags, &mut memory);

    let mut answer = Map::new();
    answer.insert("replicas".into(), decision.desired_replicas.into());
    if let Outcome::Computed { limited, stabilization, .. } = decision.outcome {
        answer.insert("limited_reason".into(), limited.reason.as_str().into());
        if let Some(reason) = stabilization.map(Stabilized::reason) {
            answer.insert("stabilized_reason".into(), reason.into());
        }
    }
    let utilization = decision.metrics.iter().find_map(|status| match status.result {
        Ok(proposal) => match proposal.current {
            Current::Utilization { percent, .. } => Some(percent),
            _ => None,
        },
        Err(_) => None,
    });
    if let Some(percent) = utilization {
        answer.insert("utilization_percent".into(), percent.into());
    }
    // A failure that did not keep the count is no error of the pass.
    let first_error = decision.metrics.iter().find_map(|status| status.result.err());
    if let (Outcome::MetricsFailed { .. }, Some(error)) = (decision.outcome, first_error) {
        answer.insert("error".into(), error.code().into());
    }
    let inactive = memory.conditions.get(&ConditionType::ScalingActive);
    if let Some(condition) = inactive.filter(|condition| condition.status == ConditionStatus::False) {
        answer.insert("inactive_reason".into(), condition.reason.as_ref().into());
    }
    Ok(Value::Object(answer))
}

/// The case gives the effective pair: one number serves as the flag, two need a behavior to stand in.
fn apply_tolerances(flags: &mut HpaFlags, behavior: &mut Option<Behavior>, up: f64, down: f64) -> Result<(), Refusal> {
    flags.tolerance = up;
    match behavior {
        Some(behavior) => {
            behavior.scale_up.tolerance = Some(up);
            behavior.scale_down.tolerance = Some(down);
            Ok(())
        }
        None if up == down => Ok(()),
        None => Err(Refusal::new("tolerance", "scale_up and scale_down can only differ where behavior is set")),
    }
}
