//! Allocatable and requested amounts of the resources that a profile scores.

use smallvec::SmallVec;

use crate::cluster::{NodeView, ResourceId, resource};
use crate::scheduler::Cycle;
use crate::scheduler::options::ResourceSpec;

/// The scored resources of one pod: upstream's `resourceAllocationScorer` with its PreScore state.
pub struct ScoredResources {
    resources: SmallVec<[ScoredResource; 2]>,
    /// CPU and memory count with the scheduler's defaults for containers that state nothing.
    nonzero: bool,
}

#[derive(Clone, Copy, Debug)]
struct ScoredResource {
    kind: Kind,
    weight: i64,
    /// What the pod requests of it.
    request: i64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Cpu,
    Memory,
    EphemeralStorage,
    Extended(ResourceId),
}

/// One resource of one node, with the pod on it.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub requested: i64,
    /// Without the pod.
    pub held: i64,
    /// Never zero: resources that the node lacks are left out.
    pub allocatable: i64,
    pub weight: i64,
}

impl ScoredResources {
    pub fn nonzero(specs: &[ResourceSpec], cycle: &Cycle<'_>) -> ScoredResources {
        ScoredResources::new(specs, cycle, true)
    }

    pub fn stated(specs: &[ResourceSpec], cycle: &Cycle<'_>) -> ScoredResources {
        ScoredResources::new(specs, cycle, false)
    }

    fn new(specs: &[ResourceSpec], cycle: &Cycle<'_>, nonzero: bool) -> ScoredResources {
        let (stated, with_defaults) = (&cycle.pod.requests, cycle.pod.requests_scored_by_fit());
        let read = |spec: &ResourceSpec| {
            let (kind, request) = match spec.name.as_str() {
                resource::CPU if nonzero => (Kind::Cpu, with_defaults.0.0),
                resource::CPU => (Kind::Cpu, stated.cpu.0),
                resource::MEMORY if nonzero => (Kind::Memory, with_defaults.1.0),
                resource::MEMORY => (Kind::Memory, stated.memory.0),
                resource::EPHEMERAL_STORAGE => (Kind::EphemeralStorage, stated.ephemeral_storage.0),
                // A resource that no object mentions is on no node.
                name => {
                    let id = cycle.specs.resources.get(name)?;
                    (Kind::Extended(id), stated.extended(id))
                }
            };
            Some(ScoredResource { kind, weight: spec.weight, request })
        };
        ScoredResources { resources: specs.iter().filter_map(read).collect(), nonzero }
    }

    pub fn requests_nothing(&self) -> bool {
        self.resources.iter().all(|resource| resource.request == 0)
    }

    /// Every scored resource that the node has; an extended one only where the pod requests it.
    pub fn on<'a>(&'a self, node: &'a NodeView<'_>) -> impl Iterator<Item = Usage> + 'a {
        let (allocatable, held) = (&node.shape.allocatable, &node.state.requested);
        let with_defaults = &node.state.nonzero_requested;
        self.resources.iter().filter_map(move |resource| {
            let (allocatable, held) = match resource.kind {
                Kind::Cpu if self.nonzero => (allocatable.cpu.0, with_defaults.0.0),
                Kind::Cpu => (allocatable.cpu.0, held.cpu.0),
                Kind::Memory if self.nonzero => (allocatable.memory.0, with_defaults.1.0),
                Kind::Memory => (allocatable.memory.0, held.memory.0),
                Kind::EphemeralStorage => (allocatable.ephemeral_storage.0, held.ephemeral_storage.0),
                Kind::Extended(_) if resource.request == 0 => return None,
                Kind::Extended(id) => (allocatable.extended(id), held.extended(id)),
            };
            let requested = held.saturating_add(resource.request);
            (allocatable != 0).then_some(Usage { requested, held, allocatable, weight: resource.weight })
        })
    }
}
