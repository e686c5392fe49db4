//! The Job controller: what a pod's end means, when another is made and when the Job is over (`pkg/controller/job`,
//! 1.33).

use crate::units::SimDuration;

/// Back-off of pods that fail: 10 s, doubled with each failure up to 10 min (`DefaultJobPodFailureBackOff`,
/// `MaxJobPodFailureBackOff`).
const BACKOFF: SimDuration = SimDuration::from_secs(10);
const BACKOFF_MAX: SimDuration = SimDuration::from_mins(10);

/// Ends of pods are looked at together, a second after the first (`SyncJobBatchPeriod`).
pub const BATCH_PERIOD: SimDuration = SimDuration::from_secs(1);

/// How long no pod is made after the last of so many failures without a success between.
pub fn backoff(failures: u32) -> SimDuration {
    match failures {
        0 => SimDuration::ZERO,
        failures => (BACKOFF * (1 << (failures - 1).min(10))).min(BACKOFF_MAX),
    }
}

/// `podReplacementPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodReplacement {
    /// A pod counts as failed, and is replaced, as soon as it is being deleted.
    #[default]
    TerminatingOrFailed,
    /// Only once it has ended.
    Failed,
}

/// `backoffLimitPerIndex` with `maxFailedIndexes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerIndexLimit {
    pub backoff_limit: u32,
    pub max_failed: Option<u32>,
}

/// A rule of `podFailurePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRule {
    pub action: FailureAction,
    pub matches: FailureMatch,
}

/// What a rule of `podFailurePolicy` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureAction {
    FailJob,
    FailIndex,
    Ignore,
    Count,
}

/// What a rule of `podFailurePolicy` looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureMatch {
    /// `onExitCodes`: one of `values`, or (`is_in` false) none of them; of every container or of the named one.
    ExitCodes { container: Option<String>, is_in: bool, values: Vec<i32> },
    /// `onPodConditions`: the pod has a condition of one of these types that is true.
    Conditions(Vec<String>),
}

/// How a pod failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Of its first container, and that one's name; `None` where no container ended by itself (a lost node).
    pub exit: Option<(&'a str, i32)>,
    /// The condition `DisruptionTarget`: evicted, preempted, or lost with its node.
    pub is_disruption: bool,
}

/// The first rule that matches (`matchPodFailurePolicy`); `Count` where none does.
pub fn action(rules: &[FailureRule], failure: &Failure<'_>) -> FailureAction {
    rules.iter().find(|rule| rule.matches.holds(failure)).map_or(FailureAction::Count, |rule| rule.action)
}

impl FailureMatch {
    fn holds(&self, failure: &Failure<'_>) -> bool {
        match self {
            FailureMatch::ExitCodes { container, is_in, values } => failure.exit.is_some_and(|(name, code)| {
                code != 0 && container.as_ref().is_none_or(|only| only == name) && values.contains(&code) == *is_in
            }),
            FailureMatch::Conditions(types) => {
                failure.is_disruption && types.iter().any(|condition| condition == "DisruptionTarget")
            }
        }
    }
}

/// A rule of `successPolicy`; of its two fields at least one is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessRule {
    /// Inclusive ranges.
    pub indexes: Option<Vec<(u32, u32)>>,
    pub count: Option<u32>,
}

impl SuccessRule {
    /// Whether these indexes, ascending, are success enough (`matchSuccessPolicy`).
    pub fn holds(&self, succeeded: &[u32]) -> bool {
        let Some(ranges) = &self.indexes else {
            return self.count.is_some_and(|count| succeeded.len() as u64 >= u64::from(count));
        };
        let wanted: u64 = ranges.iter().map(|(from, to)| u64::from(to - from) + 1).sum();
        let met = succeeded.iter().filter(|index| ranges.iter().any(|(from, to)| (*from..=*to).contains(*index)));
        met.count() as u64 >= self.count.map_or(wanted, u64::from)
    }
}

/// `0,2-4` as inclusive ranges; `None` where it is not that, or not ascending.
pub fn parse_indexes(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u32, u32) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        if from > to || ranges.last().is_some_and(|(_, last)| from <= *last) {
            return None;
        }
        ranges.push((from, to));
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_from_ten_seconds_to_ten_minutes() {
        let seconds: Vec<i64> = (0..9).map(|failures| backoff(failures).nanos() / 1_000_000_000).collect();
        assert_eq!(seconds, [0, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(backoff(u32::MAX), SimDuration::from_mins(10));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let exit = |is_in, values: &[i32]| FailureMatch::ExitCodes { container: None, is_in, values: values.to_vec() };
        let rules = [
            FailureRule { action: FailureAction::FailJob, matches: exit(true, &[42]) },
            FailureRule {
                action: FailureAction::Ignore,
                matches: FailureMatch::Conditions(vec!["DisruptionTarget".into()]),
            },
            FailureRule { action: FailureAction::FailIndex, matches: exit(false, &[1, 2]) },
        ];
        let ended = |code, is_disruption| action(&rules, &Failure { exit: Some(("main", code)), is_disruption });
        assert_eq!(ended(42, true), FailureAction::FailJob);
        assert_eq!(ended(143, true), FailureAction::Ignore);
        assert_eq!(ended(3, false), FailureAction::FailIndex);
        assert_eq!(ended(1, false), FailureAction::Count);
        let lost = Failure { exit: None, is_disruption: false };
        assert_eq!(action(&rules, &lost), FailureAction::Count);
    }

    #[test]
    fn a_success_policy_counts_among_its_indexes() {
        let rule = |indexes: &str, count| SuccessRule { indexes: parse_indexes(indexes), count };
        assert!(rule("0,2-3", None).holds(&[0, 2, 3]) && !rule("0,2-3", None).holds(&[0, 1, 2]));
        assert!(rule("0-9", Some(2)).holds(&[4, 7]) && !rule("0-3", Some(2)).holds(&[3, 7]));
        assert!(SuccessRule { indexes: None, count: Some(2) }.holds(&[8, 9]));
        assert_eq!(parse_indexes("1-3,5"), Some(vec![(1, 3), (5, 5)]));
        for wrong in ["3-1", "1,1", "x", "", "2,1"] {
            assert_eq!(parse_indexes(wrong), None, "{wrong}");
        }
    }
}
