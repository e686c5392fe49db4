//! The world of a run: every arena, and the few primitive changes that keep them, the class index and the books in step.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use super::books::Books;
use super::entities::{Counts, End, GroupRun, Instance, PodRun, Role, WorkloadRun};
use super::event::Event;
use super::queue::EventQueue;
use super::records::{Controller, DecisionRecord, TrainingCounts, Usage};
use super::state::bills::Bills;
use super::state::cluster_autoscaler::AutoscalerRun;
use super::state::cpu::{CpuClaim, Divisions};
use super::state::gang_queue::GangQueue;
use super::state::gauges::Gauges;
use super::state::hpa::HpaRun;
use super::state::idle::IdleBook;
use super::state::images::NodeImages;
use super::state::karpenter::KarpenterRun;
use super::state::kueue::KueueRun;
use super::state::maxima::Maxima;
use super::state::metrics_server::{MeterId, Scrapes};
use super::state::node_lifecycle::NodeLifecycle;
use super::state::running::Places;
use super::state::scheduling::SpecNotes;
use super::state::selections::Selections;
use super::state::services::ServiceRun;
use super::state::tallies::Tallies;
use super::state::training::JobRun;
use super::state::wait_times::{WaitBook, WaitRun};
use super::state::waiting::Waiting;
use crate::autoscaler::hpa;
use crate::autoscaler::keda::PollState;
use crate::cluster::{
    ClusterView, NodeId, NodeSelectorTerm, NodeState, PodId, PodInfo, PodSpec, PodSpecId, Specs, TaintEffect,
    WorkloadId,
};
use crate::cost::Holding;
use crate::load::Signal;
use crate::scenario::{Scenario, UsageModel};
use crate::scheduler::fragmentation::typical_pods;
use crate::scheduler::queue::{QueueOptions, SchedulingQueue};
use crate::scheduler::{self, Profile};
use crate::units::{Bytes, GpuMilli, Millicores, SimDuration, SimTime, Usd};

/// Everything that a run changes.
pub struct World<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) seed: u64,
    pub(super) now: SimTime,
    pub(super) events: EventQueue,
    /// The live cluster, its node classes, the ledger and the versions.
    pub(super) cluster: Books,
    pub(super) queue: SchedulingQueue,
    /// By [`PodId`].
    pub(super) pods: Vec<PodRun>,
    /// Machines, from the request to the cloud to the end of the bill; fixed nodes too.
    pub(super) instances: Vec<Instance>,
    pub(super) bills: Bills,
    pub(super) idle: IdleBook,
    pub(super) wait_times: WaitBook,
    /// By [`NodeId`].
    pub(super) instance_of: Vec<u32>,
    pub(super) workloads: Vec<WorkloadRun>,
    /// By workload: what it is called in figures.
    pub(super) workload_keys: Vec<Arc<str>>,
    pub(super) pod_stems: Vec<Arc<str>>,
    /// Where the scenario's claims have their volumes; `None`: nowhere yet.
    pub(super) claims: Vec<Option<Vec<NodeSelectorTerm>>>,
    /// Some workload mounts volumes that live somewhere.
    pub(super) has_volumes: bool,
    /// By [`PodSpecId`].
    pub(super) spec_notes: Vec<SpecNotes>,
    /// Nodes are always asked one by one (to hold the class index against).
    pub(super) plain: bool,
    /// Pods of this scenario have affinity or spread constraints: where one goes can help another.
    pub(super) placements_matter: bool,
    /// No pod of this scenario has a lower priority.
    pub(super) lowest_priority: i32,
    /// Nodes that have more room than when the pods that wait for room were last told of it.
    pub(super) freed: Vec<NodeId>,
    pub(super) next_backoff_event: Option<SimTime>,
    pub(super) divisions: Divisions,
    /// Pods that name a node which is not there.
    pub(super) orphans: Vec<PodId>,
    /// By [`PodSpecId`]: the images that a pod pulls, in its order; filled as they are asked for.
    pub(super) image_lists: Vec<Option<Arc<[u32]>>>,
    /// Places of running pods that no pod has taken yet, by workload.
    pub(super) places: Places,
    /// Index of the next pod of the trace.
    pub(super) next_trace_pod: usize,
    /// By node group.
    pub(super) groups: Vec<GroupRun>,
    /// Training jobs that have arrived, in the order of the scenario.
    pub(super) jobs: Vec<JobRun>,
    /// Where gangs have a scheduler of their own.
    pub(super) gang_queue: Option<GangQueue>,
    /// Loads of the scenario, running.
    pub(super) services: Vec<ServiceRun>,
    /// By workload: its load.
    pub(super) service_of: Vec<Option<u32>>,
    pub(super) scrapes: Scrapes,
    /// By series of the external metrics API: its signal, where it has one.
    pub(super) external_signals: Vec<Option<Signal>>,
    /// What the HPA controller remembers, by HPA.
    pub(super) hpas: Vec<HpaRun>,
    pub(super) hpa_observer: hpa::Observer,
    pub(super) maxima: Maxima,
    /// The pods that each HPA sees.
    pub(super) selections: Selections,
    /// What KEDA remembers, by scaler.
    pub(super) polls: Vec<PollState>,
    pub(super) cluster_autoscaler: Option<Box<AutoscalerRun>>,
    pub(super) karpenter: Option<Box<KarpenterRun>>,
    pub(super) kueue: Option<Box<KueueRun>>,
    pub(super) node_lifecycle: NodeLifecycle,
    /// What was last said of pods that wait.
    pub(super) waiting: Waiting,
    /// Of each budget, whether it can select pods that are no replicas.
    pub(super) budgets_of_others: OnceCell<Vec<bool>>,
    pub(super) profile: Profile,
    pub(super) scheduler: scheduler::Memory,
    /// The most `PreferNoSchedule` taints that one node may come to bear.
    pub(super) soft_taints_per_node: usize,
    /// The observer wants refusals too.
    pub(super) verbose: bool,
    pub(super) schedule_is_due: bool,
    /// How often an observer looks at objects.
    pub(super) exposition_interval: Option<SimDuration>,
    /// What exporters count.
    pub(super) tallies: Tallies,
    /// Counts between samples.
    pub(super) gauges: Gauges,
    pub(super) training: TrainingCounts,
    pub(super) decisions: Vec<DecisionRecord<'static>>,
    pub(super) counts: Counts,
}

impl<'s> World<'s> {
    pub(super) fn new(scenario: &'s Scenario, seed: u64) -> World<'s> {
        World {
            scenario,
            seed,
            now: SimTime::ZERO,
            events: EventQueue::default(),
            cluster: Books::new(scenario.specs.clone(), scenario.trace_pods.len()),
            queue: SchedulingQueue::new(QueueOptions::of(&scenario.scheduler)),
            pods: Vec::with_capacity(scenario.trace_pods.len()),
            instances: Vec::new(),
            bills: Bills::new(scenario),
            idle: IdleBook::default(),
            wait_times: WaitBook::default(),
            instance_of: Vec::new(),
            workloads: vec![WorkloadRun::default(); scenario.workloads.len()],
            workload_keys: scenario.workload_keys(),
            pod_stems: scenario.pod_stems(),
            claims: Vec::new(),
            has_volumes: false,
            spec_notes: Vec::new(),
            plain: false,
            placements_matter: scenario.specs.pods().any(hangs_on_others),
            lowest_priority: lowest_priority(&scenario.specs),
            freed: Vec::new(),
            next_backoff_event: None,
            divisions: Divisions::default(),
            orphans: Vec::new(),
            image_lists: Vec::new(),
            places: Places::of(scenario),
            next_trace_pod: 0,
            jobs: Vec::new(),
            gang_queue: scenario.training.as_ref().and_then(|training| training.discipline).map(GangQueue::new),
            services: Vec::new(),
            service_of: vec![None; scenario.workloads.len()],
            scrapes: Scrapes::default(),
            external_signals: Vec::new(),
            hpas: Vec::new(),
            hpa_observer: hpa::Observer::default(),
            maxima: Maxima::new(scenario),
            selections: Selections::new(scenario),
            polls: Vec::new(),
            cluster_autoscaler: None,
            karpenter: None,
            kueue: None,
            node_lifecycle: NodeLifecycle::default(),
            waiting: Waiting::default(),
            budgets_of_others: OnceCell::new(),
            profile: profile(scenario, seed),
            scheduler: scheduler::Memory::default(),
            soft_taints_per_node: soft_taints_per_node(scenario),
            verbose: false,
            groups: vec![GroupRun::default(); scenario.node_groups.len()],
            schedule_is_due: false,
            exposition_interval: None,
            tallies: Tallies::default(),
            gauges: Gauges::new(scenario.node_groups.len(), scenario.workloads.len()),
            training: TrainingCounts::default(),
            decisions: Vec::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn decide(
        &mut self,
        controller: Controller,
        object: impl Into<Cow<'static, str>>,
        from: impl Into<Cow<'static, str>>,
        to: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) {
        self.decisions.push(DecisionRecord {
            at: self.now,
            controller,
            object: object.into(),
            from: from.into(),
            to: to.into(),
            reason: reason.into(),
        });
    }

    pub(super) fn usage_model(&self, workload: WorkloadId) -> UsageModel {
        self.scenario.workloads[workload.index()].usage
    }

    // Pods

    /// A new pod, unbound; the caller offers it to the scheduler or binds it.
    pub(super) fn create_pod(&mut self, name: Arc<str>, spec: PodSpecId, workload: WorkloadId, role: Role) -> PodId {
        let requested = self.requested(spec);
        let wait = WaitRun::begin(self.cluster.specs.pod(spec), workload, self.now);
        let pod = self.cluster.add_pod(PodInfo::new(name, spec, self.now));
        self.pods.push(PodRun {
            workload,
            role,
            template: spec,
            generation: 0,
            scheduled: None,
            first_started: None,
            started: None,
            runs: false,
            last_end: None,
            ready_at: None,
            finished: None,
            restarts: 0,
            crashes: 0,
            reason: "",
            ready_changed: None,
            cpu: CpuClaim::default(),
            used: Usage::default(),
            cpu_counter: 0,
            counted_at: self.now,
            counter_at_start: 0,
            cpu_limit: self.cluster.specs.pod(spec).cpu_limit().map_or(i64::MAX, Millicores::get),
            throttled: SimDuration::ZERO,
            preempted_others: None,
            images_there: 0,
            awaited_image: None,
            serving: 0,
            meter: MeterId::default(),
            requested,
            holding: Holding::default(),
            costs: [Usd::ZERO; 3],
            wait,
        });
        if role.is_counted_by_owner() {
            self.workloads[workload.index()].pods.push(pod);
            self.note_replicas(workload);
        }
        self.selections.created(pod, spec, self.cluster.specs.pod(spec), self.scenario);
        pod
    }

    /// Books the pod on the node.
    pub(super) fn book(&mut self, pod: PodId, node: NodeId) {
        self.end_wait(pod);
        let devices = self.choose_device(pod, node);
        self.cluster.bind(pod, node, devices, self.now);
        self.nominate(pod, None);
        let run = &mut self.pods[pod.index()];
        run.scheduled = Some(self.now);
        self.hold(pod);
        self.instances[self.instance_of[node.index()] as usize].pods_run += 1;
        if self.pods[pod.index()].role != Role::Daemon {
            self.claim_sees_pod(node);
        }
    }

    /// Gives back what a pod holds on its node, and bills its workload for it.
    pub(super) fn unbook(&mut self, pod: PodId) {
        let info = self.cluster.pod(pod);
        let Some(node) = info.node else { return };
        self.stop_using(pod);
        self.let_go(pod);
        self.cluster.release(pod, self.now);
        if self.freed.last() != Some(&node) {
            self.freed.push(node);
        }
        if self.pods[pod.index()].role != Role::Daemon {
            self.claim_sees_pod(node);
        }
    }

    /// Undoes a booking of this very instant: the pod waits as if it had never been placed.
    pub(super) fn unbook_unstarted(&mut self, pod: PodId, unschedulable_since: Option<SimTime>) {
        let Some(node) = self.cluster.pod(pod).node else { return };
        self.pods[pod.index()].scheduled = None;
        let freed = self.freed.len();
        self.unbook(pod);
        self.freed.truncate(freed);
        self.cluster.forget_binding(pod, unschedulable_since);
        self.instances[self.instance_of[node.index()] as usize].pods_run -= 1;
    }

    pub(super) fn requested(&self, spec: PodSpecId) -> Usage {
        self.cluster.requested(spec)
    }

    /// What fractions of use are of: the requests of all that runs as long as the pod does.
    pub(super) fn requested_for_use(&self, spec: PodSpecId) -> Usage {
        let (cpu, memory) = self.cluster.specs.pod(spec).running_requests();
        Usage { cpu, memory, ..self.requested(spec) }
    }

    /// Sets what the pod uses from now on.
    pub(super) fn set_used(&mut self, pod: PodId, used: Usage) {
        self.take_apart_from(pod);
        let run = &mut self.pods[pod.index()];
        if run.used == used {
            return;
        }
        run.cpu_counter = run.cpu_counter_at(self.now);
        if run.used.cpu.get() >= run.cpu_limit {
            run.throttled = run.throttled_at(self.now);
        }
        run.counted_at = self.now;
        let before = std::mem::replace(&mut run.used, used);
        self.cluster.change_used(before, used, self.now);
        if let Some(node) = self.cluster.pod(pod).node {
            let instance = &mut self.instances[self.instance_of[node.index()] as usize];
            if used.cpu != before.cpu {
                instance.cpu_counter = instance.cpu_counter_at(self.now);
                instance.counted_at = self.now;
            }
            let on_node = &mut instance.used;
            on_node.cpu += used.cpu - before.cpu;
            on_node.memory += used.memory - before.memory;
            on_node.gpu += used.gpu - before.gpu;
            self.hold(pod);
        }
    }

    /// Use by the workload's plain model: fractions of the request.
    pub(super) fn modelled_use(&self, pod: PodId) -> Usage {
        let requested = self.requested_for_use(self.cluster.pod(pod).spec);
        let model = self.usage_model(self.pods[pod.index()].workload);
        let part = |amount: i64, fraction: f64| (amount as f64 * fraction).round() as i64;
        Usage {
            cpu: Millicores(part(requested.cpu.get(), model.cpu)),
            memory: Bytes(part(requested.memory.get(), model.memory)),
            gpu: GpuMilli(part(requested.gpu.get(), model.gpu.0)),
        }
    }

    /// The pod's container runs (again).
    pub(super) fn set_running(&mut self, pod: PodId) {
        self.cluster.set_running(pod);
    }

    pub(super) fn set_ready(&mut self, pod: PodId, ready: bool) {
        if !self.cluster.set_ready(pod, ready) {
            return;
        }
        let change = if ready { 1 } else { -1 };
        let workload = &mut self.workloads[self.pods[pod.index()].workload.index()];
        workload.ready = workload.ready.wrapping_add_signed(change);
        let run = &mut self.pods[pod.index()];
        run.ready_changed = Some(self.now);
        if ready {
            run.ready_at.get_or_insert(self.now);
        }
        let workload = run.workload;
        self.note_replicas(workload);
        self.share_demand_anew(workload);
    }

    /// The pod ends for good: it frees its room and no longer counts. Who acts on that is the caller's to say.
    pub(super) fn end_pod(&mut self, pod: PodId, end: End, reason: &'static str) {
        if self.cluster.pod(pod).is_terminal() {
            return;
        }
        self.note_end_of_wait(pod);
        self.set_ready(pod, false);
        self.unbook(pod);
        self.nominate(pod, None);
        self.cluster.end_pod(pod, end);
        self.selections.ended(pod, self.cluster.pod(pod).spec, end == End::Deleted);
        let run = &mut self.pods[pod.index()];
        self.scrapes.forget(&mut run.meter);
        run.finished = Some(self.now);
        run.generation += 1;
        if run.reason.is_empty() {
            run.reason = reason;
        }
        self.forget_in_workload(pod);
        let info = self.cluster.pod(pod);
        if info.deletion.is_some() {
            let workload = self.pods[pod.index()].workload;
            self.workloads[workload.index()].leaving.retain(|other| *other != pod);
        }
        if let Some(node) = info.node {
            self.drained_by_one(node);
        }
    }

    /// The pod no longer counts towards what its owner keeps alive.
    pub(super) fn forget_in_workload(&mut self, pod: PodId) {
        let run = &self.pods[pod.index()];
        if run.role.is_counted_by_owner() {
            let workload = run.workload;
            self.workloads[workload.index()].pods.retain(|other| *other != pod);
            self.note_replicas(workload);
        }
    }

    // Nodes

    /// Changes flags and taints of a node. False where it is gone.
    pub(super) fn change_node(&mut self, node: NodeId, change: impl FnOnce(&mut NodeState)) -> bool {
        self.cluster.change_node(node, self.now, change).is_some()
    }

    /// Takes an instance into the API server, not ready yet.
    pub(super) fn register_node(&mut self, instance: u32) -> NodeId {
        let record = &mut self.instances[instance as usize];
        let id = self.cluster.add_node(Arc::clone(&record.name), record.shape, self.now);
        record.node = Some(id);
        record.registered = Some(self.now);
        let shape = self.cluster.specs.shape(record.shape);
        if !shape.images.is_empty() {
            record.images = NodeImages::known(&shape.images, &self.scenario.kubelet);
        }
        debug_assert_eq!(self.instance_of.len(), id.index());
        self.instance_of.push(instance);
        id
    }

    pub(super) fn node_ready(&mut self, node: NodeId) {
        let now = self.now;
        let instance = self.instance_of_node_mut(node);
        instance.ready.get_or_insert(now);
        instance.ready_changed = Some(now);
        self.set_idle_standing(node);
        self.change_node(node, |state| state.ready = true);
    }

    /// Takes the node out of the API server. Its pods must be gone.
    pub(super) fn remove_node(&mut self, node: NodeId) {
        if self.cluster.remove_node(node, self.now).is_some() {
            let now = self.now;
            self.instance_of_node_mut(node).deleted = Some(now);
        }
    }

    pub(super) fn instance_of_node(&self, node: NodeId) -> &Instance {
        &self.instances[self.instance_of[node.index()] as usize]
    }

    pub(super) fn instance_of_node_mut(&mut self, node: NodeId) -> &mut Instance {
        &mut self.instances[self.instance_of[node.index()] as usize]
    }

    pub(super) fn pods_on(&self, node: NodeId) -> Vec<PodId> {
        self.cluster.node(node).map_or_else(Vec::new, |state| state.pods.iter().map(|held| held.pod).collect())
    }

    pub(super) fn schedule_soon(&mut self) {
        if !self.schedule_is_due {
            self.schedule_is_due = true;
            self.events.push(self.now, Event::Schedule);
        }
    }
}

/// Whether where other pods are decides where pods of this spec may go.
pub(super) fn hangs_on_others(spec: &PodSpec) -> bool {
    spec.has_pod_affinity() || !spec.topology_spread_constraints.is_empty()
}

fn lowest_priority(specs: &Specs) -> i32 {
    specs.pods().map(|spec| spec.priority).min().unwrap_or(0)
}

/// The scheduler's profile, with what it cannot know from its options.
fn profile(scenario: &Scenario, seed: u64) -> Profile {
    let mut profile = Profile::new(scenario.scheduler.clone()).expect("a scenario's scheduler options were checked");
    profile.settings.seed = seed;
    if profile.lacks_typical_pods() {
        let specs = &scenario.specs;
        profile.settings.typical_pods = match scenario.trace_pods.is_empty() {
            false => typical_pods(specs, scenario.trace_pods.iter().map(|pod| (specs.pod(pod.spec), 1))),
            true => typical_pods(specs, specs.pods().map(|pod| (pod, 1))),
        }
        .into();
    }
    profile
}

/// Of any shape, and one more where an autoscaler marks its candidates.
fn soft_taints_per_node(scenario: &Scenario) -> usize {
    let is_soft = |taint: &&crate::cluster::Taint| taint.effect == TaintEffect::PreferNoSchedule;
    let of_shapes = scenario.specs.shapes().map(|shape| shape.taints.iter().filter(is_soft).count()).max();
    of_shapes.unwrap_or(0) + usize::from(!scenario.node_groups.is_empty())
}
