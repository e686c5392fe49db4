//! GpuPacking: GPUs in use before free ones, nodes in use before free ones. Not upstream's; `GpuPackingScore` of
//! hkust-adsl/kubernetes-scheduler-simulator (8f3d641).

use super::gpu::{Ask, Room};
use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::{NodeView, WHOLE_GPU};
use crate::scheduler::filter::Scope;

pub struct GpuPacking;

impl Score for GpuPacking {
    fn name(&self) -> &'static str {
        "GpuPacking"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// Pods without GPUs count zero everywhere.
    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        Ask::of(scoring.cycle).gpus > 0
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        raw(Ask::of(scoring.cycle), &Room::of(node, scoring.cycle.specs))
    }
}

fn raw(ask: Ask, room: &Room<'_>) -> i64 {
    let free = room.gpus.iter().filter(|left| **left == WHOLE_GPU).count();
    if free == room.gpus.len() {
        return (MAX_NODE_SCORE / 3 - free as i64).max(free as i64);
    }
    let taken = room.fullest_first().into_iter().map(|index| room.gpus[index]).filter(|left| *left >= ask.milli);
    let (mut free_taken, mut percent_left) = (0, 0);
    for left in taken.take(ask.gpus as usize) {
        free_taken += i64::from(left == WHOLE_GPU);
        percent_left += i64::from(left) * 100 / i64::from(WHOLE_GPU);
    }
    if free_taken > 0 {
        return (MAX_NODE_SCORE / 2 - free_taken).max(MAX_NODE_SCORE / 3);
    }
    (MAX_NODE_SCORE - percent_left / 10).max(MAX_NODE_SCORE / 2)
}

#[cfg(test)]
mod tests {
    use super::super::gpu::room;
    use super::*;

    #[test]
    fn gpus_in_use_come_first_and_free_nodes_last() {
        let part = Ask { cpu: 100, gpus: 1, milli: 300 };
        assert_eq!(raw(part, &room(1, &[1000, 500])), 95);
        assert_eq!(raw(part, &room(1, &[1000, 200])), 49);
        assert_eq!(raw(part, &room(1, &[1000, 1000])), 31);
        let four = Ask { cpu: 100, gpus: 4, milli: 1000 };
        assert_eq!(raw(four, &room(1, &[500, 1000, 1000, 1000, 1000])), 46);
        assert_eq!(raw(four, &room(1, &[1000; 8])), 25);
        assert_eq!(raw(part, &room(1, &[1000; 20])), 20);
    }
}
