//! A gang scheduler of its own: the queue of waiting gangs, and what a pass over it starts.
//!
//! It sees the cluster as it is and binds pods itself; the default scheduler never gets to see its gangs. A pass comes
//! whenever a gang arrives and whenever room may have come free.

use std::collections::BTreeMap;

use super::event::Event;
use super::records::Controller;
use super::state::gang_queue::{GangQueue, Placed, Verdicts};
use super::world::{World, hangs_on_others};
use crate::cluster::{ClusterView, NodeId, NodeView, PodId, PodSpecId, ResourceId, Resources, label};
use crate::scheduler::Cycle;
use crate::scheduler::queue::Cure;
use crate::training::order::{Discipline, Passing, Start};
use crate::training::placement::Placement;
use crate::training::{Amounts, Gang, Holder, Node, Snapshot};
use crate::units::SimTime;

/// A node as gangs see it.
fn gang_node(view: &NodeView<'_>, gpu: Option<ResourceId>, kind: u32) -> Node {
    let (all, used) = (&view.shape.allocatable, &view.state.requested);
    let gpus = |of: &Resources| gpu.map_or(0, |gpu| of.extended(gpu));
    let whole = [all.cpu.get(), all.memory.get(), view.shape.max_pods, gpus(all)];
    let taken = [used.cpu.get(), used.memory.get(), view.state.pods.len() as i64, gpus(used)];
    let free = std::array::from_fn(|index| whole[index] - taken[index]);
    // What daemons hold is never a gang's: a node without other pods is whole.
    Node { id: view.id, free, whole: if gpus(used) == 0 { free } else { whole }, kind }
}

impl World<'_> {
    /// Takes a gang whose workers have been made.
    pub(super) fn queue_gang(&mut self, job: u32) {
        let spec = &self.scenario.training_jobs[job as usize];
        // Not the job's own where a queue that admitted it says where it may run.
        let Some(pods) = self.gang_leader(job).map(|leader| self.cluster.pod(leader).spec) else { return };
        let Some(queue) = &mut self.gang_queue else { return };
        let known = queue.classes.iter().position(|class| *class == pods);
        let class = known.unwrap_or_else(|| {
            queue.classes.push(pods);
            queue.classes.len() - 1
        });
        let gang = Gang {
            job,
            workers: spec.workers,
            each: self.amounts(pods),
            class,
            submitted: spec.arrival,
            priority: self.cluster.specs.pod(pods).priority,
            remaining: self.remaining_time(job),
        };
        if let Some(queue) = &mut self.gang_queue {
            // A gang that comes again stands where it stood.
            let at = queue.waiting.partition_point(|other| (other.submitted, other.job) < (gang.submitted, job));
            queue.refused = queue.refused.min(at);
            queue.waiting.insert(at, gang);
        }
        self.gangs_may_start();
    }

    /// Room may have come free, or a gang has come.
    pub(super) fn gangs_may_start(&mut self) {
        if self.gang_queue.as_ref().is_some_and(|queue| !queue.waiting.is_empty()) {
            self.shares_are_due();
        }
        if let Some(queue) = &mut self.gang_queue
            && !queue.is_due
            && !queue.waiting.is_empty()
        {
            queue.is_due = true;
            self.events.push(self.now, Event::GangPass);
        }
    }

    /// The gang holds nothing any more, and waits no longer if it did.
    pub(super) fn gang_left(&mut self, job: u32) {
        let Some(queue) = &mut self.gang_queue else { return };
        queue.running.remove(&job);
        if let Some(at) = queue.waiting.iter().position(|gang| gang.job == job) {
            queue.waiting.remove(at);
            queue.refused -= usize::from(at < queue.refused);
        }
    }

    /// When it will end is known better now that it runs.
    pub(super) fn gang_runs(&mut self, job: u32) {
        let ends = self.expected_end(job);
        if let Some(placed) = self.gang_queue.as_mut().and_then(|queue| queue.running.get_mut(&job)) {
            placed.ends = ends;
        }
    }

    fn amounts(&self, spec: PodSpecId) -> Amounts {
        let specs = &self.cluster.specs;
        let pod = specs.pod(spec);
        let requests = &pod.requests;
        [requests.cpu.get(), requests.memory.get(), 1, specs.whole_gpus(pod)]
    }

    /// The nodes as they were, with what has changed since.
    fn nodes_brought_up(&mut self, mut nodes: Vec<Node>) -> Vec<Node> {
        let notes = self.cluster.take_notes();
        let at = |nodes: &[Node], id: NodeId| nodes.binary_search_by_key(&id, |node| node.id).ok();
        let is_known = |id: &NodeId| at(&nodes, *id).is_some() && self.cluster.node_view(*id).is_some();
        if self.plain || nodes.is_empty() || !notes.iter().all(is_known) {
            return self.gang_nodes();
        }
        for id in notes {
            if let (Some(at), Some(view)) = (at(&nodes, id), self.cluster.node_view(id)) {
                nodes[at] = gang_node(&view, self.cluster.specs.nvidia_gpu(), nodes[at].kind);
            }
        }
        nodes
    }

    /// The nodes that take pods at all.
    pub(super) fn gang_nodes(&self) -> Vec<Node> {
        let gpu = self.cluster.specs.nvidia_gpu();
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for view in self.cluster.node_views() {
            let product = view.label(label::GPU_PRODUCT).unwrap_or_default();
            let next = kinds.len() as u32;
            let kind = *kinds.entry(product).or_insert(next);
            nodes.push(gang_node(&view, gpu, kind));
        }
        nodes
    }

    /// As [`eligible`](Self::eligible); what a node answers by its kind alone is worked out once a kind.
    fn eligible_by_kind(&self, nodes: &[Node], spec: PodSpecId, known: &mut Verdicts) -> Vec<bool> {
        let specs = &self.cluster.specs;
        let pod = specs.pod(spec);
        let is_for_itself = !hangs_on_others(pod)
            && !specs.touched_by_affinity(spec)
            && !pod.names_hosts()
            && pod.host_ports().next().is_none()
            && pod.volumes.is_empty();
        if self.plain || !is_for_itself {
            return self.eligible(nodes, spec);
        }
        let cycle = Cycle::new(self.cluster.state(), spec);
        let would = |node: &Node| {
            let Some(view) = self.cluster.node_view(node.id) else { return false };
            let ask =
                || self.try_filters(&cycle, &view).map_or_else(|refusal| !refusal.reason.is_unresolvable(), |()| true);
            let state = view.state;
            let is_of_its_kind =
                state.extra_taints.is_empty() && !state.unschedulable && !state.deleting && state.ready;
            if is_of_its_kind { *known.entry((spec, state.shape)).or_insert_with(ask) } else { ask() }
        };
        nodes.iter().map(would).collect()
    }

    /// Which nodes would take such a pod if they had room for it.
    pub(super) fn eligible(&self, nodes: &[Node], spec: PodSpecId) -> Vec<bool> {
        let cycle = Cycle::new(self.cluster.state(), spec);
        let would = |node: &Node| {
            let Some(view) = self.cluster.node_view(node.id) else { return false };
            self.try_filters(&cycle, &view).map_or_else(|refusal| !refusal.reason.is_unresolvable(), |()| true)
        };
        nodes.iter().map(would).collect()
    }

    /// A pass over the queue.
    pub(super) fn gang_pass(&mut self) {
        if self.gang_queue.as_ref().is_some_and(|queue| queue.shares.is_some()) {
            return self.start_shares();
        }
        let Some(mut queue) = self.gang_queue.take() else { return };
        queue.is_due = false;
        let nodes = self.nodes_brought_up(std::mem::take(&mut queue.nodes));
        let GangQueue { classes, verdicts, .. } = &mut queue;
        let eligible = classes.iter().map(|spec| self.eligible_by_kind(&nodes, *spec, verdicts)).collect();
        let waiting = std::mem::take(&mut queue.waiting);
        let mut snapshot = Snapshot { now: self.now, nodes, eligible, waiting, running: Vec::new() };
        // Who is at work matters to reservations alone, and those to a gang that does not fit.
        let placement = self.gang_placement();
        let discipline = queue.discipline;
        let may_pass = match discipline.passing {
            Passing::Easy | Passing::Conservative => Passing::Nobody,
            passing => passing,
        };
        let mut decision = Discipline { passing: may_pass, ..discipline }.decide(&snapshot, placement);
        if may_pass != discipline.passing && decision.starts.len() < snapshot.waiting.len() {
            let at = |node: &NodeId| snapshot.nodes.binary_search_by_key(node, |node| node.id).ok();
            let holder = |(job, placed): (&u32, &Placed)| Holder {
                job: *job,
                each: placed.gang.each,
                places: placed.nodes.iter().filter_map(|(node, workers)| Some((at(node)?, *workers))).collect(),
                ends: placed.ends,
            };
            snapshot.running = queue.running.iter().map(holder).collect();
            decision = discipline.decide(&snapshot, placement);
        }
        let mut started = Vec::with_capacity(decision.starts.len());
        for start in &decision.starts {
            let Some(gang) = snapshot.waiting.iter().find(|gang| gang.job == start.job) else { continue };
            if !self.start_gang(start, &snapshot) {
                continue;
            }
            started.push(start.job);
            let nodes = start.places.iter().map(|(index, workers)| (snapshot.nodes[*index].id, *workers)).collect();
            let ends = self.now + gang.remaining;
            queue.running.insert(start.job, Placed { gang: gang.clone(), nodes, ends });
            self.tell_start(start, &decision.reserved);
        }
        queue.waiting = snapshot.waiting;
        queue.nodes = snapshot.nodes;
        if !started.is_empty() {
            queue.waiting.retain(|gang| !started.contains(&gang.job));
            queue.refused = queue.refused.saturating_sub(started.len());
        }
        let unheard: Vec<u32> = queue.waiting[queue.refused..].iter().map(|gang| gang.job).collect();
        queue.refused = queue.waiting.len();
        self.gang_queue = Some(queue);
        self.refuse_gangs(&unheard);
    }

    /// Binds all workers of a gang; not where a node refuses one after all.
    fn start_gang(&mut self, start: &Start, snapshot: &Snapshot) -> bool {
        let nodes = start.places.iter().map(|(index, workers)| (snapshot.nodes[*index].id, *workers));
        let Some(placed) = self.book_gang(start.job, nodes) else { return false };
        self.gang_is_placed(start.job, &placed);
        for (worker, node) in placed {
            self.kubelet_takes(worker, node);
        }
        self.placement_may_help();
        true
    }

    /// Books the workers, in order, on these nodes; all or none.
    pub(super) fn book_gang(
        &mut self,
        job: u32,
        nodes: impl Iterator<Item = (NodeId, u32)>,
    ) -> Option<Vec<(PodId, NodeId)>> {
        let workers = self.gang_of(job);
        let since = self.gang_leader(job).and_then(|leader| self.cluster.pod(leader).unschedulable_since);
        let places = nodes.flat_map(|(node, count)| std::iter::repeat_n(node, count as usize));
        let mut placed = Vec::with_capacity(workers.len());
        for (worker, node) in workers.iter().zip(places) {
            let cycle = Cycle::new(self.cluster.state(), self.cluster.pod(*worker).spec);
            let view = self.cluster.node_view(node);
            if view.is_none_or(|view| self.try_filters(&cycle, &view).is_err()) {
                break;
            }
            self.book(*worker, node);
            placed.push((*worker, node));
        }
        if placed.len() == workers.len() {
            return Some(placed);
        }
        for (worker, _) in placed.into_iter().rev() {
            self.unbook_unstarted(worker, since);
        }
        None
    }

    fn tell_start(&mut self, start: &Start, reserved: &Option<(u32, Option<SimTime>)>) {
        let workers: u32 = start.places.iter().map(|(_, workers)| workers).sum();
        let nodes = start.places.len();
        let mut reason = format!("{workers} workers on {nodes} node{}", if nodes == 1 { "" } else { "s" });
        if start.backfilled {
            match reserved {
                Some((head, Some(at))) => {
                    let head = &self.scenario.training_jobs[*head as usize].name;
                    reason += &format!("; it passes {head}, which it does not keep from starting at {at}");
                }
                _ => reason += "; it passes gangs that do not fit",
            }
        }
        let object = self.gang_object(start.job);
        self.decide(Controller::GangScheduler, object, "Waiting", "Placed", reason);
    }

    pub(super) fn gang_object(&self, job: u32) -> String {
        let spec = &self.scenario.training_jobs[job as usize];
        let namespace = &self.scenario.workloads[spec.workload.index()].namespace;
        format!("job/{namespace}/{}", spec.name)
    }

    /// Those that wait from this pass on wait for room, and autoscalers hear of them.
    pub(super) fn refuse_gangs(&mut self, jobs: &[u32]) {
        let mut is_news = false;
        for job in jobs {
            for worker in self.gang_of(*job) {
                is_news |= self.cluster.set_unschedulable(worker, self.now);
                self.refused_gang_wait(worker, false, Cure::Room);
            }
        }
        if is_news {
            self.autoscalers_hear_of_pod();
        }
    }

    pub(super) fn gang_placement(&self) -> Placement {
        self.scenario.training.as_ref().map_or(Placement::default(), |training| training.placement)
    }

    /// The gang's places together, where its placement is not left to the scores of single pods and no worker's place
    /// hangs on other pods. `None`: one by one.
    pub(super) fn place_together(&mut self, job: u32, leader: PodId) -> Option<Vec<(PodId, NodeId)>> {
        let spec = self.cluster.pod(leader).spec;
        let of_job = &self.scenario.training_jobs[job as usize];
        let placement = self.gang_placement();
        if placement == Placement::Scored || of_job.workers < 2 || hangs_on_others(self.cluster.specs.pod(spec)) {
            return None;
        }
        let nodes = self.gang_nodes();
        let gang = Gang {
            job,
            workers: of_job.workers,
            each: self.amounts(spec),
            class: 0,
            submitted: of_job.arrival,
            priority: 0,
            remaining: crate::units::SimDuration::ZERO,
        };
        let places = placement.place(&nodes, &self.eligible(&nodes, spec), &gang)?;
        self.book_gang(job, places.into_iter().map(|(index, workers)| (nodes[index].id, workers)))
    }
}
