//! Why money is idle and why pods wait: the reasons, each with an identifier and words, and what a run adds up by them.
//!
//! The one table of both. What is added up stands in `idle` (money) and `wait_times` (pods); who says what in `kept` (why
//! an autoscaler leaves a node) and `waiting` (why a pod has none).

use std::sync::Arc;

use crate::units::{SimDuration, SimTime, Usd};

/// A closed list of reasons.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $id:literal, $words:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// In `summary.json` under `explain`; stays as it is.
            pub const fn id(self) -> &'static str {
                match self {
                    $($name::$variant => $id,)*
                }
            }

            /// For people; a clause.
            pub const fn words(self) -> &'static str {
                match self {
                    $($name::$variant => $words,)*
                }
            }
        }
    };
}

reasons! {
    /// Why a machine (or reserved capacity) is paid for and, in part or whole, held by no pod.
    IdleReason {
        Booting = "booting", "the machine is starting";
        /// Its machine stopped, or it is NotReady.
        Down = "down", "the node does not work";
        /// From the decision to the end of its bill: validation, replacements, drain, and the cloud's own time.
        Removing = "removing", "the node is being removed";
        /// The bill's minimum and its rounding.
        BilledBeyondLife = "billed_beyond_life", "time billed after the machine's end";
        Reserved = "reserved", "reserved: paid whether it is used or not";
        ReservedUnused = "reserved_unused", "reserved, and no machine stood";
        /// A fixed node, or no node autoscaler.
        NotAutoscaled = "not_autoscaled", "nothing removes the node";
        NotLookedAt = "not_looked_at", "the autoscaler had not looked at the node";
        /// The Cluster Autoscaler's loop ended before scale-down: an unhealthy cluster, sizes that do not agree.
        AutoscalerHalted = "autoscaler_halted", "the autoscaler had stopped scaling";
        ScaleDownDisabled = "scale_down_disabled", "scale-down is off";
        MinSize = "min_size", "the group is at its minimum";
        MinResources = "min_resources", "the cluster would fall below its minimum of resources";
        /// Above the Cluster Autoscaler's utilization threshold: in use, if only in part.
        AboveThreshold = "above_threshold", "in use above the scale-down threshold";
        /// Karpenter found no way to run its pods on fewer or cheaper nodes.
        NoCheaperPlacement = "no_cheaper_placement", "its pods fit on no fewer or cheaper nodes";
        NoPlaceForPods = "no_place_for_pods", "its pods fit nowhere else";
        LocalStorage = "local_storage", "a pod with local storage";
        DisruptionBudget = "pod_disruption_budget", "a PodDisruptionBudget";
        /// `safe-to-evict: "false"`, Karpenter's `do-not-disrupt`.
        PodAnnotation = "pod_annotation", "a pod whose annotation forbids eviction";
        SystemPod = "system_pod", "a kube-system pod without a PodDisruptionBudget";
        NotReplicated = "not_replicated", "a pod that no controller would make anew";
        MinReplicas = "min_replicas", "a controller with too few replicas";
        OnCompletion = "on_completion", "a pod that must end by itself";
        NodeAnnotation = "node_annotation", "the node's annotation forbids removal";
        /// `scaleDownUnneededTime` and its kin, Karpenter's `consolidateAfter`.
        UnneededTime = "unneeded_time", "not unneeded for long enough";
        Cooldown = "cooldown", "scale-down paused after a scale-up, deletion or failure";
        /// Its group goes as a whole or not at all.
        AtomicGroup = "atomic_group", "a group that goes only as a whole";
        DeletionLimit = "deletion_limit", "as many deletions at once as allowed";
        NodeBudget = "node_budget", "the NodePool's disruption budgets are used up";
        Nominated = "nominated", "kept for pending pods";
        Unknown = "unknown", "nobody said why";
    }
}

reasons! {
    /// What keeps a pod from a node.
    Mechanism {
        /// A node group that could hold it has as many nodes as it may.
        GroupAtMaximum = "group_at_maximum", "a group at its maximum";
        /// A limit of the cluster, or of a NodePool, is reached.
        Quota = "quota", "a limit of the cluster or a NodePool";
        /// The cloud failed to deliver nodes of a group that could hold it.
        CloudRefused = "cloud_refused", "a group that backs off, for the cloud delivered no nodes";
        /// No type of node that may be made, and none that stands, could hold it.
        NoFittingType = "no_fitting_type", "no type of node that could hold it";
        /// Every node that could hold it is full, and nothing adds nodes.
        NoRoom = "no_room", "no node that would take it, and nothing adds any";
        /// Its scheduling gates are not removed.
        Gated = "gated", "scheduling gates";
        /// Another scheduler than `default-scheduler` is to bind it.
        OtherScheduler = "other_scheduler", "another scheduler";
        /// The node that it names is not there, or its kubelet refused it.
        NamedNode = "named_node", "the node that it names";
        /// A node for it was asked for.
        OnItsWay = "on_its_way", "a node that is starting";
        /// It is younger than its autoscaler's last look.
        NotLookedAt = "not_looked_at", "the autoscaler's next loop";
        /// Others of its gang find no place, so that none of it may start.
        GangIncomplete = "gang_incomplete", "the rest of its gang";
        /// Pods of lower priority make way for it.
        Preemption = "preemption", "pods that make way";
        /// Below `expendablePodsPriorityCutoff`: no node is added for it.
        Expendable = "expendable", "its priority: no node is added for it";
        /// It could have been placed, and sat out the scheduler's back-off after an earlier refusal.
        SchedulerBackoff = "scheduler_backoff", "the scheduler's back-off";
        /// It was not tried yet.
        Scheduler = "scheduler", "the scheduler";
        Unknown = "unknown", "nobody said why";
    }
}

impl Mechanism {
    /// Time alone will not help: no waiting is long enough.
    pub const fn is_final(self) -> bool {
        use Mechanism::{Gated, NamedNode, NoFittingType, OtherScheduler};
        matches!(self, NoFittingType | Gated | OtherScheduler | NamedNode)
    }
}

/// Why a pod has no node, as whoever was to find one last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub mechanism: Mechanism,
    /// For people: "group general is at its maximum".
    pub reason: String,
}

/// What a run's idle money and waits come to by reason. Lists ascend by reason and name.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// Sums to [`Outcome::idle_cost`](super::Outcome::idle_cost) exactly.
    pub idle: Vec<IdleRow>,
    /// Sums to the waits of all pods exactly, those that are not over included.
    pub waits: Vec<WaitRow>,
    pub wait_reasons: Vec<WaitReason>,
    /// By workload with an HPA: how long it was asked to have the HPA's `maxReplicas`.
    pub at_max_replicas: Vec<(Arc<str>, SimDuration)>,
}

/// Idle money for one reason and on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleRow {
    pub reason: IdleReason,
    /// The workload (`namespace/name`) where a pod of it holds the node, else the node group.
    pub by: Arc<str>,
    /// Below zero where pods used more than was left of what they requested.
    pub cost: Usd,
    /// Time for which machines were billed with this reason, nanoseconds; none for capacity without a machine.
    pub node_time: i128,
}

/// Waits for one reason and on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitRow {
    pub reason: Mechanism,
    /// The group or NodePool where one stands in the way, else the workload of the pods that wait.
    pub by: Arc<str>,
    /// Pods × nanoseconds.
    pub pod_time: i128,
}

/// Who waited for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitReason {
    pub reason: Mechanism,
    /// That waited for it at some time; a pod may wait for several.
    pub pods: u64,
    /// When the first such wait began.
    pub first: SimTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique_and_fit_to_be_names_of_figures() {
        let idle: Vec<&str> = IdleReason::ALL.iter().map(|reason| reason.id()).collect();
        let waits: Vec<&str> = Mechanism::ALL.iter().map(|reason| reason.id()).collect();
        for ids in [idle, waits] {
            assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{ids:?}");
            let unique: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len());
        }
    }
}
