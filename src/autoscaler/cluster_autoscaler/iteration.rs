//! One iteration of Cluster Autoscaler in upstream's order (`StaticAutoscaler.RunOnce`).

use rand::Rng;

use super::decision::{Decision, DecreaseReason, Halt, ScaleUpResult, TargetDecrease, UnhelpedPods, delete_instances};
use super::expander::{Candidate, Choice, Context, Priorities, preferred_cores};
use super::health::Health;
use super::pdb::RemainingBudgets;
use super::placement::{Cycles, Simulator, schedule_on_any};
use super::prices::ResourcePrices;
use super::scale_up::{Iteration, Outcome, Request};
use super::templates::templates;
use super::{Clock, ExpansionOption, InstanceId, Options, Snapshot, State, facts};
use crate::cluster::{ClusterView, Fork, NodeId, NodeShapeId, PodId, PodSpecId};
use crate::units::{SimDuration, SimTime};

/// Pods younger than this may be the first of many: wait for the rest.
const POD_BUFFER: SimDuration = SimDuration::from_secs(2);
/// The same for pods that want GPUs.
const GPU_POD_BUFFER: SimDuration = SimDuration::from_secs(30);
const POD_SCALE_UP_DELAY: &str = "cluster-autoscaler.kubernetes.io/pod-scale-up-delay";

/// Runs one iteration at `snapshot.now`.
///
/// `state` moves on as if the decision were carried out at once: pending requests, cooldowns and deletions are noted.
/// A drain that fails is told with [`State::deletion_failed`], one that ends with [`State::deletion_finished`]; instances
/// that the cloud does not deliver stand among [`NodeGroup::unregistered`](super::NodeGroup::unregistered) with their
/// error. `rng` is drawn from only where options are equal.
pub fn run_once(snapshot: &Snapshot<'_>, options: &Options, state: &mut State, rng: &mut dyn Rng) -> Decision {
    state.changed = false;
    let clock = Clock::new(snapshot.now);
    let cursor = state.cursor;
    let mut decision = Decision::default();
    iterate(snapshot, options, state, rng, &clock, &mut decision);
    state.changed |= !decision.is_empty() || state.cursor != cursor;
    state.changed |= state.pending_hints.take_changed() | state.drain_hints.take_changed();
    state.tidy_hints(snapshot);
    state.next_wake = clock.next();
    decision
}

fn iterate(
    snapshot: &Snapshot<'_>,
    options: &Options,
    state: &mut State,
    rng: &mut dyn Rng,
    clock: &Clock,
    decision: &mut Decision,
) {
    let mut fork = Fork::new(snapshot.cluster);
    hold_room(&mut fork, snapshot, options, state);
    let templates = templates(snapshot, options, state, clock);
    let policies = snapshot.policies(options);
    let health = Health::update(snapshot, options, &policies, state, clock, &mut decision.target_decreases);
    if !options.scale_up_from_zero && (health.nodes == 0 || health.ready_and_schedulable == 0) {
        state.unneeded.clear();
        decision.halted = Some(Halt::NoNodes);
        return;
    }
    let targets = health.targets.clone();
    let mut iteration = Iteration { snapshot, options, policies, clock, templates, health, targets };
    for decrease in &decision.target_decreases {
        iteration.targets[decrease.group.index()] -= decrease.by;
    }
    decision.delete_instances = iteration.health.deletable_instances(snapshot, options, &iteration.policies);
    iteration.count_deleted(decision, 0);
    if !iteration.health.is_cluster_healthy(options) {
        state.unneeded.clear();
        decision.halted = Some(Halt::ClusterUnhealthy);
        return;
    }
    iteration.delete_failed_instances(decision);
    if iteration.fix_sizes(state, decision) {
        decision.halted = Some(Halt::SizesFixed);
        return;
    }
    let nodes = iteration.add_upcoming(&mut fork, state);
    let shapes: Vec<NodeShapeId> = fork.node_views().map(|view| view.state.shape).collect();
    let pods = iteration.pods_to_help(&mut fork, state, decision);
    let mut scale_down_barred = false;
    if iteration.should_scale_up(&pods, decision, &mut scale_down_barred) {
        iteration.run_scale_up(&mut fork, state, pods, &shapes, rng, decision);
    }
    if options.scale_down_enabled {
        iteration.run_scale_down(&mut fork, state, &nodes, &shapes, scale_down_barred, decision);
    }
    if options.enforce_node_group_min_size {
        decision.min_size = iteration.scale_up_to_min_size(state, &shapes);
        if !decision.min_size.is_empty() {
            state.stamps.last_scale_up = clock.now();
        }
    }
}

/// Takes expendable pods out of the fork and puts nominated ones in.
fn hold_room(fork: &mut Fork<'_>, snapshot: &Snapshot<'_>, options: &Options, state: &mut State) {
    let specs = &snapshot.cluster.specs;
    let cutoff = options.expendable_pods_priority_cutoff;
    let seen = &mut state.has_expendable;
    while seen.seen < specs.pod_count() {
        seen.any |= specs.pod(PodSpecId::new(seen.seen)).priority < cutoff;
        seen.seen += 1;
    }
    if seen.any {
        for view in snapshot.cluster.node_views() {
            for held in view.state.pods.iter().filter(|held| specs.pod(held.spec).priority < cutoff) {
                fork.evict(held.pod, held.spec, view.id);
            }
        }
    }
    for pod in snapshot.nominated {
        let info = snapshot.cluster.pod(*pod);
        let Some(node) = info.nominated_node.filter(|_| specs.pod(info.spec).priority >= cutoff) else { continue };
        if fork.node(node).is_some() {
            fork.place(*pod, info.spec, node);
        }
    }
}

impl<'a> Iteration<'a> {
    /// Lowers targets by the instance deletions from `from` on, as the cloud does.
    fn count_deleted(&mut self, decision: &Decision, from: usize) {
        for deletion in &decision.delete_instances[from..] {
            self.targets[deletion.group.index()] -= 1;
        }
    }

    fn delete_failed_instances(&mut self, decision: &mut Decision) {
        let from = decision.delete_instances.len();
        for group in self.snapshot.node_groups {
            let mut failed: Vec<InstanceId> =
                group.unregistered.iter().filter(|i| i.error.is_some()).map(|instance| instance.id).collect();
            if group.keeps_min_size {
                let room = self.targets[group.id.index()] - group.min_size;
                failed.truncate(room.max(0) as usize);
            }
            delete_instances(group, &self.policies, failed, true, &mut decision.delete_instances);
        }
        self.count_deleted(decision, from);
        if decision.delete_instances.len() > from {
            self.health.targets.clone_from(&self.targets);
        }
    }

    /// Lowers targets that have disagreed with reality for too long; true where any was.
    fn fix_sizes(&self, state: &State, decision: &mut Decision) -> bool {
        let before = decision.target_decreases.len();
        for (group, size) in &state.incorrect_sizes {
            let provision = self.policies[group.index()].max_node_provision_time;
            let missing = size.expected - size.current;
            if self.clock.is_past(size.first_observed + provision) && missing > 0 {
                let reason = DecreaseReason::IncorrectSize;
                decision.target_decreases.push(TargetDecrease { group: *group, by: missing, reason });
            }
        }
        decision.target_decreases.len() > before
    }

    /// Puts placeholders for nodes that are still to come into the fork, and takes registered ones that have not started
    /// out of it. Returns the registered nodes that are left.
    fn add_upcoming(&self, fork: &mut Fork<'a>, state: &mut State) -> Vec<NodeId> {
        let mut started: Vec<NodeId> = self.snapshot.cluster.node_views().map(|view| view.id).collect();
        let mut made_up = 0;
        for group in self.snapshot.node_groups {
            let upcoming = self.health.upcoming(group, state, self.clock);
            if upcoming <= 0 {
                continue;
            }
            if let Some(template) = &self.templates[group.id.index()] {
                for _ in 0..upcoming {
                    let name = state.upcoming_name(made_up);
                    template.add_to(fork, name);
                    made_up += 1;
                }
            }
            let starting = &self.health.groups[group.id.index()].not_started;
            for id in starting {
                fork.remove_node(*id);
            }
            started.retain(|id| !starting.contains(id));
        }
        started
    }

    /// The pods that could make a scale-up worth while: not expendable, without room on existing or upcoming nodes, no
    /// daemon pods, old enough. Those with room hold it in the fork from here on.
    fn pods_to_help(&self, fork: &mut Fork<'a>, state: &mut State, decision: &mut Decision) -> Vec<(PodId, PodSpecId)> {
        let specs = &self.snapshot.cluster.specs;
        let cutoff = self.options.expendable_pods_priority_cutoff;
        let mut pods: Vec<(PodId, PodSpecId)> = self
            .snapshot
            .pending
            .iter()
            .map(|pod| (*pod, self.snapshot.cluster.pod(*pod).spec))
            .filter(|(_, spec)| specs.pod(*spec).priority >= cutoff)
            .collect();
        for (node, _) in state.deletions.iter().filter(|(_, deletion)| deletion.drain) {
            let Some(node) = fork.node(*node) else { continue };
            pods.extend(node.pods.iter().map(|held| (held.pod, held.spec)).filter(|(pod, spec)| {
                self.snapshot.cluster.pod(*pod).deletion.is_none() && facts::is_recreatable(specs.pod(*spec))
            }));
        }
        pods.sort_by_key(|(_, spec)| std::cmp::Reverse(specs.pod(*spec).priority));
        if pods.is_empty() {
            return pods;
        }
        let mut cycles = Cycles::new(fork);
        let mut simulator =
            Simulator { hints: &mut state.pending_hints, cursor: &mut state.cursor, cycles: &mut cycles };
        let placed = simulator.try_schedule(fork, &pods, false, |_| true);
        pods.retain(|(pod, spec)| {
            if placed.contains(pod) || facts::is_daemon_set_pod(specs.pod(*spec)) {
                return false;
            }
            let is_old_enough = self.is_old_enough(*pod, *spec);
            if !is_old_enough {
                decision.too_young.push(*pod);
            }
            is_old_enough
        });
        pods
    }

    fn is_old_enough(&self, pod: PodId, spec: PodSpecId) -> bool {
        let annotation = self.snapshot.cluster.specs.pod(spec).annotations.get(POD_SCALE_UP_DELAY);
        let own: Option<SimDuration> = annotation.and_then(|text| text.parse().ok());
        let delay = own.unwrap_or(SimDuration::ZERO).max(self.options.new_pod_scale_up_delay);
        self.clock.is_past(self.snapshot.cluster.pod(pod).created + delay)
    }

    fn should_scale_up(
        &self,
        pods: &[(PodId, PodSpecId)],
        decision: &mut Decision,
        scale_down_barred: &mut bool,
    ) -> bool {
        let limit = i64::from(self.options.max_nodes_total);
        if pods.is_empty() {
            decision.scale_up_result = ScaleUpResult::NotNeeded;
            return false;
        }
        if limit > 0 && self.health.ready_and_schedulable >= limit {
            decision.scale_up_result = ScaleUpResult::LimitedByMaxNodesTotal;
            decision.unhelped =
                pods.iter().map(|(pod, _)| UnhelpedPods { pods: vec![*pod], reasons: Vec::new() }).collect();
            return false;
        }
        if self.are_all_new(pods) {
            decision.scale_up_result = ScaleUpResult::InCooldown;
            *scale_down_barred = true;
            return false;
        }
        true
    }

    fn are_all_new(&self, pods: &[(PodId, PodSpecId)]) -> bool {
        let created = |pod: PodId| self.snapshot.cluster.pod(pod).created;
        let oldest: Option<SimTime> = pods.iter().map(|(pod, _)| created(*pod)).min();
        if oldest.is_some_and(|oldest| !self.clock.has_come(oldest + POD_BUFFER)) {
            return true;
        }
        let specs = &self.snapshot.cluster.specs;
        let with_gpu = pods.iter().filter(|(_, spec)| facts::requests_gpu(specs, specs.pod(*spec)));
        let oldest: Option<SimTime> = with_gpu.map(|(pod, _)| created(*pod)).min();
        oldest.is_some_and(|oldest| !self.clock.has_come(oldest + GPU_POD_BUFFER))
    }

    fn run_scale_up(
        &mut self,
        fork: &mut Fork<'a>,
        state: &mut State,
        mut pods: Vec<(PodId, PodSpecId)>,
        shapes: &[NodeShapeId],
        rng: &mut dyn Rng,
        decision: &mut Decision,
    ) {
        let mut shapes = shapes.to_vec();
        loop {
            let request = Request {
                pods: &pods,
                nodes: &shapes,
                all_or_nothing: false,
                limit_estimates: true,
                quotas: Vec::new(),
            };
            let outcome = self.scale_up(fork, state, &request, &mut |iteration: &Iteration<'_>, options: &mut [_]| {
                iteration.ask_expander(options, rng)
            });
            let success = outcome.result == ScaleUpResult::Successful;
            if success {
                state.stamps.last_scale_up = self.clock.now();
            }
            let again = self.options.salvo_scale_up && success && !outcome.triggered.is_empty();
            if again {
                pods.retain(|(pod, _)| !outcome.triggered.contains(pod));
                self.add_results(fork, state, &outcome, &mut shapes);
            }
            take(outcome, decision);
            if !again || pods.is_empty() {
                return;
            }
        }
    }

    /// After one of several scale-ups: its nodes are there, and its pods on them.
    fn add_results(&self, fork: &mut Fork<'a>, state: &mut State, outcome: &Outcome, shapes: &mut Vec<NodeShapeId>) {
        let first = fork.node_slots();
        for resize in &outcome.resizes {
            let Some(template) = &self.templates[resize.group.index()] else { continue };
            for _ in resize.from..resize.to {
                let name = state.upcoming_name(fork.node_slots());
                template.add_to(fork, name);
                shapes.push(template.shape);
            }
        }
        let mut cycles = Cycles::new(fork);
        for pod in &outcome.triggered {
            let spec = self.snapshot.cluster.pod(*pod).spec;
            // A pod that a limit cut off finds no room here; upstream ends the salvo, here its turn comes later.
            schedule_on_any(fork, &mut cycles, &mut state.cursor, *pod, spec, |node| node.index() >= first);
        }
    }

    fn ask_expander(&self, options: &mut [ExpansionOption], rng: &mut dyn Rng) -> Choice {
        let cluster = self.snapshot.cluster;
        let specs = &cluster.specs;
        let candidates: Vec<Candidate<'_>> = options
            .iter()
            .map(|option| {
                let group = &self.snapshot.node_groups[option.group.index()];
                Candidate {
                    group: &group.name,
                    node_count: option.node_count,
                    pods: option.pods.iter().map(|pod| specs.pod(cluster.pod(*pod).spec)).collect(),
                    template: self.templates[option.group.index()].as_ref().map(|t| specs.shape(t.shape)),
                    exists: true,
                    node_price: group.price.map(|price| price.as_f64()),
                    priority: group.priority,
                }
            })
            .collect();
        // Bad expressions are refused where options are read; here they say nothing, as upstream's bad ConfigMap.
        let priorities = Priorities::new(&self.options.priorities).ok();
        let context = Context {
            specs,
            priorities: priorities.as_ref(),
            pod_prices: &ResourcePrices,
            preferred_cpu: preferred_cores(cluster.live_nodes()),
        };
        let choice = self.options.expander.choose(&candidates, &context, rng);
        if let Some((name, costs)) = &choice.costs {
            for (option, cost) in options.iter_mut().zip(costs) {
                option.score = cost.map(|cost| (*name, cost));
            }
        }
        choice
    }

    fn run_scale_down(
        &mut self,
        fork: &mut Fork<'a>,
        state: &mut State,
        nodes: &[NodeId],
        shapes: &[NodeShapeId],
        barred: bool,
        decision: &mut Decision,
    ) {
        let mut budgets = RemainingBudgets::new(self.snapshot.disruption_budgets);
        let has_candidates = self.plan(fork, state, nodes, &mut budgets, decision);
        // Ask the clock in any case: it must know when the cooldown ends.
        let in_cooldown = self.is_in_cooldown(state);
        decision.in_cooldown = barred || in_cooldown;
        if !decision.in_cooldown && has_candidates {
            self.delete(fork, state, shapes, nodes, decision);
        }
        self.soft_taints(state, nodes, decision);
    }
}

/// Adds one scale-up's outcome; of several the last one's verdicts stay.
fn take(outcome: Outcome, decision: &mut Decision) {
    let had_one = decision.scale_up_result == ScaleUpResult::Successful;
    if !had_one || outcome.result == ScaleUpResult::Successful {
        decision.scale_up_result = outcome.result;
        decision.options = outcome.options;
        decision.candidates = outcome.candidates;
        decision.chosen = outcome.chosen;
        decision.skipped = outcome.skipped;
    }
    for resize in outcome.resizes {
        match decision.scale_up.iter_mut().find(|earlier| earlier.group == resize.group) {
            Some(earlier) => earlier.to = resize.to,
            None => decision.scale_up.push(resize),
        }
    }
    decision.unhelped = outcome.unhelped;
    decision.awaiting = outcome.awaiting;
    decision.triggered.extend(outcome.triggered);
}
