//! The scheduler at work: tries what the queue gives, binds, and tells the queue what may have changed.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::entities::Role;
use super::event::Event;
use super::records::Controller;
use super::state::scheduling::SpecNotes;
use super::state::tallies::{Lasting, Tally};
use super::world::{World, hangs_on_others};
use crate::cluster::{ByNode, ClusterView, NodeId, NodeView, PodId, PodSpecId};
use crate::scheduler::queue::{Cure, Help};
use crate::scheduler::score::gpu::{Ask, Room};
use crate::scheduler::{
    self, ByClass, Cycle, GpuDevice, NoPreemption, Preemption, PreemptionAttempt, TieBreak, by_class, device, filter,
};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// From a preemption in vain to the next one, where the victims' end takes no time.
const PREEMPTS_AGAIN: SimDuration = SimDuration::from_secs(1);

impl World<'_> {
    /// Offers an unbound pod to the scheduler, unless it names its node or is held back.
    pub(super) fn enqueue(&mut self, pod: PodId) {
        if self.now == SimTime::ZERO && self.stands(pod) {
            return;
        }
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        if spec.node_name.is_some() {
            return self.take_named(pod);
        }
        if spec.is_held_back() {
            return;
        }
        let priority = spec.priority;
        self.queue.add(pod, priority, self.now);
        self.schedule_soon();
    }

    /// Tries every active pod, in the queue's order.
    pub(super) fn schedule(&mut self) {
        self.schedule_is_due = false;
        while let Some(pod) = self.queue.pop() {
            if self.cluster.pod(pod).is_terminal() || self.cluster.pod(pod).node.is_some() {
                continue;
            }
            self.counts.scheduling_attempts += 1;
            self.follow_volumes(pod);
            match self.pods[pod.index()].role {
                Role::Worker { job } => self.schedule_gang(job, pod),
                _ => self.schedule_one(pod),
            }
        }
        self.wake_for_backoff();
    }

    fn schedule_one(&mut self, pod: PodId) {
        let spec = self.cluster.pod(pod).spec;
        match self.choose_node(pod, spec) {
            Ok(node) => {
                self.book(pod, node);
                self.bind_volumes(pod, node);
                self.tally_bound(pod);
                self.kubelet_takes(pod, node);
                self.placement_may_help();
            }
            Err(cure) => {
                self.refuse(pod, spec, cure);
                self.try_preemption(pod);
            }
        }
    }

    /// All workers of a gang or none.
    fn schedule_gang(&mut self, job: u32, leader: PodId) {
        let workers = self.gang_of(job);
        let refused_before = self.cluster.pod(leader).unschedulable_since;
        let mut placed = self.place_together(job, leader).unwrap_or_default();
        let one_by_one = if placed.is_empty() { &workers[..] } else { &[] };
        for worker in one_by_one {
            match self.choose_node(*worker, self.cluster.pod(*worker).spec) {
                Ok(node) => {
                    self.book(*worker, node);
                    placed.push((*worker, node));
                }
                Err(cure) => {
                    let fitting = placed.len();
                    for (worker, _) in placed.into_iter().rev() {
                        self.unbook_unstarted(worker, refused_before);
                    }
                    let mut is_news = false;
                    for (index, worker) in workers.into_iter().enumerate() {
                        is_news |= self.cluster.set_unschedulable(worker, self.now);
                        self.refused_gang_wait(worker, index < fitting, cure);
                    }
                    if is_news {
                        self.autoscalers_hear_of_pod();
                    }
                    self.tally(1, |_| Tally::PodRefused);
                    // Gangs of one spec differ in their size.
                    self.queue.failed(leader, self.cluster.pod(leader).spec, cure, false, self.now);
                    return;
                }
            }
        }
        self.gang_is_placed(job, &placed);
        for (worker, node) in placed {
            self.tally_bound(worker);
            self.kubelet_takes(worker, node);
        }
        self.placement_may_help();
    }

    fn refuse(&mut self, pod: PodId, spec: PodSpecId, cure: Cure) {
        if self.cluster.set_unschedulable(pod, self.now) {
            self.autoscalers_hear_of_pod();
        }
        self.refused_wait(pod, cure);
        let along = self.queue.failed(pod, spec, cure, self.are_alike(spec), self.now);
        self.counts.scheduling_attempts += along as u64;
        self.tally(1 + along as u64, |_| Tally::PodRefused);
    }

    fn tally_bound(&mut self, pod: PodId) {
        self.tally(1, |_| Tally::PodBound);
        self.took(Lasting::Scheduling, self.now - self.cluster.pod(pod).created);
    }

    /// Whether a pod's refusal is that of all pods of its spec at this instant: none preempts, and where others go in
    /// the meantime does not help them.
    fn are_alike(&self, spec: PodSpecId) -> bool {
        let pod = self.cluster.specs.pod(spec);
        !self.plain && pod.priority <= self.lowest_priority && !hangs_on_others(pod)
    }

    pub(super) fn autoscalers_hear_of_pod(&mut self) {
        self.autoscaler_hears_of_pod();
        self.karpenter_hears_of_pod();
    }

    /// The shared GPU that a pod with a part of one takes, where the profile has a choice of its own.
    pub(super) fn choose_device(&self, pod: PodId, node: NodeId) -> Option<u16> {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        if spec.gpu_share.is_none() || self.profile.settings.options.gpu_device == GpuDevice::Fullest {
            return None;
        }
        let ask = Ask::of_pod(spec, 0);
        if !ask.is_part() {
            return None;
        }
        let node = self.cluster.node_view(node)?;
        let room = Room::of(&node, &self.cluster.specs);
        device::choose(ask, &room, &self.profile.settings, u64::from(pod.0)).map(|device| 1 << device)
    }

    /// The best node for a pod, ties drawn from a stream of the pod's own.
    fn choose_node(&mut self, pod: PodId, spec: PodSpecId) -> Result<NodeId, Cure> {
        let version = self.cluster.node_version();
        if self.spec_notes.len() <= spec.index() {
            self.spec_notes.resize(spec.index() + 1, SpecNotes::default());
        }
        let mut notes = self.spec_notes[spec.index()];
        if let Some((at, cure)) = notes.refused_at {
            // A pod with a nomination is not refused for its own.
            if at == version && !self.plain && self.cluster.pod(pod).nominated_node.is_none() {
                return Err(cure);
            }
        }
        let specs = &self.cluster.specs;
        let known = specs.pod_count();
        let how = match notes.by_class {
            // A spec that comes later may state terms that select this one.
            Some((how, of)) if of == known => how,
            _ => ByClass::of(specs, spec, &self.profile, self.soft_taints_per_node),
        };
        notes.by_class = Some((how, known));
        let chosen = if how != ByClass::No && self.scheduler.nominations.is_empty() && !self.plain {
            self.choose_by_class(pod, spec, how)
        } else {
            self.choose_by_node(pod, spec)
        };
        notes.refused_at = chosen.err().map(|cure| (version, cure));
        self.spec_notes[spec.index()] = notes;
        chosen
    }

    /// Classes in place of nodes: right where nodes in the same state answer alike.
    fn choose_by_class(&mut self, pod: PodId, spec: PodSpecId, how: ByClass) -> Result<NodeId, Cure> {
        let World { cluster, profile, seed, .. } = self;
        let (cluster, classes) = cluster.with_classes();
        let cycle = Cycle::new(cluster, spec);
        let draws = profile.settings.options.tie_break == TieBreak::Random;
        let pick = |tied| if draws { tie_breaker(*seed, pod).random_range(0..tied) } else { 0 };
        by_class::choose(cluster, classes, &cycle, profile, how, pick).ok_or_else(|| self.cure_for(spec))
    }

    /// The plain way: every node is filtered and scored.
    fn choose_by_node(&mut self, pod: PodId, spec: PodSpecId) -> Result<NodeId, Cure> {
        let (indexed, by_node) = (self.cluster.state(), ByNode(self.cluster.state()));
        let view: &dyn ClusterView = if self.plain { &by_node } else { indexed };
        let cycle = Cycle::for_pod(view, pod);
        let mut rng = tie_breaker(self.seed, pod);
        match scheduler::schedule(view, &cycle, &self.profile, &mut self.scheduler, &mut rng) {
            Ok(selection) => Ok(selection.node),
            Err(_) => Err(self.cure_for(spec)),
        }
    }

    /// What would help a pod that no node takes: room, where some node refused it only for lack of that.
    pub(super) fn cure_for(&self, spec: PodSpecId) -> Cure {
        let cluster = self.cluster.state();
        let cycle = Cycle::new(cluster, spec);
        let how = ByClass::of(&cluster.specs, spec, &self.profile, self.soft_taints_per_node);
        let some_room_would_do = if how == ByClass::No || self.plain {
            cluster.node_views().any(|node| by_class::refuses_for_room(cluster, &cycle, &self.profile, node.id))
        } else {
            by_class::wants_room(cluster, self.cluster.classes(), &cycle, &self.profile)
        };
        if some_room_would_do { Cure::Room } else { Cure::Node }
    }

    pub(super) fn try_filters(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), filter::Rejection> {
        filter::run(&self.profile.filters, cycle, node)
    }

    /// A pod was placed: those with affinity to it, or spread with it, may try again.
    pub(super) fn placement_may_help(&mut self) {
        if !self.placements_matter || self.queue.unschedulable_len() == 0 {
            return;
        }
        let World { queue, cluster, now, .. } = self;
        queue.on_event(*now, |spec, _| if hangs_on_others(cluster.specs.pod(spec)) { Help::Try } else { Help::None });
        self.after_queue_event();
    }

    /// Pods that waited for room may try again. Those that no node could take on which room was freed are spared the
    /// try, where only their own node has a say.
    pub(super) fn room_was_freed(&mut self, node: Option<NodeId>) {
        self.gangs_may_start();
        if self.queue.unschedulable_len() == 0 {
            self.freed.clear();
            return;
        }
        if node.is_none() {
            return;
        }
        let freed = std::mem::take(&mut self.freed);
        let mut queue = std::mem::take(&mut self.queue);
        let refused = queue.on_event(self.now, |spec, cure| self.help_of_room(spec, cure, &freed));
        self.queue = queue;
        self.counts.scheduling_attempts += refused as u64;
        self.tally(refused as u64, |_| Tally::PodRefused);
        self.after_queue_event();
    }

    fn help_of_room(&self, spec: PodSpecId, cure: Cure, freed: &[NodeId]) -> Help {
        if cure != Cure::Room {
            return Help::None;
        }
        // What was freed may also let a pod preempt, or change what others' constraints say of other nodes.
        let may_gain_elsewhere =
            self.plain || self.placements_matter || self.cluster.specs.pod(spec).priority > self.lowest_priority;
        let cycle = Cycle::new(self.cluster.state(), spec);
        let mut nodes = freed.iter().filter_map(|node| self.cluster.node_view(*node));
        if may_gain_elsewhere || nodes.any(|node| self.try_filters(&cycle, &node).is_ok()) {
            Help::Try
        } else {
            Help::InVain(self.cure_for(spec))
        }
    }

    /// A node came or changed for the better: pods that it could take may try again.
    pub(super) fn node_may_help(&mut self, node: NodeId) {
        self.gangs_may_start();
        if self.queue.unschedulable_len() == 0 {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.on_event(self.now, |spec, _| {
            let cycle = Cycle::new(self.cluster.state(), spec);
            let node = self.cluster.node_view(node);
            match node.is_some_and(|node| self.try_filters(&cycle, &node).is_ok()) {
                true => Help::Try,
                false => Help::None,
            }
        });
        self.queue = queue;
        self.after_queue_event();
    }

    pub(super) fn backoff_ends(&mut self) {
        self.next_backoff_event = None;
        self.queue.flush_backoff(self.now);
        self.after_queue_event();
    }

    pub(super) fn flush_leftovers(&mut self) {
        self.queue.flush_leftovers(self.now);
        self.after_queue_event();
    }

    fn after_queue_event(&mut self) {
        if self.queue.has_next() {
            self.schedule_soon();
        }
        self.wake_for_backoff();
    }

    fn wake_for_backoff(&mut self) {
        let Some(at) = self.queue.next_backoff() else { return };
        if self.next_backoff_event.is_none_or(|planned| at < planned) {
            self.next_backoff_event = Some(at);
            self.events.push(at, Event::BackoffEnds);
        }
    }

    /// Pods that the scheduler has called unschedulable, ascending by id.
    pub(super) fn unschedulable_pods(&self) -> Vec<PodId> {
        let mut pods: Vec<PodId> = self.queue.waiting().filter(|pod| self.is_unschedulable(*pod)).collect();
        if let Some(gangs) = &self.gang_queue {
            let leaders = gangs.waiting().filter_map(|job| self.gang_leader(job));
            pods.extend(leaders.filter(|pod| self.is_unschedulable(*pod)));
        }
        // A waiting gang is queued by its leader alone.
        let led: Vec<PodId> = pods
            .iter()
            .filter_map(|pod| match self.pods[pod.index()].role {
                Role::Worker { job } => Some(self.gang_of(job)),
                _ => None,
            })
            .flatten()
            .filter(|pod| self.is_unschedulable(*pod))
            .collect();
        pods.extend(led);
        pods.sort_unstable();
        pods.dedup();
        pods
    }

    fn is_unschedulable(&self, pod: PodId) -> bool {
        let info = self.cluster.pod(pod);
        info.unschedulable_since.is_some() && info.node.is_none() && !info.is_terminal()
    }

    /// Lower-priority pods make way, where that helps.
    fn try_preemption(&mut self, pod: PodId) {
        if self.cluster.specs.pod(self.cluster.pod(pod).spec).priority <= self.lowest_priority {
            return;
        }
        let preemption = match self.preemption_for(pod) {
            Ok(preemption) => preemption,
            // What was promised to it earlier is void: autoscalers are to see that it needs a node.
            Err(NoPreemption::NoCandidate(_)) => return self.nominate(pod, None),
            Err(_) => return,
        };
        // Its victims' successors may go where they keep it out again: to another node of the zone that it avoids or is
        // spread over, where its nomination has no say. A cluster goes through this as often as it takes, but no pod of
        // a cluster ends and comes back in no time.
        if self.pods[pod.index()].preempted_others == Some(self.now) {
            return self.events.push(self.now + PREEMPTS_AGAIN, Event::PreemptsAgain { pod });
        }
        self.pods[pod.index()].preempted_others = Some(self.now);
        let preemptor = self.pod_name(pod);
        self.took_amount(Lasting::Victims, preemption.victims.len() as f64);
        for victim in preemption.victims {
            // One that is leaving already needs no more than time.
            if self.cluster.pod(victim).deletion.is_some() {
                continue;
            }
            self.counts.preempted += 1;
            let object = self.pod_object(victim);
            let reason = format!("makes way for {preemptor} of higher priority");
            // One that is bound may not run yet.
            let phase = self.cluster.pod(victim).phase.name();
            self.decide(Controller::Scheduler, object, phase, "Preempted", reason);
            self.cluster.change_pod(victim, |info| info.preempted = true);
            self.delete_pod(victim, "Preempted");
            self.owner_sees_end(victim);
        }
        self.clear_lower_nominations(pod, preemption.node);
        self.nominate(pod, Some(preemption.node));
    }

    /// Pods of lower priority to which the node's room was promised may no longer fit there: they look for another place,
    /// and count for autoscalers again (`prepareCandidate`, kube-scheduler 1.33).
    fn clear_lower_nominations(&mut self, pod: PodId, node: NodeId) {
        let specs = &self.cluster.specs;
        let priority = |pod: PodId| specs.pod(self.cluster.pod(pod).spec).priority;
        let lower: Vec<PodId> =
            self.scheduler.nominations.on(node).filter(|other| priority(*other) < priority(pod)).collect();
        for other in lower {
            self.nominate(other, None);
        }
    }

    /// A pod that has preempted in vain is tried again.
    pub(super) fn preempts_again(&mut self, pod: PodId) {
        let info = self.cluster.pod(pod);
        if info.is_terminal() || info.node.is_some() {
            return;
        }
        let waits = info.spec;
        self.queue.on_event(self.now, |spec, _| if spec == waits { Help::Try } else { Help::None });
        self.after_queue_event();
    }

    fn preemption_for(&self, pod: PodId) -> Result<Preemption, NoPreemption> {
        let cycle = Cycle::for_pod(self.cluster.state(), pod);
        let mut memory = self.scheduler.clone();
        let rejected = scheduler::feasible_nodes(self.cluster.state(), &cycle, &self.profile, &mut memory).rejected;
        let mut attempt = PreemptionAttempt {
            view: self.cluster.state(),
            cycle: &cycle,
            profile: &self.profile,
            nominations: &self.scheduler.nominations,
            rejected: &rejected,
            budgets: &self.budgets_now(),
            now: self.now,
            offset: 0,
        };
        let potential = attempt.potential_nodes();
        if potential > 1 {
            attempt.offset = stream(self.seed, "preemption-offset", u64::from(pod.0)).random_range(0..potential);
        }
        attempt.run()
    }

    /// Promises a node's room to a pod, or takes the promise back.
    pub(super) fn nominate(&mut self, pod: PodId, node: Option<NodeId>) {
        let before = self.cluster.pod(pod).nominated_node;
        if !self.cluster.nominate(pod, node) {
            return;
        }
        self.nominated_wait(pod, node.is_some());
        // What was promised to this pod others can have.
        self.freed.extend(before);
        self.scheduler.nominations.remove(pod);
        if let Some(node) = node {
            self.scheduler.nominations.add(pod, node);
        }
    }
}

/// Each pod draws from a stream of its own, so that no other pod's draw shifts it.
fn tie_breaker(seed: u64, pod: PodId) -> Pcg64Mcg {
    stream(seed, "scheduler-tie", u64::from(pod.0))
}
