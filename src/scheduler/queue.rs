//! kube-scheduler's queue: active pods by priority and time, pods that back off, and pods that wait for an event.
//!
//! Follows `pkg/scheduler/backend/queue` of Kubernetes 1.31 with queueing hints reduced to what each kind of event can
//! cure ([`Cure`]). `SchedulerPopFromBackoffQ` (1.33) is not modelled: a pod serves its backoff.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::SchedulerOptions;
use crate::cluster::{PodId, PodSpecId};
use crate::units::{SimDuration, SimTime};

/// How the queue spaces its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// `podInitialBackoffSeconds`.
    pub initial_backoff: SimDuration,
    /// `podMaxBackoffSeconds`.
    pub max_backoff: SimDuration,
    /// After this an unschedulable pod is tried again without any event (looked at every 30 s).
    pub max_in_unschedulable: SimDuration,
}

impl Default for QueueOptions {
    /// 1 s, 10 s and 5 min.
    fn default() -> QueueOptions {
        QueueOptions {
            initial_backoff: SimDuration::from_secs(1),
            max_backoff: SimDuration::from_secs(10),
            max_in_unschedulable: SimDuration::from_mins(5),
        }
    }
}

/// What could make a refused pod schedulable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// Some node refused it for what other pods hold there: a pod's end may help, and so may a node.
    Room,
    /// Every node refused it for what the node is: only a new or changed node helps.
    Node,
}

/// How often the queue looks for pods whose backoff is over, and for those that waited too long.
pub const BACKOFF_FLUSH: SimDuration = SimDuration::from_secs(1);
pub const LEFTOVER_FLUSH: SimDuration = SimDuration::from_secs(30);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Out,
    Active,
    Backoff,
    Unschedulable,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    place: Place,
    attempts: u32,
    priority: i32,
    /// When it last entered the queue or failed: the order among equals.
    timestamp: SimTime,
    /// Tells the heaps' stale tickets from the valid one.
    ticket: u32,
    /// Since when it sits out a back-off, or sat one out without having been tried again.
    backed_off: Option<SimTime>,
}

/// (priority, oldest first, order of entry), so that the heap's greatest is next.
type Active = (i32, Reverse<SimTime>, Reverse<u64>, PodId, u32);

#[derive(Debug, Default)]
pub struct SchedulingQueue {
    options: QueueOptions,
    entries: Vec<Entry>,
    active: BinaryHeap<Active>,
    backoff: BinaryHeap<Reverse<(SimTime, u64, PodId, u32)>>,
    /// By spec, so that an event is judged once a spec.
    unschedulable: BTreeMap<PodSpecId, Vec<(PodId, Cure)>>,
    unschedulable_count: usize,
    order: u64,
}

impl SchedulingQueue {
    pub fn new(options: QueueOptions) -> SchedulingQueue {
        SchedulingQueue { options, ..SchedulingQueue::default() }
    }

    /// A new pod, ready to be tried.
    pub fn add(&mut self, pod: PodId, priority: i32, now: SimTime) {
        if self.entries.len() <= pod.index() {
            self.entries.resize(pod.index() + 1, Entry::default());
        }
        let entry = &mut self.entries[pod.index()];
        entry.priority = priority;
        entry.timestamp = now;
        self.activate(pod);
    }

    /// The next pod to try: highest priority, then the one that waits longest.
    pub fn pop(&mut self) -> Option<PodId> {
        while let Some((.., pod, ticket)) = self.active.pop() {
            let entry = &mut self.entries[pod.index()];
            if entry.place == Place::Active && entry.ticket == ticket {
                entry.place = Place::Out;
                entry.attempts += 1;
                return Some(pod);
            }
        }
        None
    }

    pub fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// A popped pod found no node.
    pub fn failed(&mut self, pod: PodId, spec: PodSpecId, cure: Cure, now: SimTime) {
        let entry = &mut self.entries[pod.index()];
        entry.timestamp = now;
        entry.backed_off = None;
        entry.place = Place::Unschedulable;
        entry.ticket += 1;
        self.unschedulable.entry(spec).or_default().push((pod, cure));
        self.unschedulable_count += 1;
    }

    /// A pod that is deleted while it waits, or was bound together with its gang.
    pub fn remove(&mut self, pod: PodId, spec: PodSpecId) {
        let Some(entry) = self.entries.get_mut(pod.index()) else { return };
        let place = std::mem::take(&mut entry.place);
        entry.ticket += 1;
        if place == Place::Unschedulable
            && let Some(waiting) = self.unschedulable.get_mut(&spec)
        {
            waiting.retain(|(other, _)| *other != pod);
            self.unschedulable_count -= 1;
        }
    }

    /// Something changed: pods of each spec that `helps` go to the active queue or serve the rest of their backoff.
    pub fn on_event(&mut self, now: SimTime, mut helps: impl FnMut(PodSpecId, Cure) -> bool) {
        if self.unschedulable_count == 0 {
            return;
        }
        let mut moved = Vec::new();
        for (spec, waiting) in &mut self.unschedulable {
            let mut asked = [None; 2];
            waiting.retain(|(pod, cure)| {
                let answer = asked[*cure as usize].get_or_insert_with(|| helps(*spec, *cure));
                if *answer {
                    moved.push(*pod);
                }
                !*answer
            });
        }
        self.requeue(moved, now);
    }

    /// Pods that waited longer than `max_in_unschedulable`.
    pub fn flush_leftovers(&mut self, now: SimTime) {
        let mut moved = Vec::new();
        let (entries, longest) = (&self.entries, self.options.max_in_unschedulable);
        for waiting in self.unschedulable.values_mut() {
            waiting.retain(|(pod, _)| {
                let leftover = now - entries[pod.index()].timestamp > longest;
                if leftover {
                    moved.push(*pod);
                }
                !leftover
            });
        }
        self.requeue(moved, now);
    }

    fn requeue(&mut self, moved: Vec<PodId>, now: SimTime) {
        self.unschedulable_count -= moved.len();
        for pod in moved {
            let entry = &mut self.entries[pod.index()];
            let until = entry.timestamp + self.options.backoff(entry.attempts);
            if until <= now {
                self.activate(pod);
                continue;
            }
            entry.place = Place::Backoff;
            entry.backed_off.get_or_insert(now);
            entry.ticket += 1;
            let ticket = entry.ticket;
            self.order += 1;
            self.backoff.push(Reverse((next_flush(until), self.order, pod, ticket)));
        }
    }

    /// Moves those whose backoff is over to the active queue.
    pub fn flush_backoff(&mut self, now: SimTime) {
        while let Some(Reverse((until, _, pod, ticket))) = self.backoff.peek().copied() {
            if until > now {
                break;
            }
            self.backoff.pop();
            let entry = &self.entries[pod.index()];
            if entry.place == Place::Backoff && entry.ticket == ticket {
                self.activate(pod);
            }
        }
    }

    /// When the queue next wants [`SchedulingQueue::flush_backoff`] to be called.
    pub fn next_backoff(&self) -> Option<SimTime> {
        self.backoff.peek().map(|Reverse((until, ..))| *until)
    }

    /// When the back-off before the pod's last try began, if it had to sit one out.
    pub fn backed_off(&self, pod: PodId) -> Option<SimTime> {
        self.entries.get(pod.index())?.backed_off
    }

    /// How many pods wait for an event.
    pub fn unschedulable_len(&self) -> usize {
        self.unschedulable_count
    }

    /// Every pod that waits, wherever; in no particular order.
    pub fn waiting(&self) -> impl Iterator<Item = PodId> + '_ {
        let valid = |pod: PodId, ticket: u32, place: Place| {
            let entry = &self.entries[pod.index()];
            (entry.place == place && entry.ticket == ticket).then_some(pod)
        };
        let active = self.active.iter().filter_map(move |(.., pod, ticket)| valid(*pod, *ticket, Place::Active));
        let backoff =
            self.backoff.iter().filter_map(move |Reverse((.., pod, ticket))| valid(*pod, *ticket, Place::Backoff));
        let unschedulable = self.unschedulable.values().flatten().map(|(pod, _)| *pod);
        active.chain(backoff).chain(unschedulable)
    }

    fn activate(&mut self, pod: PodId) {
        let entry = &mut self.entries[pod.index()];
        entry.place = Place::Active;
        entry.ticket += 1;
        self.order += 1;
        self.active.push((entry.priority, Reverse(entry.timestamp), Reverse(self.order), pod, entry.ticket));
    }
}

impl QueueOptions {
    pub fn of(options: &SchedulerOptions) -> QueueOptions {
        QueueOptions {
            initial_backoff: SimDuration::from_secs(options.pod_initial_backoff_seconds.into()),
            max_backoff: SimDuration::from_secs(options.pod_max_backoff_seconds.into()),
            max_in_unschedulable: options.pod_max_in_unschedulable_pods_duration,
        }
    }

    /// Initial backoff, doubled with each attempt after the first, at most the maximum.
    fn backoff(&self, attempts: u32) -> SimDuration {
        let doublings = attempts.saturating_sub(1).min(30);
        (self.initial_backoff * (1 << doublings)).min(self.max_backoff)
    }
}

fn next_flush(until: SimTime) -> SimTime {
    let period = BACKOFF_FLUSH.nanos();
    SimTime::from_nanos(until.nanos().saturating_add(period - 1).div_euclid(period).saturating_mul(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: PodSpecId = PodSpecId(0);

    fn secs(secs: i64) -> SimTime {
        SimTime::from_secs(secs)
    }

    #[test]
    fn higher_priority_goes_first_and_then_whoever_waits_longest() {
        let mut queue = SchedulingQueue::new(QueueOptions::default());
        queue.add(PodId(0), 0, secs(1));
        queue.add(PodId(1), 5, secs(2));
        queue.add(PodId(2), 0, secs(0));
        assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [PodId(1), PodId(2), PodId(0)]);
    }

    #[test]
    fn a_failed_pod_waits_for_an_event_and_then_serves_its_backoff() {
        let mut queue = SchedulingQueue::new(QueueOptions::default());
        queue.add(PodId(0), 0, secs(0));
        for attempt in 1..=5 {
            let now = secs(attempt * 100);
            assert_eq!(queue.pop(), Some(PodId(0)));
            queue.failed(PodId(0), SPEC, Cure::Room, now);
            queue.on_event(now, |_, cure| cure == Cure::Node);
            assert_eq!(queue.unschedulable_len(), 1);
            queue.on_event(now, |_, _| true);
            let expected = [1, 2, 4, 8, 10][attempt as usize - 1];
            assert_eq!(queue.next_backoff(), Some(now + SimDuration::from_secs(expected)));
            queue.flush_backoff(now + SimDuration::from_secs(expected));
        }
    }

    #[test]
    fn a_pod_that_no_event_helps_is_tried_again_after_five_minutes() {
        let mut queue = SchedulingQueue::new(QueueOptions::default());
        queue.add(PodId(0), 0, secs(0));
        queue.pop();
        queue.failed(PodId(0), SPEC, Cure::Node, secs(0));
        queue.flush_leftovers(secs(300));
        assert_eq!(queue.pop(), None);
        queue.flush_leftovers(secs(301));
        assert_eq!(queue.pop(), Some(PodId(0)));
    }

    #[test]
    fn a_removed_pod_is_never_popped() {
        let mut queue = SchedulingQueue::new(QueueOptions::default());
        queue.add(PodId(0), 0, secs(0));
        queue.remove(PodId(0), SPEC);
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.waiting().count(), 0);
    }
}
