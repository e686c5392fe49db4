//! What one sync looks at: the scale target, its pods, and one reading per metric of the spec.
//!
//! Plain slices of integers, borrowed from whoever keeps them: the simulation fills them from its arenas on every sync.
//! All readings index pods by their place in [`Snapshot::pods`].

use super::metric_error::MetricError;
use super::requests::RequestError;
use crate::cluster::PodPhase;
use crate::units::{SimDuration, SimTime};

/// One sync's view of the world.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    pub now: SimTime,
    /// `scale.spec.replicas`: the count that the sync starts from.
    pub spec_replicas: i32,
    /// `scale.status.replicas`: what average-value targets of object and external metrics divide by.
    pub status_replicas: i32,
    pub selector: SelectorState,
    /// The pods that the scale target's selector matches, in any order that repeats.
    pub pods: &'a [PodState],
    /// How many pods each of them stands for, which are alike in all that is asked; one, beyond its end.
    pub counts: &'a [usize],
    /// One per metric of the spec, in its order.
    pub readings: &'a [Reading<'a>],
}

/// Whether the scale target's selector can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorState {
    Valid,
    /// The scale subresource has none.
    Missing,
    Malformed,
    /// Pods of this selector are also selected by another HPA.
    Ambiguous,
}

/// What the controller looks at in a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodState {
    /// `None` where it is no phase that Kubernetes has.
    pub phase: Option<PodPhase>,
    /// A deletion timestamp is set.
    pub deleting: bool,
    /// The condition `Ready`, where the pod has one.
    pub ready: Option<ReadyCondition>,
    /// `status.startTime`.
    pub start: Option<SimTime>,
}

/// The Ready condition of a pod, with the time of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyCondition {
    pub status: ReadyStatus,
    /// [`SimTime::MIN`] where it is not known.
    pub last_transition: SimTime,
}

/// Status of the Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyStatus {
    True,
    False,
    Unknown,
}

impl PodState {
    pub(super) fn is_running_and_ready(&self) -> bool {
        self.phase == Some(PodPhase::Running) && self.ready.is_some_and(|ready| ready.status == ReadyStatus::True)
    }
}

/// A pod's sample of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Thousandths of the unit.
    pub value: i64,
    /// The end of the window that the sample covers.
    pub timestamp: SimTime,
    pub window: SimDuration,
}

/// What the metrics API answered for one metric of the spec.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// Samples per pod (Resource, ContainerResource and Pods metrics).
    PerPod {
        /// One per pod of the snapshot; `None`: the pod has no sample.
        samples: &'a [Option<Sample>],
        /// Values of samples whose pod is not in the snapshot.
        foreign: &'a [i64],
        /// Only looked at for utilization targets.
        requests: Requests<'a>,
    },
    /// Values of the series of an External metric, or the one of an Object metric, in thousandths.
    Values(&'a [i64]),
    /// The metrics API failed or had nothing.
    Failed(MetricError),
}

/// What the pods request of the metric's resource, in thousandths.
#[derive(Clone, Copy, Debug)]
pub enum Requests<'a> {
    /// Every pod the same.
    Each(i64),
    /// One per pod of the snapshot.
    PerPod(&'a [i64]),
    /// Some pod's request can't be told.
    Failed(RequestError),
}

impl Requests<'_> {
    /// The request of pod `index`; zero where [`Requests::Failed`].
    pub(super) fn of(&self, index: usize) -> i64 {
        match self {
            Requests::Each(request) => *request,
            Requests::PerPod(requests) => requests.get(index).copied().unwrap_or(0),
            Requests::Failed(_) => 0,
        }
    }
}
