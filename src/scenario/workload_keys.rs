//! What a workload is called wherever figures are kept by workload: `namespace/name`, such as `default/web`.
//!
//! Where two kinds share a namespace and a name, each has its kind before it: `deployment/default/web` and
//! `job/default/web`. No key is `__idle__`, which has no slash.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Owner, Scenario, Workload, WorkloadKind};
use crate::cluster::WorkloadId;

impl Scenario {
    /// The key of every workload, in the order of [`Scenario::workloads`]. No two are equal.
    pub fn workload_keys(&self) -> Vec<Arc<str>> {
        let plain = |workload: &Workload| format!("{}/{}", workload.namespace, workload.name);
        let mut sharers: HashMap<String, u32> = HashMap::new();
        for workload in &self.workloads {
            *sharers.entry(plain(workload)).or_default() += 1;
        }
        let mut taken: HashSet<Arc<str>> = HashSet::new();
        let unique = |workload: &Workload| {
            let plain = plain(workload);
            let key = if sharers[&plain] == 1 { plain } else { format!("{}/{plain}", self.kind_of(workload)) };
            let mut unique: Arc<str> = Arc::from(key.as_str());
            // Only a trace whose workload has a bare pod's name gets this far.
            let mut number = 2;
            while !taken.insert(Arc::clone(&unique)) {
                unique = format!("{key}#{number}").into();
                number += 1;
            }
            unique
        };
        self.workloads.iter().map(unique).collect()
    }

    /// What the names of each workload's pods begin with, in the order of [`Scenario::workloads`], so that no two pods of
    /// a namespace share a name: a Deployment `web` beside a StatefulSet `web` or a pod `web-0` makes `web-deployment-0`.
    /// A StatefulSet keeps its names, for those are an identity; of others the first does.
    pub fn pod_stems(&self) -> Vec<Arc<str>> {
        let is_stateful = |workload: &Workload| self.kind_of(workload) == "statefulset";
        let mut keepers: HashMap<(&str, &str), WorkloadId> = HashMap::new();
        for workload in &self.workloads {
            let keeper = keepers.entry((&workload.namespace, &workload.name)).or_insert(workload.id);
            if is_stateful(workload) {
                *keeper = workload.id;
            }
        }
        // The stems of names such as `web-0` that bare pods have already.
        let numbered = |workload: &'_ Workload| {
            let (stem, number) = workload.name.rsplit_once('-')?;
            let is_pod = self.kind_of(workload) == "pod" && number.bytes().all(|digit| digit.is_ascii_digit());
            is_pod.then(|| (workload.namespace.to_string(), stem.to_owned()))
        };
        let bare: HashSet<(String, String)> = self.workloads.iter().filter_map(numbered).collect();
        let stem = |workload: &Workload| {
            let is_kept = keepers[&(&*workload.namespace, &*workload.name)] == workload.id;
            let is_bare =
                !bare.is_empty() && bare.contains(&(workload.namespace.to_string(), workload.name.to_string()));
            if is_stateful(workload) || (is_kept && !is_bare) {
                return Arc::clone(&workload.name);
            }
            format!("{}-{}", workload.name, self.kind_of(workload)).into()
        };
        self.workloads.iter().map(stem).collect()
    }

    /// The kind in lower case, as `kubectl` takes it; `pod` for bare pods, those of a trace and training workers.
    pub fn kind_of(&self, workload: &Workload) -> &'static str {
        match &workload.kind {
            WorkloadKind::Replicated { owner: Owner::Deployment, .. } => "deployment",
            WorkloadKind::Replicated { owner: Owner::ReplicaSet, .. } => "replicaset",
            WorkloadKind::Replicated { owner: Owner::StatefulSet, .. } => "statefulset",
            WorkloadKind::Job(job) if job.cron.is_some() => "cronjob",
            WorkloadKind::Job(_) => "job",
            WorkloadKind::Replayed if self.daemon_sets.iter().any(|set| set.workload == workload.id) => "daemonset",
            WorkloadKind::Replayed => "pod",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::PodSpecId;
    use crate::scenario::{DaemonSet, GpuUsage, UsageModel};

    #[test]
    fn a_key_has_the_namespace_and_the_kind_only_where_two_share_a_name() {
        let mut scenario = Scenario::default();
        for (index, (namespace, name)) in [("a", "web"), ("b", "web"), ("b", "web"), ("b", "web")].iter().enumerate() {
            scenario.workloads.push(Workload {
                id: WorkloadId::new(index),
                name: (*name).into(),
                namespace: (*namespace).into(),
                kind: WorkloadKind::Replayed,
                usage: UsageModel { cpu: 0.5, memory: 0.5, gpu: GpuUsage(0.0) },
                volumes: Vec::new(),
            });
        }
        scenario.daemon_sets.push(DaemonSet { workload: WorkloadId(2), spec: PodSpecId(0) });
        let keys: Vec<String> = scenario.workload_keys().iter().map(ToString::to_string).collect();
        assert_eq!(keys, ["a/web", "pod/b/web", "daemonset/b/web", "pod/b/web#2"]);
    }
}
