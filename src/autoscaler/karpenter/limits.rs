//! What is left of NodePools' limits.
//!
//! Follows `subtractMax` and `filterByRemainingResources` in `pkg/controllers/provisioning/scheduling/scheduler.go`
//! (kubernetes-sigs/karpenter 22664681).

use super::instance_type::{Catalogue, InstanceType, TypeIndex};
use super::node_pool::NodePool;
use crate::cluster::{ResourceId, ResourceNames, Resources, resource};

/// One pool's room, by limited resource; negative where it is exceeded already.
#[derive(Clone, Debug, Default)]
pub(super) struct Remaining {
    left: Vec<(Limited, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limited {
    Cpu,
    Memory,
    EphemeralStorage,
    Pods,
    Nodes,
    Extended(ResourceId),
    /// A resource that no node and no instance type has.
    Unknown,
}

impl Remaining {
    pub fn new(pool: &NodePool, names: &ResourceNames) -> Remaining {
        let left = pool.limits.iter().map(|(name, limit)| {
            let limited = match name.as_str() {
                resource::CPU => Limited::Cpu,
                resource::MEMORY => Limited::Memory,
                resource::EPHEMERAL_STORAGE => Limited::EphemeralStorage,
                resource::PODS => Limited::Pods,
                "nodes" => Limited::Nodes,
                other => names.get(other).map_or(Limited::Unknown, Limited::Extended),
            };
            (limited, if limited == Limited::Cpu { limit.milli_value() } else { limit.value() })
        });
        Remaining { left: left.collect() }
    }

    /// Takes a node away (or with `factor` -1 gives it back).
    pub fn subtract(&mut self, capacity: &Resources, max_pods: i64, factor: i64) {
        for (limited, left) in &mut self.left {
            *left = left.saturating_sub(amount(*limited, capacity, max_pods).saturating_mul(factor));
        }
    }

    /// The pool has no limits.
    pub fn is_unlimited(&self) -> bool {
        self.left.is_empty()
    }

    pub fn is_out_of_nodes(&self) -> bool {
        self.left.iter().any(|(limited, left)| *limited == Limited::Nodes && *left == 0)
    }

    /// Whether a node of this type stays within.
    pub fn allows(&self, instance_type: &InstanceType) -> bool {
        self.left.iter().all(|(limited, left)| type_amount(*limited, instance_type) <= *left)
    }

    /// Takes the largest of the types away, for any of them might be launched.
    pub fn subtract_largest(&mut self, types: &[TypeIndex], catalogue: &Catalogue) {
        for (limited, left) in &mut self.left {
            let largest = types.iter().map(|index| type_amount(*limited, catalogue.get(*index))).max();
            *left = left.saturating_sub(largest.unwrap_or(0));
        }
    }
}

fn amount(limited: Limited, capacity: &Resources, max_pods: i64) -> i64 {
    match limited {
        Limited::Cpu => capacity.cpu.get(),
        Limited::Memory => capacity.memory.get(),
        Limited::EphemeralStorage => capacity.ephemeral_storage.get(),
        Limited::Pods => max_pods,
        Limited::Nodes => 1,
        Limited::Extended(id) => capacity.extended(id),
        Limited::Unknown => 0,
    }
}

/// Instance types do not count as nodes: a limit of nodes is held against those that exist, so that (as upstream) the
/// claims of one batch may pass it together.
fn type_amount(limited: Limited, instance_type: &InstanceType) -> i64 {
    match limited {
        Limited::Nodes => 0,
        limited => amount(limited, &instance_type.capacity, instance_type.max_pods),
    }
}
