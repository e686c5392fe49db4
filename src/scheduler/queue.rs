//! kube-scheduler's queue: active pods by priority and time, pods that back off, and pods that wait for an event.
//!
//! Follows `pkg/scheduler/backend/queue` of Kubernetes 1.33 with queueing hints reduced to what each kind of event can
//! cure ([`Cure`]). With `SchedulerPopFromBackoffQ` (on by default since 1.33) a pod that backs off is tried as soon as
//! no other is active: earlier back-offs first, those of one second in the order of active pods. A scheduling cycle
//! takes no time here, so that a back-off then only says who comes first. Errors, whose back-off is served in full, do
//! not happen here.
//!
//! Pods of one spec that failed equally often and last at the same instant are a batch: a thousand equal pods that
//! wait for room cost one look an event and not a thousand.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

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
    /// The feature gate `SchedulerPopFromBackoffQ`: pods that back off are tried when no other is active.
    pub pop_from_backoff: bool,
}

impl Default for QueueOptions {
    /// 1 s, 10 s and 5 min; back-offs are cut short.
    fn default() -> QueueOptions {
        QueueOptions {
            initial_backoff: SimDuration::from_secs(1),
            max_backoff: SimDuration::from_secs(10),
            max_in_unschedulable: SimDuration::from_mins(5),
            pop_from_backoff: true,
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

/// What an event does for pods that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// They are not tried.
    None,
    /// They are tried again.
    Try,
    /// They would be tried and refused again, which is known without trying; what would help them then.
    InVain(Cure),
}

/// How often the queue looks for pods whose backoff is over, and for those that waited too long. The first is also the
/// width of the windows by which back-offs are ordered (`backoffQOrderingWindowDuration`).
pub const BACKOFF_FLUSH: SimDuration = SimDuration::from_secs(1);
/// Upstream looks this often for pods that have waited too long without an event (`flushUnschedulablePodsLeftover`).
pub const LEFTOVER_FLUSH: SimDuration = SimDuration::from_secs(30);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Out,
    Active,
    /// In a batch, asleep or awake.
    Waiting(u32),
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    place: Place,
    attempts: u32,
    priority: i32,
    /// Of its first entry: the order among pods that are equal otherwise.
    order: u64,
    /// Tells stale tickets from the valid one.
    ticket: u32,
    /// When the back-off before its last try began, if it had to sit one out.
    backed_off: Option<SimTime>,
}

/// Pods of one spec that were refused equally often and last at the same instant.
#[derive(Debug)]
struct Batch {
    spec: PodSpecId,
    priority: i32,
    /// No more than matter for the back-off.
    attempts: u32,
    /// Of the last refusal.
    timestamp: SimTime,
    cure: Cure,
    /// (order, pod, ticket), ascending; those that left since are still among them.
    pods: VecDeque<(u64, PodId, u32)>,
    live: usize,
    is_awake: bool,
    /// When it began to sit out a back-off that it had to, since it was last refused.
    backed_off: Option<SimTime>,
    /// Voids places in the heaps.
    generation: u32,
}

/// A pod by itself with its ticket, or the first of a batch with the batch's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Pod(PodId, u32),
    Batch(u32, u32),
}

/// (priority, oldest first, order of entry), so that the heap's greatest is next.
type Rank = (i32, Reverse<SimTime>, Reverse<u64>);

/// kube-scheduler's three queues: active, backing off, unschedulable.
#[derive(Debug, Default)]
pub struct SchedulingQueue {
    options: QueueOptions,
    /// From so many attempts on the back-off stays the same.
    most_attempts: u32,
    entries: Vec<Entry>,
    active: BinaryHeap<(Rank, Source)>,
    /// By the end of the back-off.
    backoff: BinaryHeap<(Reverse<SimTime>, Rank, Source)>,
    batches: Vec<Batch>,
    unused_batches: Vec<u32>,
    /// Batches of each spec, so that an event is judged once a spec.
    by_spec: BTreeMap<PodSpecId, Vec<u32>>,
    /// Pods in batches that are asleep.
    asleep: usize,
    order: u64,
}

impl SchedulingQueue {
    pub fn new(options: QueueOptions) -> SchedulingQueue {
        SchedulingQueue { options, most_attempts: options.attempts_that_matter(), ..SchedulingQueue::default() }
    }

    /// A new pod, ready to be tried.
    pub fn add(&mut self, pod: PodId, priority: i32, now: SimTime) {
        if self.entries.len() <= pod.index() {
            self.entries.resize(pod.index() + 1, Entry::default());
        }
        self.order += 1;
        let entry = &mut self.entries[pod.index()];
        (entry.priority, entry.order, entry.place) = (priority, self.order, Place::Active);
        entry.ticket += 1;
        self.active.push(((priority, Reverse(now), Reverse(self.order)), Source::Pod(pod, entry.ticket)));
    }

    /// The next pod to try: highest priority, then the one that waits longest.
    pub fn pop(&mut self) -> Option<PodId> {
        loop {
            let (backoff, (_, source)) = match self.active.pop() {
                Some((rank, source)) => (None, (rank, source)),
                None if self.options.pop_from_backoff => {
                    let (end, rank, source) = self.backoff.pop()?;
                    (Some(end), (rank, source))
                }
                None => return None,
            };
            let pod = match source {
                Source::Pod(pod, ticket) => {
                    let entry = &self.entries[pod.index()];
                    (entry.place == Place::Active && entry.ticket == ticket).then_some(pod)
                }
                Source::Batch(batch, generation) => self.pop_batch(batch, generation, backoff),
            };
            if let Some(pod) = pod {
                let entry = &mut self.entries[pod.index()];
                entry.place = Place::Out;
                entry.attempts += 1;
                return Some(pod);
            }
        }
    }

    /// The first of a batch; the rest queues on behind it.
    fn pop_batch(&mut self, id: u32, generation: u32, backoff: Option<Reverse<SimTime>>) -> Option<PodId> {
        let batch = &mut self.batches[id as usize];
        if batch.generation != generation {
            return None;
        }
        self.forget_gone(id);
        let batch = &mut self.batches[id as usize];
        let first = batch.pods.pop_front().map(|(_, pod, _)| pod);
        if let Some(pod) = first {
            batch.live -= 1;
            self.entries[pod.index()].attempts = batch.attempts;
            self.entries[pod.index()].backed_off = batch.backed_off;
        }
        self.forget_gone(id);
        if self.batches[id as usize].pods.is_empty() {
            self.drop_batch(id);
        } else {
            self.queue_batch(id, backoff);
        }
        first
    }

    /// Takes pods off the front that are no longer in the batch.
    fn forget_gone(&mut self, id: u32) {
        let (batch, entries) = (&mut self.batches[id as usize], &self.entries);
        while batch.pods.front().is_some_and(|(_, pod, ticket)| entries[pod.index()].ticket != *ticket) {
            batch.pods.pop_front();
        }
    }

    /// True where [`pop`](Self::pop) may have a pod.
    pub fn has_next(&self) -> bool {
        !self.active.is_empty() || (self.options.pop_from_backoff && !self.backoff.is_empty())
    }

    /// A popped pod found no node. Where `are_alike`, no pod of its spec would find one now: those that are to be tried
    /// are refused with it, and their number is returned.
    pub fn failed(&mut self, pod: PodId, spec: PodSpecId, cure: Cure, are_alike: bool, now: SimTime) -> usize {
        let mut along = 0;
        if are_alike {
            for id in self.by_spec.get(&spec).cloned().unwrap_or_default() {
                if self.batches[id as usize].is_awake {
                    along += self.batches[id as usize].live;
                    self.note_refusal(id, cure, now);
                    self.join_twin(id);
                }
            }
        }
        let entry = &mut self.entries[pod.index()];
        entry.ticket += 1;
        let attempts = entry.attempts.min(self.most_attempts);
        let (order, priority, ticket) = (entry.order, entry.priority, entry.ticket);
        let pods = VecDeque::from([(order, pod, ticket)]);
        let new = Batch {
            spec,
            priority,
            attempts,
            timestamp: now,
            cure,
            pods,
            live: 1,
            is_awake: false,
            backed_off: None,
            generation: 0,
        };
        self.asleep += 1;
        match self.twin_of(&new, None) {
            Some(twin) => self.pour(new, twin),
            None => self.add_batch(new),
        }
        along
    }

    /// A pod that is deleted while it waits, or was bound together with its gang.
    pub fn remove(&mut self, pod: PodId, _spec: PodSpecId) {
        let Some(entry) = self.entries.get_mut(pod.index()) else { return };
        let place = std::mem::take(&mut entry.place);
        entry.ticket += 1;
        if let Place::Waiting(id) = place {
            let batch = &mut self.batches[id as usize];
            batch.live -= 1;
            self.asleep -= usize::from(!batch.is_awake);
            if batch.live == 0 {
                self.drop_batch(id);
            }
        }
    }

    /// Something changed: pods of each spec that it `helps` become active or serve the rest of their backoff. Returned
    /// is how many were refused again without a try.
    pub fn on_event(&mut self, now: SimTime, mut helps: impl FnMut(PodSpecId, Cure) -> Help) -> usize {
        if self.asleep == 0 {
            return 0;
        }
        let mut judged: Vec<(u32, Help)> = Vec::new();
        for (spec, batches) in &self.by_spec {
            let mut answers = [None; 2];
            for id in batches {
                let batch = &self.batches[*id as usize];
                if !batch.is_awake {
                    let help = *answers[batch.cure as usize].get_or_insert_with(|| helps(*spec, batch.cure));
                    judged.push((*id, help));
                }
            }
        }
        let mut refused = Vec::new();
        for (id, help) in judged {
            match help {
                Help::None => {}
                Help::InVain(cure) if self.options.pop_from_backoff || !self.backs_off(id, now) => {
                    self.note_refusal(id, cure, now);
                    refused.push(id);
                }
                Help::Try | Help::InVain(_) => self.wake(id, now),
            }
        }
        let pods = refused.iter().map(|id| self.batches[*id as usize].live).sum();
        for id in refused {
            self.join_twin(id);
        }
        pods
    }

    /// Pods that waited longer than `max_in_unschedulable`.
    pub fn flush_leftovers(&mut self, now: SimTime) {
        let longest = self.options.max_in_unschedulable;
        let is_leftover = |id: &u32| {
            let batch = &self.batches[*id as usize];
            !batch.is_awake && now - batch.timestamp > longest
        };
        let leftovers: Vec<u32> = self.by_spec.values().flatten().copied().filter(is_leftover).collect();
        for id in leftovers {
            self.wake(id, now);
        }
    }

    fn wake(&mut self, id: u32, now: SimTime) {
        self.forget_gone(id);
        let end = self.backs_off(id, now).then(|| Reverse(self.end_of_backoff(id)));
        let batch = &mut self.batches[id as usize];
        batch.is_awake = true;
        batch.backed_off = end.map(|_| now);
        self.asleep -= batch.live;
        self.queue_batch(id, end);
    }

    /// Puts a batch's first pod into the heap of active pods or of those that back off.
    fn queue_batch(&mut self, id: u32, backoff: Option<Reverse<SimTime>>) {
        let batch = &self.batches[id as usize];
        let Some((order, ..)) = batch.pods.front() else { return };
        let rank = (batch.priority, Reverse(batch.timestamp), Reverse(*order));
        let source = Source::Batch(id, batch.generation);
        match backoff {
            Some(end) => self.backoff.push((end, rank, source)),
            None => self.active.push((rank, source)),
        }
    }

    /// A batch was refused (or would be) once more.
    fn note_refusal(&mut self, id: u32, cure: Cure, now: SimTime) {
        let batch = &mut self.batches[id as usize];
        batch.attempts = (batch.attempts + 1).min(self.most_attempts);
        (batch.timestamp, batch.cure, batch.backed_off) = (now, cure, None);
        batch.generation += 1;
        if std::mem::take(&mut batch.is_awake) {
            self.asleep += batch.live;
        }
    }

    /// Batches that have come to be the same become one.
    fn join_twin(&mut self, id: u32) {
        let batch = &self.batches[id as usize];
        let Some(twin) = (if batch.pods.is_empty() { None } else { self.twin_of(batch, Some(id)) }) else { return };
        let is_smaller = batch.pods.len() < self.batches[twin as usize].pods.len();
        let (small, large) = if is_smaller { (id, twin) } else { (twin, id) };
        let batch = self.take_batch(small);
        self.pour(batch, large);
    }

    /// A sleeping batch that has come to be the same.
    fn twin_of(&self, batch: &Batch, but: Option<u32>) -> Option<u32> {
        self.by_spec.get(&batch.spec)?.iter().copied().find(|id| {
            let other = &self.batches[*id as usize];
            Some(*id) != but
                && !other.is_awake
                && (other.attempts, other.timestamp, other.cure) == (batch.attempts, batch.timestamp, batch.cure)
        })
    }

    /// Adds a batch's pods to a larger one, in order.
    fn pour(&mut self, batch: Batch, into: u32) {
        for (_, pod, ticket) in &batch.pods {
            let entry = &mut self.entries[pod.index()];
            if entry.ticket == *ticket {
                entry.place = Place::Waiting(into);
            }
        }
        let target = &mut self.batches[into as usize];
        target.live += batch.live;
        let order = |end: Option<&(u64, PodId, u32)>| end.map(|pod| pod.0);
        if order(batch.pods.back()) < order(target.pods.front()) {
            batch.pods.into_iter().rev().for_each(|pod| target.pods.push_front(pod));
            return;
        }
        let is_sorted = order(target.pods.back()) < order(batch.pods.front());
        target.pods.extend(batch.pods);
        if !is_sorted {
            target.pods.make_contiguous().sort_unstable_by_key(|pod| pod.0);
        }
    }

    fn add_batch(&mut self, batch: Batch) {
        let id = self.unused_batches.pop().unwrap_or(self.batches.len() as u32);
        self.by_spec.entry(batch.spec).or_default().push(id);
        for (_, pod, _) in &batch.pods {
            self.entries[pod.index()].place = Place::Waiting(id);
        }
        match self.batches.get_mut(id as usize) {
            Some(unused) => {
                let generation = unused.generation + 1;
                *unused = Batch { generation, ..batch };
            }
            None => self.batches.push(batch),
        }
    }

    fn drop_batch(&mut self, id: u32) {
        self.take_batch(id);
    }

    /// Takes a batch out of its spec's list; its place can be used again.
    fn take_batch(&mut self, id: u32) -> Batch {
        let batch = &mut self.batches[id as usize];
        let empty =
            Batch { pods: VecDeque::new(), live: 0, is_awake: false, generation: batch.generation + 1, ..*batch };
        let taken = std::mem::replace(batch, empty);
        if let Some(list) = self.by_spec.get_mut(&taken.spec) {
            list.retain(|other| *other != id);
            if list.is_empty() {
                self.by_spec.remove(&taken.spec);
            }
        }
        self.unused_batches.push(id);
        taken
    }

    /// Moves those whose backoff is over to the active queue. Where back-offs are cut short there is nothing to move.
    pub fn flush_backoff(&mut self, now: SimTime) {
        while let Some((Reverse(end), ..)) = self.backoff.peek().copied() {
            if end > now {
                break;
            }
            let Some((_, rank, source)) = self.backoff.pop() else { break };
            self.active.push((rank, source));
        }
    }

    /// When the queue next wants [`SchedulingQueue::flush_backoff`] to be called.
    pub fn next_backoff(&self) -> Option<SimTime> {
        self.backoff.peek().filter(|_| !self.options.pop_from_backoff).map(|(Reverse(end), ..)| *end)
    }

    /// When the back-off before the pod's last try began, if it had to sit one out.
    pub fn backed_off(&self, pod: PodId) -> Option<SimTime> {
        self.entries.get(pod.index())?.backed_off
    }

    /// How many pods wait for an event.
    pub fn unschedulable_len(&self) -> usize {
        self.asleep
    }

    /// Every pod that waits, wherever; in no particular order.
    pub fn waiting(&self) -> impl Iterator<Item = PodId> + '_ {
        let alone = self.active.iter().filter_map(|(_, source)| match source {
            Source::Pod(pod, ticket) => Some((*pod, *ticket)),
            Source::Batch(..) => None,
        });
        let in_batches = self.by_spec.values().flatten().flat_map(|id| &self.batches[*id as usize].pods);
        let tickets = alone.chain(in_batches.map(|(_, pod, ticket)| (*pod, *ticket)));
        tickets
            .filter(|(pod, ticket)| {
                let entry = &self.entries[pod.index()];
                entry.place != Place::Out && entry.ticket == *ticket
            })
            .map(|(pod, _)| pod)
    }

    /// Where its back-off ends for the heap: the window that it ends in, or the flush that comes then.
    fn end_of_backoff(&self, id: u32) -> SimTime {
        let batch = &self.batches[id as usize];
        let end = batch.timestamp + self.options.backoff(batch.attempts);
        if self.options.pop_from_backoff { window(end) } else { next_flush(end) }
    }

    /// True while a batch's back-off lasts. A back-off that ends within the window of now still does.
    fn backs_off(&self, id: u32, now: SimTime) -> bool {
        let batch = &self.batches[id as usize];
        let end = batch.timestamp + self.options.backoff(batch.attempts);
        if self.options.pop_from_backoff { window(end) >= window(now) } else { end > now }
    }
}

impl QueueOptions {
    pub fn of(options: &SchedulerOptions) -> QueueOptions {
        QueueOptions {
            initial_backoff: SimDuration::from_secs(options.pod_initial_backoff_seconds.into()),
            max_backoff: SimDuration::from_secs(options.pod_max_backoff_seconds.into()),
            max_in_unschedulable: options.pod_max_in_unschedulable_pods_duration,
            pop_from_backoff: options.scheduler_pop_from_backoff_q && options.versioned.pop_from_backoff_queue,
        }
    }

    /// Initial backoff, doubled with each attempt after the first, at most the maximum.
    fn backoff(&self, attempts: u32) -> SimDuration {
        let doublings = attempts.saturating_sub(1).min(30);
        (self.initial_backoff * (1 << doublings)).min(self.max_backoff)
    }

    /// From so many attempts on the back-off stays the same.
    fn attempts_that_matter(&self) -> u32 {
        (1..=31).find(|attempts| self.backoff(*attempts) == self.max_backoff).unwrap_or(31)
    }
}

/// The start of the window of back-offs that the instant falls into.
fn window(at: SimTime) -> SimTime {
    let width = BACKOFF_FLUSH.nanos();
    SimTime::from_nanos(at.nanos().div_euclid(width) * width)
}

fn next_flush(until: SimTime) -> SimTime {
    let period = BACKOFF_FLUSH.nanos();
    SimTime::from_nanos(until.nanos().saturating_add(period - 1).div_euclid(period).saturating_mul(period))
}

#[cfg(test)]
mod tests;
