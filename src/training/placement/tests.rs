use super::*;
use crate::cluster::NodeId;
use crate::units::{SimDuration, SimTime};

/// Nodes of eight GPUs with so many free; a kind each.
fn nodes(free: &[(i64, u32)]) -> Vec<Node> {
    let amounts = |gpus| [gpus * 4000, gpus << 34, 110, gpus];
    let node = |(index, (free, kind)): (usize, &(i64, u32))| Node {
        id: NodeId::new(index),
        free: amounts(*free),
        whole: amounts(8),
        kind: *kind,
    };
    free.iter().enumerate().map(node).collect()
}

fn places(policy: Placement, free: &[i64], workers: u32) -> Option<Vec<(usize, u32)>> {
    let free: Vec<(i64, u32)> = free.iter().map(|free| (*free, 0)).collect();
    policy.place(&nodes(&free), &vec![true; free.len()], &gang(workers))
}

fn gang(workers: u32) -> Gang {
    Gang {
        job: 0,
        workers,
        each: [3000, 12 << 30, 1, 1],
        class: 0,
        submitted: SimTime::ZERO,
        priority: 0,
        remaining: SimDuration::from_secs(1),
    }
}

#[test]
fn a_gang_sits_on_one_node_where_one_has_room() {
    for policy in [Placement::Packed, Placement::FewestNodes] {
        assert_eq!(places(policy, &[8, 5, 4, 4], 4), Some(vec![(2, 4)]));
        assert_eq!(places(policy, &[3, 8, 2], 8), Some(vec![(1, 8)]));
        assert_eq!(places(policy, &[8, 5, 8], 12), Some(vec![(0, 8), (1, 4)]));
    }
}

#[test]
fn packed_takes_what_there_is_and_fewest_nodes_waits() {
    assert_eq!(places(Placement::Packed, &[3, 2, 4], 6), Some(vec![(1, 2), (2, 4)]));
    assert_eq!(places(Placement::FewestNodes, &[3, 2, 4], 6), None);
    assert_eq!(places(Placement::FewestNodes, &[8, 3, 3], 12), None);
    assert_eq!(places(Placement::Packed, &[8, 3, 3], 15), None);
}

#[test]
fn fill_empties_the_fullest_and_spread_does_not() {
    assert_eq!(places(Placement::Fill, &[8, 3, 2], 4), Some(vec![(1, 2), (2, 2)]));
    assert_eq!(places(Placement::Spread, &[8, 3, 2], 4), Some(vec![(0, 2), (1, 1), (2, 1)]));
}

#[test]
fn gpus_are_of_one_model_where_one_model_has_enough() {
    let mixed = nodes(&[(4, 0), (3, 1), (3, 1), (8, 2)]);
    assert_eq!(Placement::Packed.place(&mixed[..3], &[true; 3], &gang(6)), Some(vec![(1, 3), (2, 3)]));
    assert_eq!(Placement::Packed.place(&mixed, &[true; 4], &gang(6)), Some(vec![(3, 6)]));
    assert_eq!(Placement::Packed.place(&mixed[..3], &[true; 3], &gang(9)), Some(vec![(0, 4), (1, 3), (2, 2)]));
}

#[test]
fn what_is_not_eligible_is_not_used() {
    let place = |free: [i64; 2], eligible: [bool; 2]| {
        Placement::Packed.place(&nodes(&free.map(|free| (free, 0))), &eligible, &gang(2))
    };
    assert_eq!(place([8, 2], [false, true]), Some(vec![(1, 2)]));
    assert_eq!(place([1, 8], [true, false]), None);
}
