//! Kueue's objects: what configures it, and workloads.

mod queues;
mod raw;
mod workload;

pub use queues::{admission_check, cluster_queue, cohort, flavor, local_queue, namespace, priority_class, topology};
pub use raw::{
    AdmissionCheckSpec, ClusterQueueSpec, CohortSpec, FlavorSpec, LocalQueueSpec, Raw, RawNamespace, RawPodSet,
    RawPriorityClass, RawWorkload, TopologySpec,
};
pub use workload::{pod_set, topology_node, workload};
