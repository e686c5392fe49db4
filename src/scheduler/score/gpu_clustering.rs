//! GpuClustering: pods of like size together. Not upstream's; `GpuClusteringScore` of
//! hkust-adsl/kubernetes-scheduler-simulator (8f3d641).

use super::gpu::{Ask, Room};
use super::{Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct GpuClustering;

/// GPUs that a pod asks for, 0 for a part of one.
type Class = i64;

impl Score for GpuClustering {
    fn name(&self) -> &'static str {
        "GpuClustering"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// It asks what pods there are, not how much they hold.
    fn tells_alike_nodes_apart(&self) -> bool {
        true
    }

    /// Pods without GPUs count zero everywhere.
    fn applies(&self, scoring: &Scoring<'_>) -> bool {
        Ask::of(scoring.cycle).gpus > 0
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let specs = scoring.cycle.specs;
        let there = node.state.pods.iter().map(|held| specs.pod(held.spec));
        let there = there.map(|pod| Ask::of_pod(pod, specs.whole_gpus(pod))).filter(|ask| ask.gpus > 0).map(class);
        raw(class(Ask::of(scoring.cycle)), there, Room::of(node, specs).total(), scoring.largest().gpu)
    }
}

fn class(ask: Ask) -> Class {
    if ask.is_part() { 0 } else { ask.gpus }
}

fn raw(own: Class, there: impl Iterator<Item = Class>, left: i64, largest: i64) -> i64 {
    let (mut alike, mut others) = (false, false);
    for class in there {
        alike |= class == own;
        others |= class != own;
    }
    let company = match (alike, others) {
        (true, false) => 75,
        (true, true) => 50,
        (false, false) => 25,
        (false, true) => 0,
    };
    company + 25 * (largest - left) / largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_ones_own_size_attract_and_others_repel() {
        let score = |there: &[Class], left| raw(2, there.iter().copied(), left, 8000);
        assert_eq!(score(&[2, 2], 4000), 75 + 12);
        assert_eq!(score(&[2, 0], 4000), 50 + 12);
        assert_eq!(score(&[], 8000), 25);
        assert_eq!(score(&[1], 7000), 3);
    }
}
