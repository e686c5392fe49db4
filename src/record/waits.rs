//! How long pods and jobs waited, those that were never served too, and what is said of these.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::statistics::Seen;
use crate::sim::{Mechanism, Outcome, PodRow, TrainingRow};
use crate::units::{SimDuration, SimTime};

/// Nobody is called unserved for a shorter wait, unless nothing can ever help.
const SHORTEST_PATIENCE: SimDuration = SimDuration::from_mins(1);

/// A wait longer than this is no wait for a node that comes: the Cluster Autoscaler gives a node up after as long
/// (`--max-node-provision-time`), Karpenter a claim, and the alert KubePodNotReady fires.
const LONGEST_PATIENCE: SimDuration = SimDuration::from_mins(15);

fn seen(start: SimTime, end: Option<SimTime>, last_seen: SimTime) -> Seen {
    Seen { lasted: end.unwrap_or(last_seen).since(start), is_censored: end.is_none() }
}

fn end_of(outcome: &Outcome) -> SimTime {
    SimTime::ZERO + outcome.simulated
}

/// From creation to binding.
pub fn of_pod(pod: &PodRow, outcome: &Outcome) -> Seen {
    seen(pod.created, pod.scheduled, pod.finished.unwrap_or(end_of(outcome)))
}

/// From creation to the first Ready.
pub fn startup_of_pod(pod: &PodRow, outcome: &Outcome) -> Seen {
    seen(pod.created, pod.ready, pod.finished.unwrap_or(end_of(outcome)))
}

/// From arrival to the instant at which all workers ran for the first time.
pub fn of_job(job: &TrainingRow, outcome: &Outcome) -> Seen {
    seen(job.arrival, job.started, end_of(outcome))
}

/// From arrival to the job's first placement.
pub fn queue_of_job(job: &TrainingRow, outcome: &Outcome) -> Seen {
    seen(job.arrival, job.attempts.first().map(|attempt| attempt.placed), end_of(outcome))
}

/// From arrival to the end of the job's work.
pub fn completion_of_job(job: &TrainingRow, outcome: &Outcome) -> Seen {
    seen(job.arrival, job.finished, end_of(outcome))
}

/// Pods that never had a node for one reason.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct NeverScheduled {
    pub pods: u64,
    /// The longest wait among them, to the pod's end or the run's.
    pub oldest_wait_seconds: f64,
    /// As the reasons of `explain.wait`, with hyphens: `group-at-maximum`, `quota`, `no-fitting-type`, …
    pub mechanism: String,
    /// As was last said: "group general is at its maximum".
    pub reason: String,
}

/// By reason, the longest waits first.
pub fn never_scheduled(outcome: &Outcome) -> Vec<NeverScheduled> {
    let mut by_reason: BTreeMap<(Mechanism, &str), (u64, SimDuration)> = BTreeMap::new();
    for pod in outcome.pods.iter().filter(|pod| pod.scheduled.is_none()) {
        let (mechanism, reason) = match &pod.unscheduled {
            Some(verdict) => (verdict.mechanism, verdict.reason.as_str()),
            None => (Mechanism::NotLookedAt, "nobody said why"),
        };
        let (pods, oldest) = by_reason.entry((mechanism, reason)).or_default();
        *pods += 1;
        *oldest = of_pod(pod, outcome).lasted.max(*oldest);
    }
    let row = |((mechanism, reason), (pods, oldest)): ((Mechanism, &str), (u64, SimDuration))| NeverScheduled {
        pods,
        oldest_wait_seconds: oldest.as_secs_f64(),
        mechanism: mechanism.id().replace('_', "-"),
        reason: reason.to_owned(),
    };
    let mut rows: Vec<NeverScheduled> = by_reason.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.oldest_wait_seconds.total_cmp(&a.oldest_wait_seconds).then(b.pods.cmp(&a.pods)));
    rows
}

/// Pods that never had a node and waited longer than those that are only young: longer than any pod that was served
/// (but a minute at least, and fifteen at most). One that no waiting could help counts from the first moment.
pub fn unserved(outcome: &Outcome) -> u64 {
    let waits = || outcome.pods.iter().map(|pod| (pod, of_pod(pod, outcome)));
    let longest = waits().filter(|(_, wait)| !wait.is_censored).map(|(_, wait)| wait.lasted).max().unwrap_or_default();
    let patience = longest.max(SHORTEST_PATIENCE).min(LONGEST_PATIENCE);
    let is_final = |pod: &PodRow| pod.unscheduled.as_ref().is_some_and(|verdict| verdict.mechanism.is_final());
    waits().filter(|(pod, wait)| wait.is_censored && (wait.lasted > patience || is_final(pod))).count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::fixture;
    use crate::sim::Verdict;

    fn outcome(pods: &[(i64, Option<i64>, Mechanism)]) -> Outcome {
        let pod = |(created, wait, mechanism): &(i64, Option<i64>, Mechanism)| PodRow {
            created: SimTime::from_secs(*created),
            scheduled: wait.map(|wait| SimTime::from_secs(created + wait)),
            unscheduled: Some(Arc::new(Verdict { mechanism: *mechanism, reason: mechanism.id().to_owned() })),
            finished: None,
            ..fixture::pod(0)
        };
        Outcome { simulated: SimDuration::from_mins(60), pods: pods.iter().map(pod).collect(), ..Outcome::default() }
    }

    #[test]
    fn the_young_are_not_unserved_and_those_without_hope_are_at_once() {
        use Mechanism::{GroupAtMaximum, NoFittingType, OnItsWay};
        let unserved = |pods: &[_]| unserved(&outcome(pods));
        // Served after 100 s: one that waits 90 s may be as lucky, one that waits 110 s is not.
        assert_eq!(unserved(&[(0, Some(100), OnItsWay), (3_510, None, OnItsWay)]), 0);
        assert_eq!(unserved(&[(0, Some(100), OnItsWay), (3_490, None, OnItsWay)]), 1);
        // Nobody waited: a minute is let pass.
        assert_eq!(unserved(&[(0, Some(0), OnItsWay), (3_550, None, GroupAtMaximum)]), 0);
        assert_eq!(unserved(&[(0, Some(0), OnItsWay), (3_530, None, GroupAtMaximum)]), 1);
        // One that was served after half an hour excuses nobody beyond a quarter.
        assert_eq!(unserved(&[(0, Some(1_800), OnItsWay), (2_600, None, GroupAtMaximum)]), 1);
        assert_eq!(unserved(&[(0, Some(0), OnItsWay), (3_599, None, NoFittingType)]), 1);
    }

    #[test]
    fn the_oldest_wait_is_told_first() {
        use Mechanism::{GroupAtMaximum, NoRoom, Quota};
        let rows = never_scheduled(&outcome(&[
            (3_000, None, Quota),
            (3_500, None, GroupAtMaximum),
            (100, None, GroupAtMaximum),
            (0, Some(1), NoRoom),
        ]));
        let told: Vec<_> = rows.iter().map(|row| (row.mechanism.as_str(), row.pods, row.oldest_wait_seconds)).collect();
        assert_eq!(told, [("group-at-maximum", 2, 3_500.0), ("quota", 1, 600.0)]);
    }
}
