//! May a pod move? Rules in upstream's order, the first that speaks decides (`simulator/drainability/rules`).

use std::fmt;

use super::facts;
use super::pdb::RemainingBudgets;
use super::{Clock, Options, Owner, Owners};
use crate::cluster::{
    ClusterState, ClusterView, DisruptionBudget, NodeId, NodeState, PodId, PodInfo, PodPhase, PodSpec, PodSpecId,
    RestartPolicy, VolumeSource,
};
use crate::units::{SimDuration, SimTime};

const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const SAFE_TO_EVICT_LOCAL_VOLUMES: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
/// After its grace period and this, a terminating pod counts as gone.
const LONG_TERMINATING_EXTRA: SimDuration = SimDuration::from_secs(30);
/// Controllers that Kubernetes itself knows to replace pods.
const REPLICATED_KINDS: [&str; 4] = ["ReplicationController", "Job", "ReplicaSet", "StatefulSet"];

/// Why a pod holds its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockingReason {
    ControllerNotFound,
    MinReplicasReached,
    NotReplicated,
    LocalStorageRequested,
    NotSafeToEvictAnnotation,
    UnmovableKubeSystemPod,
    NotEnoughPdb,
}

impl fmt::Display for BlockingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BlockingReason::ControllerNotFound => "ControllerNotFound",
            BlockingReason::MinReplicasReached => "MinReplicasReached",
            BlockingReason::NotReplicated => "NotReplicated",
            BlockingReason::LocalStorageRequested => "LocalStorageRequested",
            BlockingReason::NotSafeToEvictAnnotation => "NotSafeToEvictAnnotation",
            BlockingReason::UnmovableKubeSystemPod => "UnmovableKubeSystemPod",
            BlockingReason::NotEnoughPdb => "NotEnoughPdb",
        })
    }
}

/// What becomes of a pod when its node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drainability {
    /// It is evicted and needs a place elsewhere.
    Moves,
    DaemonSet,
    /// It neither moves nor holds the node.
    Ignored,
    /// It must be left to end by itself.
    WaitsForCompletion,
    Blocks(BlockingReason),
}

/// What the rules need to know.
pub struct DrainRules<'a> {
    pub cluster: &'a ClusterState,
    pub options: &'a Options,
    pub owners: &'a dyn Owners,
    pub clock: &'a Clock,
}

/// The pods of a node that may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodMoves {
    pub pods: Vec<(PodId, PodSpecId)>,
    pub has_on_completion_pods: bool,
}

impl DrainRules<'_> {
    pub fn judge(&self, pod: PodId, spec_id: PodSpecId, budgets: &mut RemainingBudgets<'_>) -> Drainability {
        use Drainability::{Blocks, DaemonSet, Ignored, Moves, WaitsForCompletion};
        let specs = &self.cluster.specs;
        let (info, spec) = (self.cluster.pod(pod), specs.pod(spec_id));
        if spec.is_mirror_pod() || is_long_terminating(info, spec, self.clock) {
            return Ignored;
        }
        if self.options.skip_nodes_with_custom_controller_pods
            && let Some(reason) = self.owner_blocks(spec)
        {
            return Blocks(reason);
        }
        if facts::is_daemon_set_pod(spec) {
            return DaemonSet;
        }
        let safe_to_evict = spec.annotations.get(SAFE_TO_EVICT).map(String::as_str);
        if safe_to_evict == Some("true") || is_terminal(info, spec) {
            return Moves;
        }
        if safe_to_evict == Some("on-completion") {
            return WaitsForCompletion;
        }
        if !self.is_replicated(spec) {
            return Blocks(BlockingReason::NotReplicated);
        }
        if self.options.skip_nodes_with_system_pods
            && spec.namespace == "kube-system"
            && !budgets.covers(specs, spec_id)
        {
            let timeout = info.created + self.options.blocking_system_pod_distruption_timeout;
            // A rule that says yes ends the search as well as one that says no.
            let is_old = info.created != SimTime::MIN && self.clock.is_past(timeout);
            return if is_old { Moves } else { Blocks(BlockingReason::UnmovableKubeSystemPod) };
        }
        if safe_to_evict == Some("false") {
            return Blocks(BlockingReason::NotSafeToEvictAnnotation);
        }
        if self.options.skip_nodes_with_local_storage && has_blocking_local_storage(spec) {
            return Blocks(BlockingReason::LocalStorageRequested);
        }
        if !budgets.allows(specs, spec_id) {
            return Blocks(BlockingReason::NotEnoughPdb);
        }
        Moves
    }

    /// The pods that need another place, or the first that holds the node.
    pub fn pods_to_move(
        &self,
        node: &NodeState,
        budgets: &mut RemainingBudgets<'_>,
    ) -> Result<PodMoves, (PodId, BlockingReason)> {
        let mut moves = PodMoves::default();
        for held in &node.pods {
            match self.judge(held.pod, held.spec, budgets) {
                Drainability::Moves => moves.pods.push((held.pod, held.spec)),
                Drainability::WaitsForCompletion => moves.has_on_completion_pods = true,
                Drainability::Blocks(reason) => return Err((held.pod, reason)),
                Drainability::DaemonSet | Drainability::Ignored => {}
            }
        }
        Ok(moves)
    }

    /// Nothing on the node needs another place, for the order of candidates: `Some` says whether a pod must be left to
    /// end by itself.
    pub fn emptiness(&self, node: &NodeState) -> Option<bool> {
        let mut has_on_completion_pods = false;
        for held in &node.pods {
            let (info, spec) = (self.cluster.pod(held.pod), self.cluster.specs.pod(held.spec));
            let is_ignored =
                spec.is_mirror_pod() || is_long_terminating(info, spec, self.clock) || facts::is_daemon_set_pod(spec);
            if is_ignored {
                continue;
            }
            let waits = spec.annotations.get(SAFE_TO_EVICT).is_some_and(|value| value == "on-completion");
            if !waits || is_terminal(info, spec) {
                return None;
            }
            has_on_completion_pods = true;
        }
        Some(has_on_completion_pods)
    }

    fn owner_blocks(&self, spec: &PodSpec) -> Option<BlockingReason> {
        let controller = spec.controller.as_ref()?;
        let known = ["ReplicationController", "DaemonSet", "Job", "ReplicaSet", "StatefulSet"];
        if !known.contains(&controller.kind.as_str()) {
            return None;
        }
        let is_odd_daemon = facts::is_daemon_set_pod(spec)
            && !matches!(controller.kind.as_str(), "DaemonSet" | "ReplicationController");
        if is_odd_daemon {
            return None;
        }
        let has_minimum = matches!(controller.kind.as_str(), "ReplicationController" | "ReplicaSet");
        match self.owners.find(&spec.namespace, controller) {
            Owner::Missing => Some(BlockingReason::ControllerNotFound),
            Owner::Found { replicas: Some(replicas) }
                if has_minimum && i64::from(replicas) < i64::from(self.options.min_replica_count) =>
            {
                Some(BlockingReason::MinReplicasReached)
            }
            Owner::Found { .. } => None,
        }
    }

    fn is_replicated(&self, spec: &PodSpec) -> bool {
        spec.controller.as_ref().is_some_and(|controller| {
            !self.options.skip_nodes_with_custom_controller_pods || REPLICATED_KINDS.contains(&controller.kind.as_str())
        })
    }
}

/// The look that upstream takes once more before it deletes a node that a loop chose (`actuator.go`): pods or budgets may
/// have changed since.
pub fn look_again(
    cluster: &ClusterState,
    options: &Options,
    owners: &dyn Owners,
    budgets: &[DisruptionBudget],
    node: NodeId,
    now: SimTime,
) -> Result<PodMoves, (PodId, BlockingReason)> {
    let Some(state) = cluster.node(node) else { return Ok(PodMoves::default()) };
    let rules = DrainRules { cluster, options, owners, clock: &Clock::new(now) };
    rules.pods_to_move(state, &mut RemainingBudgets::new(budgets))
}

/// Past its grace period by half a minute: it counts as gone.
pub fn is_long_terminating(info: &PodInfo, spec: &PodSpec, clock: &Clock) -> bool {
    info.deletion
        .is_some_and(|deletion| clock.is_past(deletion + spec.termination_grace_period + LONG_TERMINATING_EXTRA))
}

fn is_terminal(info: &PodInfo, spec: &PodSpec) -> bool {
    match info.phase {
        PodPhase::Failed => true,
        PodPhase::Succeeded => spec.restart_policy != RestartPolicy::Always,
        PodPhase::Pending | PodPhase::Running => false,
    }
}

fn has_blocking_local_storage(spec: &PodSpec) -> bool {
    let is_local = |source: &VolumeSource| matches!(source, VolumeSource::HostPath | VolumeSource::EmptyDirDisk);
    let excused = spec.annotations.get(SAFE_TO_EVICT_LOCAL_VOLUMES).map_or("", String::as_str);
    spec.volumes.iter().any(|volume| is_local(&volume.source) && !excused.split(',').any(|name| name == volume.name))
}
