//! How large a run is sure to become, from what its scenario states: known before the first event, so that what nobody
//! means is refused rather than begun.

use std::fmt;

use super::{NodeGroup, ScalerPolicy, Scenario, WorkloadKind};

/// What a run is sure to make. Autoscalers, rollouts and failures add to it: those are stopped as they come, at
/// [`Scenario::max_pods`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSize {
    pub pods: u64,
    /// There at the start.
    pub nodes: u64,
}

/// Default of [`Scenario::max_pods`].
pub const DEFAULT_MAX_PODS: u64 = 10_000_000;
/// Pods are numbered with 32 bits.
pub const MOST_PODS: u64 = 4_000_000_000;

/// About what a pod and a node cost in memory, with their rows of the outputs; measured with 200,000 of each.
const BYTES_A_POD: u64 = 1_000;
const BYTES_A_NODE: u64 = 1_300;

impl RunSize {
    pub fn of(scenario: &Scenario) -> RunSize {
        let started = |group: &NodeGroup| u64::from(group.initial_size);
        let nodes = scenario.nodes.len() as u64 + scenario.node_groups.iter().map(started).sum::<u64>();
        let mut replicas: Vec<u64> = scenario.workloads.iter().map(|workload| of_workload(&workload.kind)).collect();
        let mut at_least = |workload: crate::cluster::WorkloadId, count: u32| {
            let known = &mut replicas[workload.index()];
            *known = (*known).max(u64::from(count));
        };
        for change in &scenario.replica_changes {
            at_least(change.target, change.replicas);
        }
        for hpa in &scenario.hpas {
            at_least(hpa.target, hpa.spec.min_replicas.unsigned_abs());
        }
        for scaler in &scenario.scalers {
            let least = match &scaler.policy {
                ScalerPolicy::Cron(cron) => cron.rules.iter().map(|rule| rule.replicas).max().unwrap_or(0),
                ScalerPolicy::Keda(keda) => keda.object.min_replica_count,
            };
            at_least(scaler.target, least);
        }
        let workers = scenario.training_jobs.iter().map(|job| u64::from(job.workers)).sum::<u64>();
        let daemons = (scenario.daemon_sets.len() as u64).saturating_mul(nodes);
        let pods = replicas.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let pods =
            pods.saturating_add(scenario.trace_pods.len() as u64).saturating_add(workers).saturating_add(daemons);
        RunSize { pods, nodes }
    }

    /// About what it takes in memory.
    pub fn bytes(self) -> u64 {
        self.pods.saturating_mul(BYTES_A_POD).saturating_add(self.nodes.saturating_mul(BYTES_A_NODE))
    }
}

pub(super) fn of_workload(kind: &WorkloadKind) -> u64 {
    match kind {
        WorkloadKind::Replicated { replicas, .. } => u64::from(*replicas),
        // A CronJob's pods come as its runs do.
        WorkloadKind::Job(job) if job.cron.is_none() && !job.suspended => {
            u64::from(job.completions.unwrap_or(0).max(job.parallelism.min(job.completions.unwrap_or(u32::MAX))))
        }
        WorkloadKind::Job(_) | WorkloadKind::Replayed => 0,
    }
}

/// A count or a size in words: `2.1 billion`, `400 GB`.
pub fn about(count: u64) -> String {
    const STEPS: [(u64, &str); 3] =
        [(1_000_000_000_000, "trillion"), (1_000_000_000, "billion"), (1_000_000, "million")];
    match STEPS.iter().find(|(step, _)| count >= *step) {
        Some((step, word)) => format!("{} {word}", two_figures(count, *step)),
        None => count.to_string(),
    }
}

/// A size in words, such as `2.1 GB`.
pub fn about_bytes(bytes: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB")];
    let (step, unit) = STEPS.into_iter().find(|(step, _)| bytes >= *step).unwrap_or((1_000, "kB"));
    format!("{} {unit}", two_figures(bytes, step))
}

fn two_figures(count: u64, step: u64) -> String {
    let value = count as f64 / step as f64;
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

impl fmt::Display for RunSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} pods ({})", about(self.pods), about_bytes(self.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_words() {
        assert_eq!(about(999_999), "999999");
        assert_eq!(about(2_147_483_647), "2.1 billion");
        assert_eq!(about(12_000_000), "12 million");
        assert_eq!(about_bytes(2_147_483_647_000), "2.1 TB");
        assert_eq!(about_bytes(500), "0.5 kB");
        let size = RunSize { pods: 2_000_000_000, nodes: 1 };
        assert_eq!(size.to_string(), "about 2.0 billion pods (2.0 TB)");
    }
}
