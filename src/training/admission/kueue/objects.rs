//! Kueue's objects as their users write them, defaults filled in.
//!
//! Kueue (0.20): `apis/kueue/v1beta2/*_types.go`.

use std::sync::Arc;

use super::tree::Quota;
use crate::cluster::{LabelSelector, Labels, Taint, Toleration};
use crate::units::SimTime;

/// Kueue's objects, validated.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub namespaces: Vec<Namespace>,
    pub flavors: Vec<Flavor>,
    pub cohorts: Vec<Cohort>,
    pub cluster_queues: Vec<ClusterQueue>,
    pub local_queues: Vec<LocalQueue>,
    pub checks: Vec<AdmissionCheck>,
    pub priority_classes: Vec<(Arc<str>, i32)>,
    pub topologies: Vec<Topology>,
}

/// A namespace with its labels.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub name: Arc<str>,
    pub labels: Labels,
}

/// A `ResourceFlavor`.
#[derive(Clone, Debug, Default)]
pub struct Flavor {
    pub name: Arc<str>,
    pub node_labels: Labels,
    pub node_taints: Vec<Taint>,
    pub tolerations: Vec<Toleration>,
    pub topology: Option<Arc<str>>,
}

/// A `Topology`: node labels from the widest level down.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    pub name: Arc<str>,
    pub levels: Vec<String>,
}

/// Queues that lend to one another, with a parent.
#[derive(Clone, Debug, Default)]
pub struct Cohort {
    pub name: Arc<str>,
    pub parent: Option<Arc<str>>,
    pub groups: Vec<ResourceGroup>,
    pub weight: Option<f64>,
}

/// A queue of the cluster, with its quotas.
#[derive(Clone, Debug, Default)]
pub struct ClusterQueue {
    pub name: Arc<str>,
    pub cohort: Option<Arc<str>>,
    pub strategy: QueueingStrategy,
    /// Absent: matches nothing.
    pub namespace_selector: Option<LabelSelector>,
    pub groups: Vec<ResourceGroup>,
    pub fungibility: FlavorFungibility,
    pub preemption: Preemption,
    pub weight: Option<f64>,
    pub stop: StopPolicy,
    pub checks: Vec<CheckRule>,
}

/// A queue of a namespace, which leads to one of the cluster.
#[derive(Clone, Debug)]
pub struct LocalQueue {
    /// `namespace/name`.
    pub key: Arc<str>,
    pub cluster_queue: Arc<str>,
    pub stop: StopPolicy,
}

/// Resources that are assigned together, with the flavors to try in order.
#[derive(Clone, Debug, Default)]
pub struct ResourceGroup {
    pub covered: Vec<String>,
    pub flavors: Vec<FlavorQuotas>,
}

/// Quotas of one flavor.
#[derive(Clone, Debug)]
pub struct FlavorQuotas {
    pub flavor: String,
    pub resources: Vec<(String, Quota)>,
}

/// Whether a head that does not fit blocks those behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueingStrategy {
    StrictFifo,
    #[default]
    BestEffortFifo,
}

/// Whether a queue admits, and what becomes of those that it has admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopPolicy {
    #[default]
    None,
    Hold,
    HoldAndDrain,
}

/// Whether the search for a flavor goes on past one that would borrow or preempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    MayStopSearch,
    TryNextFlavor,
}

/// Whether borrowing or preempting is the lesser evil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    #[default]
    BorrowingOverPreemption,
    PreemptionOverBorrowing,
}

/// When the next flavor is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlavorFungibility {
    pub when_can_borrow: Search,
    pub when_can_preempt: Search,
    pub preference: Preference,
}

impl Default for FlavorFungibility {
    fn default() -> FlavorFungibility {
        FlavorFungibility {
            when_can_borrow: Search::MayStopSearch,
            when_can_preempt: Search::TryNextFlavor,
            preference: Preference::default(),
        }
    }
}

/// Whom a workload may preempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    #[default]
    Never,
    LowerPriority,
    LowerOrNewerEqualPriority,
    Any,
}

/// Whom a queue may preempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preemption {
    pub reclaim_within_cohort: Policy,
    pub within_cluster_queue: Policy,
    pub borrow_within_cohort: Option<BorrowWithinCohort>,
}

/// `borrowWithinCohort` with policy `LowerPriority`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BorrowWithinCohort {
    pub max_priority_threshold: Option<i32>,
}

/// An admission check that a ClusterQueue asks for; of no flavors: whatever flavor is assigned.
#[derive(Clone, Debug)]
pub struct CheckRule {
    pub name: Arc<str>,
    pub on_flavors: Vec<Arc<str>>,
}

/// An `AdmissionCheck`.
#[derive(Clone, Debug)]
pub struct AdmissionCheck {
    pub name: Arc<str>,
    pub controller: String,
    pub active: bool,
}

/// By what time an evicted workload is queued again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequeuingTimestamp {
    #[default]
    Eviction,
    Creation,
}

/// A rule of fair sharing's preemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    LessThanOrEqualToFinalShare,
    LessThanInitialShare,
}

/// What is configured for the whole of Kueue.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// With its strategies in order, where fair sharing is configured.
    pub fair_sharing: Option<Vec<Strategy>>,
    pub requeuing_timestamp: RequeuingTimestamp,
    /// `quotaCheckStrategy: IgnoreUndeclared`.
    pub ignore_undeclared: bool,
    pub gates: Gates,
}

impl Options {
    pub const STRATEGIES: [Strategy; 2] = [Strategy::LessThanOrEqualToFinalShare, Strategy::LessThanInitialShare];
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fair_sharing: None,
            requeuing_timestamp: RequeuingTimestamp::Eviction,
            ignore_undeclared: false,
            gates: Gates::default(),
        }
    }
}

macro_rules! gates {
    ($($field:ident $name:literal $default:literal),* $(,)?) => {
        /// Feature gates that change what is modelled, with the defaults of 0.20 (`pkg/features/kube_features.go`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Gates {
            $(pub $field: bool,)*
        }

        impl Default for Gates {
            fn default() -> Gates {
                Gates { $($field: $default,)* }
            }
        }

        impl Gates {
            pub const NAMES: &[&str] = &[$($name,)*];
            /// Gates of what is not modelled: they change nothing here.
            pub const WITHOUT_EFFECT: &[&str] = &[
                "AdmissionFairSharing",
                "ConcurrentAdmission",
                "ElasticJobsViaWorkloadSlices",
                "MultiKueueOrchestratedPreemption",
                "TASBalancedPlacement",
                "TASFailedNodeReplacementFailFast",
            ];

            /// Whether there is a gate of this name; sets it.
            pub fn set(&mut self, name: &str, on: bool) -> bool {
                match name {
                    $($name => self.$field = on,)*
                    _ => return false,
                }
                true
            }
        }
    };
}

gates! {
    partial_admission "PartialAdmission" true,
    flavor_fungibility "FlavorFungibility" true,
    preserve_scan_progress "FlavorFungibilityPreserveScanProgress" true,
    priority_sorting_within_cohort "PrioritySortingWithinCohort" true,
    preempt_within_nominal "FairSharingPreemptWithinNominal" true,
    prioritize_non_borrowing "FairSharingPrioritizeNonBorrowing" true,
    recompute_on_overlap "RecomputeAssignmentUponPreemptionTargetsOverlap" true,
    equivalence_hashing "SchedulingEquivalenceHashing" true,
    topology_aware "TopologyAwareScheduling" true,
    tas_profile_mixed "TASProfileMixed" true,
    tas_recompute "TASRecomputeAssignmentWithinSchedulingCycle" true,
    reclaimable_pods "ReclaimablePods" true,
    quota_check_strategy "QuotaCheckStrategy" true,
    priority_boost "PriorityBoost" false,
    prioritize_preemptors "PrioritizePreemptorWorkloads" false,
    observability "UnadmittedWorkloadsObservability" true,
}

/// An instant and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark<R> {
    pub at: SimTime,
    pub reason: R,
}

/// Why a workload was marked for preemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreemptionReason {
    InClusterQueue,
    InCohortReclamation,
    InCohortReclaimWhileBorrowing,
    InCohortFairSharing,
}

impl PreemptionReason {
    pub const ALL: [PreemptionReason; 4] = [
        PreemptionReason::InClusterQueue,
        PreemptionReason::InCohortReclamation,
        PreemptionReason::InCohortReclaimWhileBorrowing,
        PreemptionReason::InCohortFairSharing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            PreemptionReason::InClusterQueue => "InClusterQueue",
            PreemptionReason::InCohortReclamation => "InCohortReclamation",
            PreemptionReason::InCohortReclaimWhileBorrowing => "InCohortReclaimWhileBorrowing",
            PreemptionReason::InCohortFairSharing => "InCohortFairSharing",
        }
    }
}

/// Why a workload waits: the reason of its condition `QuotaReserved=False`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Nothing was found that keeps it, or it was not looked at.
    Unsaid,
    PendingEvaluation,
    Suspended,
    Misconfigured,
    TopologyPlacementFailed,
    WaitingForQuota,
    ExceedsMaxQuota,
    NoMatchingFlavor,
    WaitingForPreemptedWorkloads,
    WaitingForPodsReady,
}

impl Waiting {
    pub fn name(self) -> &'static str {
        match self {
            Waiting::Unsaid => "",
            Waiting::PendingEvaluation => "PendingEvaluation",
            Waiting::Suspended => "Suspended",
            Waiting::Misconfigured => "Misconfigured",
            Waiting::TopologyPlacementFailed => "TopologyPlacementFailed",
            Waiting::WaitingForQuota => "WaitingForQuota",
            Waiting::ExceedsMaxQuota => "ExceedsMaxQuota",
            Waiting::NoMatchingFlavor => "NoMatchingFlavor",
            Waiting::WaitingForPreemptedWorkloads => "WaitingForPreemptedWorkloads",
            Waiting::WaitingForPodsReady => "WaitingForPodsReady",
        }
    }

    /// How grave a reason not to fit is; 0 where it is none.
    pub fn severity(self) -> u32 {
        match self {
            Waiting::TopologyPlacementFailed => 1,
            Waiting::WaitingForQuota => 2,
            Waiting::ExceedsMaxQuota => 3,
            Waiting::NoMatchingFlavor => 4,
            _ => 0,
        }
    }

    /// The graver of both; the first among equals.
    pub fn graver(self, other: Waiting) -> Waiting {
        if self.severity() >= other.severity() { self } else { other }
    }
}
