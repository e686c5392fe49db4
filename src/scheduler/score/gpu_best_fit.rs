//! GpuBestFit: nodes that the pod fills best, by CPU and GPUs. Not upstream's; `BestFitScore` of
//! hkust-adsl/kubernetes-scheduler-simulator (8f3d641).

use super::gpu::{Ask, Largest, Room, hundred_less_half};
use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct GpuBestFit;

impl Score for GpuBestFit {
    fn name(&self) -> &'static str {
        "GpuBestFit"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// It is stretched over the feasible nodes.
    fn stands_alone(&self) -> bool {
        false
    }

    fn ranks_nodes(&self) -> bool {
        true
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let ask = Ask::of(scoring.cycle);
        raw(ask, &Room::of(node, scoring.cycle.specs), scoring.largest())
    }

    /// From the lowest, 0, to the highest, 100; all 0 where they are equal.
    fn normalize(&self, scores: &mut [i64]) {
        let (Some(lowest), Some(highest)) = (scores.iter().copied().min(), scores.iter().copied().max()) else {
            return;
        };
        for score in scores {
            *score = if highest == lowest { 0 } else { (*score - lowest) * MAX_NODE_SCORE / (highest - lowest) };
        }
    }
}

/// 100 less the share of the largest machine that stays free, CPU and GPUs counting half each.
fn raw(ask: Ask, room: &Room<'_>, largest: Largest) -> i64 {
    let cpu = (room.cpu - ask.cpu) as f64 / largest.cpu as f64;
    let gpu = (room.total() - ask.total()) as f64 / largest.gpu as f64;
    hundred_less_half(cpu + gpu)
}

#[cfg(test)]
mod tests {
    use super::super::gpu::room;
    use super::*;

    #[test]
    fn the_less_stays_free_the_better() {
        let largest = Largest { cpu: 128_000, gpu: 8_000 };
        let ask = Ask { cpu: 8_000, gpus: 1, milli: 500 };
        assert_eq!(raw(ask, &room(8_000, &[500]), largest), 100);
        assert_eq!(raw(ask, &room(72_000, &[1000, 1000, 500]), largest), 62);
        assert_eq!(raw(ask, &room(128_000, &[1000; 8]), largest), 6);
        let mut scores = [10, 25, 60];
        GpuBestFit.normalize(&mut scores);
        assert_eq!(scores, [0, 30, 100]);
        let mut equal = [7, 7];
        GpuBestFit.normalize(&mut equal);
        assert_eq!(equal, [0, 0]);
    }
}
