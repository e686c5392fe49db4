//! Sharing GPUs out to training jobs anew at intervals: what the policy decides is carried out here.
//!
//! Jobs that shall have other GPUs, or none, are told to end as by an eviction: they save if they can, and queue again. A
//! job starts on its share as soon as those before it have left.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::event::Event;
use super::records::Controller;
use super::state::gang_queue::{GangQueue, Placed};
use super::state::gang_shares::{Planned, Shares};
use super::world::World;
use crate::cluster::{ClusterView, NodeId, label};
use crate::training::allocation::{Decision, Job, Places, Share, Snapshot};
use crate::training::{Node, take};
use crate::units::SimTime;

/// Where each node stands in a snapshot.
fn positions(nodes: &[Node]) -> FxHashMap<NodeId, usize> {
    nodes.iter().enumerate().map(|(index, node)| (node.id, index)).collect()
}

/// In the order of the workers.
fn places(of: &[(NodeId, u32)], positions: &FxHashMap<NodeId, usize>) -> Places {
    of.iter().filter_map(|(node, count)| Some((*positions.get(node)?, *count))).collect()
}

impl World<'_> {
    /// A job has come, or a node: the next decision is at the next multiple of the interval, or now where turns say when.
    pub(super) fn shares_are_due(&mut self) {
        let Some(shares) = self.gang_queue.as_mut().and_then(|queue| queue.shares.as_mut()) else { return };
        if shares.next.is_none() {
            let interval = if shares.allocation.is_in_rounds() { 1 } else { shares.allocation.interval().nanos() };
            let at = SimTime::from_nanos((self.now.nanos() + interval - 1).div_euclid(interval) * interval);
            shares.next = Some(at);
            self.events.push(at, Event::Allocation);
        }
    }

    /// The job has made the steps that it was to make, or is done: with the last of them the round is over.
    pub(super) fn turn_is_over(&mut self, job: u32) {
        let Some(shares) = self.gang_queue.as_mut().and_then(|queue| queue.shares.as_mut()) else { return };
        if shares.turns.remove(&job) && shares.turns.is_empty() {
            shares.next = Some(self.now);
            self.events.push(self.now, Event::Allocation);
        }
    }

    /// A decision, and what follows from it.
    pub(super) fn allocate(&mut self) {
        let now = self.now;
        let is_due = |queue: &GangQueue| queue.shares.as_ref().is_some_and(|shares| shares.next == Some(now));
        let Some(mut queue) = self.gang_queue.take_if(|queue| is_due(queue)) else { return };
        let Some(mut shares) = queue.shares.take() else { return };
        let (decision, nodes) = self.decide_shares(&queue, &mut shares);
        let in_rounds = shares.allocation.is_in_rounds();
        let with_turns = decision.shares.iter().filter(|share| share.steps.is_some() && !share.places.is_empty());
        let turns: BTreeSet<u32> = with_turns.map(|share| share.job).collect();
        // Where nothing runs, time alone changes nothing.
        let starts = decision.shares.iter().any(|share| !share.places.is_empty());
        let goes_on = if in_rounds { !turns.is_empty() } else { starts || !queue.running.is_empty() };
        shares.next = goes_on.then(|| now + shares.allocation.interval());
        if let Some(next) = shares.next {
            self.events.push(next, Event::Allocation);
        }
        // Jobs that have to stop first are no part of this round yet.
        shares.turns.clear();
        let positions = positions(&nodes);
        let (mut stopped, mut kept) = (Vec::new(), Vec::new());
        shares.planned.clear();
        for share in decision.shares {
            let has = queue.running.get(&share.job).map(|placed| places(&placed.nodes, &positions));
            if has.as_ref() == Some(&share.places) {
                kept.push((share.job, share.steps));
                continue;
            }
            if has.is_some() {
                let to = if share.places.is_empty() { "Waiting" } else { "Moved" };
                stopped.push((share.job, to, share.reason.clone()));
            }
            if !share.places.is_empty() {
                let nodes = share.places.iter().map(|(index, count)| (nodes[*index].id, *count)).collect();
                let Share { job, steps, reason, .. } = share;
                shares.planned.push(Planned { job, nodes, steps, reason });
            }
        }
        queue.shares = Some(shares);
        let unheard: Vec<u32> = queue.waiting[queue.refused..].iter().map(|gang| gang.job).collect();
        queue.refused = queue.waiting.len();
        self.gang_queue = Some(queue);
        for (job, to, reason) in stopped {
            let object = self.gang_object(job);
            self.decide(Controller::GangScheduler, object, "Placed", to, reason);
            if let Some(leader) = self.gang_leader(job) {
                self.delete_pod(leader, "Preempted");
                self.worker_ended(leader, job);
            }
        }
        if let Some(shares) = self.gang_queue.as_mut().and_then(|queue| queue.shares.as_mut()) {
            shares.turns = turns;
        }
        if in_rounds {
            for (job, steps) in kept {
                self.allow_steps(job, steps);
            }
        }
        self.start_shares();
        let still_wait = self.gang_queue.as_ref().map(|queue| &queue.waiting);
        let waits = |job: &u32| still_wait.is_some_and(|gangs| gangs.iter().any(|gang| gang.job == *job));
        let unheard: Vec<u32> = unheard.into_iter().filter(waits).collect();
        self.refuse_gangs(&unheard);
    }

    fn decide_shares(&mut self, queue: &GangQueue, shares: &mut Shares) -> (Decision, Vec<Node>) {
        let mut nodes = self.gang_nodes();
        let positions = positions(&nodes);
        for placed in queue.running.values() {
            for (node, workers) in places(&placed.nodes, &positions) {
                take(&mut nodes[node].free, &placed.gang.each, workers, -1);
            }
        }
        let all = || queue.waiting.iter().chain(queue.running.values().map(|placed| &placed.gang));
        if shares.allocation.is_elastic() {
            all().for_each(|gang| self.measure_elastic(gang.job, &shares.allocation));
        }
        let kinds = self.gpu_kinds(&nodes);
        let job = |gang, places| self.job_to_share(gang, places, &shares.allocation, &kinds);
        let waiting = queue.waiting.iter().map(|gang| job(gang, Places::new()));
        let running = queue.running.values().map(|placed| job(&placed.gang, places(&placed.nodes, &positions)));
        let mut jobs: Vec<Job<'_>> = waiting.chain(running).collect();
        jobs.sort_by_key(|job| job.gang.job);
        let eligible = queue.classes.iter().map(|spec| self.eligible(&nodes, *spec)).collect();
        let more_to_come = self.training_to_come() > 0;
        let snapshot = Snapshot { now: self.now, nodes, eligible, jobs, more_to_come, seed: self.seed };
        let decision = shares.allocator.decide(&snapshot);
        (decision, snapshot.nodes)
    }

    /// The GPU model of each kind of node.
    fn gpu_kinds(&self, nodes: &[Node]) -> Vec<String> {
        let mut kinds = Vec::new();
        for node in nodes {
            if node.kind as usize == kinds.len() {
                let product = self.cluster.node_view(node.id).and_then(|view| view.label(label::GPU_PRODUCT));
                kinds.push(product.unwrap_or_default().to_owned());
            }
        }
        kinds
    }

    /// Starts every job on its share whose GPUs are free by now.
    pub(super) fn start_shares(&mut self) {
        let Some(queue) = &mut self.gang_queue else { return };
        queue.is_due = false;
        let Some(shares) = &mut queue.shares else { return };
        let planned = std::mem::take(&mut shares.planned);
        let mut later = Vec::new();
        for plan in planned {
            if !self.start_share(&plan) {
                later.push(plan);
            }
        }
        if let Some(shares) = self.gang_queue.as_mut().and_then(|queue| queue.shares.as_mut()) {
            shares.planned = later;
        }
    }

    fn start_share(&mut self, plan: &Planned) -> bool {
        let Some(queue) = &self.gang_queue else { return false };
        let Some(at) = queue.waiting.iter().position(|gang| gang.job == plan.job) else { return false };
        self.resize_gang(plan.job, plan.nodes.iter().map(|(_, workers)| workers).sum());
        let Some(placed) = self.book_gang(plan.job, plan.nodes.iter().copied()) else { return false };
        if let Some(queue) = &mut self.gang_queue {
            let gang = queue.waiting.remove(at);
            queue.refused -= usize::from(at < queue.refused);
            let ends = self.now + gang.remaining;
            queue.running.insert(plan.job, Placed { gang, nodes: plan.nodes.clone(), ends });
        }
        self.allow_steps(plan.job, plan.steps);
        self.gang_is_placed(plan.job, &placed);
        for (worker, node) in placed {
            self.kubelet_takes(worker, node);
        }
        self.placement_may_help();
        let workers: u32 = plan.nodes.iter().map(|(_, workers)| workers).sum();
        let nodes = plan.nodes.len();
        let s = if nodes == 1 { "" } else { "s" };
        let object = self.gang_object(plan.job);
        let reason = format!("{workers} workers on {nodes} node{s}: {}", plan.reason);
        self.decide(Controller::GangScheduler, object, "Waiting", "Placed", reason);
        true
    }
}
