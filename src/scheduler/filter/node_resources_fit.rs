//! NodeResourcesFit: requests against what is left of allocatable, and the count of pods.

use super::{Cycle, Filter, NodeView, Reason, Scope};

pub struct NodeResourcesFit;

/// True where this filter refuses for CPU, memory or pod slots: a cheap look ahead of all filters, for those who only
/// want to know whether a node takes the pod.
pub fn clearly_lacks_room(cycle: &Cycle<'_>, node: &NodeView<'_>) -> bool {
    let request = &cycle.pod.requests;
    let (allocatable, requested) = (&node.shape.allocatable, &node.state.requested);
    (request.cpu.get() > 0 && request.cpu > allocatable.cpu - requested.cpu)
        || (request.memory.get() > 0 && request.memory > allocatable.memory - requested.memory)
        || node.state.pods.len() as i64 >= node.shape.max_pods
}

impl Filter for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason> {
        let request = &cycle.pod.requests;
        let (allocatable, requested) = (&node.shape.allocatable, &node.state.requested);
        if node.state.pods.len() as i64 + 1 > node.shape.max_pods {
            let never: smallvec::SmallVec<_> = allocatable.shortfalls(request).collect();
            return Err(if never.is_empty() { Reason::TooManyPods } else { Reason::NeverEnough(never) });
        }
        // The common case, without making a vector of what is free.
        let fits_basics = request.cpu <= (allocatable.cpu - requested.cpu)
            && request.memory <= (allocatable.memory - requested.memory)
            && request.ephemeral_storage <= (allocatable.ephemeral_storage - requested.ephemeral_storage);
        if fits_basics && request.iter_extended().next().is_none() {
            return Ok(());
        }
        let free = allocatable.minus(requested);
        let shortfalls: smallvec::SmallVec<_> = free.shortfalls(request).collect();
        if shortfalls.is_empty() {
            return Ok(());
        }
        let never_enough = allocatable.shortfalls(request).next().is_some();
        Err(if never_enough { Reason::NeverEnough(shortfalls) } else { Reason::Insufficient(shortfalls) })
    }
}
