//! How much of a node its pods ask for (`simulator/utilization`): the GPU share alone on GPU nodes, else the larger of
//! CPU and memory.
//!
//! Our extension: on nodes whose GPU devices are shared, the share is what is held of all devices.

use super::drain::is_long_terminating;
use super::{Clock, facts};
use crate::cluster::{ClusterState, NodeState, Resources};

/// The resource whose fraction is the highest, which is the utilization of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UtilizationResource {
    Cpu,
    Memory,
    Gpu,
}

impl UtilizationResource {
    pub const fn name(self) -> &'static str {
        match self {
            UtilizationResource::Cpu => "cpu",
            UtilizationResource::Memory => "memory",
            UtilizationResource::Gpu => "gpu",
        }
    }
}

/// Fractions of allocatable; CPU and memory are not looked at on a GPU node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    pub cpu: f64,
    pub memory: f64,
    pub gpu: f64,
    pub utilization: f64,
    /// The one that decided.
    pub resource: UtilizationResource,
}

impl Utilization {
    fn of_gpu(gpu: f64) -> Utilization {
        Utilization { cpu: 0.0, memory: 0.0, gpu, utilization: gpu, resource: UtilizationResource::Gpu }
    }
}

/// Pods that are left out of the sum and whose requests are taken off allocatable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignored {
    pub daemon_sets: bool,
    pub mirror_pods: bool,
}

/// `None` where the node states no CPU or no memory to give, which upstream treats as an error.
pub fn utilization(cluster: &ClusterState, node: &NodeState, ignored: Ignored, clock: &Clock) -> Option<Utilization> {
    let specs = &cluster.specs;
    let shape = specs.shape(node.shape);
    if shape.shared_gpus > 0 {
        let used: i64 = node.gpu_used.iter().map(|used| i64::from(*used)).sum();
        return Some(Utilization::of_gpu(used as f64 / (i64::from(shape.shared_gpus) * 1000) as f64));
    }
    let (counted, left_out) = requests(cluster, node, ignored, clock);
    let fraction = |requested: i64, left_out: i64, allocatable: i64| requested as f64 / (allocatable - left_out) as f64;
    if facts::has_gpu(specs, shape) {
        let Some((id, allocatable)) = facts::gpu_allocatable(specs, shape) else {
            return Some(Utilization::of_gpu(0.0));
        };
        let gpu = fraction(counted.extended(id) * 1000, left_out.extended(id) * 1000, allocatable * 1000);
        return Some(Utilization::of_gpu(gpu));
    }
    let allocatable = &shape.allocatable;
    if allocatable.cpu.get() == 0 || allocatable.memory.get() == 0 {
        return None;
    }
    let milli = |bytes: crate::units::Bytes| bytes.get().saturating_mul(1000);
    let cpu = fraction(counted.cpu.get(), left_out.cpu.get(), allocatable.cpu.get());
    let memory = fraction(milli(counted.memory), milli(left_out.memory), milli(allocatable.memory));
    let (utilization, resource) =
        if cpu > memory { (cpu, UtilizationResource::Cpu) } else { (memory, UtilizationResource::Memory) };
    Some(Utilization { cpu, memory, gpu: 0.0, utilization, resource })
}

/// Requests that count, and those of pods that are left out on both sides.
fn requests(cluster: &ClusterState, node: &NodeState, ignored: Ignored, clock: &Clock) -> (Resources, Resources) {
    let mut counted = node.requested.clone();
    let mut left_out = Resources::default();
    if !ignored.daemon_sets && !ignored.mirror_pods && node.terminating_pods == 0 {
        return (counted, left_out);
    }
    for held in &node.pods {
        let (info, spec) = (cluster.pod(held.pod), cluster.specs.pod(held.spec));
        if (ignored.daemon_sets && facts::is_daemon_set_pod(spec)) || (ignored.mirror_pods && spec.is_mirror_pod()) {
            counted -= &spec.requests;
            left_out += &spec.requests;
        } else if info.deletion.is_some() && is_long_terminating(info, spec, clock) {
            counted -= &spec.requests;
        }
    }
    (counted, left_out)
}
