//! A decision in words: "4 of 6 pods counted; 2 unready taken as 0 %; raw 7; limited to 6 by policy Percent 100/60 s".

use std::fmt::Write;

use super::behavior::{LimitReason, Limited};
use super::grouping::Groups;
use super::metric_error::MetricError;
use super::metrics::MetricStatus;
use super::proposal::Current;
use super::requests::RequestError;
use super::snapshot::SelectorState;
use super::spec::{HpaSpec, MetricSpec, PolicyType, ResourceTarget, ScalingPolicy, ValueTarget};
use super::stabilization::Stabilized;
use super::sync::{Decision, Outcome};
use crate::units::Quantity;

impl Decision {
    /// One sentence a metric, then how the count came about. `pod_name` names the pod at an index of the snapshot.
    pub fn reasons(&self, spec: &HpaSpec, pod_name: &dyn Fn(usize) -> String) -> Vec<String> {
        let mut reasons: Vec<String> =
            spec.metrics.iter().zip(&self.metrics).map(|(source, status)| metric(source, status, pod_name)).collect();
        reasons.push(self.summary(spec));
        reasons
    }

    /// The last of the reasons, by itself: why the count changes or stays. Short enough for a table.
    pub fn summary(&self, spec: &HpaSpec) -> String {
        let (from, to) = (self.current_replicas, self.desired_replicas);
        match self.outcome {
            Outcome::ScalingDisabled if spec.min_replicas == 0 => {
                "scaling is disabled: the target has 0 replicas, and this HPA did not put it there (condition ScaledToZero)"
                    .into()
            }
            Outcome::ScalingDisabled => {
                "scaling is disabled: the target has 0 replicas and minReplicas is not 0".into()
            }
            Outcome::AboveMaximum => format!("{from} replicas are above maxReplicas {to}; metrics were not looked at"),
            Outcome::BelowMinimum => format!("{from} replicas are below minReplicas {to}; metrics were not looked at"),
            Outcome::NoSelector(state) => {
                let problem = match state {
                    SelectorState::Missing => "the scale target has no selector",
                    SelectorState::Malformed => "the scale target's selector is malformed",
                    SelectorState::Ambiguous => "another HPA selects the same pods",
                    SelectorState::Valid => "the scale target's selector is valid",
                };
                format!("{problem}; stays at {from}")
            }
            Outcome::MetricsFailed { failed } => {
                let total = spec.metrics.len();
                if failed >= total {
                    format!("no metric could be computed ({failed} of {total} failed); stays at {from}")
                } else {
                    format!("{failed} of {total} metrics failed and the others ask for fewer replicas; stays at {from}")
                }
            }
            Outcome::Computed { raw, metric, failed, stabilized, stabilization, limited } => {
                let mut text = format!("raw {raw}");
                if spec.metrics.len() > 1 {
                    let source = &spec.metrics[metric];
                    let _ = write!(text, " from {} {}", source.source_type(), source.name());
                }
                if failed > 0 {
                    let _ = write!(text, " ({failed} of {} metrics failed)", spec.metrics.len());
                }
                if let Some(side) = stabilization {
                    let word = if stabilized > raw { "raised" } else { "held" };
                    let recent = match side {
                        Stabilized::Up => "scale-up",
                        Stabilized::Down => "scale-down",
                    };
                    let _ = write!(text, "; {word} at {stabilized} by recommendations in the {recent} window");
                }
                if limited.replicas != stabilized {
                    let _ = write!(text, "; {}", limit(&limited, spec));
                }
                if from == to {
                    let _ = write!(text, "; stays at {from}");
                } else {
                    let _ = write!(text, "; scales {from} to {to}");
                }
                text
            }
        }
    }
}

fn limit(limited: &Limited, spec: &HpaSpec) -> String {
    let replicas = limited.replicas;
    match (limited.reason, limited.policy) {
        (_, Some(policy)) => format!("limited to {replicas} by policy {}", show_policy(&policy)),
        (LimitReason::TooManyReplicas, None) => format!("limited to {replicas} by maxReplicas"),
        (LimitReason::TooFewReplicas, None) => format!("kept at {replicas} by minReplicas"),
        (LimitReason::ScaleUpLimit, None) if spec.behavior.is_none() => {
            format!("limited to {replicas}, the larger of 4 and twice the present count")
        }
        (LimitReason::ScaleUpLimit, None) => format!("limited to {replicas}: scaling up is disabled"),
        (LimitReason::ScaleDownLimit, None) => format!("limited to {replicas}: scaling down is disabled"),
        (LimitReason::DesiredWithinRange, None) => format!("within range at {replicas}"),
    }
}

fn show_policy(policy: &ScalingPolicy) -> String {
    let kind = match policy.policy {
        PolicyType::Pods => "Pods",
        PolicyType::Percent => "Percent",
    };
    format!("{kind} {}/{} s", policy.value, policy.period_seconds)
}

fn metric(source: &MetricSpec, status: &MetricStatus, pod_name: &dyn Fn(usize) -> String) -> String {
    let mut text = source.source_type().to_owned();
    let name = source.name();
    if !name.is_empty() {
        let _ = write!(text, " {name}");
    }
    if let MetricSpec::ContainerResource { container, .. } = source {
        let _ = write!(text, " of container {container}");
    }
    let proposal = match status.result {
        Ok(proposal) => proposal,
        Err(error) => return format!("{text}: failed: {}", error.describe(pod_name)),
    };
    let _ = match proposal.current {
        Current::Utilization { percent, .. } => write!(text, ": {percent} % of the requests"),
        Current::AverageValue(value) => write!(text, ": {} on average", Quantity::from_milli(value)),
        Current::Value(value) => write!(text, ": {}", Quantity::from_milli(value)),
    };
    let _ = match target(source) {
        Some(target) => write!(text, " against {target}"),
        None => Ok(()),
    };
    pods(&mut text, &proposal.groups, source, proposal.ratio);
    let _ = write!(text, "; proposes {}", proposal.replicas);
    text
}

fn target(source: &MetricSpec) -> Option<String> {
    Some(match source {
        MetricSpec::Resource { target, .. } | MetricSpec::ContainerResource { target, .. } => match target {
            ResourceTarget::Utilization(percent) => format!("{percent} %"),
            ResourceTarget::AverageValue(value) => Quantity::from_milli(*value).to_string(),
        },
        MetricSpec::Pods { average_value, .. } => Quantity::from_milli(*average_value).to_string(),
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => match target {
            ValueTarget::Value(value) | ValueTarget::AverageValue(value) => Quantity::from_milli(*value).to_string(),
            ValueTarget::Mismatched => return None,
        },
        MetricSpec::Unknown { .. } => return None,
    })
}

fn pods(text: &mut String, groups: &Groups, source: &MetricSpec, ratio: f64) {
    if groups.pods() == 0 {
        return;
    }
    if matches!(source, MetricSpec::Object { .. } | MetricSpec::External { .. }) {
        let _ = write!(text, "; {} of {} pods ready", groups.ready, groups.pods());
        return;
    }
    let percent_of_requests = matches!(
        source,
        MetricSpec::Resource { target: ResourceTarget::Utilization(_), .. }
            | MetricSpec::ContainerResource { target: ResourceTarget::Utilization(_), .. }
    );
    let nothing = if percent_of_requests { "0 %" } else { "0" };
    let _ = write!(text, "; {} of {} pods counted", groups.ready, groups.pods());
    if groups.unready > 0 {
        let _ = match ratio > 1.0 {
            true => write!(text, "; {} unready taken as {nothing}", groups.unready),
            false => write!(text, "; {} unready left out", groups.unready),
        };
    }
    if groups.missing > 0 {
        let assumed = if ratio > 1.0 {
            format!("taken as {nothing}")
        } else if ratio < 1.0 {
            let full = match target_percent(source) {
                Some(percent) => format!("{} %", percent.max(100)),
                None => "the target".into(),
            };
            format!("taken as {full}")
        } else {
            "left out".into()
        };
        let _ = write!(text, "; {} without a sample {assumed}", groups.missing);
    }
    if groups.ignored > 0 {
        let _ = write!(text, "; {} deleting or ended ignored", groups.ignored);
    }
    if groups.foreign > 0 {
        let _ = write!(text, "; {} samples of unknown pods", groups.foreign);
    }
}

fn target_percent(source: &MetricSpec) -> Option<i32> {
    match source {
        MetricSpec::Resource { target: ResourceTarget::Utilization(percent), .. }
        | MetricSpec::ContainerResource { target: ResourceTarget::Utilization(percent), .. } => Some(*percent),
        _ => None,
    }
}

impl MetricError {
    /// The failure, with the pod's name where it has to do with one.
    pub fn describe(&self, pod_name: &dyn Fn(usize) -> String) -> String {
        match self {
            MetricError::Request(RequestError::Missing { pod }) => {
                format!("a container of pod {} has no request", pod_name(*pod as usize))
            }
            MetricError::Request(RequestError::ContainerNotFound { pod }) => {
                format!("pod {} has no such container", pod_name(*pod as usize))
            }
            other => other.to_string(),
        }
    }
}
