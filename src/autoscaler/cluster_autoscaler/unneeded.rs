//! Nodes that are not needed, since when, and which of them may go now (`core/scaledown/unneeded`).

use super::decision::{Unremovable, UnremovableReason};
use super::quota::QuotaTracker;
use super::{Clock, GroupPolicy, NodeGroup, Snapshot};
use crate::cluster::{ClusterView, NodeId, PodId, PodSpecId};
use crate::units::{SimDuration, SimTime};

/// A node that a simulation found removable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removable {
    pub node: NodeId,
    /// For the threshold: unready nodes have their own.
    pub ready: bool,
    /// Pods that need another place.
    pub pods: Vec<(PodId, PodSpecId)>,
    pub has_on_completion_pods: bool,
    /// Its pods can't all be evicted at once within their budgets.
    pub is_risky: bool,
}

/// A node that is unneeded, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnneededNode {
    pub removable: Removable,
    /// Found not needed in every pass since.
    pub since: SimTime,
    pub threshold: SimDuration,
}

/// The nodes of the last pass, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnneededNodes {
    nodes: Vec<UnneededNode>,
}

impl UnneededNodes {
    pub fn iter(&self) -> impl Iterator<Item = &UnneededNode> {
        self.nodes.iter()
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn clear(&mut self) {
        self.nodes.clear();
    }

    /// A pass found exactly these. Who was there keeps its age; who is missing starts anew when found again.
    pub fn update(&mut self, found: Vec<Removable>, now: SimTime, threshold: impl Fn(&Removable) -> SimDuration) {
        let since: rustc_hash::FxHashMap<NodeId, SimTime> =
            self.nodes.iter().map(|unneeded| (unneeded.removable.node, unneeded.since)).collect();
        self.nodes = found
            .into_iter()
            .map(|removable| UnneededNode {
                since: since.get(&removable.node).copied().unwrap_or(now),
                threshold: threshold(&removable),
                removable,
            })
            .collect();
    }

    /// Puts a node in as if found earlier; for a memory that comes from outside.
    pub fn restore(&mut self, removable: Removable, since: SimTime, threshold: SimDuration) {
        self.nodes.push(UnneededNode { removable, since, threshold });
    }
}

/// Nodes that may go now and those that may not yet.
#[derive(Debug, Default)]
pub struct RemovableNow<'u> {
    pub empty: Vec<&'u Removable>,
    pub drain: Vec<&'u Removable>,
    pub unremovable: Vec<Unremovable>,
}

/// The annotation that keeps a node whatever its use.
pub fn is_scale_down_disabled(snapshot: &Snapshot<'_>, node: NodeId) -> bool {
    snapshot.cluster.node_view(node).is_some_and(|view| {
        let value = view.shape.annotations.get("cluster-autoscaler.kubernetes.io/scale-down-disabled");
        value.is_some_and(|value| value == "true")
    })
}

/// Empty nodes are judged first; each node that may go leaves less room for the next.
pub fn removable_now<'u>(
    unneeded: &'u UnneededNodes,
    snapshot: &Snapshot<'_>,
    clock: &Clock,
    mut sizes: Vec<i64>,
    deletions: &dyn Fn(&NodeGroup) -> i64,
    mut consume: impl FnMut(NodeId) -> bool,
) -> RemovableNow<'u> {
    let mut now = RemovableNow::default();
    let (empty, drain): (Vec<_>, Vec<_>) = unneeded.iter().partition(|node| node.removable.pods.is_empty());
    for (is_empty, node) in
        empty.into_iter().map(|node| (true, node)).chain(drain.into_iter().map(|node| (false, node)))
    {
        let id = node.removable.node;
        let reason = unremovable_reason(node, snapshot, clock, &mut sizes, deletions, &mut consume);
        match reason {
            Some(reason) => now.unremovable.push(Unremovable { node: id, reason, blocking_pod: None }),
            None if is_empty => now.empty.push(&node.removable),
            None => now.drain.push(&node.removable),
        }
    }
    now
}

fn unremovable_reason(
    node: &UnneededNode,
    snapshot: &Snapshot<'_>,
    clock: &Clock,
    sizes: &mut [i64],
    deletions: &dyn Fn(&NodeGroup) -> i64,
    consume: &mut impl FnMut(NodeId) -> bool,
) -> Option<UnremovableReason> {
    let id = node.removable.node;
    if is_scale_down_disabled(snapshot, id) {
        return Some(UnremovableReason::ScaleDownDisabledAnnotation);
    }
    if node.threshold > SimDuration::ZERO && !clock.is_past(node.since + node.threshold) {
        return Some(if node.removable.ready {
            UnremovableReason::NotUnneededLongEnough
        } else {
            UnremovableReason::NotUnreadyLongEnough
        });
    }
    let group = snapshot.cluster.node(id).and_then(|state| snapshot.group_of(state));
    let Some(group) = group else { return Some(UnremovableReason::NotAutoscaled) };
    let size = &mut sizes[group.id.index()];
    if *size - deletions(group) <= group.min_size {
        return Some(UnremovableReason::NodeGroupMinSizeReached);
    }
    if !consume(id) {
        return Some(UnremovableReason::MinimalResourceLimitExceeded);
    }
    *size -= 1;
    None
}

/// Takes one node off the minimum quotas; false where they would be broken.
pub fn consume_minimum<'a>(tracker: &mut QuotaTracker<'a>, snapshot: &Snapshot<'a>, node: NodeId) -> bool {
    let cluster = snapshot.cluster;
    let shape = cluster.node(node).map(|state| cluster.specs.shape(state.shape));
    shape.is_some_and(|shape| !tracker.consume(shape, 1).is_exceeded())
}

/// How long a node of the group must have been unneeded.
pub fn removal_threshold(policy: &GroupPolicy, ready: bool) -> SimDuration {
    if ready { policy.scale_down_unneeded_time } else { policy.scale_down_unready_time }
}
