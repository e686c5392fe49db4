//! Kueue in a scenario: its objects, and the jobs that wait for its queues.

use std::sync::Arc;

use crate::cluster::{PodSpecId, WorkloadId};
use crate::training::admission::kueue::objects::{Objects, Options};
use crate::training::admission::kueue::pods_ready::WaitForPodsReady;

/// What Kueue is configured with and whom it holds back.
#[derive(Clone, Debug, Default)]
pub struct KueueSetup {
    pub objects: Objects,
    pub options: Options,
    pub wait_for_pods_ready: Option<WaitForPodsReady>,
    /// Jobs with the label `kueue.x-k8s.io/queue-name`.
    pub jobs: Vec<QueuedJob>,
    /// The pods of a spec with the node labels and tolerations of these flavors, in order of their names.
    pub variants: Vec<Variant>,
}

/// A Job that a LocalQueue admits.
#[derive(Clone, Debug)]
pub struct QueuedJob {
    pub workload: WorkloadId,
    /// `namespace/name`.
    pub local_queue: Arc<str>,
    pub priority: i64,
    /// `kueue.x-k8s.io/job-min-parallelism`: fewer pods at once will do.
    pub min_parallelism: Option<u32>,
}

/// A pod spec as it is once its pod set has its flavors.
#[derive(Clone, Debug)]
pub struct Variant {
    pub of: PodSpecId,
    pub flavors: Vec<Arc<str>>,
    pub spec: PodSpecId,
}
