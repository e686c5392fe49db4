//! Events: one small `Copy` enum of ids, and the order in which those of one instant happen.

use crate::cluster::{NodeId, PodId, WorkloadId};

/// What happens at an instant. `generation` (or `attempt`) makes an event void once its subject has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The container of a bound pod starts.
    PodStarts { pod: PodId, generation: u32 },
    /// A pull of images on a machine ends.
    ImagePulled { instance: u32, generation: u32 },
    /// A kubelet's refusal of a pod that was bound without the scheduler is seen.
    PodRejected { pod: PodId },
    /// The garbage collector looks again at a pod that names a node which is not there.
    OrphanedPod { pod: PodId },
    /// Its readiness probe succeeds.
    PodReady { pod: PodId, generation: u32 },
    /// It has been ready for its owner's `minReadySeconds`.
    PodAvailable { pod: PodId, generation: u32 },
    /// Its `activeDeadlineSeconds` are over.
    PodDeadline { pod: PodId },
    /// Its work is done.
    PodFinishes { pod: PodId, generation: u32 },
    /// A terminating pod's grace period is over.
    PodGone { pod: PodId },
    /// The kubelet looks whether its node is still short of memory.
    MemoryPressure { node: NodeId },
    /// A pod's scheduling backoff is over.
    BackoffEnds,
    /// A pod that preempted in vain is tried once more.
    PreemptsAgain { pod: PodId },
    /// The scheduler looks for pods that have been unschedulable for too long.
    FlushLeftovers,
    /// The scheduler takes pods off its active queue until it is empty.
    Schedule,
    /// The gang scheduler goes through its queue.
    GangPass,
    /// The gang scheduler shares the GPUs out anew.
    Allocation,
    /// The next pod of the trace arrives.
    TraceArrival,
    /// The next training job arrives.
    TrainingArrival,
    /// A batch Job is created.
    JobStarts { workload: WorkloadId },
    /// The Job controller looks at a Job.
    JobSync { workload: WorkloadId, run: u32 },
    /// The CronJob controller looks at a CronJob.
    CronJobSync { workload: WorkloadId },
    /// A rollout may have made no progress for too long.
    ProgressDeadline { workload: WorkloadId },
    /// A gang whose worker failed by its own fault is made anew.
    GangRestarts { job: u32, generation: u32 },
    /// A training job's phase ends, or its work does.
    TrainingPhase { job: u32, generation: u32 },
    /// An instance registers with the API server.
    NodeRegisters { instance: u32 },
    /// A registered node turns Ready.
    NodeReady { node: NodeId },
    /// An instance does not come up.
    InstanceFails { instance: u32 },
    /// A drained node is handed back to the cloud.
    NodeDeletes { node: NodeId },
    /// A node's drain looks what it can do next.
    DrainStep { node: NodeId },
    /// The cloud has stopped a machine and ends its bill.
    InstanceGone { instance: u32 },
    /// A scaling group tries again to fill its target.
    GroupRelaunches { group: u32 },
    /// The cloud runs out of machines of a group, and takes some back.
    CapacityFalls { group: u32, span: u32 },
    /// The cloud announces that it takes a spot node back.
    SpotNotice { node: NodeId },
    /// The notice is over: the cloud takes the machine back.
    SpotReclaims { node: NodeId },
    /// A machine that was shut down is switched off.
    MachineOff { node: NodeId },
    /// A kubelet that shuts down has ended a pod.
    PodShutDown { pod: PodId, generation: u32 },
    /// A machine fails without warning.
    NodeFails { node: NodeId },
    /// The node lifecycle controller misses a node's heartbeat.
    NodeUnreachable { node: NodeId },
    /// The next unreachable nodes of a zone get the taint `NoExecute`.
    TaintingPass { zone: u32 },
    /// A pod no longer tolerates that its node is unreachable.
    TolerationEnds { pod: PodId, generation: u32 },
    /// The cloud's health checks have found a machine dead.
    CloudNoticesLoss { node: NodeId },
    /// A dead node's object and what was bound to it are taken out of the API server.
    NodeCollected { node: NodeId },
    /// A gang that was told to end has saved.
    GangSaved { job: u32, generation: u32 },
    /// The others of a gang give up on a worker that went silent.
    GangGivesUp { job: u32, generation: u32 },
    /// A planned outage, by its index in the scenario.
    Outage { index: u32 },
    /// A planned change of replicas, by its index in the scenario.
    ReplicaChange { index: u32 },
    /// A planned change of a workload, by its index in the scenario.
    Patch { index: u32 },
    /// A load's demand is taken anew.
    LoadTick { load: u32, generation: u32 },
    /// Nodes whose pods want other CPU than before are divided anew.
    DivideCpu,
    /// metrics-server scrapes the kubelets.
    Scrape,
    /// An HPA syncs.
    HpaSync { hpa: u32 },
    /// A cron or KEDA scaler looks.
    ScalerTick { scaler: u32 },
    /// The Cluster Autoscaler's main loop.
    ClusterAutoscalerScan { generation: u32 },
    /// Karpenter's batch window closes.
    KarpenterProvision,
    /// Pods that Karpenter could not place are offered to it again.
    KarpenterRetry,
    /// Create calls that failed are made again.
    ClaimsLaunch,
    /// Offerings that were out of stock may be asked for again.
    OfferingsReturn,
    /// A claim reaches its `expireAfter`.
    ClaimExpires { instance: u32 },
    /// The node of a claim had to register by now.
    ClaimLiveness { instance: u32 },
    /// Karpenter's disruption loop.
    KarpenterDisrupt,
    /// Kueue's scheduler looks at the heads of its queues.
    KueueCycle,
    /// Workloads that Kueue parked may be tried again.
    KueueWakes,
    /// The pods of an admitted workload had to be ready by now.
    KueueTimeout { queued: u32, admission: u32 },
    /// A workload's back-off in Kueue is over.
    KueueReturns { queued: u32 },
    /// A sample of the time series.
    Sample,
    /// Exporters show the cluster's objects to an observer that wants to see them.
    Exposition,
}

/// The table of kinds, each with its name in `engine.json`.
macro_rules! kinds {
    ($($variant:ident = $name:literal,)*) => {
        enum Kind {
            $($variant,)*
        }

        impl Event {
            /// By [`Event::kind`].
            pub const KINDS: &[&str] = &[$($name,)*];

            /// Position in [`Event::KINDS`].
            pub const fn kind(self) -> usize {
                match self {
                    $(Event::$variant { .. } => Kind::$variant as usize,)*
                }
            }
        }
    };
}

kinds! {
    PodStarts = "pod_starts",
    ImagePulled = "image_pulled",
    PodRejected = "pod_rejected",
    OrphanedPod = "orphaned_pod",
    PodReady = "pod_ready",
    PodAvailable = "pod_available",
    PodDeadline = "pod_deadline",
    PodFinishes = "pod_finishes",
    PodGone = "pod_gone",
    MemoryPressure = "memory_pressure",
    BackoffEnds = "backoff_ends",
    PreemptsAgain = "preempts_again",
    FlushLeftovers = "flush_leftovers",
    Schedule = "schedule",
    GangPass = "gang_pass",
    Allocation = "allocation",
    TraceArrival = "trace_arrival",
    TrainingArrival = "training_arrival",
    JobStarts = "job_starts",
    JobSync = "job_sync",
    CronJobSync = "cron_job_sync",
    ProgressDeadline = "progress_deadline",
    GangRestarts = "gang_restarts",
    TrainingPhase = "training_phase",
    NodeRegisters = "node_registers",
    NodeReady = "node_ready",
    InstanceFails = "instance_fails",
    NodeDeletes = "node_deletes",
    DrainStep = "drain_step",
    InstanceGone = "instance_gone",
    GroupRelaunches = "group_relaunches",
    CapacityFalls = "capacity_falls",
    SpotNotice = "spot_notice",
    SpotReclaims = "spot_reclaims",
    MachineOff = "machine_off",
    PodShutDown = "pod_shut_down",
    NodeFails = "node_fails",
    NodeUnreachable = "node_unreachable",
    TaintingPass = "tainting_pass",
    TolerationEnds = "toleration_ends",
    CloudNoticesLoss = "cloud_notices_loss",
    NodeCollected = "node_collected",
    GangSaved = "gang_saved",
    GangGivesUp = "gang_gives_up",
    Outage = "outage",
    ReplicaChange = "replica_change",
    Patch = "patch",
    LoadTick = "load_tick",
    DivideCpu = "divide_cpu",
    Scrape = "scrape",
    HpaSync = "hpa_sync",
    ScalerTick = "scaler_tick",
    ClusterAutoscalerScan = "cluster_autoscaler_scan",
    KarpenterProvision = "karpenter_provision",
    KarpenterRetry = "karpenter_retry",
    ClaimsLaunch = "claims_launch",
    OfferingsReturn = "offerings_return",
    ClaimExpires = "claim_expires",
    ClaimLiveness = "claim_liveness",
    KarpenterDisrupt = "karpenter_disrupt",
    KueueCycle = "kueue_cycle",
    KueueWakes = "kueue_wakes",
    KueueTimeout = "kueue_timeout",
    KueueReturns = "kueue_returns",
    Sample = "sample",
    Exposition = "exposition",
}

/// How many events of each kind there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCounts([u64; Event::KINDS.len()]);

impl EventCounts {
    #[inline]
    pub(super) fn count(&mut self, event: Event) {
        self.0[event.kind()] += 1;
    }

    /// Of the kinds that there were, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let kinds = Event::KINDS.iter().copied().zip(self.0);
        kinds.filter(|(_, count)| *count > 0)
    }
}

impl Default for EventCounts {
    fn default() -> EventCounts {
        EventCounts([0; Event::KINDS.len()])
    }
}

impl Event {
    /// Rank among events of one instant: first what the world does (ends before beginnings, so that room is free for
    /// whoever comes), then demand and metrics, then controllers, which so see the instant's facts, then the scheduler,
    /// last the observer.
    pub const fn class(self) -> u8 {
        match self {
            Event::PodFinishes { .. }
            | Event::PodGone { .. }
            | Event::PodShutDown { .. }
            | Event::PodRejected { .. }
            | Event::OrphanedPod { .. }
            | Event::PodDeadline { .. } => 0,
            Event::InstanceGone { .. }
            | Event::NodeDeletes { .. }
            | Event::NodeCollected { .. }
            | Event::MachineOff { .. }
            | Event::NodeFails { .. }
            | Event::CloudNoticesLoss { .. }
            | Event::Outage { .. } => 1,
            Event::MemoryPressure { .. }
            | Event::SpotReclaims { .. }
            | Event::NodeUnreachable { .. }
            | Event::TaintingPass { .. }
            | Event::TolerationEnds { .. }
            | Event::GangGivesUp { .. }
            | Event::SpotNotice { .. }
            | Event::CapacityFalls { .. }
            | Event::DrainStep { .. }
            | Event::InstanceFails { .. }
            | Event::GroupRelaunches { .. } => 2,
            Event::NodeRegisters { .. } | Event::NodeReady { .. } | Event::ImagePulled { .. } => 3,
            Event::PodStarts { .. } => 4,
            Event::PodReady { .. }
            | Event::PodAvailable { .. }
            | Event::TrainingPhase { .. }
            | Event::GangSaved { .. } => 5,
            Event::GangRestarts { .. }
            | Event::TraceArrival
            | Event::TrainingArrival
            | Event::JobStarts { .. }
            | Event::JobSync { .. }
            | Event::CronJobSync { .. } => 6,
            Event::ReplicaChange { .. } | Event::Patch { .. } | Event::ProgressDeadline { .. } => 7,
            Event::LoadTick { .. } | Event::DivideCpu => 8,
            Event::Scrape => 9,
            Event::HpaSync { .. } | Event::ScalerTick { .. } => 10,
            Event::KueueWakes | Event::KueueTimeout { .. } | Event::KueueReturns { .. } => 7,
            Event::KueueCycle => 10,
            Event::BackoffEnds | Event::PreemptsAgain { .. } | Event::FlushLeftovers => 11,
            Event::Schedule | Event::GangPass | Event::Allocation => 12,
            Event::ClusterAutoscalerScan { .. }
            | Event::KarpenterRetry
            | Event::ClaimsLaunch
            | Event::OfferingsReturn
            | Event::KarpenterProvision
            | Event::ClaimExpires { .. }
            | Event::ClaimLiveness { .. }
            | Event::KarpenterDisrupt => 13,
            Event::Sample | Event::Exposition => 15,
        }
    }
}
