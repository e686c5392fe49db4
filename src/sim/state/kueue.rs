//! Workloads in Kueue's queues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::cluster::{PodSpec, PodSpecId, WorkloadId};
use crate::scenario::KueueSetup;
use crate::training::admission::kueue::cache::Cache;
use crate::training::admission::kueue::controller::Kueue;
use crate::training::admission::kueue::names::Names;
use crate::training::admission::kueue::objects::Waiting;
use crate::training::admission::kueue::tree::NodeId as QueueId;
use crate::training::admission::kueue::workload::{PodShape, WorkloadId as QueuedId};
use crate::units::SimTime;

/// What is queued: a batch Job, or a training job by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::sim) enum Queued {
    Job(WorkloadId),
    Training(u32),
}

#[derive(Debug)]
pub(in crate::sim) struct KueueRun {
    pub(in crate::sim) state: Kueue,
    pub(in crate::sim) ids: FxHashMap<Queued, QueuedId>,
    /// By queued id.
    pub(in crate::sim) owners: Vec<Queued>,
    /// What was last said of those that wait.
    pub(in crate::sim) said: BTreeMap<QueuedId, Waiting>,
    /// By queued id: since when it has waited, or waited last.
    pub(in crate::sim) queued_since: Vec<SimTime>,
    /// By queued id: rises with every admission, so that a timeout of an earlier one is void.
    pub(in crate::sim) admissions: Vec<u32>,
    pub(in crate::sim) to_wake: BTreeSet<QueueId>,
    pub(in crate::sim) wake_is_planned: bool,
    pub(in crate::sim) cycle_is_planned: bool,
    /// So many cycles without effect in a row show that none will have one.
    pub(in crate::sim) patience: u32,
    pub(in crate::sim) variants: FxHashMap<(PodSpecId, Vec<Arc<str>>), PodSpecId>,
    /// By workload: its index in the scenario's queued jobs.
    pub(in crate::sim) queued_jobs: FxHashMap<WorkloadId, usize>,
}

impl KueueRun {
    pub(in crate::sim) fn new(setup: &KueueSetup) -> KueueRun {
        let mut state = Kueue::new(Cache::new(&setup.objects, Names::default()), setup.options.clone());
        state.wait_for_pods_ready = setup.wait_for_pods_ready;
        let groups = setup.objects.cluster_queues.iter().flat_map(|queue| &queue.groups);
        let flavors = groups.map(|group| group.flavors.len()).max().unwrap_or(1);
        KueueRun {
            state,
            ids: FxHashMap::default(),
            owners: Vec::new(),
            queued_since: Vec::new(),
            said: BTreeMap::new(),
            admissions: Vec::new(),
            to_wake: BTreeSet::new(),
            wake_is_planned: false,
            cycle_is_planned: false,
            patience: flavors as u32 + 1,
            queued_jobs: setup.jobs.iter().enumerate().map(|(index, job)| (job.workload, index)).collect(),
            variants: setup
                .variants
                .iter()
                .map(|variant| ((variant.of, variant.flavors.clone()), variant.spec))
                .collect(),
        }
    }

    /// The ClusterQueue that a job has quota of.
    pub(in crate::sim) fn queue_of(&self, id: QueuedId) -> Arc<str> {
        let admission = self.state.workload(id).admission.as_ref();
        admission.map_or_else(|| "".into(), |admission| Arc::clone(&admission.cluster_queue))
    }

    /// Whether it has quota and may have pods.
    pub(in crate::sim) fn may_run(&self, id: QueuedId) -> bool {
        let workload = self.state.workload(id);
        workload.admitted.is_some() && workload.evicted.is_none()
    }
}

/// What of a pod decides its flavor; requests of zero play no part.
pub(in crate::sim) fn shape_of(
    pod: &PodSpec,
    name: impl Fn(crate::cluster::ResourceId) -> String,
    names: &mut Names,
) -> PodShape {
    let all = pod.effective_requests();
    let mut requests = vec![
        (names.resource("cpu"), all.cpu.get()),
        (names.resource("memory"), all.memory.get()),
        (names.resource("ephemeral-storage"), all.ephemeral_storage.get()),
    ];
    requests.extend(all.iter_extended().map(|(id, amount)| (names.resource(&name(id)), amount)));
    requests.retain(|(_, amount)| *amount > 0);
    requests.sort_by(|a, b| names.order(a.0).cmp(&names.order(b.0)));
    PodShape {
        requests,
        node_selector: pod.node_selector.clone(),
        required: pod.affinity.node.required.clone(),
        tolerations: pod.tolerations.clone(),
        invalid: None,
    }
}
