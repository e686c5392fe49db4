//! GpuShare: devices for fractional GPU requests, as GPU-sharing clusters place them. Not an upstream plugin; on nodes
//! whose GPUs are not shared it never speaks, except to pods that want a share.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct GpuShare;

impl Filter for GpuShare {
    fn name(&self) -> &'static str {
        "GpuShare"
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        match node.state.pick_gpu_devices(cycle.whole_gpus, cycle.pod) {
            Some(_) => Ok(()),
            None => Err(Reason::NoGpuDevice),
        }
    }
}
