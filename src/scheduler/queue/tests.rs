//! The queue by itself, instant by instant.

use super::*;

const SPEC: PodSpecId = PodSpecId(0);
const OTHER: PodSpecId = PodSpecId(1);

fn secs(secs: i64) -> SimTime {
    SimTime::from_secs(secs)
}

/// As before 1.33.
fn patient() -> SchedulingQueue {
    SchedulingQueue::new(QueueOptions { pop_from_backoff: false, ..QueueOptions::default() })
}

fn all(queue: &mut SchedulingQueue) -> Vec<PodId> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn higher_priority_goes_first_and_then_whoever_waits_longest() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    queue.add(PodId(0), 0, secs(1));
    queue.add(PodId(1), 5, secs(2));
    queue.add(PodId(2), 0, secs(0));
    assert_eq!(all(&mut queue), [PodId(1), PodId(2), PodId(0)]);
}

#[test]
fn without_the_gate_a_failed_pod_waits_for_an_event_and_then_serves_its_backoff() {
    let mut queue = patient();
    queue.add(PodId(0), 0, secs(0));
    for attempt in 1..=6 {
        let now = secs(attempt * 100);
        assert_eq!(queue.pop(), Some(PodId(0)));
        queue.failed(PodId(0), SPEC, Cure::Room, false, now);
        queue.on_event(now, |_, cure| if cure == Cure::Node { Help::Try } else { Help::None });
        assert_eq!(queue.unschedulable_len(), 1);
        queue.on_event(now, |_, _| Help::Try);
        assert_eq!((queue.pop(), queue.has_next()), (None, false));
        let expected = [1, 2, 4, 8, 10, 10][attempt as usize - 1];
        assert_eq!(queue.next_backoff(), Some(now + SimDuration::from_secs(expected)));
        queue.flush_backoff(now + SimDuration::from_secs(expected));
    }
}

#[test]
fn a_pod_that_backs_off_is_tried_when_no_other_is_active() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    queue.add(PodId(0), 0, secs(0));
    queue.pop();
    queue.failed(PodId(0), SPEC, Cure::Room, false, secs(0));
    assert!(!queue.has_next());
    queue.on_event(secs(0), |_, _| Help::Try);
    queue.add(PodId(1), 0, secs(0));
    assert_eq!(all(&mut queue), [1, 0].map(PodId));
    assert_eq!(queue.next_backoff(), None);
}

#[test]
fn back_offs_that_end_in_one_second_go_by_priority() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    let at = |millis| SimTime::ZERO + SimDuration::from_millis(millis);
    for (pod, priority) in [(0, 0), (1, 7), (2, 9)] {
        queue.add(PodId(pod), priority, at(0));
    }
    assert_eq!(all(&mut queue), [2, 1, 0].map(PodId));
    // Back-offs of a second: 0 and 1 end within second 1, 2 in second 2.
    for (pod, millis) in [(0, 100), (1, 900), (2, 1_000)] {
        queue.failed(PodId(pod), PodSpecId(pod), Cure::Room, false, at(millis));
    }
    queue.on_event(at(1_000), |_, _| Help::Try);
    assert_eq!(all(&mut queue), [1, 0, 2].map(PodId));
}

#[test]
fn a_back_off_lasts_to_the_end_of_its_second() {
    for (now, order) in [(1_999, [1, 0]), (2_000, [0, 1])] {
        let mut queue = SchedulingQueue::new(QueueOptions::default());
        let at = |millis| SimTime::ZERO + SimDuration::from_millis(millis);
        queue.add(PodId(0), 0, at(0));
        queue.pop();
        // It is over after 1.2 s, and counts as over from second 2 on.
        queue.failed(PodId(0), SPEC, Cure::Room, false, at(200));
        queue.on_event(at(now), |_, _| Help::Try);
        queue.add(PodId(1), 0, at(now));
        assert_eq!(all(&mut queue), order.map(PodId), "at {now} ms");
    }
}

#[test]
fn pods_that_are_alike_are_refused_together() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    for pod in 0..4 {
        queue.add(PodId(pod), 0, secs(0));
    }
    for pod in all(&mut queue) {
        let spec = if pod == PodId(1) { OTHER } else { SPEC };
        queue.failed(pod, spec, Cure::Room, true, secs(0));
    }
    queue.on_event(secs(60), |_, _| Help::Try);
    assert_eq!(queue.pop(), Some(PodId(0)));
    assert_eq!(queue.failed(PodId(0), SPEC, Cure::Node, true, secs(60)), 2);
    assert_eq!((queue.pop(), queue.pop()), (Some(PodId(1)), None));
    // All of them need a node now, and keep their order.
    queue.on_event(secs(90), |_, cure| if cure == Cure::Room { Help::Try } else { Help::None });
    assert_eq!(queue.pop(), None);
    queue.on_event(secs(90), |_, _| Help::Try);
    assert_eq!(all(&mut queue), [0, 2, 3].map(PodId));
}

#[test]
fn a_try_in_vain_counts_as_one() {
    let mut queue = patient();
    for pod in 0..2 {
        queue.add(PodId(pod), 0, secs(0));
    }
    for pod in all(&mut queue) {
        queue.failed(pod, SPEC, Cure::Room, true, secs(0));
    }
    assert_eq!(queue.on_event(secs(10), |_, _| Help::InVain(Cure::Room)), 2);
    // The second try was at 10 s, so that the back-off is two seconds from there.
    queue.on_event(secs(11), |_, _| Help::InVain(Cure::Room));
    assert_eq!((queue.next_backoff(), queue.unschedulable_len()), (Some(secs(12)), 0));
    queue.flush_backoff(secs(12));
    assert_eq!(all(&mut queue), [0, 1].map(PodId));
}

#[test]
fn a_pod_that_no_event_helps_is_tried_again_after_five_minutes() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    queue.add(PodId(0), 0, secs(0));
    queue.pop();
    queue.failed(PodId(0), SPEC, Cure::Node, false, secs(0));
    queue.flush_leftovers(secs(300));
    assert_eq!(queue.pop(), None);
    queue.flush_leftovers(secs(301));
    assert_eq!(queue.pop(), Some(PodId(0)));
}

#[test]
fn a_removed_pod_is_never_popped() {
    let mut queue = SchedulingQueue::new(QueueOptions::default());
    for pod in 0..3 {
        queue.add(PodId(pod), 0, secs(0));
    }
    queue.remove(PodId(0), SPEC);
    for pod in all(&mut queue) {
        queue.failed(pod, SPEC, Cure::Room, false, secs(1));
    }
    queue.remove(PodId(1), SPEC);
    assert_eq!((queue.unschedulable_len(), queue.waiting().count()), (1, 1));
    queue.on_event(secs(9), |_, _| Help::Try);
    assert_eq!(all(&mut queue), [PodId(2)]);
    assert_eq!(queue.waiting().count(), 0);
}
