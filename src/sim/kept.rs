//! Why nodes stay: what the node autoscalers' last look said of each, as a reason for its idle money.

use super::explanation::IdleReason;
use super::state::idle::{Account, of_group};
use super::world::World;
use crate::autoscaler::cluster_autoscaler::{
    BlockingReason, Decision, NodeGroup, Options, State, Unremovable, UnremovableReason,
};
use crate::autoscaler::karpenter::disruption::Keeps;
use crate::cluster::{ClusterView, NodeId, PodId};

impl World<'_> {
    /// A full loop of the Cluster Autoscaler ended with `decision`, which was carried out.
    pub(super) fn hear_why_kept(
        &mut self,
        options: &Options,
        state: &State,
        groups: &[NodeGroup],
        decision: &Decision,
    ) {
        let mut said: Vec<Option<Said>> = vec![None; self.cluster.node_slots()];
        let unneeded = if decision.in_cooldown { IdleReason::Cooldown } else { IdleReason::DeletionLimit };
        for node in &decision.unneeded {
            said[node.index()] = Some(Said::Group(unneeded));
        }
        for unremovable in &decision.unremovable {
            if let Some(why) = why_unremovable(unremovable) {
                said[unremovable.node.index()] = Some(why);
            }
        }
        let recheck = UnremovableReason::RecentlyUnremovable;
        for unremovable in decision.unremovable.iter().filter(|unremovable| unremovable.reason == recheck) {
            said[unremovable.node.index()] = Some(Said::AsBefore);
        }
        let mut in_deletion = vec![0; self.groups.len()];
        for deletion in state.deletions.values() {
            in_deletion[deletion.group.index()] += 1;
        }
        // Nodes that the loop passed over.
        let mut passed_over = vec![None; self.groups.len()];
        for group in groups {
            let index = group.id.index();
            let is_at_minimum = i64::from(self.groups[index].target) - in_deletion[index] <= group.min_size;
            passed_over[index] = Some(if !options.scale_down_enabled {
                IdleReason::ScaleDownDisabled
            } else if decision.halted.is_some() {
                IdleReason::AutoscalerHalted
            } else if is_at_minimum {
                IdleReason::MinSize
            } else if options.scale_down_delay_type_local {
                IdleReason::Cooldown
            } else {
                IdleReason::NotLookedAt
            });
        }
        let nodes: Vec<NodeId> = self.cluster.node_views().map(|view| view.id).collect();
        for node in nodes {
            let Some(group) = self.group_to_judge(node) else { continue };
            let Some(passed_over) = passed_over[group as usize] else { continue };
            let instance = self.instance_of[node.index()];
            match said[node.index()] {
                Some(Said::AsBefore) => {}
                Some(Said::Group(reason)) => self.set_idle_in_group(instance, reason),
                Some(Said::Pod(pod, reason)) => {
                    let account = Account::Workload(self.pods[pod.index()].workload);
                    self.set_idle(instance, reason, account);
                }
                None => self.set_idle_in_group(instance, passed_over),
            }
        }
    }

    /// A pass of Karpenter's disruption loop ended, and what it decided was begun: claims by name, and why each stays.
    pub(super) fn hear_what_keeps(&mut self, kept: Vec<(u32, Keeps)>) {
        for (instance, keeps) in kept {
            let record = &self.instances[instance as usize];
            let Some(node) = record.node.filter(|node| self.group_to_judge(*node).is_some()) else { continue };
            let (reason, pod) = match keeps {
                Keeps::Starting => (IdleReason::Booting, None),
                Keeps::Leaving => (IdleReason::Removing, None),
                Keeps::Nominated => (IdleReason::Nominated, None),
                Keeps::NodeAnnotated => (IdleReason::NodeAnnotation, None),
                Keeps::PodAnnotated(pod) => (IdleReason::PodAnnotation, Some(pod)),
                Keeps::PodDisruptionBudget(pod) => (IdleReason::DisruptionBudget, Some(pod)),
                Keeps::ConsolidationOff => (IdleReason::ScaleDownDisabled, None),
                Keeps::ConsolidateAfter => (IdleReason::UnneededTime, None),
                Keeps::NodeBudget => (IdleReason::NodeBudget, None),
                Keeps::NoCheaperPlacement => (IdleReason::NoCheaperPlacement, None),
                Keeps::NoPool => (IdleReason::Unknown, None),
            };
            let account = match pod {
                Some(pod) => Account::Workload(self.pods[pod.index()].workload),
                None => of_group(self.instance_of_node(node).group),
            };
            self.set_idle(instance, reason, account);
        }
    }

    /// The group of a node that works and is not on its way out.
    fn group_to_judge(&self, node: NodeId) -> Option<u32> {
        let instance = self.instance_of_node(node);
        let is_ready = self.cluster.node(node).is_some_and(|node| node.ready);
        instance.group.filter(|_| is_ready && instance.drain.is_none() && instance.stopped.is_none())
    }
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Group(IdleReason),
    Pod(PodId, IdleReason),
    /// It is not looked at again for a while after it could not be removed.
    AsBefore,
}

fn why_unremovable(unremovable: &Unremovable) -> Option<Said> {
    use UnremovableReason as Why;
    Some(Said::Group(match (unremovable.reason, &unremovable.blocking_pod) {
        (Why::BlockedByPod, Some((pod, blocking))) => return Some(Said::Pod(*pod, why_blocked(*blocking))),
        (Why::BlockedByPod | Why::UnexpectedError | Why::NotUnneededOtherReason, _) => IdleReason::Unknown,
        (Why::RecentlyUnremovable, _) => return None,
        (Why::ScaleDownDisabledAnnotation, _) => IdleReason::NodeAnnotation,
        (Why::ScaleDownUnreadyDisabled, _) => IdleReason::Down,
        (Why::NotAutoscaled, _) => IdleReason::NotAutoscaled,
        (Why::NotUnneededLongEnough | Why::NotUnreadyLongEnough, _) => IdleReason::UnneededTime,
        (Why::NodeGroupMinSizeReached, _) => IdleReason::MinSize,
        (Why::AtomicScaleDownFailed, _) => IdleReason::AtomicGroup,
        (Why::MinimalResourceLimitExceeded, _) => IdleReason::MinResources,
        (Why::CurrentlyBeingDeleted, _) => IdleReason::Removing,
        (Why::NotUnderutilized, _) => IdleReason::AboveThreshold,
        (Why::NoPlaceToMovePods, _) => IdleReason::NoPlaceForPods,
        (Why::BlockedByOnCompletionPod, _) => IdleReason::OnCompletion,
    }))
}

fn why_blocked(blocking: BlockingReason) -> IdleReason {
    match blocking {
        BlockingReason::ControllerNotFound | BlockingReason::NotReplicated => IdleReason::NotReplicated,
        BlockingReason::MinReplicasReached => IdleReason::MinReplicas,
        BlockingReason::LocalStorageRequested => IdleReason::LocalStorage,
        BlockingReason::NotSafeToEvictAnnotation => IdleReason::PodAnnotation,
        BlockingReason::UnmovableKubeSystemPod => IdleReason::SystemPod,
        BlockingReason::NotEnoughPdb => IdleReason::DisruptionBudget,
    }
}
