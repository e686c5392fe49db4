//! NodeClaims: instances that Karpenter has asked for, from the request to their end.
//!
//! The caller keeps them and reports what happens to them (launch, registration, initialization, pods that come and go);
//! the decisions only read them. Follows `pkg/apis/v1/nodeclaim*.go` and `pkg/controllers/state/statenode.go`.

use std::sync::Arc;

use super::node_pool::NodePool;
use crate::cluster::{NodeId, NodeShapeId, Taint};
use crate::units::{SimDuration, SimTime};

/// A claim that the cloud has not launched by then is deleted, and its pods get another
/// (`pkg/controllers/nodeclaim/lifecycle/liveness.go`).
pub const LAUNCH_TIMEOUT: SimDuration = SimDuration::from_mins(5);

/// A claim whose node has not registered by then is deleted, and its pods get another
/// (`pkg/controllers/nodeclaim/lifecycle/liveness.go`).
pub const REGISTRATION_TIMEOUT: SimDuration = SimDuration::from_mins(15);

/// A launched NodeClaim, with or without its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClaim {
    pub name: Arc<str>,
    pub node_pool: Arc<str>,
    /// What its node is, or will be: labels, taints, capacity.
    pub shape: NodeShapeId,
    /// Once registered.
    pub node: Option<NodeId>,
    pub created: SimTime,
    /// When its node became ready for pods, startup taints gone and resources registered.
    pub initialized: Option<SimTime>,
    /// When a pod was last bound to its node, ended or began to terminate there (DaemonSet pods do not count).
    pub last_pod_event: Option<SimTime>,
    /// Since when it no longer fits its NodePool (condition `Drifted`).
    pub drifted: Option<SimTime>,
    /// Kept for pods that were placed on it, until then.
    pub nominated_until: Option<SimTime>,
    /// A disruption command has begun: the node is tainted and will be deleted once the replacements are there.
    pub disrupted: bool,
    /// Its deletion has begun (`metadata.deletionTimestamp`): the node is drained.
    pub deleting: bool,
    /// Drained, and gone from the cloud (condition `InstanceTerminating`): no longer counted by budgets.
    pub instance_terminating: bool,
    /// `karpenter.sh/do-not-disrupt` on the node.
    pub do_not_disrupt: bool,
    /// Of its pool, when it was created.
    pub expire_after: Option<SimDuration>,
    pub termination_grace_period: Option<SimDuration>,
    pub startup_taints: Vec<Taint>,
}

impl NodeClaim {
    /// A claim of `pool` that was just launched.
    pub fn launched(name: Arc<str>, pool: &NodePool, shape: NodeShapeId, created: SimTime) -> NodeClaim {
        NodeClaim {
            name,
            node_pool: Arc::clone(&pool.name),
            shape,
            node: None,
            created,
            initialized: None,
            last_pod_event: None,
            drifted: None,
            nominated_until: None,
            disrupted: false,
            deleting: false,
            instance_terminating: false,
            do_not_disrupt: false,
            expire_after: pool.expire_after,
            termination_grace_period: pool.termination_grace_period,
            startup_taints: pool.startup_taints.clone(),
        }
    }

    /// When `expireAfter` will have passed.
    pub fn expires(&self) -> Option<SimTime> {
        self.expire_after.map(|after| self.created + after)
    }

    /// Its pods need room elsewhere, and it is no place for others.
    pub fn is_marked_for_deletion(&self) -> bool {
        self.disrupted || self.deleting || self.instance_terminating
    }

    pub fn is_nominated(&self, now: SimTime) -> bool {
        self.nominated_until.is_some_and(|until| until > now)
    }

    /// When its pool's `consolidateAfter` has passed since pods last came or went; `None` while not initialized.
    /// With a `consolidateAfter` of zero that is at once.
    pub fn consolidatable_from(&self, consolidate_after: SimDuration) -> Option<SimTime> {
        let initialized = self.initialized?;
        if consolidate_after == SimDuration::ZERO {
            return Some(SimTime::MIN);
        }
        Some(self.last_pod_event.unwrap_or(initialized) + consolidate_after)
    }
}

/// Taints that a node that is just starting is expected to lose, beside its pool's startup taints.
pub fn is_known_ephemeral(taint: &Taint) -> bool {
    matches!(
        taint.key.as_str(),
        "node.kubernetes.io/not-ready"
            | "node.kubernetes.io/unreachable"
            | "node.cloudprovider.kubernetes.io/uninitialized"
            | "karpenter.sh/unregistered"
    ) || taint.key.starts_with("readiness.k8s.io/")
}
