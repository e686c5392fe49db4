//! A whole sync: the envelope of `DECIDE.md`, one call of [`sync`], and the decision as JSON.

use std::borrow::Cow;

use k8s_openapi::api::autoscaling::v2 as api;
use serde_json::{Map, Value, json};

use super::super::Refusal;
use super::super::fields::object;
use super::super::release::{envelope, not_modelled};
use super::moment::Moment;
use super::{flags, history};
use crate::autoscaler::hpa::{
    Condition, ConditionStatus, ConditionType, Conditions, Current, Decision, HpaFlags, HpaSpec, Memory, Observer,
    VersionedBehaviour,
};
use crate::scenario::manifest::{autoscaler_spec, instant};
use crate::units::{Quantity, SimTime};

const FIELDS: [&str; 9] =
    ["now", "hpa", "scale", "pods", "podMetrics", "customMetrics", "externalMetrics", "history", "flags"];

/// An input, read: one sync to be made.
pub(super) struct Question {
    pub now: SimTime,
    pub spec: HpaSpec,
    pub flags: HpaFlags,
    /// What the controller remembers.
    pub memory: Memory,
    pub moment: Moment,
    /// What of the envelope nothing follows.
    pub notes: Vec<String>,
}

impl Question {
    pub(super) fn read(input: &Value) -> Result<Question, Refusal> {
        let (fields, release) = envelope(input, &FIELDS)?;
        let now = history::time(&fields, "now")?;
        let hpa: api::HorizontalPodAutoscaler = object(fields.required("hpa")?, "hpa")?;
        let Some(raw_spec) = &hpa.spec else { return Err(Refusal::new("hpa.spec", "missing")) };
        let spec = autoscaler_spec(raw_spec).map_err(|error| error.within("hpa"))?;
        let mut flags = fields.get("flags").map_or(Ok(HpaFlags::default()), |value| flags::read(value, "flags"))?;
        flags.versioned = VersionedBehaviour::of(&release);
        let mut memory = Memory { conditions: conditions(&hpa), ..Memory::default() };
        memory.last_scale_time = hpa.status.as_ref().and_then(|status| status.last_scale_time.as_ref()).map(instant);
        if let Some(value) = fields.get("history") {
            history::read(value, "history", &mut memory)?;
        }
        let moment = Moment::read(&fields, hpa.metadata.namespace.as_deref())?;
        Ok(Question { now, spec, flags, memory, moment, notes: not_modelled(&release) })
    }
}

pub(super) fn decide(input: &Value) -> Result<Value, Refusal> {
    let Question { now, spec, flags, mut memory, moment, notes } = Question::read(input)?;
    let decision = Observer::default().sync(now, &moment.scale, &moment, &spec, &flags, &mut memory);
    Ok(answer(&decision, &spec, &memory, notes, &|index| moment.pod_name(index)))
}

fn conditions(hpa: &api::HorizontalPodAutoscaler) -> Conditions {
    let raw = hpa.status.iter().flat_map(|status| status.conditions.iter().flatten());
    Conditions(
        raw.map(|condition| Condition {
            kind: match condition.type_.as_str() {
                "AbleToScale" => ConditionType::AbleToScale,
                "ScalingActive" => ConditionType::ScalingActive,
                "ScalingLimited" => ConditionType::ScalingLimited,
                "ScaledToZero" => ConditionType::ScaledToZero,
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

fn answer(
    decision: &Decision,
    spec: &HpaSpec,
    memory: &Memory,
    notes: Vec<String>,
    pod_name: &dyn Fn(usize) -> String,
) -> Value {
    let mut reasons = decision.reasons(spec, pod_name);
    reasons.extend(notes);
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
                    metric.insert("error".into(), error.describe(pod_name).into());
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
