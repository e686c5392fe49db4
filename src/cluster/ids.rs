//! Dense `u32` ids into the arenas of a cluster.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            pub fn new(index: usize) -> $name {
                $name(u32::try_from(index).expect("an arena holds fewer than 2^32 entries"))
            }

            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A node of a [`ClusterState`](super::ClusterState) or [`Fork`](super::Fork); never reused.
    NodeId
);
id!(
    /// A pod of a [`ClusterState`](super::ClusterState); never reused.
    PodId
);
id!(
    /// An interned [`PodSpec`](super::PodSpec): pods with equal specs share one.
    PodSpecId
);
id!(
    /// An interned [`NodeShape`](super::NodeShape): nodes that differ only by name share one.
    NodeShapeId
);
id!(
    /// A resource beside CPU, memory and ephemeral storage, such as `nvidia.com/gpu`.
    ResourceId
);
id!(
    /// A Deployment, StatefulSet, Job or other owner of pods.
    WorkloadId
);
id!(
    /// A node group (Cluster Autoscaler) or node pool (Karpenter).
    NodeGroupId
);
