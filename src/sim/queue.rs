//! The event queue: a binary heap ordered by (time, class, sequence), with lanes beside it for loops that tick alike.
//!
//! The HPAs' syncs (and the loads' ticks) of one instant are planned again one after the other, each for later than the
//! one before: such events stand in order as they come, and a line of them needs no heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::event::Event;
use crate::units::SimTime;

/// Pops events by time; ties by [`Event::class`], then in the order in which they were pushed. Push and pop cost
/// O(log n), O(1) in a lane.
#[derive(Debug, Default)]
pub struct EventQueue {
    heap: BinaryHeap<Reverse<Entry>>,
    /// Each ascending; what would come too early for the end of its lane goes to the heap.
    lanes: [VecDeque<Entry>; LANES],
    sequence: u64,
}

const LANES: usize = 2;

/// The lane of an event whose kind comes in lines.
fn lane(event: Event) -> Option<usize> {
    match event {
        Event::HpaSync { .. } | Event::ScalerTick { .. } => Some(0),
        Event::LoadTick { .. } => Some(1),
        _ => None,
    }
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
        let entry = Entry { at, rank, event };
        if let Some(lane) = lane(event).map(|lane| &mut self.lanes[lane])
            && lane.back().is_none_or(|last| *last < entry)
        {
            return lane.push_back(entry);
        }
        self.heap.push(Reverse(entry));
    }

    #[cfg(test)]
    pub fn pop(&mut self) -> Option<(SimTime, Event)> {
        self.pop_until(SimTime::MAX)
    }

    /// The next event, where it is no later than `end`.
    pub fn pop_until(&mut self, end: SimTime) -> Option<(SimTime, Event)> {
        let (next, lane) = self.next().filter(|(next, _)| next.at <= end)?;
        match lane {
            Some(lane) => self.lanes[lane].pop_front(),
            None => self.heap.pop().map(|Reverse(entry)| entry),
        };
        Some((next.at, next.event))
    }

    /// The next entry, and the lane that it stands in.
    fn next(&self) -> Option<(Entry, Option<usize>)> {
        let mut next = self.heap.peek().map(|Reverse(entry)| (*entry, None));
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some(first) = lane.front()
                && next.is_none_or(|(entry, _)| *first < entry)
            {
                next = Some((*first, Some(index)));
            }
        }
        next
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

    #[test]
    fn lanes_change_nothing_about_the_order() {
        let (mut queue, mut all) = (EventQueue::default(), Vec::new());
        for number in 0..200u32 {
            let at = SimTime::from_secs(i64::from(number * 7919 % 31));
            let event = match number % 4 {
                0 => Event::HpaSync { hpa: number },
                1 => Event::LoadTick { load: number, generation: 0 },
                2 => Event::ScalerTick { scaler: number },
                _ => Event::ClusterAutoscalerScan { generation: number },
            };
            queue.push(at, event);
            all.push((at, event.class(), number, event));
        }
        all.sort_by_key(|(at, class, number, _)| (*at, *class, *number));
        let popped: Vec<Event> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(popped, all.into_iter().map(|(.., event)| event).collect::<Vec<_>>());
    }
}
