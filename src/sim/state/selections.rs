//! The pods that each HPA sees.

use smallvec::SmallVec;

use crate::cluster::{ClusterState, LabelSelector, PodId, PodSpec, PodSpecId};
use crate::scenario::{Scenario, WorkloadKind};

/// Kept in step as pods come and go, so that a sync costs what it looks at.
#[derive(Debug, Default)]
pub(in crate::sim) struct Selections {
    pub(in crate::sim) of_hpa: Vec<Selected>,
    /// By [`PodSpecId`]: the HPAs that select its pods, ascending; `None`: no pod of it was seen yet.
    pub(in crate::sim) by_spec: Vec<Option<SmallVec<[u32; 1]>>>,
    /// Pods of some spec are selected by two HPAs.
    pub(in crate::sim) overlap: bool,
}

/// One HPA's pods, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct Selected {
    /// Neither succeeded nor failed; terminating ones are among them.
    pub live: Vec<PodId>,
    /// Succeeded or failed, in the order of their ends.
    pub ended: Vec<PodId>,
    /// Grows with every change of the two lists.
    pub version: u32,
    /// The controller knows its selector: since the HPA's first sync that looked at pods (`hpaSelectorStore`).
    pub(in crate::sim) is_registered: bool,
}

impl Selected {
    pub fn iter(&self) -> impl Iterator<Item = PodId> + '_ {
        self.live.iter().chain(&self.ended).copied()
    }
}

impl Selections {
    pub fn new(scenario: &Scenario) -> Selections {
        Selections { of_hpa: vec![Selected::default(); scenario.hpas.len()], ..Selections::default() }
    }

    pub fn of(&self, hpa: u32) -> &Selected {
        &self.of_hpa[hpa as usize]
    }

    /// The HPAs that select the pods of a spec of which there has been a pod, ascending.
    pub fn seeing(&self, spec: PodSpecId) -> &[u32] {
        self.by_spec.get(spec.index()).and_then(Option::as_deref).unwrap_or_default()
    }

    pub fn created(&mut self, pod: PodId, id: PodSpecId, spec: &PodSpec, scenario: &Scenario) {
        if self.of_hpa.is_empty() {
            return;
        }
        if self.by_spec.len() <= id.index() {
            self.by_spec.resize(id.index() + 1, None);
        }
        let hpas = self.by_spec[id.index()].get_or_insert_with(|| selecting(spec, scenario));
        self.overlap |= hpas.len() > 1;
        for hpa in hpas.iter() {
            let selected = &mut self.of_hpa[*hpa as usize];
            selected.version = selected.version.wrapping_add(1);
            selected.live.push(pod);
        }
    }

    /// The pod succeeded or failed, or (`is_deleted`) is out of the API server.
    pub fn ended(&mut self, pod: PodId, id: PodSpecId, is_deleted: bool) {
        let Some(Some(hpas)) = self.by_spec.get(id.index()) else { return };
        for hpa in hpas {
            let selected = &mut self.of_hpa[*hpa as usize];
            selected.version = selected.version.wrapping_add(1);
            if let Ok(at) = selected.live.binary_search(&pod) {
                selected.live.remove(at);
                if !is_deleted {
                    selected.ended.push(pod);
                }
            } else if is_deleted {
                selected.ended.retain(|other| *other != pod);
            }
        }
    }

    /// The HPA's selector is known from now on.
    pub fn register(&mut self, hpa: u32) {
        self.of_hpa[hpa as usize].is_registered = true;
    }

    /// Whether one of the HPA's pods is selected by another HPA whose selector is known: `AmbiguousSelector`
    /// (`validateAndParseSelector` of `horizontal.go`, 1.33). So the first of two that overlap still scales at its
    /// first sync.
    pub fn is_ambiguous(&self, hpa: u32, cluster: &ClusterState) -> bool {
        let selects_too = |pod: PodId| {
            let hpas = self.by_spec[cluster.pod(pod).spec.index()].iter().flatten();
            hpas.into_iter().any(|other| *other != hpa && self.of_hpa[*other as usize].is_registered)
        };
        self.overlap && self.of(hpa).iter().any(selects_too)
    }
}

/// The HPAs that select pods of a spec.
pub(in crate::sim) fn selecting(spec: &PodSpec, scenario: &Scenario) -> SmallVec<[u32; 1]> {
    let hpas = scenario.hpas.iter().enumerate();
    hpas.filter(|(_, hpa)| {
        let target = &scenario.workloads[hpa.target.index()];
        *spec.namespace == *target.namespace
            && selector(&target.kind).is_some_and(|selector| selector.matches(&spec.labels))
    })
    .map(|(index, _)| index as u32)
    .collect()
}

pub(in crate::sim) fn selector(kind: &WorkloadKind) -> Option<&LabelSelector> {
    match kind {
        WorkloadKind::Replicated { selector, .. } => Some(selector),
        _ => None,
    }
}
