//! Who is ready, starting, broken or missing, by group and in all (`clusterstate/clusterstate.go`).
//!
//! Upstream's suspended nodes are not modelled: no node here has that condition.

use std::sync::Arc;

use smallvec::SmallVec;

use super::decision::{DecreaseReason, InstanceDeletion, TargetDecrease};
use super::facts;
use super::state::{IncorrectSize, ScaleUpRequest};
use super::{BackoffTimes, Clock, GroupPolicy, InstanceId, NodeGroup, Options, Snapshot, State};
use crate::cluster::{ClusterView, NodeGroupId, NodeId};
use crate::units::{SimDuration, SimTime};

/// Nodes and instances of one group by what they are doing.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    pub ready: i64,
    pub unready: i64,
    /// Registered nodes whose instance is gone.
    pub deleted: i64,
    pub registered: i64,
    pub unregistered: i64,
    pub long_unregistered: i64,
    /// Registered nodes that have not become ready yet.
    pub not_started: SmallVec<[NodeId; 4]>,
}

impl Readiness {
    /// Upstream has no entry for a group of which it saw nothing.
    fn is_absent(&self) -> bool {
        self.registered + self.unregistered + self.long_unregistered == 0
    }
}

/// The registry's view of this iteration.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub groups: Vec<Readiness>,
    /// Target sizes as the registry last read them from the cloud.
    pub targets: Vec<i64>,
    pub unready: i64,
    pub nodes: i64,
    /// Nodes that are ready and take pods.
    pub ready_and_schedulable: i64,
    pub long_unregistered: Vec<(NodeGroupId, InstanceId)>,
}

impl Health {
    /// Counts nodes and instances, then settles pending requests: done, timed out, or failed at the cloud.
    pub(super) fn update(
        snapshot: &Snapshot<'_>,
        options: &Options,
        policies: &[GroupPolicy],
        state: &mut State,
        clock: &Clock,
        decreases: &mut Vec<TargetDecrease>,
    ) -> Health {
        let mut health = Health::count(snapshot, options, policies, clock);
        health.count_instances(snapshot, policies, state, clock);
        let times = BackoffTimes::from(options);
        let before = state.backoff.clone();
        state.backoff.remove_stale(clock, times.reset_timeout);
        for group in snapshot.node_groups {
            health.settle_request(group, state, clock, times, decreases);
        }
        for group in snapshot.node_groups {
            health.settle_creation_errors(group, state, clock, times);
        }
        state.note_errors(snapshot);
        state.changed |= state.backoff != before;
        health.note_incorrect_sizes(snapshot, state, clock);
        health
    }

    fn count(snapshot: &Snapshot<'_>, options: &Options, policies: &[GroupPolicy], clock: &Clock) -> Health {
        let mut health = Health {
            groups: vec![Readiness::default(); policies.len()],
            targets: snapshot.node_groups.iter().map(|group| group.target_size).collect(),
            ..Health::default()
        };
        for view in snapshot.cluster.node_views() {
            let record = snapshot.record(view.id);
            let group = snapshot.group_of(view.state).map(|group| group.id.index());
            let startup = group.map_or(options.max_node_startup_time, |group| policies[group].max_node_startup_time);
            health.nodes += 1;
            let ready = facts::is_ready(&snapshot.cluster.specs, view.state, options);
            health.ready_and_schedulable += i64::from(ready && !view.state.unschedulable);
            let mut unused = Readiness::default();
            let readiness = group.map_or(&mut unused, |group| &mut health.groups[group]);
            readiness.registered += 1;
            if record.instance_gone {
                readiness.deleted += 1;
            } else if ready {
                readiness.ready += 1;
            } else if !clock.has_come(record.created + startup) {
                readiness.not_started.push(view.id);
            } else {
                readiness.unready += 1;
                health.unready += 1;
            }
        }
        health
    }

    fn count_instances(&mut self, snapshot: &Snapshot<'_>, policies: &[GroupPolicy], state: &mut State, clock: &Clock) {
        state.note_unregistered(snapshot);
        for group in snapshot.node_groups {
            let provision = policies[group.id.index()].max_node_provision_time;
            for instance in group.unregistered.iter().filter(|instance| instance.error.is_none()) {
                let since = state.unregistered_since[&instance.id];
                if clock.is_past(since + provision) {
                    self.groups[group.id.index()].long_unregistered += 1;
                    self.long_unregistered.push((group.id, instance.id));
                } else {
                    self.groups[group.id.index()].unregistered += 1;
                }
            }
        }
    }

    fn settle_request(
        &self,
        group: &NodeGroup,
        state: &mut State,
        clock: &Clock,
        times: BackoffTimes,
        decreases: &mut Vec<TargetDecrease>,
    ) {
        let Some(request) = state.requests.get(&group.id).copied() else { return };
        if !self.are_there_upcoming(group) {
            state.requests.remove(&group.id);
            state.changed = true;
        } else if clock.is_past(request.expected_add_time) {
            state.backoff.fail(group.id.index(), Arc::from("timeout"), clock.now(), times);
            if request.increase > 0 {
                decreases.push(TargetDecrease {
                    group: group.id,
                    by: request.increase,
                    reason: DecreaseReason::ProvisioningTimeout,
                });
            }
            state.requests.remove(&group.id);
            state.changed = true;
        }
    }

    fn settle_creation_errors(&self, group: &NodeGroup, state: &mut State, clock: &Clock, times: BackoffTimes) {
        let mut codes: SmallVec<[(Arc<str>, i64); 2]> = SmallVec::new();
        for instance in &group.unregistered {
            let Some(error) = &instance.error else { continue };
            if state.seen_errors.contains(&instance.id) {
                continue;
            }
            match codes.iter_mut().find(|(code, _)| code == error) {
                Some((_, count)) => *count += 1,
                None => codes.push((Arc::clone(error), 1)),
            }
        }
        for (code, count) in codes {
            if self.are_there_upcoming(group) && state.requests.contains_key(&group.id) {
                state.register_scale_up(group.id, -count, clock.now(), SimDuration::ZERO);
                state.backoff.fail(group.id.index(), code, clock.now(), times);
            }
        }
    }

    fn note_incorrect_sizes(&self, snapshot: &Snapshot<'_>, state: &mut State, clock: &Clock) {
        let before = std::mem::take(&mut state.incorrect_sizes);
        for group in snapshot.node_groups {
            let readiness = &self.groups[group.id.index()];
            if readiness.is_absent() {
                continue;
            }
            let instances = readiness.unregistered + readiness.long_unregistered;
            let (registered, target) = (readiness.registered, group.target_size);
            if registered > target || registered < target - instances {
                let kept = before.get(&group.id).filter(|old| old.current == registered && old.expected == target);
                let first_observed = kept.map_or(clock.now(), |old| old.first_observed);
                let size = IncorrectSize { current: registered, expected: target, first_observed };
                state.incorrect_sizes.insert(group.id, size);
            }
        }
        state.changed |= state.incorrect_sizes != before;
    }

    /// Nodes that should still come: the target less everything that has come or will not.
    pub fn expected(&self, group: &NodeGroup) -> i64 {
        let readiness = &self.groups[group.id.index()];
        self.targets[group.id.index()] - (readiness.ready + readiness.unready + readiness.long_unregistered)
    }

    /// A request is open while fewer nodes than the target have registered and started, however long their machines are
    /// overdue (`areThereUpcomingNodesInNodeGroup`).
    fn are_there_upcoming(&self, group: &NodeGroup) -> bool {
        let readiness = &self.groups[group.id.index()];
        self.targets[group.id.index()] > readiness.registered - readiness.not_started.len() as i64
    }

    /// Nodes that the snapshot gets placeholders for.
    pub(super) fn upcoming(&self, group: &NodeGroup, state: &State, clock: &Clock) -> i64 {
        let expected = self.expected(group);
        let is_awaited =
            state.requests.contains_key(&group.id) && state.backoff.status(group.id.index(), clock).is_none();
        if expected > 0 && is_awaited { expected } else { 0 }
    }

    pub fn is_cluster_healthy(&self, options: &Options) -> bool {
        let unready = self.unready;
        unready <= i64::from(options.ok_total_unready_count)
            || unready as f64 <= options.max_total_unready_percentage / 100.0 * self.nodes as f64
    }

    /// Enough of the group's nodes are ready, those of a pending request not counted.
    pub(super) fn is_group_healthy(&self, group: &NodeGroup, state: &State, options: &Options) -> bool {
        let readiness = &self.groups[group.id.index()];
        let pending = state.requests.get(&group.id).map_or(0, |request| request.increase);
        let target = self.targets[group.id.index()];
        let least = target - readiness.long_unregistered - pending;
        if readiness.is_absent() {
            return target == 0 || (least == 0 && target > 0);
        }
        let missing = (least - readiness.ready).max(0);
        let seen = readiness.ready + readiness.unready + readiness.not_started.len() as i64;
        missing <= i64::from(options.ok_total_unready_count)
            || missing as f64 <= options.max_total_unready_percentage / 100.0 * seen as f64
    }

    /// Instances that never registered and may be deleted without going below the minimum size.
    pub(super) fn deletable_instances(
        &self,
        snapshot: &Snapshot<'_>,
        options: &Options,
        policies: &[GroupPolicy],
    ) -> Vec<InstanceDeletion> {
        let mut deletions = Vec::new();
        for group in snapshot.node_groups {
            let of_group = self.long_unregistered.iter().filter(|(id, _)| *id == group.id);
            let mut instances: Vec<InstanceId> = of_group.map(|(_, instance)| *instance).collect();
            if !options.force_delete_unregistered_nodes {
                let room = (group.target_size - group.min_size).max(0) as usize;
                instances.truncate(room);
            }
            super::decision::delete_instances(group, policies, instances, false, &mut deletions);
        }
        deletions
    }
}

impl State {
    /// Adds to (or takes from) the pending request of a group; an increase restarts its time.
    pub(super) fn register_scale_up(&mut self, group: NodeGroupId, delta: i64, now: SimTime, provision: SimDuration) {
        self.changed = true;
        let expected_add_time = now + provision;
        match self.requests.get_mut(&group) {
            None if delta > 0 => {
                self.requests.insert(group, ScaleUpRequest { increase: delta, time: now, expected_add_time });
            }
            None => {}
            Some(request) if request.increase + delta <= 0 => {
                self.requests.remove(&group);
            }
            Some(request) => {
                request.increase += delta;
                if delta > 0 {
                    request.time = now;
                    request.expected_add_time = expected_add_time;
                }
            }
        }
    }
}
