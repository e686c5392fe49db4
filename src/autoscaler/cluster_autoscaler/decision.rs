//! What an iteration decided, and why.

use std::fmt;

use super::drain::BlockingReason;
use super::quota::{ExceededQuota, GpusMissing};
use super::utilization::Utilization;
use super::{GroupPolicy, InstanceId, NodeGroup};
use crate::cluster::{NodeGroupId, NodeId, NodeShapeId, PodId, Specs};
use crate::scheduler::filter::Rejection;
use crate::units::{SimDuration, SimTime};

/// Everything that follows from one iteration. The caller carries out, in this order: [`Decision::target_decreases`],
/// [`Decision::delete_instances`], [`Decision::scale_up`], [`Decision::delete`], soft taints, [`Decision::min_size`].
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// Set where the iteration ended before scaling was considered.
    pub halted: Option<Halt>,
    pub target_decreases: Vec<TargetDecrease>,
    pub delete_instances: Vec<InstanceDeletion>,
    pub scale_up: Vec<Resize>,
    pub scale_up_result: ScaleUpResult,
    /// What was offered to the expander, in the order of the groups.
    pub options: Vec<ExpansionOption>,
    /// Options that the expander's rules left equal, by index; one was drawn.
    pub candidates: Vec<usize>,
    pub chosen: Option<usize>,
    /// Groups that were not considered.
    pub skipped: Vec<(NodeGroupId, SkipReason)>,
    /// Pods that no group helps.
    pub unhelped: Vec<UnhelpedPods>,
    /// Pods of the chosen option, those that a limit cut off included.
    pub triggered: Vec<PodId>,
    /// Pods that only other groups could take; their turn comes.
    pub awaiting: Vec<PodId>,
    /// Pods that are not looked at yet (`new-pod-scale-up-delay`).
    pub too_young: Vec<PodId>,
    /// Nodes that are not needed, in the order in which they were examined.
    pub unneeded: Vec<NodeId>,
    pub unremovable: Vec<Unremovable>,
    pub utilization: Vec<(NodeId, Utilization)>,
    pub in_cooldown: bool,
    /// Nodes to taint, drain and delete now.
    pub delete: Vec<NodeDeletion>,
    /// Nodes that get, and that lose, the taint `DeletionCandidateOfClusterAutoscaler` (`PreferNoSchedule`).
    pub soft_taint: Vec<NodeId>,
    pub soft_untaint: Vec<NodeId>,
    /// Groups raised to their minimum size.
    pub min_size: Vec<Resize>,
}

impl Decision {
    /// Nothing to carry out.
    pub fn is_empty(&self) -> bool {
        self.target_decreases.is_empty()
            && self.delete_instances.is_empty()
            && self.scale_up.is_empty()
            && self.delete.is_empty()
            && self.soft_taint.is_empty()
            && self.soft_untaint.is_empty()
            && self.min_size.is_empty()
    }
}

/// Why a loop ended before it came to its decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// No node, or no ready one, and `scale-up-from-zero` is off.
    NoNodes,
    ClusterUnhealthy,
    /// A group's target was lowered to what is there.
    SizesFixed,
}

/// A group's target size changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    pub group: NodeGroupId,
    pub from: i64,
    pub to: i64,
}

/// A group's target size is to go down without a node being deleted (`DecreaseTargetSize`). A cloud refuses where the
/// group would have more instances than its target, placeholders included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetDecrease {
    pub group: NodeGroupId,
    pub by: i64,
    pub reason: DecreaseReason,
}

/// Why the target of a node group was lowered without deleting a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecreaseReason {
    ProvisioningTimeout,
    /// Target and reality disagreed for longer than the provisioning time.
    IncorrectSize,
}

/// An instance without a node is deleted; the target size goes down by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceDeletion {
    pub group: NodeGroupId,
    pub instance: InstanceId,
    /// The cloud said that it will not come up; otherwise it has not registered in time.
    pub creation_failed: bool,
}

/// Adds what is deleted when `failing` instances of a group have to go: all or none in a group scaled as a whole.
pub(super) fn delete_instances(
    group: &NodeGroup,
    policies: &[GroupPolicy],
    failing: Vec<InstanceId>,
    creation_failed: bool,
    deletions: &mut Vec<InstanceDeletion>,
) {
    if failing.is_empty() {
        return;
    }
    let policy = &policies[group.id.index()];
    let mut instances = failing;
    if policy.zero_or_max_node_scaling {
        if instances.len() as i64 != group.target_size && policy.allow_non_atomic_scale_up_to_max {
            return;
        }
        instances = group.unregistered.iter().map(|instance| instance.id).collect();
    }
    deletions.extend(instances.into_iter().map(|instance| InstanceDeletion {
        group: group.id,
        instance,
        creation_failed,
    }));
}

/// How the scale-up part of a loop ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleUpResult {
    #[default]
    NotTried,
    NotNeeded,
    Successful,
    NoOptionsAvailable,
    /// As many ready nodes as `max-nodes-total` allows.
    LimitedByMaxNodesTotal,
    /// The pods are so young that more may follow.
    InCooldown,
    Error(ScaleUpError),
}

/// What a scale-up fails of, altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleUpError {
    /// The nodes that are there, upcoming ones included, are as many as `max-nodes-total` allows.
    MaxNodesTotal,
    /// A group's nodes are on their way and nobody knows what they will look like.
    NoTemplateOfUpcoming(NodeGroupId),
    /// A node outside every group has a cloud's label for GPUs and none to give.
    GpusMissing(NodeShapeId),
}

impl From<GpusMissing> for ScaleUpError {
    fn from(missing: GpusMissing) -> ScaleUpError {
        ScaleUpError::GpusMissing(missing.0)
    }
}

/// A group, the nodes that it would take, and the pods that these would hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpansionOption {
    pub group: NodeGroupId,
    pub node_count: i64,
    pub pods: Vec<PodId>,
    /// Groups that the increase would be shared with.
    pub similar: Vec<NodeGroupId>,
    /// What the last expander of the chain that told options apart made of it, and that expander's name.
    pub score: Option<(&'static str, f64)>,
}

/// Why a group was not considered, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Unhealthy, or nobody knows what its nodes would look like.
    NotReady,
    Backoff,
    MaxSizeReached,
    AtomicExceedsMaxNodesTotal,
    QuotaExceeded(Vec<ExceededQuota>),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::NotReady => f.write_str("not ready for scale-up"),
            SkipReason::Backoff => f.write_str("in backoff after failed scale-up"),
            SkipReason::MaxSizeReached => f.write_str("max node group size reached"),
            SkipReason::AtomicExceedsMaxNodesTotal => f.write_str("atomic scale-up exceeds cluster node count limit"),
            SkipReason::QuotaExceeded(quotas) => {
                for (index, quota) in quotas.iter().enumerate() {
                    let comma = if index > 0 { "; " } else { "" };
                    write!(f, "{comma}exceeded quota: {:?}, resources: {}", quota.name, quota.resources.join(", "))?;
                }
                Ok(())
            }
        }
    }
}

/// Equivalent pods that no group helps, with each group's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnhelpedPods {
    pub pods: Vec<PodId>,
    pub reasons: Vec<(NodeGroupId, NoScaleUp)>,
}

/// Why a group does not help a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoScaleUp {
    Skipped(SkipReason),
    Rejected(Rejection),
    /// Some pod of an all-or-nothing request would be left out.
    AllOrNothing,
    /// The expander refused every option.
    FilteredOut,
    /// The scale-up could not be carried out.
    ExecutionError,
}

impl NoScaleUp {
    pub fn display<'a>(&'a self, specs: &'a Specs) -> impl fmt::Display + 'a {
        DisplayNoScaleUp { reason: self, specs }
    }
}

struct DisplayNoScaleUp<'a> {
    reason: &'a NoScaleUp,
    specs: &'a Specs,
}

impl fmt::Display for DisplayNoScaleUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            NoScaleUp::Skipped(reason) => reason.fmt(f),
            NoScaleUp::Rejected(rejection) => {
                write!(f, "{}: {}", rejection.plugin, rejection.reason.display(self.specs))
            }
            NoScaleUp::AllOrNothing => f.write_str("not all pods would fit and all-or-nothing strategy is used"),
            NoScaleUp::FilteredOut => f.write_str("the expander refused every option"),
            NoScaleUp::ExecutionError => f.write_str("the scale-up could not be carried out"),
        }
    }
}

/// A node to delete now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeDeletion {
    pub node: NodeId,
    pub group: NodeGroupId,
    /// Nothing has to be evicted first.
    pub empty: bool,
    pub ready: bool,
    /// Found not needed in every iteration since, for at least the limit that holds for it.
    pub unneeded_since: SimTime,
    pub unneeded_limit: SimDuration,
}

/// A node that can't be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unremovable {
    pub node: NodeId,
    pub reason: UnremovableReason,
    /// With [`UnremovableReason::BlockedByPod`].
    pub blocking_pod: Option<(PodId, BlockingReason)>,
}

/// Upstream's `simulator.UnremovableReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnremovableReason {
    ScaleDownDisabledAnnotation,
    ScaleDownUnreadyDisabled,
    NotAutoscaled,
    NotUnneededLongEnough,
    NotUnreadyLongEnough,
    NodeGroupMinSizeReached,
    AtomicScaleDownFailed,
    MinimalResourceLimitExceeded,
    CurrentlyBeingDeleted,
    NotUnderutilized,
    NotUnneededOtherReason,
    RecentlyUnremovable,
    NoPlaceToMovePods,
    BlockedByPod,
    UnexpectedError,
    BlockedByOnCompletionPod,
}

impl UnremovableReason {
    pub const fn name(self) -> &'static str {
        match self {
            UnremovableReason::ScaleDownDisabledAnnotation => "ScaleDownDisabledAnnotation",
            UnremovableReason::ScaleDownUnreadyDisabled => "ScaleDownUnreadyDisabled",
            UnremovableReason::NotAutoscaled => "NotAutoscaled",
            UnremovableReason::NotUnneededLongEnough => "NotUnneededLongEnough",
            UnremovableReason::NotUnreadyLongEnough => "NotUnreadyLongEnough",
            UnremovableReason::NodeGroupMinSizeReached => "NodeGroupMinSizeReached",
            UnremovableReason::AtomicScaleDownFailed => "AtomicScaleDownFailed",
            UnremovableReason::MinimalResourceLimitExceeded => "MinimalResourceLimitExceeded",
            UnremovableReason::CurrentlyBeingDeleted => "CurrentlyBeingDeleted",
            UnremovableReason::NotUnderutilized => "NotUnderutilized",
            UnremovableReason::NotUnneededOtherReason => "NotUnneededOtherReason",
            UnremovableReason::RecentlyUnremovable => "RecentlyUnremovable",
            UnremovableReason::NoPlaceToMovePods => "NoPlaceToMovePods",
            UnremovableReason::BlockedByPod => "BlockedByPod",
            UnremovableReason::UnexpectedError => "UnexpectedError",
            UnremovableReason::BlockedByOnCompletionPod => "BlockedByOnCompletionPod",
        }
    }
}

impl fmt::Display for UnremovableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
