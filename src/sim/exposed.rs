//! What a monitoring system would read of the cluster at one instant: its objects with their state, one by one.
//!
//! Nothing is named here as exporters name it, and nothing is kept: whoever watches reads what it wants.

use std::sync::Arc;

use super::budgets::Standing;
use super::entities::{Instance, PodRun, Role, WorkloadRun};
use super::records::Usage;
use super::state::hpa::HpaRun;
use super::world::World;
use crate::autoscaler::hpa::Conditions;
use crate::cluster::{
    ClusterView, DisruptionBudget, NodeId, NodeShape, NodeState, PodId, PodInfo, PodSpec, Specs, WorkloadId,
};
use crate::cost::CapacityType;
use crate::load::latency::Latencies;
use crate::scenario::{BatchJob, Hpa, NodeGroup, Patch, Scenario, Workload, WorkloadKind};
use crate::units::{SimDuration, SimTime, UsdPerHour};

/// The cluster at one instant, after all events of that instant.
#[derive(Clone, Copy)]
pub struct Exposed<'w> {
    pub(super) world: &'w World<'w>,
}

/// A pod that was created and is in the API server still.
#[derive(Clone, Copy)]
pub struct ExposedPod<'w> {
    world: &'w World<'w>,
    run: &'w PodRun,
    pub id: PodId,
    pub info: &'w PodInfo,
    pub spec: &'w PodSpec,
}

/// A registered node and its machine.
#[derive(Clone, Copy)]
pub struct ExposedNode<'w> {
    world: &'w World<'w>,
    instance: &'w Instance,
    pub id: NodeId,
    pub state: &'w NodeState,
    pub shape: &'w NodeShape,
}

/// What owns pods.
#[derive(Clone, Copy)]
pub struct ExposedWorkload<'w> {
    world: &'w World<'w>,
    run: &'w WorkloadRun,
    pub workload: &'w Workload,
    /// What it is now, be it by a patch.
    pub kind: &'w WorkloadKind,
}

impl<'w> Exposed<'w> {
    pub(super) fn of(world: &'w World<'w>) -> Exposed<'w> {
        Exposed { world }
    }

    pub fn at(&self) -> SimTime {
        self.world.now
    }

    pub fn scenario(&self) -> &'w Scenario {
        self.world.scenario
    }

    pub fn specs(&self) -> &'w Specs {
        &self.world.cluster.specs
    }

    /// Pods are numbered as they are created, from zero.
    pub fn pods_created(&self) -> usize {
        self.world.pods.len()
    }

    /// `None` where it is gone from the API server.
    pub fn pod(&self, id: PodId) -> Option<ExposedPod<'w>> {
        let info = self.world.cluster.pod(id);
        let spec = self.world.cluster.specs.pod(info.spec);
        (!info.deleted).then_some(ExposedPod { world: self.world, run: &self.world.pods[id.index()], id, info, spec })
    }

    /// Nodes are numbered as they register, from zero.
    pub fn nodes_registered(&self) -> usize {
        self.world.instance_of.len()
    }

    /// `None` where it is gone from the API server.
    pub fn node(&self, id: NodeId) -> Option<ExposedNode<'w>> {
        let state = self.world.cluster.node(id)?;
        let shape = self.world.cluster.specs.shape(state.shape);
        Some(ExposedNode { world: self.world, instance: self.world.instance_of_node(id), id, state, shape })
    }

    /// In the order of the scenario.
    pub fn hpas(&self) -> impl Iterator<Item = ExposedHpa<'w>> + 'w {
        let (world, exposed) = (self.world, *self);
        let hpas = world.scenario.hpas.iter().zip(&world.hpas);
        hpas.map(move |(hpa, run)| ExposedHpa { run, hpa, target: exposed.workload(hpa.target) })
    }

    /// The scenario's disruption budgets in their order, each with its name and namespace.
    pub fn budgets(&self) -> impl Iterator<Item = (&'w DisruptionBudget, Standing)> + 'w {
        let world = self.world;
        world.scenario.disruption_budgets.iter().enumerate().map(|(index, budget)| (budget, world.standing(index)))
    }

    pub fn groups(&self) -> impl Iterator<Item = ExposedGroup<'w>> + 'w {
        let world = self.world;
        let groups = world.scenario.node_groups.iter().zip(&world.groups);
        groups.map(|(group, run)| ExposedGroup {
            group,
            target: run.target,
            launched: run.launched,
            gone: run.launched.saturating_sub(run.instances),
        })
    }

    /// Registered nodes that are ready, and those that are not.
    pub fn nodes_ready(&self) -> [u32; 2] {
        let ledger = self.world.cluster.ledger();
        [ledger.nodes_ready, ledger.nodes - ledger.nodes_ready]
    }

    /// Millicores and bytes of the registered nodes' machines.
    pub fn capacity(&self) -> (i64, i64) {
        let of = |node: ExposedNode<'_>| (node.shape.capacity.cpu.get(), node.shape.capacity.memory.get());
        let nodes = (0..self.nodes_registered()).filter_map(|index| self.node(NodeId::new(index))).map(of);
        nodes.fold((0, 0), |sum, node| (sum.0 + node.0, sum.1 + node.1))
    }

    pub fn counts(&self) -> ExposedCounts {
        let ledger = self.world.cluster.ledger();
        ExposedCounts {
            nodes_added: self.world.counts.nodes_added,
            nodes_removed: self.world.counts.nodes_removed,
            nodes_upcoming: ledger.nodes_upcoming,
            unschedulable_pods: self.world.queue.unschedulable_len() as u32,
            queued_pods: ledger.pods.unbound,
            evicted_pods: self.world.counts.evicted,
        }
    }

    /// In the order of the scenario's loads.
    pub fn services(&self) -> impl Iterator<Item = ExposedService<'w>> + 'w {
        let world = self.world;
        world.scenario.loads.iter().enumerate().map(move |(index, load)| {
            let (books, latencies) = world.service_so_far(index);
            ExposedService {
                workload: &world.scenario.workloads[load.target.index()],
                of_requests: latencies.is_some(),
                served: books.served.units(),
                dropped: books.dropped.units(),
                waiting: books.backlog.units(),
                latencies,
            }
        })
    }

    pub fn workload(&self, id: WorkloadId) -> ExposedWorkload<'w> {
        ExposedWorkload {
            world: self.world,
            run: &self.world.workloads[id.index()],
            workload: &self.world.scenario.workloads[id.index()],
            kind: self.world.kind(id),
        }
    }
}

impl<'w> ExposedPod<'w> {
    pub fn workload(&self) -> ExposedWorkload<'w> {
        Exposed { world: self.world }.workload(self.run.workload)
    }

    pub fn node_name(&self) -> Option<&'w Arc<str>> {
        let node = self.info.node?;
        Some(&self.world.instance_of_node(node).name)
    }

    /// A training worker, a pod of a Job, a pod of a DaemonSet, …: who made it.
    pub fn owner(&self) -> PodOwner {
        match self.run.role {
            Role::Replica { .. } => PodOwner::Workload { template: self.run.template.index() },
            Role::JobPod { run, .. } => PodOwner::Job { run },
            Role::Daemon => PodOwner::DaemonSet,
            Role::Worker { .. } | Role::Companion { .. } => PodOwner::TrainingJob,
            Role::Trace { .. } => PodOwner::Nobody,
        }
    }

    /// When it was bound.
    pub fn scheduled(&self) -> Option<SimTime> {
        self.run.scheduled
    }

    /// When its containers last started.
    pub fn container_started(&self) -> Option<SimTime> {
        self.run.started
    }

    /// It turned ready for the first time.
    pub fn first_ready(&self) -> Option<SimTime> {
        self.run.ready_at
    }

    pub fn finished(&self) -> Option<SimTime> {
        self.run.finished
    }

    /// Its containers run at this instant.
    pub fn runs(&self) -> bool {
        self.run.runs && !self.info.is_terminal()
    }

    pub fn restarts(&self) -> u32 {
        self.run.restarts
    }

    /// Why its containers last ended before they were started again; `None` where they never did.
    pub fn last_end(&self) -> Option<&'static str> {
        self.run.last_end
    }
    /// Why it ended: `Completed`, `OOMKilled`, `Evicted`, …; empty while it lives.
    pub fn reason(&self) -> &'static str {
        self.run.reason
    }

    pub fn used(&self) -> Usage {
        self.run.used
    }

    /// Thousandths of GPUs that it requests.
    pub fn requested_gpus(&self) -> i64 {
        self.run.requested.gpu.get()
    }

    /// CPU time that its containers used since they last started, in core-seconds.
    pub fn cpu_seconds(&self) -> f64 {
        (self.run.cpu_counter_at(self.world.now) - self.run.counter_at_start) as f64 / 1e12
    }
    /// For how long, since they last started, its containers have used all the CPU that their limits allow; `None`
    /// without limits.
    pub fn throttled(&self) -> Option<SimDuration> {
        (self.run.cpu_limit < i64::MAX).then(|| self.run.throttled_at(self.world.now))
    }

    /// The larger of request and use: `[millicores, bytes, thousandths of GPUs]`; zero without a node.
    pub fn held(&self) -> [i64; 3] {
        self.run.holding.amounts()
    }
}

/// An HPA.
#[derive(Clone, Copy)]
pub struct ExposedHpa<'w> {
    run: &'w HpaRun,
    pub hpa: &'w Hpa,
    pub target: ExposedWorkload<'w>,
}

impl<'w> ExposedHpa<'w> {
    pub fn conditions(&self) -> &'w Conditions {
        self.run.conditions()
    }

    /// What its last sync read, by metric: thousandths of the metric's unit, or of a percent.
    pub fn last_read(&self) -> impl Iterator<Item = Option<i64>> + 'w {
        self.run.last_read()
    }
}

/// A Job that was created and not deleted.
#[derive(Clone, Copy, Debug)]
pub struct ExposedJob {
    /// See [`PodOwner::Job`].
    pub run: u32,
    pub created: SimTime,
    pub started: Option<SimTime>,
    /// When it was closed, complete or failed.
    pub completed: Option<SimTime>,
    pub is_finished: bool,
    pub active: u32,
    pub succeeded: u32,
    pub failed: u32,
}

/// A node group or pool, and what its autoscaler has done.
#[derive(Clone, Copy)]
pub struct ExposedGroup<'w> {
    pub group: &'w NodeGroup,
    pub target: u32,
    /// Machines that were ever launched, and those that are gone.
    pub launched: u32,
    pub gone: u32,
}

/// Counts of the run so far.
#[derive(Clone, Copy, Debug)]
pub struct ExposedCounts {
    pub nodes_added: u32,
    pub nodes_removed: u32,
    pub nodes_upcoming: u32,
    pub unschedulable_pods: u32,
    /// In the scheduler's queue.
    pub queued_pods: u32,
    pub evicted_pods: u32,
}

/// What a service was asked for and did since the start, in its own unit: requests, or core-seconds.
#[derive(Clone, Debug)]
pub struct ExposedService<'w> {
    pub workload: &'w Workload,
    pub of_requests: bool,
    pub served: f64,
    pub dropped: f64,
    pub waiting: f64,
    /// Of all that were answered.
    pub latencies: Option<Latencies>,
}

/// Who made a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodOwner {
    /// A replica of its workload, of this template (equal for pods of one ReplicaSet).
    Workload {
        template: usize,
    },
    /// A Job; those of a CronJob are numbered by the minute that they were scheduled for.
    Job {
        run: u32,
    },
    DaemonSet,
    TrainingJob,
    /// A bare pod.
    Nobody,
}

impl<'w> ExposedNode<'w> {
    pub fn instance_type(&self) -> &'w str {
        &self.instance.instance_type
    }

    pub fn capacity_type(&self) -> CapacityType {
        self.instance.capacity_type
    }

    pub fn registered(&self) -> SimTime {
        self.instance.registered.unwrap_or_default()
    }

    /// What it costs an hour at present, commitments aside.
    pub fn price(&self) -> UsdPerHour {
        self.instance.price
    }

    /// `price` by resource: `[cpu, memory, gpu]`.
    pub fn price_parts(&self) -> [UsdPerHour; 3] {
        self.world.price_parts(self.instance)
    }

    pub fn used(&self) -> Usage {
        self.instance.used
    }

    /// CPU time that its pods used since it registered, in core-seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.instance.cpu_counter_at(self.world.now) as f64 / 1e12
    }

    /// Its machine works; one that has stopped tells nothing, whatever the API server says of the node.
    pub fn works(&self) -> bool {
        self.instance.stopped.is_none()
    }

    pub fn under_memory_pressure(&self) -> bool {
        self.instance.under_memory_pressure
    }
}

impl<'w> ExposedWorkload<'w> {
    /// `deployment`, `replicaset`, `statefulset`, `daemonset`, `job`, `cronjob` or `pod`.
    pub fn kind_name(&self) -> &'static str {
        self.world.scenario.kind_of(self.workload)
    }

    /// `spec.replicas`.
    pub fn desired(&self) -> u32 {
        self.run.desired
    }

    /// Replicas that neither ended nor are terminating.
    pub fn current(&self) -> u32 {
        self.run.pods.len() as u32
    }

    pub fn ready(&self) -> u32 {
        self.run.ready
    }

    /// `metadata.generation`, as far as templates go.
    pub fn generation(&self) -> usize {
        let patches = self.run.patch.map_or(0, |last| last as usize + 1);
        let is_of_it = |patch: &&Patch| patch.target == self.workload.id;
        1 + self.world.scenario.patches[..patches].iter().filter(is_of_it).count()
    }

    /// Of `current`, those of this template.
    pub fn of_template(&self, template: usize) -> u32 {
        let is_of_it = |pod: &&PodId| self.world.pods[pod.index()].template.index() == template;
        self.run.pods.iter().filter(is_of_it).count() as u32
    }

    /// Of those, the ones that are ready.
    pub fn ready_of_template(&self, template: usize) -> u32 {
        let is_of_it = |pod: &&PodId| self.world.pods[pod.index()].template.index() == template;
        let is_ready = |pod: &&PodId| self.world.cluster.pod(**pod).ready;
        self.run.pods.iter().filter(is_of_it).filter(is_ready).count() as u32
    }

    /// The time for which a CronJob last made a Job, and that of its next; seconds since the Unix epoch.
    pub fn schedules(&self) -> [Option<i64>; 2] {
        let next = match self.kind {
            WorkloadKind::Job(BatchJob { cron: Some(cron), .. }) if !cron.is_suspended => {
                cron.next_after(self.world.timestamp(self.world.now))
            }
            _ => None,
        };
        [self.run.last_schedule, next].map(|at| at.map(|at| at.as_second()))
    }

    /// Its Jobs, where it is a Job or a CronJob.
    pub fn jobs(&self) -> impl Iterator<Item = ExposedJob> + 'w {
        let (world, run) = (self.world, self.run);
        run.jobs.iter().map(move |(number, job)| {
            let is_of_it = |pod: &&PodId| match world.pods[pod.index()].role {
                Role::JobPod { run, .. } => run == *number,
                _ => false,
            };
            let [succeeded, failed] = job.ended();
            ExposedJob {
                run: *number,
                created: job.created,
                started: job.started(),
                completed: job.completed,
                is_finished: job.is_finished(),
                active: run.pods.iter().filter(is_of_it).count() as u32,
                succeeded,
                failed,
            }
        })
    }

    /// The conditions of a Deployment: whether as many replicas are ready as it must not fall below, and whether its rollout
    /// gets on, with the reason of the latter (`pkg/controller/deployment/progress.go`).
    pub fn deployment_conditions(&self) -> (bool, bool, &'static str) {
        let WorkloadKind::Replicated { update, .. } = self.kind else { return (true, true, "") };
        let unavailable = update.strategy.fence_posts(self.run.desired).1.min(self.run.desired);
        let is_available = self.run.ready + unavailable >= self.run.desired;
        match (self.run.progressed, update.progress_deadline) {
            (Some(progressed), Some(deadline)) if progressed + deadline <= self.world.now => {
                (is_available, false, "ProgressDeadlineExceeded")
            }
            (Some(_), _) => (is_available, true, "ReplicaSetUpdated"),
            (None, _) => (is_available, true, "NewReplicaSetAvailable"),
        }
    }

    /// Templates of its ReplicaSets or revisions, oldest first, each with the replicas that its Deployment gave it.
    pub fn sets(&self) -> impl Iterator<Item = (usize, u32)> + 'w {
        let run = self.run;
        let is_alone = run.sets.len() <= 1;
        run.sets.iter().map(move |set| (set.template.index(), if is_alone { run.desired } else { set.state.replicas }))
    }
}
