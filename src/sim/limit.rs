//! A run that makes more pods than its scenario allows ends there: what grows without a bound has no other answer.

use super::state::limit::Stopped;
use super::world::World;

impl World<'_> {
    /// No pod more may be made. Whoever makes many at once asks before each; the loop asks after each event.
    pub(super) fn is_full(&self) -> bool {
        self.pods.len() as u64 >= self.scenario.max_pods
    }

    pub(super) fn stopped(&self) -> Stopped {
        let mut made = vec![0_u64; self.scenario.workloads.len()];
        for pod in &self.pods {
            made[pod.workload.index()] += 1;
        }
        let most = made.iter().enumerate().max_by_key(|(index, count)| (**count, std::cmp::Reverse(*index)));
        let workload = most.map(|(index, _)| self.workload_keys[index].to_string()).unwrap_or_default();
        Stopped { at: self.now, pods: self.pods.len() as u64, workload }
    }
}
