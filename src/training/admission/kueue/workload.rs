//! A workload: the pods of a job that are admitted together, and what is known of it.
//!
//! Kueue (0.20): `pkg/workload/workload.go`, `pkg/util/priority`, `pkg/workload/evict`.

use std::sync::Arc;

use super::amount::Amount;
use super::names::{FlavorId, Fr, Names, ResourceIx};
use super::objects::{Mark, Options, PreemptionReason, RequeuingTimestamp};
use super::topology::{TopologyAssignment, TopologyRequest};
use crate::cluster::{Labels, NodeSelectorTerm, Toleration};
use crate::units::{SimDuration, SimTime};

/// An index into the list of workloads that a caller holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadId(pub u32);

impl WorkloadId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Pods of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodSet {
    pub name: Arc<str>,
    pub count: i32,
    pub min_count: Option<i32>,
    pub pod: PodShape,
    pub topology: Option<TopologyRequest>,
    /// Pod sets of one group get the same flavors.
    pub group: Option<Arc<str>>,
}

/// What of a pod decides which flavor it can have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodShape {
    /// Of one pod, by the scheduler's rule; stated zeros included, in [`Names::order`].
    pub requests: Vec<(ResourceIx, i64)>,
    pub node_selector: Labels,
    /// Terms of the required node affinity.
    pub required: Option<Vec<NodeSelectorTerm>>,
    pub tolerations: Vec<Toleration>,
    /// Why the API server or a webhook would refuse it, where it would.
    pub invalid: Option<String>,
}

/// A pod set that was given flavors.
#[derive(Clone, Debug, PartialEq)]
pub struct PodSetAdmission {
    pub name: Arc<str>,
    pub count: i32,
    pub flavors: Vec<(ResourceIx, FlavorId)>,
    pub usage: Vec<(ResourceIx, i64)>,
    pub topology: Option<TopologyAssignment>,
}

/// `status.admission`.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    pub cluster_queue: Arc<str>,
    pub pod_sets: Vec<PodSetAdmission>,
}

/// Why a workload was told to give its quota back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eviction {
    Preempted,
    PodsReadyTimeout,
    AdmissionCheck,
    ClusterQueueStopped,
    LocalQueueStopped,
    NodeFailures,
    Deactivated,
    Other(Arc<str>),
}

impl Eviction {
    pub fn named(name: &str) -> Eviction {
        match name {
            "Preempted" => Eviction::Preempted,
            "PodsReadyTimeout" => Eviction::PodsReadyTimeout,
            "AdmissionCheck" => Eviction::AdmissionCheck,
            "ClusterQueueStopped" => Eviction::ClusterQueueStopped,
            "LocalQueueStopped" => Eviction::LocalQueueStopped,
            "NodeFailures" => Eviction::NodeFailures,
            "Deactivated" => Eviction::Deactivated,
            other => Eviction::Other(other.into()),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Eviction::Preempted => "Preempted",
            Eviction::PodsReadyTimeout => "PodsReadyTimeout",
            Eviction::AdmissionCheck => "AdmissionCheck",
            Eviction::ClusterQueueStopped => "ClusterQueueStopped",
            Eviction::LocalQueueStopped => "LocalQueueStopped",
            Eviction::NodeFailures => "NodeFailures",
            Eviction::Deactivated => "Deactivated",
            Eviction::Other(name) => name,
        }
    }
}

/// State of an admission check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    Pending,
    Ready,
    Retry,
    Rejected,
}

/// An entry of `status.admissionChecks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    pub name: Arc<str>,
    pub status: CheckStatus,
    pub retries: u32,
    pub requeue_after: Option<SimDuration>,
    pub at: SimTime,
}

/// The condition `PodsReady`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodsReady {
    pub ready: bool,
    pub reason: Arc<str>,
    pub at: SimTime,
}

/// What waits for quota: a Job's or a gang's pod sets.
#[derive(Clone, Debug)]
pub struct Workload {
    /// `namespace/name`.
    pub key: Arc<str>,
    pub namespace: Arc<str>,
    pub uid: Arc<str>,
    /// `namespace/name` of its LocalQueue.
    pub local_queue: Option<Arc<str>>,
    pub priority: i64,
    /// Added to the priority where the gate `PriorityBoost` is on.
    pub boost: i64,
    pub created: SimTime,
    pub active: bool,
    pub finished: bool,
    pub pod_sets: Arc<[PodSet]>,
    pub admission: Option<Admission>,
    /// Since when `QuotaReserved` is true.
    pub reserved: Option<SimTime>,
    /// Since when `Admitted` is true.
    pub admitted: Option<SimTime>,
    /// Where `Evicted` is true.
    pub evicted: Option<Mark<Eviction>>,
    /// Where `Preempted` is true; `None` inside for a reason of another name.
    pub preempted: Option<Mark<Option<PreemptionReason>>>,
    /// The condition `Requeued`.
    pub requeued: Option<bool>,
    pub requeue_count: u32,
    pub requeue_at: Option<SimTime>,
    pub pods_ready: Option<PodsReady>,
    pub checks: Vec<CheckState>,
    /// `status.reclaimablePods`.
    pub reclaimable: Vec<(Arc<str>, i32)>,
}

impl Workload {
    pub fn new(key: Arc<str>, namespace: Arc<str>, pod_sets: Arc<[PodSet]>, created: SimTime) -> Workload {
        Workload {
            uid: Arc::clone(&key),
            key,
            namespace,
            local_queue: None,
            priority: 0,
            boost: 0,
            created,
            active: true,
            finished: false,
            pod_sets,
            admission: None,
            reserved: None,
            admitted: None,
            evicted: None,
            preempted: None,
            requeued: None,
            requeue_count: 0,
            requeue_at: None,
            pods_ready: None,
            checks: Vec::new(),
            reclaimable: Vec::new(),
        }
    }

    /// Its priority with the boost, where that counts.
    pub fn priority(&self, options: &Options) -> i64 {
        if options.gates.priority_boost { self.priority + self.boost } else { self.priority }
    }

    /// The instant by which it is ordered among those of its priority.
    pub fn order_time(&self, options: &Options) -> SimTime {
        if let Some(mark) = &self.evicted {
            let by_timeout = mark.reason == Eviction::PodsReadyTimeout
                && options.requeuing_timestamp == RequeuingTimestamp::Eviction;
            if by_timeout || mark.reason == Eviction::AdmissionCheck {
                return mark.at;
            }
        }
        match &self.preempted {
            Some(mark)
                if !options.gates.priority_sorting_within_cohort
                    && mark.reason == Some(PreemptionReason::InCohortReclaimWhileBorrowing) =>
            {
                mark.at + SimDuration::from_millis(1)
            }
            _ => self.created,
        }
    }

    pub fn is_evicted(&self) -> bool {
        self.evicted.is_some()
    }

    /// Whether it waits for quota at all.
    pub fn is_pending(&self) -> bool {
        self.active && !self.finished && self.reserved.is_none()
    }

    pub fn can_shrink(&self) -> bool {
        self.pod_sets.iter().any(|set| set.min_count.is_some_and(|min| min < set.count))
    }

    fn count_after_reclaim(&self, set: &str, options: &Options) -> i32 {
        let count = self.pod_sets.iter().find(|other| *other.name == *set).map_or(0, |set| set.count);
        if !options.gates.reclaimable_pods {
            return count;
        }
        let given_back = self.reclaimable.iter().find(|(name, _)| **name == *set).map_or(0, |(_, count)| *count);
        count - given_back.min(count)
    }

    /// What its pods ask for, or what it was admitted with; by pod set.
    pub fn requested(&self, options: &Options) -> Vec<Requested> {
        let Some(admission) = &self.admission else {
            return self
                .pod_sets
                .iter()
                .map(|set| {
                    let count = self.count_after_reclaim(&set.name, options);
                    let requests =
                        set.pod.requests.iter().map(|(id, each)| (*id, each.max(&0).saturating_mul(i64::from(count))));
                    Requested { name: Arc::clone(&set.name), count, requests: requests.collect(), flavors: Vec::new() }
                })
                .collect();
        };
        admission
            .pod_sets
            .iter()
            .map(|set| {
                let admitted = Requested {
                    name: Arc::clone(&set.name),
                    count: set.count,
                    requests: set.usage.clone(),
                    flavors: set.flavors.clone(),
                };
                let left = self.count_after_reclaim(&set.name, options);
                if left < set.count { admitted.scaled(left) } else { admitted }
            })
            .collect()
    }
}

/// What the pods of a pod set ask for together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requested {
    pub name: Arc<str>,
    pub count: i32,
    pub requests: Vec<(ResourceIx, i64)>,
    pub flavors: Vec<(ResourceIx, FlavorId)>,
}

impl Requested {
    /// Of `count` pods: divided by the count before, then multiplied, in integers.
    pub fn scaled(&self, count: i32) -> Requested {
        let mut scaled = self.clone();
        if self.count != 0 && self.count != count {
            for (_, amount) in &mut scaled.requests {
                *amount = (*amount / i64::from(self.count)).saturating_mul(i64::from(count));
            }
            scaled.count = count;
        }
        scaled
    }

    pub fn flavor(&self, resource: ResourceIx) -> Option<FlavorId> {
        self.flavors.iter().find(|(id, _)| *id == resource).map(|(_, flavor)| *flavor)
    }
}

/// The quota that admitted pod sets take, by pair in order of the pairs, and all pairs that they touch.
pub fn usage_of(requested: &[Requested], names: &Names) -> (Vec<(Fr, Amount)>, Vec<Fr>) {
    let mut usage: Vec<(Fr, Amount)> = Vec::new();
    let mut touched: Vec<Fr> = Vec::new();
    for set in requested {
        for (resource, flavor) in &set.flavors {
            touched.extend(names.known_pair(*flavor, *resource));
        }
        for (resource, amount) in &set.requests {
            let pair = set.flavor(*resource).and_then(|flavor| names.known_pair(flavor, *resource));
            if let Some(pair) = pair {
                add_to(&mut usage, pair, Amount(*amount));
            }
        }
    }
    usage.sort_unstable_by_key(|(pair, _)| *pair);
    touched.sort_unstable();
    touched.dedup();
    (usage, touched)
}

/// Adds an amount to the entry of its flavor and resource.
pub fn add_to(usage: &mut Vec<(Fr, Amount)>, pair: Fr, amount: Amount) {
    match usage.iter_mut().find(|(other, _)| *other == pair) {
        Some((_, sum)) => *sum = *sum + amount,
        None => usage.push((pair, amount)),
    }
}
