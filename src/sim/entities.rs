//! What a run keeps of each thing that changes: pods, machines, node groups, workloads.

use std::sync::Arc;

use super::cpu::{CpuClaim, NodeCpu};
use super::images::NodeImages;
use super::observer::Usage;
use super::scaling_group::Unfilled;
use crate::cluster::{NodeId, NodeShapeId, PodId, WorkloadId};
use crate::cost::CapacityType;
use crate::units::{SimTime, Usd, UsdPerHour};

/// How a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed,
    /// Taken out of the API server before it ended by itself.
    Deleted,
}

/// What a pod belongs to beside its workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Replica {
        ordinal: u32,
    },
    Trace {
        index: u32,
    },
    /// `index`: the completion index, or a number without meaning where the Job is not indexed.
    JobPod {
        index: u32,
    },
    Worker {
        job: u32,
    },
    Daemon,
}

impl Role {
    /// True where a controller keeps a number of such pods alive; the others are not listed by workload.
    pub(super) fn is_counted_by_owner(self) -> bool {
        matches!(self, Role::Replica { .. } | Role::JobPod { .. })
    }
}

/// What the kubelet and the books know of a pod.
#[derive(Clone, Debug)]
pub(super) struct PodRun {
    pub workload: WorkloadId,
    pub role: Role,
    /// Voids events that were meant for an earlier life of its container.
    pub generation: u32,
    pub scheduled: Option<SimTime>,
    /// Its container began to run, for the first time and for the last.
    pub first_started: Option<SimTime>,
    pub started: Option<SimTime>,
    pub ready_at: Option<SimTime>,
    pub finished: Option<SimTime>,
    pub restarts: u32,
    /// Crashes since the back-off was last cleared.
    pub crashes: u32,
    pub reason: &'static str,
    /// Since when it has been as ready or unready as it is.
    pub ready_changed: Option<SimTime>,
    /// What it wants of its node's CPU and has of it.
    pub cpu: CpuClaim,
    /// What it uses now, as counted in the ledger and on its node.
    pub used: Usage,
    /// CPU used up to `counted_at`, in millicore-nanoseconds, as cAdvisor's counter; and at its container's start.
    pub cpu_counter: i128,
    pub counted_at: SimTime,
    pub counter_at_start: i128,
    /// When pods last made way for it.
    pub preempted_others: Option<SimTime>,
    /// How many of its containers' images are there, and the one that it waits for.
    pub images_there: u32,
    pub awaited_image: Option<u32>,
    /// Requests that it serves a second, in thousandths.
    pub serving: i64,
    pub cost: Usd,
}

impl PodRun {
    /// The CPU counter at `now`, in millicore-nanoseconds.
    pub fn cpu_counter_at(&self, now: SimTime) -> i128 {
        self.cpu_counter + i128::from(self.used.cpu.get()) * i128::from((now - self.counted_at).nanos())
    }
}

/// A machine, from the request to the end of its bill.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub name: Arc<str>,
    pub group: Option<u32>,
    pub shape: NodeShapeId,
    pub instance_type: Arc<str>,
    pub price: UsdPerHour,
    pub capacity_type: CapacityType,
    pub requested: SimTime,
    pub node: Option<NodeId>,
    pub registered: Option<SimTime>,
    /// When its kubelet said so for the first time, and when its devices were there too.
    pub turned_ready: Option<SimTime>,
    pub ready: Option<SimTime>,
    /// Drain or removal has begun; of one that has not registered: it was handed back.
    pub deleting: bool,
    /// A drained node waits at least until then.
    pub deletes_not_before: SimTime,
    /// A drain that is not over by then is given up.
    pub gives_up_drain_at: Option<SimTime>,
    pub removed: Option<SimTime>,
    pub reason: &'static str,
    pub used: Usage,
    pub cpu: NodeCpu,
    /// Its kubelet is to look at its memory.
    pub under_memory_pressure: bool,
    /// Images on its disk and on their way.
    pub images: NodeImages,
    pub pods_run: u32,
    pub pods_cost: Usd,
    pub cost: Usd,
}

/// A node group at the cloud. Its target is met by [`instances`](GroupRun::instances) and
/// [`unfilled`](GroupRun::unfilled) places together, always.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupRun {
    /// What was asked for.
    pub target: u32,
    /// Machines that the cloud runs or is bringing up.
    pub instances: u32,
    /// Registered nodes.
    pub registered: u32,
    /// Instances ever launched: names and zones go round by it.
    pub launched: u32,
    /// Machines that have not registered.
    pub unregistered: Vec<u32>,
    /// Places for which the cloud could not deliver a machine.
    pub unfilled: Vec<Unfilled>,
    /// Places ever refused, for their names.
    pub refused: u64,
    pub relaunch_is_planned: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct WorkloadRun {
    /// `spec.replicas`.
    pub desired: u32,
    /// Replicas and Jobs' pods that neither ended nor are terminating, in the order of their creation.
    pub pods: Vec<PodId>,
    /// Its terminating pods.
    pub leaving: Vec<PodId>,
    pub ready: u32,
    pub next_ordinal: u32,
    /// Pods of a Job that ended.
    pub succeeded: u32,
    pub failed: u32,
    /// A Job that reached its back-off limit.
    pub gave_up: bool,
    pub cost: Usd,
    /// Request × time of pods that ended or moved on: `[cpu, memory, gpu]`.
    pub requested: [i128; 3],
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub events: u64,
    pub scheduling_attempts: u64,
    pub autoscaler_loops: u64,
    pub autoscaler_loops_skipped: u64,
    pub scale_ups: u32,
    pub scale_downs: u32,
    pub nodes_added: u32,
    pub nodes_removed: u32,
    pub hpa_changes: u32,
    pub evicted: u32,
    pub preempted: u32,
    pub oom_kills: u32,
    pub restarts: u32,
    pub interruptions: u32,
}
