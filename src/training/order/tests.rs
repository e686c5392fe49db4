use super::*;
use crate::cluster::NodeId;
use crate::units::SimDuration;

/// One node of eight GPUs of which so many are free.
fn snapshot(free: i64, running: &[(u32, i64)], waiting: &[(u32, i64)]) -> Snapshot {
    let node = Node { id: NodeId::new(0), free: [0, 0, 0, free], whole: [0, 0, 0, 8], kind: 0 };
    let holder = |(index, (gpus, ends)): (usize, &(u32, i64))| Holder {
        job: 100 + index as u32,
        each: [0, 0, 0, 1],
        places: vec![(0, *gpus)],
        ends: SimTime::from_secs(*ends),
    };
    let gang = |(index, (gpus, seconds)): (usize, &(u32, i64))| Gang {
        job: index as u32,
        workers: *gpus,
        each: [0, 0, 0, 1],
        class: 0,
        submitted: SimTime::from_secs(index as i64),
        priority: index as i32 % 2,
        remaining: SimDuration::from_secs(*seconds),
    };
    Snapshot {
        now: SimTime::from_secs(1_000),
        nodes: vec![node],
        eligible: vec![vec![true]],
        waiting: waiting.iter().enumerate().map(gang).collect(),
        running: running.iter().enumerate().map(holder).collect(),
    }
}

fn starts(order: Order, passing: Passing, snapshot: &Snapshot) -> Vec<u32> {
    let decision = Discipline { order, passing, ..Discipline::default() }.decide(snapshot, Placement::Packed);
    decision.starts.iter().map(|start| start.job).collect()
}

#[test]
fn nobody_passes_or_everybody_does() {
    let at = snapshot(5, &[(3, 1_100)], &[(2, 50), (6, 10), (3, 500), (1, 20)]);
    assert_eq!(starts(Order::Submitted, Passing::Nobody, &at), [0]);
    assert_eq!(starts(Order::Submitted, Passing::Everybody, &at), [0, 2]);
}

/// The second, of six, will fit when the three that run end, at 1,100: two stay free then if nobody else is there.
#[test]
fn who_does_not_delay_the_first_may_pass() {
    let at = |waiting: &[(u32, i64)]| snapshot(5, &[(3, 1_100)], waiting);
    let easy = |waiting: &[(u32, i64)]| starts(Order::Submitted, Passing::Easy, &at(waiting));
    // Done in time; too long for the three, not for the two that are left beside.
    assert_eq!(easy(&[(6, 10), (3, 100)]), [1]);
    assert_eq!(easy(&[(6, 10), (3, 101)]), [] as [u32; 0]);
    assert_eq!(easy(&[(6, 10), (2, 500)]), [1]);
    assert_eq!(easy(&[(6, 10), (1, 500), (1, 500), (1, 500)]), [1, 2]);
    let decision = Discipline { passing: Passing::Easy, ..Discipline::default() }
        .decide(&at(&[(6, 10), (3, 101)]), Placement::Packed);
    assert_eq!(decision.reserved, Some((0, Some(SimTime::from_secs(1_100)))));
}

#[test]
fn a_gang_that_never_fits_holds_up_nobody() {
    let at = snapshot(5, &[(3, 1_100)], &[(9, 10), (3, 500)]);
    assert_eq!(starts(Order::Submitted, Passing::Easy, &at), [1]);
}

#[test]
fn the_queue_is_sorted() {
    let at = snapshot(4, &[], &[(4, 50), (4, 10), (4, 30), (4, 20)]);
    assert_eq!(starts(Order::Submitted, Passing::Nobody, &at), [0]);
    assert_eq!(starts(Order::ShortestRemaining, Passing::Nobody, &at), [1]);
    assert_eq!(starts(Order::Priority, Passing::Nobody, &at), [1]);
}

/// The eight that come second could start at 1,110: two that pass for longer would keep them from that, though not the
/// first.
#[test]
fn who_delays_anybody_does_not_pass_where_all_have_reservations() {
    let at = |waiting: &[(u32, i64)]| snapshot(5, &[(3, 1_100)], waiting);
    let conservative = |waiting: &[(u32, i64)]| starts(Order::Submitted, Passing::Conservative, &at(waiting));
    assert_eq!(conservative(&[(6, 10), (8, 10), (2, 500)]), [] as [u32; 0]);
    assert_eq!(starts(Order::Submitted, Passing::Easy, &at(&[(6, 10), (8, 10), (2, 500)])), [2]);
    assert_eq!(conservative(&[(6, 10), (8, 10), (2, 110)]), [2]);
    assert_eq!(conservative(&[(6, 10), (2, 500)]), [1]);
    assert_eq!(conservative(&[(9, 10), (5, 10)]), [1]);
}

proptest::proptest! {
    /// A table of what is free in each second says the same.
    #[test]
    fn reservations_are_the_earliest_in_order(
        running in proptest::collection::vec((1u32..4, 1i64..30), 0..3),
        waiting in proptest::collection::vec((1u32..9, 1i64..30), 1..8),
    ) {
        let held: i64 = running.iter().map(|(gpus, _)| i64::from(*gpus)).sum();
        let running: Vec<(u32, i64)> = if held > 8 { Vec::new() } else { running };
        let held: i64 = running.iter().map(|(gpus, _)| i64::from(*gpus)).sum();
        let until: Vec<(u32, i64)> = running.iter().map(|(gpus, left)| (*gpus, 1_000 + left)).collect();
        let mut free = vec![8i64; 400];
        for (gpus, left) in &running {
            free[..*left as usize].iter_mut().for_each(|free| *free -= i64::from(*gpus));
        }
        let mut expected = Vec::new();
        for (job, (gpus, takes)) in waiting.iter().enumerate() {
            let fits = |at: &usize| free[*at..at + *takes as usize].iter().all(|free| *free >= i64::from(*gpus));
            let at = (0..370).find(fits).expect("all are over by then");
            free[at..at + *takes as usize].iter_mut().for_each(|free| *free -= i64::from(*gpus));
            if at == 0 {
                expected.push(job as u32);
            }
        }
        let mut started = starts(Order::Submitted, Passing::Conservative, &snapshot(8 - held, &until, &waiting));
        started.sort_unstable();
        proptest::prop_assert_eq!(started, expected);
    }
}
