//! Pods that the scheduler has no part in: those that name their node (`spec.nodeName`), which only its kubelet judges.
//!
//! A pod whose name no node has is bound all the same, and the garbage collector deletes it when it has been sure of
//! that for a while (`pkg/controller/podgc/gc_controller.go`, 1.33).

use super::entities::End;
use super::event::Event;
use super::records::Controller;
use super::world::World;
use crate::cluster::{ClusterView, NodeId, PodId, Shortfall};
use crate::scheduler::Cycle;
use crate::scheduler::filter::{self, Reason};
use crate::units::{SimDuration, SimTime};

/// From a kubelet's refusal until the pod's owner acts on it (a guess: a status update and a work queue).
const REJECTION_IS_SEEN: SimDuration = SimDuration::from_secs(1);

/// `gcCheckPeriod` and `quarantineTime`: a pod's node must be missing at a check and at one that comes later than this.
const GC_PERIOD: SimDuration = SimDuration::from_secs(20);
const GC_QUARANTINE: SimDuration = SimDuration::from_secs(40);

const ORPHANED: &str = "DeletedByPodGC";
/// Reasons of kubelets that refuse a pod (`pkg/kubelet/lifecycle/predicate.go`).
const REJECTIONS: [&str; 8] = [
    "OutOfcpu",
    "OutOfmemory",
    "OutOfephemeral-storage",
    "OutOfpods",
    "OutOfdevices",
    "NodeAffinity",
    "NodePorts",
    "TaintToleration",
];

/// True for reasons after which a pod without an owner would only meet the same end again.
pub(super) fn ends_for_good(reason: &str) -> bool {
    reason == ORPHANED || is_refusal(reason)
}

/// True for reasons of kubelets that refuse a pod.
pub(super) fn is_refusal(reason: &str) -> bool {
    REJECTIONS.contains(&reason)
}

impl World<'_> {
    /// A new pod that names its node goes there past the scheduler.
    pub(super) fn take_named(&mut self, pod: PodId) {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let name = spec.node_name.as_deref().unwrap_or_default();
        let node = self.cluster.node_views().find(|node| *node.state.name == *name).map(|node| node.id);
        match node {
            Some(node) => self.admit(pod, node),
            None => {
                self.orphans.push(pod);
                self.events.push(collected_at(self.now), Event::OrphanedPod { pod });
            }
        }
    }

    /// A node came up: pods may have waited for one of its name.
    pub(super) fn take_awaited(&mut self, node: NodeId) {
        if self.orphans.is_empty() {
            return;
        }
        let Some(name) = self.cluster.node(node).map(|state| state.name.clone()) else { return };
        for pod in std::mem::take(&mut self.orphans) {
            let info = self.cluster.pod(pod);
            if info.is_terminal() {
                continue;
            }
            if self.cluster.specs.pod(info.spec).node_name.as_deref() == Some(&*name) {
                self.admit(pod, node);
            } else {
                self.orphans.push(pod);
            }
        }
    }

    fn admit(&mut self, pod: PodId, node: NodeId) {
        let cycle = Cycle::for_pod(self.cluster.state(), pod);
        let Some(view) = self.cluster.node_view(node) else { return };
        let Err(rejection) = filter::admits(&cycle, &view) else {
            self.book(pod, node);
            return self.kubelet_takes(pod, node);
        };
        let why = format!("{} refuses it: {}", view.state.name, rejection.reason.display(&self.cluster.specs));
        let reason = rejection_reason(&rejection.reason);
        let object = self.pod_object(pod);
        self.decide(Controller::Kubelet, object, "Pending", reason, why);
        self.pods[pod.index()].reason = reason;
        self.events.push(self.now + REJECTION_IS_SEEN, Event::PodRejected { pod });
    }

    pub(super) fn pod_rejected(&mut self, pod: PodId) {
        if self.cluster.pod(pod).is_terminal() {
            return;
        }
        self.end_pod(pod, End::Failed, "");
        self.owner_sees_end(pod);
    }

    pub(super) fn collect_orphan(&mut self, pod: PodId) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.node.is_some() {
            return;
        }
        self.orphans.retain(|other| *other != pod);
        self.end_pod(pod, End::Deleted, ORPHANED);
        self.owner_sees_end(pod);
    }
}

/// The check at which a pod is deleted whose node has been missing since `now`.
fn collected_at(now: SimTime) -> SimTime {
    let period = GC_PERIOD.nanos();
    let seen = SimTime::from_nanos((now.nanos() + period).div_euclid(period) * period);
    // The check at the very end of the quarantine comes a moment too early.
    seen + GC_QUARANTINE + GC_PERIOD
}

fn rejection_reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Insufficient(short) | Reason::NeverEnough(short) => match short.first() {
            Some(Shortfall::Cpu(_)) => "OutOfcpu",
            Some(Shortfall::Memory(_)) => "OutOfmemory",
            Some(Shortfall::EphemeralStorage(_)) => "OutOfephemeral-storage",
            _ => "OutOfdevices",
        },
        Reason::TooManyPods => "OutOfpods",
        Reason::NoGpuDevice => "OutOfdevices",
        Reason::NodePorts => "NodePorts",
        Reason::UntoleratedTaint(_) => "TaintToleration",
        _ => "NodeAffinity",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_is_collected_at_the_check_after_its_quarantine() {
        let at = |seconds| collected_at(SimTime::from_secs(seconds));
        assert_eq!([at(0), at(5), at(19), at(20)].map(|at| at.as_secs_f64()), [80.0, 80.0, 80.0, 100.0]);
    }
}
