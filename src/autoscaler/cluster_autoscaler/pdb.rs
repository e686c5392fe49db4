//! What is left of the PodDisruptionBudgets while an iteration plans (`core/scaledown/pdb`).

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::cluster::{DisruptionBudget, PodId, PodSpecId, Specs};

/// Budgets and the disruptions that they still allow.
pub struct RemainingBudgets<'a> {
    budgets: &'a [DisruptionBudget],
    left: Vec<i32>,
    /// Budgets by spec, found once: a pod's namespace and labels are its spec's.
    matching: FxHashMap<PodSpecId, SmallVec<[u32; 1]>>,
}

impl<'a> RemainingBudgets<'a> {
    pub fn new(budgets: &'a [DisruptionBudget]) -> RemainingBudgets<'a> {
        let left = budgets.iter().map(|budget| budget.disruptions_allowed).collect();
        RemainingBudgets { budgets, left, matching: FxHashMap::default() }
    }

    fn matching(&mut self, specs: &Specs, spec: PodSpecId) -> &[u32] {
        let budgets = self.budgets;
        self.matching.entry(spec).or_insert_with(|| {
            let pod = specs.pod(spec);
            let selects = |(_, budget): &(usize, &DisruptionBudget)| budget.selects(&pod.namespace, &pod.labels);
            budgets.iter().enumerate().filter(selects).map(|(index, _)| index as u32).collect()
        })
    }

    pub fn covers(&mut self, specs: &Specs, spec: PodSpecId) -> bool {
        !self.budgets.is_empty() && !self.matching(specs, spec).is_empty()
    }

    /// Every budget of the pod still allows one disruption.
    pub fn allows(&mut self, specs: &Specs, spec: PodSpecId) -> bool {
        if self.budgets.is_empty() {
            return true;
        }
        let matching: SmallVec<[u32; 2]> = SmallVec::from_slice(self.matching(specs, spec));
        matching.iter().all(|index| self.left[*index as usize] >= 1)
    }

    /// All these pods could be evicted at once without waiting for one another.
    pub fn allow_at_once(&mut self, specs: &Specs, pods: &[(PodId, PodSpecId)]) -> bool {
        let wanted = self.count(specs, pods);
        wanted.iter().zip(&self.left).all(|(wanted, left)| *wanted == 0 || *left >= *wanted)
    }

    /// Takes the pods' disruptions off their budgets.
    pub fn remove(&mut self, specs: &Specs, pods: &[(PodId, PodSpecId)]) {
        let wanted = self.count(specs, pods);
        for (left, wanted) in self.left.iter_mut().zip(wanted) {
            *left -= wanted;
        }
    }

    fn count(&mut self, specs: &Specs, pods: &[(PodId, PodSpecId)]) -> Vec<i32> {
        let mut counts = vec![0; self.budgets.len()];
        if self.budgets.is_empty() {
            return counts;
        }
        for (_, spec) in pods {
            for index in self.matching(specs, *spec) {
                counts[*index as usize] += 1;
            }
        }
        counts
    }
}
