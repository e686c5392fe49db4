//! GpuDotProduct: nodes whose free CPU and GPUs point least where the pod's request does. Not upstream's;
//! `DotProductScore` of hkust-adsl/kubernetes-scheduler-simulator (8f3d641), GPUs of a node taken together, measured by
//! the largest machine.

use super::gpu::{Ask, Largest, Room, hundred_less_half};
use super::{Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;

pub struct GpuDotProduct;

impl Score for GpuDotProduct {
    fn name(&self) -> &'static str {
        "GpuDotProduct"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        raw(Ask::of(scoring.cycle), &Room::of(node, scoring.cycle.specs), scoring.largest())
    }
}

fn raw(ask: Ask, room: &Room<'_>, largest: Largest) -> i64 {
    let of_cpu = |amount: i64| amount as f64 / largest.cpu as f64;
    let of_gpu = |amount: i64| amount as f64 / largest.gpu as f64;
    hundred_less_half(of_cpu(room.cpu) * of_cpu(ask.cpu) + of_gpu(room.total()) * of_gpu(ask.total()))
}

#[cfg(test)]
mod tests {
    use super::super::gpu::room;
    use super::*;

    #[test]
    fn the_product_of_what_is_free_and_what_is_asked_counts() {
        let largest = Largest { cpu: 128_000, gpu: 8_000 };
        let ask = Ask { cpu: 64_000, gpus: 8, milli: 1000 };
        assert_eq!(raw(ask, &room(128_000, &[1000; 8]), largest), 25);
        assert_eq!(raw(ask, &room(64_000, &[1000; 8]), largest), 37);
        assert_eq!(raw(Ask { cpu: 6_400, gpus: 0, milli: 1000 }, &room(128_000, &[1000; 8]), largest), 97);
    }
}
