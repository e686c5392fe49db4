//! Topology-aware scheduling: which domains of a topology (blocks, racks, nodes) a pod set's pods go to.
//!
//! Kueue (0.20): `pkg/cache/scheduler/tas_flavor_snapshot.go`, `pkg/scheduler/flavorassigner/tas_flavorassigner.go`.

mod domains;
mod place;

pub use domains::{Domains, TopologyNode};
pub use place::place;

use std::sync::Arc;

/// `podSets[].topologyRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TopologyRequest {
    pub want: Want,
    /// Levels and sizes of slices that stay together, the widest first: `podSetSliceRequiredTopology` with
    /// `podSetSliceSize`, or `podsetSliceRequiredTopologyConstraints`.
    pub slices: Vec<(String, i32)>,
}

/// How close together the pods of a pod set want to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Want {
    /// No topology is asked for.
    #[default]
    Nothing,
    /// All in one domain of this level.
    Required(String),
    /// In one domain of this level, or as high up as need be.
    Preferred(String),
    /// Anywhere that has room.
    Unconstrained,
}

/// `topologyAssignment`: how many pods go to each domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyAssignment {
    /// Node labels, the widest first.
    pub levels: Vec<Arc<str>>,
    /// The domain's labels by level, and its pods.
    pub domains: Vec<(Vec<Arc<str>>, i32)>,
}
