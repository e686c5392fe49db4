//! What a Cluster Autoscaler remembers from one iteration to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::placement::{Cursor, Hints};
use super::template::Template;
use super::unneeded::UnneededNodes;
use super::{Backoff, InstanceId, Options, Snapshot};
use crate::cluster::{ClusterView, NodeGroupId, NodeId};
use crate::units::{SimDuration, SimTime};

/// Nodes that a group was asked to grow by and that have not all come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleUpRequest {
    pub increase: i64,
    pub time: SimTime,
    /// After it the request has failed.
    pub expected_add_time: SimTime,
}

/// The group's target and its registered nodes disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncorrectSize {
    pub current: i64,
    pub expected: i64,
    pub first_observed: SimTime,
}

/// A node on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OngoingDeletion {
    pub group: NodeGroupId,
    pub drain: bool,
}

/// Instants after which scale-down pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    pub last_scale_up: SimTime,
    pub last_scale_down_delete: SimTime,
    pub last_scale_down_fail: SimTime,
}

/// The memory of one Cluster Autoscaler. Times are of the simulation.
#[derive(Clone, Debug)]
pub struct State {
    pub requests: BTreeMap<NodeGroupId, ScaleUpRequest>,
    pub backoff: Backoff,
    pub unneeded: UnneededNodes,
    /// Nodes that could not be removed, and until when they are left alone.
    pub recheck: BTreeMap<NodeId, SimTime>,
    pub stamps: Stamps,
    pub deletions: BTreeMap<NodeId, OngoingDeletion>,
    /// With `scale-down-delay-type-local`: the stamps of each group, where it has any.
    group_stamps: Vec<[Option<SimTime>; 3]>,
    pub(super) unregistered_since: BTreeMap<InstanceId, SimTime>,
    pub(super) seen_errors: BTreeSet<InstanceId>,
    pub(super) incorrect_sizes: BTreeMap<NodeGroupId, IncorrectSize>,
    templates: Vec<Option<Template>>,
    pub(super) pending_hints: Hints,
    pub(super) drain_hints: Hints,
    pub(super) cursor: Cursor,
    names: Vec<Arc<str>>,
    upcoming_names: Vec<Arc<str>>,
    latest_update: Option<SimTime>,
    pub(super) min_update_interval: SimDuration,
    pub(super) has_expendable: HasExpendable,
    pub(super) changed: bool,
    pub(super) next_wake: SimTime,
}

/// Which specs were already looked at for priorities below the cutoff.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HasExpendable {
    pub seen: usize,
    pub any: bool,
}

/// Which of [`Stamps`] a group's own stamp is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    ScaleUp,
    Delete,
    Fail,
}

impl State {
    /// At the start all three stamps lie one hour back, so that no cooldown holds the first deletion.
    pub fn new(options: &Options, now: SimTime) -> State {
        let hour_ago = now - SimDuration::from_mins(60);
        State {
            requests: BTreeMap::new(),
            backoff: Backoff::default(),
            unneeded: UnneededNodes::default(),
            recheck: BTreeMap::new(),
            stamps: Stamps {
                last_scale_up: hour_ago,
                last_scale_down_delete: hour_ago,
                last_scale_down_fail: hour_ago,
            },
            deletions: BTreeMap::new(),
            group_stamps: Vec::new(),
            unregistered_since: BTreeMap::new(),
            seen_errors: BTreeSet::new(),
            incorrect_sizes: BTreeMap::new(),
            templates: Vec::new(),
            pending_hints: Hints::default(),
            drain_hints: Hints::default(),
            cursor: Cursor::default(),
            names: Vec::new(),
            upcoming_names: Vec::new(),
            latest_update: None,
            min_update_interval: options.scale_down_unneeded_time.max(SimDuration::from_nanos(1)),
            has_expendable: HasExpendable::default(),
            changed: true,
            next_wake: SimTime::MIN,
        }
    }

    /// The first instant at which another iteration could decide anything but what the last one did, provided that
    /// nothing in the snapshot but its time changes before. `SimTime::MIN` where the next iteration must run anyway.
    pub fn next_possible_change(&self) -> SimTime {
        if self.changed { SimTime::MIN } else { self.next_wake }
    }

    /// True where the iteration due at `now` may be skipped: nothing changed since the last one and no timer is due.
    /// Then call [`State::skip`] in its place.
    pub fn may_skip(&self, now: SimTime) -> bool {
        now < self.next_possible_change()
            && self.latest_update.is_some_and(|latest| now - latest >= self.min_update_interval)
    }

    /// Stands for an iteration that was skipped.
    pub fn skip(&mut self, now: SimTime) {
        self.latest_update = Some(now);
    }

    /// A node left: its instance is deleted, whether or not its Node object lingers.
    pub fn deletion_finished(&mut self, node: NodeId) {
        self.changed |= self.deletions.remove(&node).is_some();
    }

    /// A drain or deletion was given up; the caller takes the taint and the cordon off. As upstream, only the group's
    /// own stamp is set, so the global delay after failure does not start.
    pub fn deletion_failed(&mut self, node: NodeId, now: SimTime) {
        if let Some(deletion) = self.deletions.remove(&node) {
            self.stamp_group(deletion.group, Stamp::Fail, now);
            self.changed = true;
        }
    }

    /// Forgets hints of pods that are bound, or gone, and so will not be asked for again.
    pub(super) fn tidy_hints(&mut self, snapshot: &Snapshot<'_>) {
        let cluster = snapshot.cluster;
        self.pending_hints.tidy(|pod| !cluster.pod(pod).is_terminal() && cluster.pod(pod).node.is_none());
        self.drain_hints.tidy(|pod| {
            let info = cluster.pod(pod);
            !info.is_terminal() && info.node.is_some_and(|node| cluster.node(node).is_some())
        });
    }

    pub(super) fn stamp_group(&mut self, group: NodeGroupId, stamp: Stamp, now: SimTime) {
        if self.group_stamps.len() <= group.index() {
            self.group_stamps.resize(group.index() + 1, [None; 3]);
        }
        self.group_stamps[group.index()][stamp as usize] = Some(now);
    }

    pub(super) fn group_stamp(&self, group: NodeGroupId, stamp: Stamp) -> Option<SimTime> {
        self.group_stamps.get(group.index())?[stamp as usize]
    }

    /// Deletions in progress: without and with a drain.
    pub fn deletions_in_progress(&self) -> (i64, i64) {
        let drained = self.deletions.values().filter(|deletion| deletion.drain).count();
        ((self.deletions.len() - drained) as i64, drained as i64)
    }

    pub(super) fn deletions_of(&self, group: NodeGroupId) -> i64 {
        self.deletions.values().filter(|deletion| deletion.group == group).count() as i64
    }

    /// Notes the interval since the last pass of scale-down planning.
    pub(super) fn note_update(&mut self, now: SimTime) {
        if let Some(interval) = self.latest_update.map(|latest| now - latest)
            && interval < self.min_update_interval
        {
            self.min_update_interval = interval.max(SimDuration::from_nanos(1));
            self.changed = true;
        }
        self.latest_update = Some(now);
    }

    pub(super) fn note_unregistered(&mut self, snapshot: &Snapshot<'_>) {
        let before = std::mem::take(&mut self.unregistered_since);
        for instance in snapshot.node_groups.iter().flat_map(|group| &group.unregistered) {
            if instance.error.is_none() {
                let since = before.get(&instance.id).copied().unwrap_or(snapshot.now);
                self.unregistered_since.insert(instance.id, since);
            }
        }
        self.changed |= self.unregistered_since != before;
    }

    pub(super) fn note_errors(&mut self, snapshot: &Snapshot<'_>) {
        let instances = snapshot.node_groups.iter().flat_map(|group| &group.unregistered);
        let failed: BTreeSet<InstanceId> =
            instances.filter(|instance| instance.error.is_some()).map(|instance| instance.id).collect();
        self.changed |= failed != self.seen_errors;
        self.seen_errors = failed;
    }

    pub(super) fn remember_template(&mut self, group: NodeGroupId, template: &Template) {
        if self.templates.len() <= group.index() {
            self.templates.resize(group.index() + 1, None);
        }
        let slot = &mut self.templates[group.index()];
        if slot.as_ref() != Some(template) {
            *slot = Some(template.clone());
            self.changed = true;
        }
    }

    pub(super) fn remembered_template(&self, group: NodeGroupId) -> Option<&Template> {
        self.templates.get(group.index())?.as_ref()
    }

    /// A name for the `index`th node of an estimate; spread constraints want different ones.
    pub(super) fn made_up_name(&mut self, index: usize) -> Arc<str> {
        name(&mut self.names, "template-node", index)
    }

    /// A name for the `index`th placeholder of a node that is still to come.
    pub(super) fn upcoming_name(&mut self, index: usize) -> Arc<str> {
        name(&mut self.upcoming_names, "upcoming", index)
    }
}

fn name(names: &mut Vec<Arc<str>>, prefix: &str, index: usize) -> Arc<str> {
    while names.len() <= index {
        names.push(format!("{prefix}-{}", names.len()).into());
    }
    Arc::clone(&names[index])
}
