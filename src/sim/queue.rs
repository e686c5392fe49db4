//! The event queue: a binary heap ordered by (time, class, sequence).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::event::Event;
use crate::units::SimTime;

/// Pops events by time; ties by [`Event::class`], then in the order in which they were pushed. Push and pop cost
/// O(log n).
#[derive(Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: SimTime,
    /// Class in the top byte, sequence below.
    rank: u64,
    event: Event,
}

const SEQUENCE_BITS: u32 = 56;

impl EventQueue {
    pub fn push(&mut self, at: SimTime, event: Event) {
        let rank = u64::from(event.class()) << SEQUENCE_BITS | self.sequence;
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, rank, event }));
    }

    pub fn pop(&mut self) -> Option<(SimTime, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    /// Instant of the next event.
    pub fn next_at(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.at, self.rank) == (other.at, other.rank)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.rank).cmp(&(other.at, other.rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_class_and_then_by_order_of_pushing() {
        let mut queue = EventQueue::default();
        let at = SimTime::from_secs(1);
        queue.push(at, Event::Sample);
        queue.push(at, Event::LoadTick { load: 1, generation: 0 });
        queue.push(at, Event::LoadTick { load: 0, generation: 0 });
        queue.push(SimTime::ZERO, Event::Schedule);
        let order: Vec<Event> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        let expected = [
            Event::Schedule,
            Event::LoadTick { load: 1, generation: 0 },
            Event::LoadTick { load: 0, generation: 0 },
            Event::Sample,
        ];
        assert_eq!(order, expected);
    }
}
