//! The second entry of the books: recounts everything from the arenas and compares it with what the engine keeps in
//! step as it goes (ledger, class index, queue, lists of owners and groups).
//!
//! A run does it after every so many events where [`RunOptions::audit_every`](super::RunOptions) says so. It costs a
//! visit of every pod, node and machine, and is meant for tests.

use std::collections::BTreeSet;
use std::fmt::Debug;

use super::bills::larger;
use super::entities::Role;
use super::ledger::{capacity_of, offered_by};
use super::records::{PodCounts, Usage};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, NodeState, PodId, PodPhase};
use crate::cost::CapacityType;
use crate::scenario::{Owner, WorkloadKind};
use crate::units::{GpuMilli, UsdPerHour};

/// What does not agree, in words.
pub(super) type Disagreement = String;

type Audit = Result<(), Disagreement>;

fn same<T: PartialEq + Debug>(what: impl FnOnce() -> String, counted: T, booked: T) -> Audit {
    if counted == booked { Ok(()) } else { Err(format!("{}: counted {counted:?}, booked {booked:?}", what())) }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Audit {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn plus(total: &mut Usage, amount: Usage) {
    total.cpu += amount.cpu;
    total.memory += amount.memory;
    total.gpu += amount.gpu;
}

impl World<'_> {
    /// The first thing that two of the engine's books say differently, or that no cluster could show.
    pub(super) fn audit(&self) -> Audit {
        for node in self.cluster.node_views() {
            self.audit_node(node.id, node.state)?;
            self.audit_cpu(node.id)?;
        }
        self.audit_pods()?;
        self.audit_totals()?;
        self.audit_workloads()?;
        self.audit_gauges()?;
        self.audit_idle()?;
        self.audit_waits()?;
        self.audit_training_counts()?;
        self.audit_gangs()?;
        self.audit_kueue()?;
        self.audit_instances()?;
        self.audit_deletions()?;
        self.audit_claims()?;
        self.audit_services()?;
        self.audit_selections()?;
        self.cluster.classes().audit(&self.cluster)
    }

    /// A node's sums are those of the pods on it, and within what it offers.
    fn audit_node(&self, id: NodeId, node: &NodeState) -> Audit {
        let specs = &self.cluster.specs;
        let shape = specs.shape(node.shape);
        let mut anew = NodeState::new(node.name.clone(), node.shape, shape);
        let mut gpu_used = vec![0u32; usize::from(shape.shared_gpus)];
        let mut used = Usage::default();
        for held in &node.pods {
            let info = self.cluster.pod(held.pod);
            let name = || format!("pod {} on node {}", info.name, node.name);
            ensure(info.node == Some(id), || format!("{}: it says it is on {:?}", name(), info.node))?;
            ensure(!info.is_terminal(), || format!("{}: it has ended, yet holds room", name()))?;
            same(|| format!("{}: spec", name()), info.spec, held.spec)?;
            let spec = specs.pod(held.spec);
            anew.add_pod(held.pod, held.spec, spec, 0);
            let milli = spec.gpu_share.map_or(1000, |share| u32::from(share.milli));
            for (device, used) in gpu_used.iter_mut().enumerate() {
                *used += if held.gpu_devices & (1 << device) != 0 { milli } else { 0 };
            }
            let devices = spec.gpu_share.map_or(specs.whole_gpus(spec), |share| i64::from(share.count));
            if shape.shared_gpus > 0 {
                same(|| format!("{}: devices", name()), i64::from(held.gpu_devices.count_ones()), devices)?;
            }
            let run = &self.pods[held.pod.index()];
            plus(&mut used, run.used);
            same(
                || format!("{}: holding", name()),
                larger(self.cluster.requested(held.spec), run.used),
                run.holding.amounts(),
            )?;
        }
        let name = |what: &str| format!("node {}: {what}", node.name);
        ensure(anew.requested.minus(&node.requested).is_zero(), || {
            format!("{}: counted {:?}, booked {:?}", name("requests"), anew.requested, node.requested)
        })?;
        same(|| name("requests for scoring"), anew.nonzero_requested, node.nonzero_requested)?;
        same(
            || name("pods with anti-affinity"),
            anew.pods_with_required_anti_affinity,
            node.pods_with_required_anti_affinity,
        )?;
        let booked: Vec<u32> = node.gpu_used.iter().map(|used| u32::from(*used)).collect();
        same(|| name("devices"), &gpu_used, &booked)?;
        ensure(booked.iter().all(|used| *used <= 1000), || name("a device holds more than 1,000 thousandths"))?;
        ensure(node.pods.len() as i64 <= shape.max_pods, || name("more pods than slots"))?;
        let beyond: Vec<_> = shape.allocatable.shortfalls(&node.requested).collect();
        ensure(beyond.is_empty(), || format!("{}: {beyond:?}", name("more is requested than there is")))?;
        same(|| name("use"), used, self.instance_of_node(id).used)
    }

    /// Every pod is in one place: on its node, in the queue, or ended.
    fn audit_pods(&self) -> Audit {
        let waiting: BTreeSet<PodId> = self.queue.waiting().collect();
        let mut counts = PodCounts::default();
        for (index, info) in self.cluster.pods().iter().enumerate() {
            let (pod, run) = (PodId::new(index), &self.pods[index]);
            let wrong = |what: &str| format!("pod {} ({:?}): {what}", info.name, info.phase);
            match info.phase {
                _ if info.deleted => counts.deleted += 1,
                PodPhase::Pending => counts.pending += 1,
                PodPhase::Running => counts.running += 1,
                PodPhase::Succeeded => counts.succeeded += 1,
                PodPhase::Failed => counts.failed += 1,
            }
            counts.ready += u32::from(info.ready);
            let held = info
                .node
                .and_then(|node| self.cluster.node(node))
                .is_some_and(|node| node.pods.iter().any(|held| held.pod == pod));
            ensure(held == (info.node.is_some() && !info.is_terminal()), || {
                wrong("held by its node, or not, in error")
            })?;
            ensure(info.phase != PodPhase::Running || info.is_terminal() || held, || wrong("it runs nowhere"))?;
            ensure(!info.ready || (held && info.phase == PodPhase::Running), || wrong("ready, but it does not run"))?;
            ensure(!info.ready || info.deletion.is_none(), || wrong("ready while it is terminating"))?;
            ensure(run.used == Usage::default() || held, || wrong("it uses something"))?;
            ensure(run.finished.is_some() == info.is_terminal(), || wrong("its end and its phase disagree"))?;
            let unbound = info.node.is_none() && !info.is_terminal();
            counts.unbound += u32::from(unbound);
            ensure(info.nominated_node.is_none() || unbound, || wrong("nominated, though it needs no node"))?;
            let queued = waiting.contains(&pod);
            match run.role {
                // A gang is queued by its leader.
                Role::Worker { .. } => ensure(!queued || unbound, || wrong("queued, though it needs no node"))?,
                _ => {
                    let spec = self.cluster.specs.pod(info.spec);
                    let is_the_schedulers = spec.node_name.is_none() && !spec.is_held_back();
                    ensure(queued == (unbound && is_the_schedulers), || wrong("in the queue, or not, in error"))?;
                }
            }
        }
        self.cluster.audit_places()?;
        same(|| "pods by phase".into(), counts, self.cluster.ledger().pods)
    }

    fn audit_totals(&self) -> Audit {
        let gpu = self.cluster.specs.nvidia_gpu();
        let (mut nodes, mut ready) = (0, 0);
        let [mut offered, mut requested, mut used] = [Usage::default(); 3];
        for node in self.cluster.node_views() {
            nodes += 1;
            ready += u32::from(node.state.ready);
            if self.instance_of_node(node.id).ready.is_some() {
                plus(&mut offered, offered_by(node.shape, gpu));
            }
            for held in &node.state.pods {
                plus(&mut requested, self.requested(held.spec));
                plus(&mut used, self.pods[held.pod.index()].used);
            }
        }
        same(|| "nodes".into(), (nodes, ready), (self.cluster.ledger().nodes, self.cluster.ledger().nodes_ready))?;
        same(|| "allocatable".into(), offered, self.cluster.ledger().allocatable())?;
        same(|| "requested".into(), requested, self.cluster.ledger().requested())?;
        same(|| "used".into(), used, self.cluster.ledger().used())?;
        ensure(requested.gpu >= GpuMilli::ZERO, || "negative GPU requests".into())
    }

    fn audit_workloads(&self) -> Audit {
        for workload in &self.scenario.workloads {
            let run = &self.workloads[workload.id.index()];
            let name = |what: &str| format!("workload {}: {what}", workload.name);
            let of_it = |pod: &PodId| self.pods[pod.index()].workload == workload.id;
            let all = || (0..self.pods.len()).map(PodId::new).filter(of_it);
            let ready = all().filter(|pod| self.cluster.pod(*pod).ready).count();
            same(|| name("ready pods"), ready, run.ready as usize)?;
            let live: Vec<PodId> = all()
                .filter(|pod| matches!(self.pods[pod.index()].role, Role::Replica { .. } | Role::JobPod { .. }))
                .filter(|pod| !self.cluster.pod(*pod).is_terminal() && self.cluster.pod(*pod).deletion.is_none())
                .collect();
            same(|| name("live pods"), &live, &run.pods)?;
            let leaving =
                all().filter(|pod| !self.cluster.pod(*pod).is_terminal() && self.cluster.pod(*pod).deletion.is_some());
            same(|| name("terminating pods"), leaving.count(), run.leaving.len())?;
            match self.kind(workload.id) {
                WorkloadKind::Replicated { owner: Owner::StatefulSet, .. } => {
                    let ordinals = run.pods.iter().chain(&run.leaving).map(|pod| match self.pods[pod.index()].role {
                        Role::Replica { ordinal } => ordinal,
                        _ => u32::MAX,
                    });
                    let distinct: BTreeSet<u32> = ordinals.collect();
                    same(|| name("ordinals"), distinct.len(), run.pods.len() + run.leaving.len())?;
                }
                WorkloadKind::Replicated { .. } if run.sets.len() > 1 => {
                    for set in &run.sets {
                        let of_set = live.iter().filter(|pod| self.pods[pod.index()].template == set.template).count();
                        same(|| name("live pods of a ReplicaSet"), of_set, set.state.replicas as usize)?;
                    }
                }
                WorkloadKind::Replicated { .. } => {
                    same(|| name("live pods and spec.replicas"), live.len(), run.desired as usize)?;
                }
                WorkloadKind::Job(job) => {
                    let most = self.most_pods_at_work(workload.id, job);
                    ensure(live.len() as u32 <= most, || name("too many pods at work"))?;
                }
                WorkloadKind::Replayed => {}
            }
        }
        Ok(())
    }

    /// A gang's workers are bound together or not at all, and its steps don't exceed its work.
    fn audit_gangs(&self) -> Audit {
        for (job, spec) in (0u32..).zip(&self.scenario.training_jobs).take(self.jobs.len()) {
            let gang = self.gang_of(job);
            let wrong = |what: &str| format!("training job {}: {what}", spec.name);
            let bound = gang.iter().filter(|pod| self.cluster.pod(**pod).node.is_some()).count();
            ensure(bound == 0 || bound == gang.len(), || wrong("only a part of the gang is bound"))?;
            let run = &self.jobs[job as usize];
            let gone = (spec.spares - run.spares.min(spec.spares)) as usize;
            let all = gang.len() + run.saving.len() + gone;
            ensure(gang.is_empty() || all == spec.workers as usize, || wrong("workers are missing"))?;
            let alive =
                |pod: &PodId| !self.cluster.pod(*pod).is_terminal() && self.cluster.pod(*pod).deletion.is_none();
            ensure(gang.iter().all(alive), || wrong("a worker has ended and nobody saw it"))?;
            self.audit_progress(job).map_err(|what| wrong(&what))?;
        }
        Ok(())
    }

    /// Machines, their groups and what is being billed.
    fn audit_instances(&self) -> Audit {
        let mut rate = UsdPerHour::ZERO;
        let mut upcoming = 0;
        let mut groups = vec![(0u32, 0u32, 0u32); self.groups.len()];
        let mut slots = vec![0u32; self.groups.len()];
        let gpu = self.cluster.specs.nvidia_gpu();
        for instance in &self.instances {
            let is_reserved = instance.capacity_type == CapacityType::Reserved;
            if instance.removed.is_none() && !is_reserved {
                rate = rate + instance.price;
            }
            let waits = instance.node.is_none() && instance.removed.is_none() && !instance.deleting;
            upcoming += u32::from(waits);
            let lives = instance.node.is_some_and(|node| self.cluster.node(node).is_some());
            if let Some(group) = instance.group {
                groups[group as usize].0 += u32::from(lives);
                groups[group as usize].1 += u32::from((lives && !instance.returned) || waits);
                groups[group as usize].2 += u32::from(waits);
                slots[group as usize] += u32::from(is_reserved && instance.removed.is_none());
            }
            let capacity = capacity_of(self.cluster.specs.shape(instance.shape), gpu);
            ensure(
                instance.used.cpu.get() >= 0 && instance.used.memory.get() >= 0 && instance.used.gpu.get() >= 0,
                || format!("node {}: negative use, {:?} of {capacity:?}", instance.name, instance.used),
            )?;
        }
        rate = rate + self.bills.reserved_rate();
        same(|| "prices that are being billed".into(), rate, self.cluster.ledger().rate())?;
        same(|| "upcoming nodes".into(), upcoming, self.cluster.ledger().nodes_upcoming)?;
        for (group, (registered, instances, unregistered)) in groups.into_iter().enumerate() {
            let name = |what: &str| format!("node group {}: {what}", self.scenario.node_groups[group].name);
            let run = &self.groups[group];
            same(|| name("registered"), registered, run.registered)?;
            same(|| name("reserved slots"), slots[group], self.bills.taken(group))?;
            same(|| name("instances"), instances, run.instances)?;
            same(|| name("unregistered"), unregistered, run.unregistered.len() as u32)?;
            same(|| name("target, machine by machine"), instances + run.unfilled.len() as u32, run.target)?;
            let is_pool = self.scenario.node_groups[group].is_node_pool;
            ensure(!is_pool || run.unfilled.is_empty(), || name("a pool waits for an instance that nobody asked for"))?;
            ensure(run.unfilled.is_empty() || run.relaunch_is_planned, || name("nobody fills its places"))?;
        }
        Ok(())
    }
}
