//! Jobs (`batch/v1`), with the API server's defaults and its checks (`pkg/apis/batch/v1/defaults.go`,
//! `pkg/apis/batch/validation`, 1.33).

use k8s_openapi::api::batch::v1 as raw;

use super::{ManifestError, unknown_value};
use crate::cluster::RestartPolicy;
use crate::controller::job::{
    FailureAction, FailureMatch, FailureRule, PerIndexLimit, PodReplacement, SuccessRule, parse_indexes,
};
use crate::scenario::BatchJob;
use crate::units::SimDuration;

/// The controller that a Job is left to where `managedBy` says nothing.
const JOB_CONTROLLER: &str = "kubernetes.io/job-controller";

/// What a Job says beside its pod template, for pods that restart as `restart_policy` says. Paths of errors start at
/// the object (`spec.…`).
pub fn job_options(raw: &raw::JobSpec, restart_policy: RestartPolicy) -> Result<BatchJob, ManifestError> {
    options(raw, restart_policy).map_err(|error| error.within("spec"))
}

/// Whether another controller than Kubernetes' own makes its pods (`managedBy`).
pub fn is_managed_elsewhere(raw: &raw::JobSpec) -> bool {
    raw.managed_by.as_ref().is_some_and(|manager| manager != JOB_CONTROLLER)
}

fn options(raw: &raw::JobSpec, restart_policy: RestartPolicy) -> Result<BatchJob, ManifestError> {
    let parallelism = count("parallelism", raw.parallelism)?.unwrap_or(1);
    // Without both it is one pod; with `parallelism` alone it is a work queue.
    let completions = match count("completions", raw.completions)? {
        None if raw.parallelism.is_none() => Some(1),
        completions => completions,
    };
    let indexed = match raw.completion_mode.as_deref() {
        None | Some("NonIndexed") => false,
        Some("Indexed") => true,
        Some(other) => return Err(unknown_value("completionMode", other, &["NonIndexed", "Indexed"])),
    };
    if indexed && raw.completions.is_none() {
        return Err(ManifestError::new("completionMode", "an Indexed Job needs completions"));
    }
    let per_index = per_index(raw, indexed)?;
    let failure_policy = failure_policy(raw, restart_policy, per_index.is_some())?;
    let pod_replacement = match (raw.pod_replacement_policy.as_deref(), raw.pod_failure_policy.is_some()) {
        (Some("Failed"), _) | (None, true) => PodReplacement::Failed,
        (Some("TerminatingOrFailed"), true) => {
            return Err(ManifestError::new("podReplacementPolicy", "only Failed goes with a podFailurePolicy"));
        }
        (Some("TerminatingOrFailed") | None, false) => PodReplacement::TerminatingOrFailed,
        (Some(other), _) => {
            return Err(unknown_value("podReplacementPolicy", other, &["TerminatingOrFailed", "Failed"]));
        }
    };
    let no_limit = if per_index.is_some() { i32::MAX.unsigned_abs() } else { 6 };
    Ok(BatchJob {
        // Nobody here makes the pods of a Job that another controller manages.
        parallelism: if is_managed_elsewhere(raw) { 0 } else { parallelism },
        completions,
        indexed,
        suspended: raw.suspend == Some(true),
        backoff_limit: count("backoffLimit", raw.backoff_limit)?.unwrap_or(no_limit),
        per_index,
        active_deadline: seconds("activeDeadlineSeconds", raw.active_deadline_seconds)?,
        failure_policy,
        pod_replacement,
        success_policy: success_policy(raw, indexed, completions)?,
        ..BatchJob::default()
    })
}

fn count(field: &str, value: Option<i32>) -> Result<Option<u32>, ManifestError> {
    value.map(u32::try_from).transpose().map_err(|_| ManifestError::new(field, "must be zero or more"))
}

/// Whole seconds of zero or more.
pub(super) fn seconds(field: &str, value: Option<i64>) -> Result<Option<SimDuration>, ManifestError> {
    match value {
        None => Ok(None),
        // More than three hundred years are for ever.
        Some(seconds) if seconds >= 0 => Ok(Some(SimDuration::from_secs(seconds.min(10_000_000_000 / 2)))),
        Some(seconds) => Err(ManifestError::new(field, format!("{seconds} is negative"))),
    }
}

fn per_index(raw: &raw::JobSpec, indexed: bool) -> Result<Option<PerIndexLimit>, ManifestError> {
    let max_failed = count("maxFailedIndexes", raw.max_failed_indexes)?;
    let Some(backoff_limit) = count("backoffLimitPerIndex", raw.backoff_limit_per_index)? else {
        if max_failed.is_some() {
            return Err(ManifestError::new("maxFailedIndexes", "needs backoffLimitPerIndex"));
        }
        return Ok(None);
    };
    if !indexed {
        return Err(ManifestError::new("backoffLimitPerIndex", "needs completionMode: Indexed"));
    }
    Ok(Some(PerIndexLimit { backoff_limit, max_failed }))
}

fn failure_policy(
    raw: &raw::JobSpec,
    restart_policy: RestartPolicy,
    has_limit_per_index: bool,
) -> Result<Vec<FailureRule>, ManifestError> {
    let Some(policy) = &raw.pod_failure_policy else { return Ok(Vec::new()) };
    if restart_policy != RestartPolicy::Never {
        return Err(ManifestError::new("podFailurePolicy", "needs restartPolicy: Never in the pod template"));
    }
    let mut rules = Vec::new();
    for (index, rule) in policy.rules.iter().enumerate() {
        let read = failure_rule(rule, has_limit_per_index);
        rules.push(read.map_err(|error| error.within(format!("podFailurePolicy.rules[{index}]")))?);
    }
    Ok(rules)
}

fn failure_rule(raw: &raw::PodFailurePolicyRule, has_limit_per_index: bool) -> Result<FailureRule, ManifestError> {
    let action = match raw.action.as_str() {
        "FailJob" => FailureAction::FailJob,
        "FailIndex" if !has_limit_per_index => {
            return Err(ManifestError::new("action", "FailIndex needs backoffLimitPerIndex"));
        }
        "FailIndex" => FailureAction::FailIndex,
        "Ignore" => FailureAction::Ignore,
        "Count" => FailureAction::Count,
        other => return Err(unknown_value("action", other, &["FailJob", "FailIndex", "Ignore", "Count"])),
    };
    let matches = match (&raw.on_exit_codes, &raw.on_pod_conditions) {
        (Some(codes), None) => {
            let is_in = match codes.operator.as_str() {
                "In" => true,
                "NotIn" => false,
                other => return Err(unknown_value("onExitCodes.operator", other, &["In", "NotIn"])),
            };
            if codes.values.is_empty() {
                return Err(ManifestError::new("onExitCodes.values", "at least one exit code is needed"));
            }
            if is_in && codes.values.contains(&0) {
                return Err(ManifestError::new("onExitCodes.values", "0 is success and can't be matched by In"));
            }
            FailureMatch::ExitCodes { container: codes.container_name.clone(), is_in, values: codes.values.clone() }
        }
        (None, Some(conditions)) if !conditions.is_empty() => FailureMatch::Conditions(
            // Only a condition that is true ever stands on a simulated pod.
            conditions
                .iter()
                .filter(|condition| condition.status.is_empty() || condition.status == "True")
                .map(|condition| condition.type_.clone())
                .collect(),
        ),
        (Some(_), Some(conditions)) if !conditions.is_empty() => {
            return Err(ManifestError::new("onPodConditions", "onExitCodes is set too; a rule has one of them"));
        }
        _ => return Err(ManifestError::new("", "a rule needs onExitCodes or onPodConditions")),
    };
    Ok(FailureRule { action, matches })
}

fn success_policy(
    raw: &raw::JobSpec,
    indexed: bool,
    completions: Option<u32>,
) -> Result<Vec<SuccessRule>, ManifestError> {
    let Some(policy) = &raw.success_policy else { return Ok(Vec::new()) };
    if !indexed {
        return Err(ManifestError::new("successPolicy", "needs completionMode: Indexed"));
    }
    let mut rules = Vec::new();
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = |field: &str| format!("successPolicy.rules[{index}]{field}");
        let indexes = match rule.succeeded_indexes.as_deref() {
            None => None,
            Some(text) => Some(parse_indexes(text).ok_or_else(|| {
                let problem = format!("{text:?} is no ascending list of indexes such as 0,2-4");
                ManifestError::new(path(".succeededIndexes"), problem)
            })?),
        };
        let beyond = |ranges: &Vec<(u32, u32)>| ranges.iter().any(|(_, to)| completions.is_some_and(|all| *to >= all));
        if indexes.as_ref().is_some_and(beyond) {
            return Err(ManifestError::new(path(".succeededIndexes"), "an index is not below completions"));
        }
        let count = count(&path(".succeededCount"), rule.succeeded_count)?;
        if indexes.is_none() && count.is_none() {
            return Err(ManifestError::new(path(""), "a rule needs succeededIndexes or succeededCount"));
        }
        rules.push(SuccessRule { indexes, count });
    }
    Ok(rules)
}
