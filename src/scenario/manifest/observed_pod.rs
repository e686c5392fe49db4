//! Pods as a controller sees them that only looks on: forgiving of what is none of its business.

use k8s_openapi::api::core::v1 as core;

use super::pod::watched_pod_spec;
use super::{ManifestError, instant};
use crate::autoscaler::hpa::{PodState, ReadyCondition, ReadyStatus};
use crate::cluster::{PodPhase, PodSpec, ResourceNames};
use crate::units::SimTime;

/// What an HPA looks at in a pod. A pod without a spec requests nothing; its priority class need not be known.
pub fn observed_pod(mut pod: core::Pod, names: &mut ResourceNames) -> Result<(PodSpec, PodState), ManifestError> {
    let state = pod_state(&pod);
    let spec = match &mut pod.spec {
        Some(spec) if !spec.containers.is_empty() => {
            spec.priority_class_name = None;
            watched_pod_spec(&pod.metadata, spec, names)?
        }
        _ => PodSpec {
            namespace: pod.metadata.namespace.clone().unwrap_or_else(|| "default".into()),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            ..PodSpec::default()
        },
    };
    Ok((spec, state))
}

fn pod_state(pod: &core::Pod) -> PodState {
    let status = pod.status.as_ref();
    let ready = status
        .and_then(|status| status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready"))
        .map(|condition| ReadyCondition {
            status: match condition.status.as_str() {
                "True" => ReadyStatus::True,
                "False" => ReadyStatus::False,
                _ => ReadyStatus::Unknown,
            },
            last_transition: condition.last_transition_time.as_ref().map_or(SimTime::MIN, instant),
        });
    let phase = match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") => Some(PodPhase::Running),
        Some("Pending") => Some(PodPhase::Pending),
        Some("Failed") => Some(PodPhase::Failed),
        Some("Succeeded") => Some(PodPhase::Succeeded),
        _ => None,
    };
    PodState {
        phase,
        deleting: pod.metadata.deletion_timestamp.is_some(),
        ready,
        start: status.and_then(|status| status.start_time.as_ref()).map(instant),
    }
}
