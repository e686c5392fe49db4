//! Live pods: `v1.Pod` as `kubectl get pods -o json` prints it.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::{ManifestError, PriorityClasses, instant, pod_spec, unknown_value};
use crate::cluster::{NodeId, PodInfo, PodPhase, PodSpec, PodSpecId, ResourceNames};
use crate::units::SimTime;

/// A pod of a live cluster; instants count from the Unix epoch.
#[derive(Clone, Debug)]
pub struct LivePod {
    pub name: Arc<str>,
    /// Without a node name: `spec.nodeName` of a live pod is where it was bound, and stands in [`LivePod::node_name`].
    pub spec: PodSpec,
    pub node_name: Option<String>,
    pub nominated_node_name: Option<String>,
    pub phase: PodPhase,
    pub ready: bool,
    /// The epoch where the object does not say.
    pub created: SimTime,
    pub started: Option<SimTime>,
    pub deletion: Option<SimTime>,
    /// Transition of the condition `PodScheduled=False` with reason `Unschedulable` (its creation where untold).
    pub unschedulable_since: Option<SimTime>,
    /// The condition `DisruptionTarget` names the scheduler's preemption.
    pub preempted: bool,
}

impl LivePod {
    /// The pod's entry in a cluster, once its spec is interned and its nodes are known.
    pub fn info(&self, spec: PodSpecId, node: Option<NodeId>, nominated: Option<NodeId>) -> PodInfo {
        PodInfo {
            name: Arc::clone(&self.name),
            spec,
            phase: self.phase,
            node,
            nominated_node: nominated,
            created: self.created,
            started: self.started,
            deletion: self.deletion,
            deleted: false,
            ready: self.ready,
            unschedulable_since: self.unschedulable_since,
            preempted: self.preempted,
        }
    }
}

/// A pod as a cluster prints it: its spec, and the node that it runs on.
///
/// # Errors
/// The first field that means nothing.
pub fn live_pod(
    pod: &core::Pod,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
) -> Result<LivePod, ManifestError> {
    let Some(name) = &pod.metadata.name else {
        return Err(ManifestError::new("metadata.name", "a name is required"));
    };
    let Some(raw_spec) = &pod.spec else { return Err(ManifestError::new("spec", "a pod needs a spec")) };
    let mut spec = pod_spec(&pod.metadata, raw_spec, priorities, names)?;
    let node_name = spec.node_name.take();
    let status = pod.status.as_ref();
    let phase = match status.and_then(|status| status.phase.as_deref()) {
        // A bound pod without a phase is one that somebody wrote by hand; one of a lost node still holds its room.
        None | Some("" | "Unknown") if node_name.is_some() => PodPhase::Running,
        None | Some("" | "Pending" | "Unknown") => PodPhase::Pending,
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        Some(other) => {
            let known = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];
            return Err(unknown_value("status.phase", other, &known));
        }
    };
    let condition = |kind: &str| {
        status.and_then(|status| status.conditions.iter().flatten().find(|condition| condition.type_ == kind))
    };
    let created = pod.metadata.creation_timestamp.as_ref().map_or(SimTime::ZERO, instant);
    let unschedulable = condition("PodScheduled")
        .filter(|scheduled| scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable"));
    Ok(LivePod {
        name: name.as_str().into(),
        spec,
        node_name,
        nominated_node_name: status.and_then(|s| s.nominated_node_name.clone()).filter(|name| !name.is_empty()),
        phase,
        ready: condition("Ready").is_some_and(|ready| ready.status == "True"),
        created,
        started: status.and_then(|status| status.start_time.as_ref()).map(instant),
        deletion: pod.metadata.deletion_timestamp.as_ref().map(instant),
        preempted: condition("DisruptionTarget")
            .is_some_and(|c| c.status == "True" && c.reason.as_deref() == Some("PreemptionByScheduler")),
        unschedulable_since: unschedulable.map(|c| c.last_transition_time.as_ref().map_or(created, instant)),
    })
}
