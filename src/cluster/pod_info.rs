//! A pod as the API server knows it, beside its spec.

use std::sync::Arc;

use super::{NodeId, PodSpecId};
use crate::units::SimTime;

/// A pod's phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodPhase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl PodPhase {
    /// As `status.phase` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            PodPhase::Pending => "Pending",
            PodPhase::Running => "Running",
            PodPhase::Succeeded => "Succeeded",
            PodPhase::Failed => "Failed",
        }
    }
}

/// What schedulers and autoscalers know of one pod beside its spec.
#[derive(Clone, Debug)]
pub struct PodInfo {
    pub name: Arc<str>,
    pub spec: PodSpecId,
    pub phase: PodPhase,
    /// Where it is bound.
    pub node: Option<NodeId>,
    /// Where preemption reserved room for it.
    pub nominated_node: Option<NodeId>,
    pub created: SimTime,
    /// `status.startTime`: when the kubelet took it up.
    pub started: Option<SimTime>,
    /// `metadata.deletionTimestamp`: when its grace period ends.
    pub deletion: Option<SimTime>,
    /// Gone from the API server; `phase` stays what it was.
    pub deleted: bool,
    pub ready: bool,
    /// Since when the scheduler has called it unschedulable (condition `PodScheduled=False`, `Unschedulable`).
    pub unschedulable_since: Option<SimTime>,
    /// The scheduler's preemption sends it away (condition `DisruptionTarget`, `PreemptionByScheduler`).
    pub preempted: bool,
}

impl PodInfo {
    pub fn new(name: Arc<str>, spec: PodSpecId, created: SimTime) -> PodInfo {
        PodInfo {
            name,
            spec,
            phase: PodPhase::Pending,
            node: None,
            nominated_node: None,
            created,
            started: None,
            deletion: None,
            deleted: false,
            ready: false,
            unschedulable_since: None,
            preempted: false,
        }
    }

    /// It ended or is gone: it will never run again.
    pub fn is_terminal(&self) -> bool {
        self.deleted || matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }
}
