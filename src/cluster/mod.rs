//! What an API server would know: nodes, pods, their specs, and the state that schedulers and autoscalers look at.
//!
//! Specs are immutable and interned ([`Specs`]); what changes lives in [`ClusterState`], arenas with `u32` ids. Whoever
//! wants to ask "what if" takes a [`Fork`], which copies a node only when it writes to it. Schedulers and autoscalers
//! read either one through [`ClusterView`].

mod budget;
mod by_node;
mod fork;
mod ids;
mod labels;
mod node;
mod places;
mod pod;
mod pod_info;
mod relations;
mod reserved;
mod resources;
mod specs;
mod state;
mod view;

pub use budget::{DisruptionBudget, IntOrPercent};
pub use by_node::ByNode;
pub use fork::{Checkpoint, Fork};
pub use ids::{NodeGroupId, NodeId, NodeShapeId, PodId, PodSpecId, ResourceId, WorkloadId};
pub use labels::{
    LabelSelector, Labels, NodeSelectorRequirement, NodeSelectorTerm, SelectorOperator, SelectorRequirement, Taint,
    TaintEffect, TaintError, Toleration, TolerationOperator, label,
};
pub use node::{NodeShape, NodeState, PodOnNode, WHOLE_GPU};
pub use places::Held;
pub use pod::{
    Affinity, Container, Controller, GpuShare, HostPort, InitContainer, NodeAffinity, PodAffinity, PodAffinityTerm,
    PodLevelRequests, PodSpec, QosClass, RestartPolicy, SpreadPolicy, TopologySpreadConstraint, Volume, VolumeSource,
    Weighted, WhenUnsatisfiable, image_with_tag,
};
pub use pod_info::{PodInfo, PodPhase};
pub use reserved::{Allocatable, EvictionHard, ReservedOptions, ReservedResources};
pub use resources::{ResourceNames, Resources, Shortfall, resource};
pub use specs::Specs;
pub use state::ClusterState;
pub use view::{ClusterView, NodeView};
