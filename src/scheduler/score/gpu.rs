//! What the GPU scores read: what a pod asks of GPUs, what a node has left of each, and the largest machine.

use smallvec::SmallVec;

use crate::cluster::{NodeView, PodSpec, Specs, WHOLE_GPU};
use crate::scheduler::Cycle;
use crate::units::Millicores;

/// What a pod asks for, as GPU-sharing schedulers count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// In thousandths; a pod that requests none counts with 100, as Kubernetes' scores assume.
    pub cpu: i64,
    pub gpus: i64,
    /// Thousandths of each GPU.
    pub milli: u16,
}

impl Ask {
    pub fn of(cycle: &Cycle<'_>) -> Ask {
        Ask::of_pod(cycle.pod, cycle.whole_gpus)
    }

    pub fn of_pod(pod: &PodSpec, whole_gpus: i64) -> Ask {
        let (gpus, milli) = match pod.gpu_share {
            Some(share) => (i64::from(share.count), share.milli),
            None => (whole_gpus, WHOLE_GPU),
        };
        let cpu = pod.requests.cpu;
        Ask { cpu: if cpu == Millicores(0) { 100 } else { cpu.0 }, gpus, milli }
    }

    /// Thousandths of GPUs, of all together.
    pub fn total(&self) -> i64 {
        self.gpus * i64::from(self.milli)
    }

    pub fn is_part(&self) -> bool {
        self.gpus == 1 && self.milli < WHOLE_GPU
    }
}

/// What a node has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room<'a> {
    /// In thousandths.
    pub cpu: i64,
    /// Thousandths left of each GPU, in the node's order.
    pub gpus: SmallVec<[u16; 8]>,
    pub model: Option<&'a str>,
}

impl<'a> Room<'a> {
    pub fn of(node: &NodeView<'a>, specs: &Specs) -> Room<'a> {
        let (offered, held) = (&node.shape.allocatable, &node.state.requested);
        let gpus = match specs.nvidia_gpu() {
            // A node that shares its GPUs keeps a book of each.
            _ if !node.state.gpu_used.is_empty() => node.state.gpu_used.iter().map(|used| WHOLE_GPU - used).collect(),
            Some(gpu) => {
                let (all, held) = (offered.extended(gpu).max(0), held.extended(gpu));
                (0..all).map(|index| if index < held { 0 } else { WHOLE_GPU }).collect()
            }
            None => SmallVec::new(),
        };
        Room { cpu: offered.cpu.0 - held.cpu.0, gpus, model: node.shape.accelerator.as_deref() }
    }

    pub fn total(&self) -> i64 {
        self.gpus.iter().map(|left| i64::from(*left)).sum()
    }

    /// GPUs from the one with least left upward, the lower number first where two have as much.
    pub fn fullest_first(&self) -> SmallVec<[usize; 8]> {
        let mut order: SmallVec<[usize; 8]> = (0..self.gpus.len()).collect();
        order.sort_by_key(|index| self.gpus[*index]);
        order
    }

    /// What is left with the pod on its fullest GPUs that hold it; `None` where these are too few.
    pub fn with(&self, ask: Ask) -> Option<Room<'a>> {
        let mut after = self.clone();
        after.cpu -= ask.cpu;
        let mut wanted = ask.gpus;
        for index in self.fullest_first() {
            if wanted > 0 && after.gpus[index] >= ask.milli {
                after.gpus[index] -= ask.milli;
                wanted -= 1;
            }
        }
        (wanted == 0).then_some(after)
    }

    /// What is left with a part of this GPU given away.
    pub fn with_part(&self, ask: Ask, index: usize) -> Room<'a> {
        let mut after = self.clone();
        after.cpu -= ask.cpu;
        after.gpus[index] -= ask.milli;
        after
    }
}

/// The most CPU (thousandths) and GPUs (thousandths) that a node of the scenario can have; neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    pub cpu: i64,
    pub gpu: i64,
}

impl Largest {
    pub fn of(specs: &Specs) -> Largest {
        let gpu = specs.nvidia_gpu();
        let gpus = |shape: &crate::cluster::NodeShape| {
            gpu.map_or(0, |id| shape.allocatable.extended(id)).max(i64::from(shape.shared_gpus))
        };
        let most = |of: &dyn Fn(&crate::cluster::NodeShape) -> i64| specs.shapes().map(of).max().unwrap_or(0).max(1);
        Largest { cpu: most(&|shape| shape.allocatable.cpu.0), gpu: most(&|shape| gpus(shape)) * i64::from(WHOLE_GPU) }
    }
}

/// 100 less the mean of two shares in percent, cut to a whole number.
pub fn hundred_less_half(shares: f64) -> i64 {
    (100.0 * (1.0 - shares / 2.0)) as i64
}

#[cfg(test)]
pub fn room(cpu: i64, gpus: &[u16]) -> Room<'static> {
    Room { cpu, gpus: gpus.iter().copied().collect(), model: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_gpus_are_taken_from_the_fullest_that_hold_them() {
        let ask = Ask { cpu: 1000, gpus: 2, milli: 1000 };
        assert_eq!(room(5000, &[1000, 300, 1000, 1000]).with(ask), Some(room(4000, &[0, 300, 0, 1000])));
        assert_eq!(room(5000, &[1000, 300]).with(ask), None);
        let part = Ask { cpu: 1000, gpus: 1, milli: 300 };
        assert_eq!(room(5000, &[1000, 300]).with(part), Some(room(4000, &[1000, 0])));
    }
}
