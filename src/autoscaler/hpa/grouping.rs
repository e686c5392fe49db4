//! Which pods count: `groupPods` of `replica_calculator.go`.

use super::flags::HpaFlags;
use super::snapshot::{PodState, ReadyStatus, Sample};
use crate::cluster::PodPhase;
use crate::units::SimTime;

/// What a pod is to one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Its sample counts.
    Ready,
    /// Its sample does not count; on a scale-up it is taken as zero.
    Unready,
    /// It has no sample; what is assumed depends on the direction.
    Missing,
    /// Deleting or ended: neither it nor its sample counts.
    Ignored,
}

/// Whether readiness matters: upstream looks at it for CPU only, whose samples are high while a pod starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Considered,
    NotConsidered,
}

impl Readiness {
    pub fn for_resource(resource: &str) -> Readiness {
        if resource == "cpu" { Readiness::Considered } else { Readiness::NotConsidered }
    }
}

/// How many pods are in each group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    pub ready: usize,
    pub unready: usize,
    pub missing: usize,
    pub ignored: usize,
    /// Samples whose pod is not in the snapshot; they count like those of ready pods.
    pub foreign: usize,
}

impl Groups {
    pub(super) fn add(&mut self, group: Group, pods: usize) {
        match group {
            Group::Ready => self.ready += pods,
            Group::Unready => self.unready += pods,
            Group::Missing => self.missing += pods,
            Group::Ignored => self.ignored += pods,
        }
    }

    pub fn pods(&self) -> usize {
        self.ready + self.unready + self.missing + self.ignored
    }
}

/// The group of one pod; the first rule that fits decides.
pub fn group_of(
    pod: &PodState,
    sample: Option<&Sample>,
    readiness: Readiness,
    flags: &HpaFlags,
    now: SimTime,
) -> Group {
    let has_ended = match pod.phase {
        Some(PodPhase::Failed) => true,
        Some(PodPhase::Succeeded) => flags.versioned.succeeded_ignored,
        _ => false,
    };
    if pod.deleting || has_ended {
        return Group::Ignored;
    }
    if pod.phase == Some(PodPhase::Pending) {
        return Group::Unready;
    }
    let Some(sample) = sample else { return Group::Missing };
    if readiness == Readiness::NotConsidered {
        return Group::Ready;
    }
    let (Some(ready), Some(start)) = (pod.ready, pod.start) else { return Group::Unready };
    let is_false = ready.status == ReadyStatus::False;
    let unready = if start + flags.cpu_initialization_period > now {
        // A sample that began before the pod changed its readiness says nothing about it.
        is_false || sample.timestamp < ready.last_transition + sample.window
    } else {
        // Unready since just after the start: it never was ready. One that turned unready later still counts.
        is_false && start + flags.initial_readiness_delay > ready.last_transition
    };
    if unready { Group::Unready } else { Group::Ready }
}
