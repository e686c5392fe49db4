//! Admission checks by themselves: what becomes of one with its ProvisioningRequest, and of the workload.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Refusal;
use super::super::fields::Fields;
use crate::training::admission::kueue::provisioning::{
    Before, Consequence, Request, RetryStrategy, check_after, consequence,
};
use crate::training::admission::kueue::workload::CheckStatus;
use crate::units::{SimDuration, not_one_of};

const STATES: [(&str, CheckStatus); 4] = [
    ("Pending", CheckStatus::Pending),
    ("Ready", CheckStatus::Ready),
    ("Retry", CheckStatus::Retry),
    ("Rejected", CheckStatus::Rejected),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenStrategy {
    backoff_limit_count: Option<u32>,
    backoff_base_seconds: Option<i64>,
    backoff_max_seconds: Option<i64>,
}

fn state(path: String, name: &str) -> Result<CheckStatus, Refusal> {
    let found = STATES.iter().find(|(other, _)| *other == name).map(|(_, status)| *status);
    found.ok_or_else(|| Refusal::new(path, not_one_of(name, &STATES.map(|(name, _)| name))))
}

fn state_name(status: CheckStatus) -> &'static str {
    STATES.iter().find(|(_, other)| *other == status).map_or("", |(name, _)| name)
}

pub fn provisioning(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let name = fields.required_text("request")?;
    let Some((_, request)) = Request::NAMES.iter().find(|(other, _)| *other == name) else {
        return Err(Refusal::new(fields.at("request"), not_one_of(name, &Request::NAMES.map(|(name, _)| name))));
    };
    let defaults = RetryStrategy::default();
    let given = fields.optional::<GivenStrategy>("retryStrategy")?;
    let strategy = given.map_or(defaults, |given| RetryStrategy {
        limit: given.backoff_limit_count.unwrap_or(defaults.limit),
        base: given.backoff_base_seconds.map_or(defaults.base, SimDuration::from_secs),
        most: given.backoff_max_seconds.map_or(defaults.most, SimDuration::from_secs),
    });
    let before = Before {
        status: state(fields.at("state"), fields.text("state")?.unwrap_or("Pending"))?,
        retries: fields.count("retries")?.unwrap_or(0) as u32,
        admitted: fields.flag("admitted")?.unwrap_or(false),
    };
    let attempt = fields.count("attempt")?.unwrap_or(1).max(1) as u32;
    let (after, wait) = check_after(*request, attempt, before, strategy);
    let mut all = vec![after];
    for (path, value) in fields.list("otherChecks")? {
        all.push(state(path, value.as_str().unwrap_or_default())?);
    }
    let becomes = match consequence(&all) {
        Consequence::Waits => "Waits",
        Consequence::Admitted => "Admitted",
        Consequence::EvictedForRetry => "EvictedForRetry",
        Consequence::Deactivated => "Deactivated",
    };
    let seconds = wait.map(|wait| wait.nanos() / 1_000_000_000);
    Ok(json!({"state": state_name(after), "requeueAfterSeconds": seconds, "workload": becomes}))
}
