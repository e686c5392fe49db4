//! Scale-down: which nodes are not needed, and which of them go now (`core/scaledown/planner` and `eligibility`).

use rustc_hash::FxHashMap;

use super::budget::{BudgetGroup, Parallelism, bucket, crop};
use super::decision::{Decision, NodeDeletion, Unremovable, UnremovableReason};
use super::drain::DrainRules;
use super::facts;
use super::pdb::RemainingBudgets;
use super::placement::{Cycles, Simulator};
use super::quota::{Quota, QuotaTracker};
use super::scale_up::Iteration;
use super::state::{OngoingDeletion, Stamp};
use super::unneeded::{
    Removable, UnneededNode, consume_minimum, is_scale_down_disabled, removable_now, removal_threshold,
};
use super::utilization::{Ignored, Utilization, utilization};
use super::{DELETION_CANDIDATE_TAINT, State, TO_BE_DELETED_TAINT};
use crate::cluster::{
    ClusterView, Fork, NodeGroupId, NodeId, NodeShapeId, NodeState, NodeView, PodId, PodSpecId, Taint, TaintEffect,
};
use crate::units::{SimDuration, SimTime};

/// True at the index of each of these nodes. Ids beyond `slots` are no nodes of the cluster and left out.
fn marks(slots: usize, nodes: impl Iterator<Item = NodeId>) -> Vec<bool> {
    let mut marks = vec![false; slots];
    for node in nodes {
        if let Some(mark) = marks.get_mut(node.index()) {
            *mark = true;
        }
    }
    marks
}

/// How long a hard taint says that a node is being deleted.
const DELETION_TIME: SimDuration = SimDuration::from_mins(5);

/// Whether a candidate's use speaks against removing it.
pub(super) enum Eligibility {
    Eligible(Utilization),
    Not(UnremovableReason, Option<Utilization>),
}

impl<'a> Iteration<'a> {
    fn drain_rules(&self) -> DrainRules<'_> {
        DrainRules {
            cluster: self.snapshot.cluster,
            options: self.options,
            owners: self.snapshot.owners,
            clock: self.clock,
        }
    }

    /// Nodes of groups above their minimum size, empty ones first, then those unneeded the last time.
    fn candidates(&self, nodes: &[NodeId], fork: &Fork<'_>, state: &State) -> Vec<NodeId> {
        let rules = self.drain_rules();
        let previous = marks(fork.node_slots(), state.unneeded.iter().map(|unneeded| unneeded.removable.node));
        let in_delay: Vec<bool> =
            self.snapshot.node_groups.iter().map(|group| self.is_in_local_delay(group.id, state)).collect();
        let mut candidates: Vec<(NodeId, (bool, bool, bool))> = Vec::with_capacity(nodes.len());
        candidates.extend(nodes.iter().filter_map(|id| {
            let node = fork.node(*id)?;
            let group = self.snapshot.group_of(node)?;
            let has_room = self.targets[group.id.index()] > group.min_size;
            if !has_room || in_delay[group.id.index()] || state.deletions.contains_key(id) {
                return None;
            }
            let emptiness = rules.emptiness(node);
            Some((*id, (emptiness.is_none(), emptiness == Some(true), !previous[id.index()])))
        }));
        candidates.sort_by_key(|(_, key)| *key);
        candidates.into_iter().map(|(id, _)| id).collect()
    }

    /// With `scale-down-delay-type-local`: the group was scaled or failed a short while ago.
    fn is_in_local_delay(&self, group: NodeGroupId, state: &State) -> bool {
        let delays = [
            (Stamp::ScaleUp, self.options.scale_down_delay_after_add),
            (Stamp::Delete, self.options.scale_down_delay_after_delete),
            (Stamp::Fail, self.options.scale_down_delay_after_failure),
        ];
        self.options.scale_down_delay_type_local
            && delays.into_iter().any(|(stamp, delay)| {
                state.group_stamp(group, stamp).is_some_and(|at| !self.clock.has_come(at + delay))
            })
    }

    pub(super) fn eligibility(&self, view: &NodeView<'_>) -> Eligibility {
        if is_being_deleted(view.state, self.clock) {
            return Eligibility::Not(UnremovableReason::CurrentlyBeingDeleted, None);
        }
        if is_scale_down_disabled(self.snapshot, view.id) {
            return Eligibility::Not(UnremovableReason::ScaleDownDisabledAnnotation, None);
        }
        let Some(group) = self.snapshot.group_of(view.state) else {
            return Eligibility::Not(UnremovableReason::NotAutoscaled, None);
        };
        let policy = &self.policies[group.id.index()];
        let ignored = Ignored {
            daemon_sets: policy.ignore_daemonsets_utilization,
            mirror_pods: self.options.ignore_mirror_pods_utilization,
        };
        let Some(used) = utilization(self.snapshot.cluster, view.state, ignored, self.clock) else {
            return Eligibility::Not(UnremovableReason::UnexpectedError, None);
        };
        let specs = &self.snapshot.cluster.specs;
        if !self.options.scale_down_unready_enabled && !facts::is_ready(specs, view.state, self.options) {
            return Eligibility::Not(UnremovableReason::ScaleDownUnreadyDisabled, None);
        }
        let threshold = if facts::has_gpu(specs, view.shape) {
            policy.scale_down_gpu_utilization_threshold
        } else {
            policy.scale_down_utilization_threshold
        };
        if used.utilization > threshold {
            return Eligibility::Not(UnremovableReason::NotUnderutilized, Some(used));
        }
        Eligibility::Eligible(used)
    }

    /// Finds the nodes that are not needed. Runs in cooldown too, so that ages accumulate. Returns whether there was any
    /// candidate.
    pub(super) fn plan(
        &self,
        fork: &mut Fork<'a>,
        state: &mut State,
        nodes: &[NodeId],
        budgets: &mut RemainingBudgets<'_>,
        decision: &mut Decision,
    ) -> bool {
        state.note_update(self.clock.now());
        let (recheck_before, unneeded_before) = (state.recheck.clone(), state.unneeded.clone());
        let candidates = self.candidates(nodes, fork, state);
        let clock = self.clock;
        state.recheck.retain(|node, until| fork.node(*node).is_some() && !clock.has_come(*until));

        let mut eligible = Vec::with_capacity(candidates.len());
        decision.utilization.reserve(candidates.len());
        decision.unremovable.reserve(candidates.len());
        for id in &candidates {
            let view = fork.node_view(*id).expect("candidates are nodes of the fork");
            let reason = if state.recheck.contains_key(id) {
                Some(UnremovableReason::RecentlyUnremovable)
            } else {
                match self.eligibility(&view) {
                    Eligibility::Eligible(used) => {
                        decision.utilization.push((*id, used));
                        eligible.push(*id);
                        None
                    }
                    Eligibility::Not(reason, used) => {
                        decision.utilization.extend(used.map(|used| (*id, used)));
                        Some(reason)
                    }
                }
            };
            decision.unremovable.extend(reason.map(|reason| Unremovable { node: *id, reason, blocking_pod: None }));
        }

        let mut destinations = vec![false; fork.node_slots()];
        for id in nodes {
            destinations[id.index()] = !state.deletions.contains_key(id);
        }
        let found = self.simulate(fork, state, &eligible, &mut destinations, budgets, decision);
        let threshold = |removable: &Removable| {
            let node = self.snapshot.cluster.node(removable.node);
            let group = node.and_then(|node| self.snapshot.group_of(node));
            group.map_or(SimDuration::ZERO, |g| removal_threshold(&self.policies[g.id.index()], removable.ready))
        };
        state.unneeded.update(found, self.clock.now(), threshold);
        decision.unneeded = state.unneeded.iter().map(|unneeded| unneeded.removable.node).collect();
        state.changed |= state.recheck != recheck_before || state.unneeded != unneeded_before;
        !candidates.is_empty()
    }

    fn simulate(
        &self,
        fork: &mut Fork<'a>,
        state: &mut State,
        eligible: &[NodeId],
        destinations: &mut [bool],
        budgets: &mut RemainingBudgets<'_>,
        decision: &mut Decision,
    ) -> Vec<Removable> {
        let limit = self.unneeded_limit(state);
        let recheck_at = self.clock.now() + self.options.unremovable_node_recheck_timeout;
        let mut found: Vec<Removable> = Vec::new();
        let mut atomic = 0;
        let start = fork.checkpoint();
        let mut cycles = Cycles::new(fork);
        for id in eligible {
            if found.len() as i64 - atomic >= limit {
                break;
            }
            match self.simulate_removal(fork, &mut cycles, state, *id, destinations, budgets) {
                Ok(removable) => {
                    destinations[id.index()] = false;
                    budgets.remove(&self.snapshot.cluster.specs, &removable.pods);
                    let group = fork.base().node(*id).and_then(|node| self.snapshot.group_of(node));
                    atomic += i64::from(group.is_some_and(|g| self.policies[g.id.index()].zero_or_max_node_scaling));
                    found.push(removable);
                }
                Err(unremovable) => {
                    if recheck_at > self.clock.now() {
                        state.recheck.insert(*id, recheck_at);
                        self.clock.has_come(recheck_at);
                    }
                    decision.unremovable.push(unremovable);
                }
            }
        }
        fork.revert(start);
        found
    }

    /// Moves the node's pods elsewhere in the fork and takes the node out; the fork is as before where that fails.
    fn simulate_removal(
        &self,
        fork: &mut Fork<'a>,
        cycles: &mut Cycles<'a>,
        state: &mut State,
        id: NodeId,
        destinations: &[bool],
        budgets: &mut RemainingBudgets<'_>,
    ) -> Result<Removable, Unremovable> {
        let fail = |reason, blocking_pod| Unremovable { node: id, reason, blocking_pod };
        let specs = &self.snapshot.cluster.specs;
        let node = fork.node(id).expect("candidates are nodes of the fork");
        let ready = facts::is_ready(specs, node, self.options);
        let moves = self
            .drain_rules()
            .pods_to_move(node, budgets)
            .map_err(|blocking| fail(UnremovableReason::BlockedByPod, Some(blocking)))?;
        let removable = |pods: Vec<(PodId, PodSpecId)>, is_risky| Removable {
            node: id,
            ready,
            pods,
            has_on_completion_pods: moves.has_on_completion_pods,
            is_risky,
        };
        if !moves.pods.is_empty() {
            let start = fork.checkpoint();
            self.leave_ghost(fork, id);
            let mut simulator = Simulator { hints: &mut state.drain_hints, cursor: &mut state.cursor, cycles };
            let acceptable = |other: NodeId| other != id && destinations.get(other.index()) == Some(&true);
            let placed = simulator.try_schedule(fork, &moves.pods, true, acceptable);
            if placed.len() < moves.pods.len() {
                fork.revert(start);
                return Err(fail(UnremovableReason::NoPlaceToMovePods, None));
            }
        }
        fork.remove_node(id);
        let is_risky = !budgets.allow_at_once(specs, &moves.pods);
        Ok(removable(moves.pods.clone(), is_risky))
    }

    /// The node as it stands while it is drained: without pods, and tainted, so that spread constraints still count its
    /// domain though nothing can go there.
    fn leave_ghost(&self, fork: &mut Fork<'_>, id: NodeId) {
        let specs = &self.snapshot.cluster.specs;
        let Some(node) = fork.node_mut(id) else { return };
        let mut ghost = NodeState::new(std::sync::Arc::clone(&node.name), node.shape, specs.shape(node.shape));
        ghost.hostname = node.hostname.take();
        ghost.unschedulable = node.unschedulable;
        ghost.ready = node.ready;
        ghost.extra_taints = std::mem::take(&mut node.extra_taints);
        ghost.extra_taints.push(Taint {
            key: TO_BE_DELETED_TAINT.to_owned(),
            value: String::new(),
            effect: TaintEffect::NoSchedule,
        });
        *node = ghost;
    }

    /// After how many removable nodes it is no use to look for more.
    fn unneeded_limit(&self, state: &State) -> i64 {
        let parallelism = i64::from(self.options.max_scale_down_parallelism);
        let limit = state.unneeded.len() as i64 + 2 * parallelism;
        let interval = state.min_update_interval.nanos().max(1);
        let unneeded_time = self.options.scale_down_unneeded_time.nanos().max(interval);
        let upper = parallelism.saturating_mul(unneeded_time / interval).saturating_add(parallelism);
        limit.min(upper)
    }

    pub(super) fn is_in_cooldown(&self, state: &State) -> bool {
        let stamps = &state.stamps;
        let holds = |at: SimTime, delay: SimDuration| !self.clock.has_come(at + delay);
        !self.options.scale_down_delay_type_local
            && (holds(stamps.last_scale_up, self.options.scale_down_delay_after_add)
                || holds(stamps.last_scale_down_fail, self.options.scale_down_delay_after_failure)
                || holds(stamps.last_scale_down_delete, self.options.scale_down_delay_after_delete))
    }

    /// Picks the nodes that are deleted now and notes their deletion.
    pub(super) fn delete(
        &mut self,
        fork: &Fork<'_>,
        state: &mut State,
        nodes: &[NodeShapeId],
        registered: &[NodeId],
        decision: &mut Decision,
    ) {
        let snapshot = self.snapshot;
        let quotas = vec![Quota::of_options(self.options, true)];
        let Ok(mut tracker) = QuotaTracker::new(snapshot, quotas, nodes.iter().copied(), true) else { return };
        let deletions = |group: &super::NodeGroup| state.deletions_of(group.id);
        let removable = removable_now(&state.unneeded, snapshot, self.clock, self.targets.clone(), &deletions, |id| {
            consume_minimum(&mut tracker, snapshot, id)
        });
        decision.unremovable.extend(removable.unremovable);
        let (safe, risky): (Vec<&Removable>, Vec<&Removable>) =
            removable.drain.into_iter().partition(|removable| !removable.is_risky);
        let candidates: Vec<&Removable> = removable.empty.into_iter().chain(safe).chain(risky).collect();

        let mut in_group = vec![0; snapshot.node_groups.len()];
        for id in registered {
            if let Some(group) = fork.node(*id).and_then(|node| snapshot.group_of(node)) {
                in_group[group.id.index()] += 1;
            }
        }
        let group_of = |id: NodeId| {
            let node = snapshot.cluster.node(id).expect("an unneeded node is there");
            snapshot.group_of(node).expect("an unneeded node belongs to a group").id.index()
        };
        let facts = |group: usize| BudgetGroup {
            target_size: self.targets[group],
            registered: in_group[group],
            atomic: self.policies[group].zero_or_max_node_scaling,
        };
        let (mut empty, mut drain) = (Vec::new(), Vec::new());
        for removable in &candidates {
            let group = group_of(removable.node);
            let whole = facts(group);
            let considered = candidates.iter().filter(|other| whole.atomic && group_of(other.node) == group).count();
            let is_whole = considered as i64 == whole.target_size || considered as i64 == whole.registered;
            let reason = if whole.atomic && !is_whole {
                Some(UnremovableReason::AtomicScaleDownFailed)
            } else if removable.has_on_completion_pods {
                Some(UnremovableReason::BlockedByOnCompletionPod)
            } else {
                None
            };
            match reason {
                Some(reason) => {
                    decision.unremovable.push(Unremovable { node: removable.node, reason, blocking_pod: None });
                }
                None if removable.pods.is_empty() => empty.push((group, removable.node)),
                None => drain.push((group, removable.node)),
            }
        }
        let (deleting, draining) = state.deletions_in_progress();
        let left = Parallelism {
            deletions: i64::from(self.options.max_scale_down_parallelism) - deleting - draining,
            drains: i64::from(self.options.max_drain_parallelism) - draining,
        };
        let (empty, drain) = crop(bucket(empty), bucket(drain), left, facts);
        let with = |buckets: Vec<super::budget::Bucket<NodeId>>, empty: bool| {
            buckets.into_iter().flat_map(move |bucket| {
                let group = NodeGroupId::new(bucket.group);
                bucket.nodes.into_iter().map(move |node| (node, group, empty))
            })
        };
        let unneeded: FxHashMap<NodeId, &UnneededNode> =
            state.unneeded.iter().map(|unneeded| (unneeded.removable.node, unneeded)).collect();
        let deletion = |(node, group, empty): (NodeId, NodeGroupId, bool)| {
            let UnneededNode { removable, since, threshold } = unneeded[&node];
            let (unneeded_since, unneeded_limit) = (*since, *threshold);
            NodeDeletion { node, group, empty, ready: removable.ready, unneeded_since, unneeded_limit }
        };
        decision.delete = with(empty, true).chain(with(drain, false)).map(deletion).collect();
        let now = self.clock.now();
        for deletion in &decision.delete {
            state.deletions.insert(deletion.node, OngoingDeletion { group: deletion.group, drain: !deletion.empty });
            state.stamp_group(deletion.group, Stamp::Delete, now);
        }
        if !decision.delete.is_empty() {
            state.stamps.last_scale_down_delete = now;
            state.changed = true;
        }
    }

    /// Marks unneeded nodes with a soft taint and takes it off others, a few in each iteration.
    pub(super) fn soft_taints(&self, state: &State, nodes: &[NodeId], decision: &mut Decision) {
        let mut left = self.options.max_bulk_soft_taint_count as usize;
        if left == 0 {
            return;
        }
        let unneeded = marks(self.snapshot.cluster.node_slots(), decision.unneeded.iter().copied());
        let has = |id: NodeId, key: &str| {
            let node = self.snapshot.cluster.node(id);
            node.is_some_and(|node| node.extra_taints.iter().any(|taint| taint.key == key))
        };
        for id in nodes {
            if left == 0 {
                break;
            }
            let node = self.snapshot.cluster.node(*id).filter(|node| !node.extra_taints.is_empty());
            let in_group = node.is_some_and(|node| self.snapshot.group_of(node).is_some());
            if in_group && !unneeded[id.index()] && has(*id, DELETION_CANDIDATE_TAINT) && !has(*id, TO_BE_DELETED_TAINT)
            {
                decision.soft_untaint.push(*id);
                left -= 1;
            }
        }
        for id in &decision.unneeded {
            if left > 0
                && !state.deletions.contains_key(id)
                && !has(*id, DELETION_CANDIDATE_TAINT)
                && !has(*id, TO_BE_DELETED_TAINT)
            {
                decision.soft_taint.push(*id);
                left -= 1;
            }
        }
    }
}

/// A hard taint younger than five minutes. Its value is the second at which it was set.
fn is_being_deleted(node: &NodeState, clock: &super::Clock) -> bool {
    let taint = node.extra_taints.iter().find(|taint| taint.key == TO_BE_DELETED_TAINT);
    let since = taint.and_then(|taint| taint.value.parse::<i64>().ok()).map(SimTime::from_secs);
    since.is_some_and(|since| !clock.has_come(since + DELETION_TIME))
}
