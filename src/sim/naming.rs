//! What decisions call the things that they are about: `KIND/NAMESPACE/NAME`, without a namespace where the kind has none.

use std::sync::Arc;

use super::world::World;
use crate::cluster::{PodId, WorkloadId};
use crate::scenario::Hpa;

impl World<'_> {
    pub(super) fn workload_name(&self, workload: WorkloadId) -> &Arc<str> {
        &self.scenario.workloads[workload.index()].name
    }

    /// What the names of the workload's pods begin with; see [`Scenario::pod_stems`](crate::scenario::Scenario::pod_stems).
    pub(super) fn pod_stem(&self, workload: WorkloadId) -> &Arc<str> {
        &self.pod_stems[workload.index()]
    }

    /// What the workload is called in figures; see [`Scenario::workload_keys`](crate::scenario::Scenario::workload_keys).
    pub(super) fn workload_key(&self, workload: WorkloadId) -> &Arc<str> {
        &self.workload_keys[workload.index()]
    }

    pub(super) fn workload_object(&self, workload: WorkloadId) -> String {
        let workload = &self.scenario.workloads[workload.index()];
        format!("{}/{}/{}", self.scenario.kind_of(workload), workload.namespace, workload.name)
    }

    pub(super) fn pod_object(&self, pod: PodId) -> String {
        let workload = self.pods[pod.index()].workload;
        let namespace = &self.scenario.workloads[workload.index()].namespace;
        format!("pod/{namespace}/{}", self.cluster.pod(pod).name)
    }

    /// An HPA lives in its target's namespace.
    pub(super) fn hpa_object(&self, hpa: &Hpa) -> String {
        format!("hpa/{}/{}", self.scenario.workloads[hpa.target.index()].namespace, hpa.name)
    }
}
