//! What a run keeps of each thing that changes: pods, machines, node groups, workloads.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::event::EventCounts;
use super::records::Usage;
use super::state::cpu::{CpuClaim, NodeCpu};
use super::state::drain::Drain;
use super::state::idle::IdleRun;
use super::state::images::NodeImages;
use super::state::jobs::BatchRun;
use super::state::metrics_server::MeterId;
use super::state::scaling_group::Unfilled;
use super::state::wait_times::WaitRun;
use crate::cluster::{NodeId, NodeSelectorTerm, NodeShapeId, PodId, PodSpecId, WorkloadId};
use crate::controller::deployment::ReplicaSet;
use crate::cost::{CapacityType, Holding};
use crate::units::{SimDuration, SimTime, Usd, UsdPerHour};

/// How a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed,
    /// Taken out of the API server before it ended by itself.
    Deleted,
}

/// A Job. A manifest's own has the number 0; a CronJob's has the minute that it was scheduled for since 1970, by which
/// it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobKey {
    pub workload: WorkloadId,
    pub run: u32,
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
    /// `index`: the completion index, or a number without meaning where the Job is not indexed. `run`: see [`JobKey`].
    JobPod {
        index: u32,
        run: u32,
    },
    Worker {
        job: u32,
    },
    /// A pod beside a training job's workers: `TrainingJob::companions`.
    Companion {
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
    /// Its spec as its owner's template has it, before volumes tied it to a place.
    pub template: PodSpecId,
    /// Voids events that were meant for an earlier life of its container.
    pub generation: u32,
    pub scheduled: Option<SimTime>,
    /// Its container began to run, for the first time and for the last.
    pub first_started: Option<SimTime>,
    pub started: Option<SimTime>,
    /// Its container runs.
    pub runs: bool,
    /// Why its container ended the last time that it was to start again.
    pub last_end: Option<&'static str>,
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
    /// Its CPU limit; `i64::MAX` where it has none. And for how long it used all of that.
    pub cpu_limit: i64,
    pub throttled: SimDuration,
    /// When pods last made way for it.
    pub preempted_others: Option<SimTime>,
    /// How many of its containers' images are there, and the one that it waits for.
    pub images_there: u32,
    pub awaited_image: Option<u32>,
    /// Requests that it serves a second, in thousandths.
    pub serving: i64,
    /// What metrics-server last scraped of it.
    pub meter: MeterId,
    pub requested: Usage,
    /// The larger of request and use while it has a node.
    pub holding: Holding,
    /// What it owes, `[cpu, memory, gpu]`, as far as it is booked.
    pub costs: [Usd; 3],
    /// What it waits for while it has no node.
    pub wait: WaitRun,
}

impl PodRun {
    /// The CPU counter at `now`, in millicore-nanoseconds.
    pub fn cpu_counter_at(&self, now: SimTime) -> i128 {
        self.cpu_counter + i128::from(self.used.cpu.get()) * i128::from((now - self.counted_at).nanos())
    }

    /// For how long it has used all the CPU that its limit allows.
    pub fn throttled_at(&self, now: SimTime) -> SimDuration {
        let is_at_limit = self.used.cpu.get() >= self.cpu_limit;
        self.throttled + if is_at_limit { now - self.counted_at } else { SimDuration::ZERO }
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
    /// When its readiness last changed.
    pub ready_changed: Option<SimTime>,
    /// When the cloud takes it back, where it has announced that.
    pub reclaimed_at: Option<SimTime>,
    /// When the machine stopped working, unasked: nothing runs on it any more, whatever the API server says.
    pub stopped: Option<SimTime>,
    /// The cloud has taken it out of its group.
    pub returned: bool,
    /// Voids evictions that were planned for a taint that was taken off since.
    pub taint_generation: u32,
    /// Its removal has begun; of one that has not registered: it was handed back.
    pub deleting: bool,
    /// Its pods are being moved.
    pub drain: Option<Drain>,
    pub removed: Option<SimTime>,
    /// When its Node object left the API server.
    pub deleted: Option<SimTime>,
    pub reason: &'static str,
    pub used: Usage,
    /// CPU that its pods used up to `counted_at`, in millicore-nanoseconds.
    pub cpu_counter: i128,
    pub counted_at: SimTime,
    pub cpu: NodeCpu,
    /// Its kubelet is to look at its memory.
    pub under_memory_pressure: bool,
    /// Images on its disk and on their way.
    pub images: NodeImages,
    pub pods_run: u32,
    /// Since when it has been billed at its present price.
    pub billed_from: SimTime,
    /// Of the stretches that are paid for, `[cpu, memory, gpu]`; and what its pods owe of that.
    pub costs: [Usd; 3],
    pub pods_costs: [Usd; 3],
    pub cost: Usd,
    /// Why the part of it is idle that is.
    pub idle: IdleRun,
}

impl Instance {
    /// The CPU counter at `now`, in millicore-nanoseconds.
    pub fn cpu_counter_at(&self, now: SimTime) -> i128 {
        self.cpu_counter + i128::from(self.used.cpu.get()) * i128::from((now - self.counted_at).nanos())
    }
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

/// A ReplicaSet of a Deployment, or a revision of a StatefulSet (of which only the template counts).
#[derive(Clone, Copy, Debug)]
pub(super) struct SetRun {
    pub template: PodSpecId,
    /// What its Deployment gave it, and when that was last scaled.
    pub state: ReplicaSet,
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
    /// The patch that made it what it is now, by its index in the scenario.
    pub patch: Option<u32>,
    /// A Deployment's ReplicaSets, and a StatefulSet's revisions, oldest first.
    pub sets: Vec<SetRun>,
    /// Its controller is at work: whatever it brings about is seen by its own next step.
    pub is_reconciling: bool,
    /// When the rollout that goes on last got further.
    pub progressed: Option<SimTime>,
    /// Where a StatefulSet's volumes are, by ordinal.
    pub volumes: BTreeMap<u32, Vec<NodeSelectorTerm>>,
    /// Jobs that were created and not deleted, by [`JobKey::run`].
    pub jobs: BTreeMap<u32, BatchRun>,
    /// A CronJob's `lastScheduleTime`.
    pub last_schedule: Option<Timestamp>,
    /// What its pods owe, `[cpu, memory, gpu]`, as far as it is booked; and what they held for it, times nanoseconds.
    pub costs: [Usd; 3],
    pub held: [i128; 3],
}

impl WorkloadRun {
    /// The rollout that goes on got further.
    pub fn note_progress(&mut self, now: SimTime) {
        if let Some(progressed) = &mut self.progressed {
            *progressed = now;
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub events: u64,
    pub by_kind: EventCounts,
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
