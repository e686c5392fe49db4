//! Places of pods that ran before the scenario began.

use std::collections::BTreeMap;

use crate::cluster::{NodeId, WorkloadId};
use crate::scenario::Scenario;

/// Places of running pods, by workload; each as an index into the scenario's, first ones last.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Places {
    pub(in crate::sim) free: BTreeMap<WorkloadId, Vec<u32>>,
    pub(in crate::sim) nodes: BTreeMap<std::sync::Arc<str>, NodeId>,
}

impl Places {
    pub fn of(scenario: &Scenario) -> Places {
        let mut free: BTreeMap<WorkloadId, Vec<u32>> = BTreeMap::new();
        for (index, pod) in scenario.standing_pods.iter().enumerate().rev() {
            free.entry(pod.workload).or_default().push(index as u32);
        }
        Places { free, nodes: BTreeMap::new() }
    }
}
