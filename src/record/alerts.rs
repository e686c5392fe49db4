//! Alerts as a run's summary counts them, and the table of when each was pending, firing and resolved.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::columns::{Column, Unit, column};
use crate::units::SimTime;

/// What became of an alerting rule.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct AlertFigures {
    /// How often it began to fire, for whatever labels.
    pub fired: u64,
    /// How long alerts of it fired, each by itself.
    pub firing_seconds: f64,
    /// When it fired first, from the start; `null` where it never did.
    pub first_seconds: f64,
    /// How often labels fired again that had fired before.
    pub flaps: u64,
    /// How often it was pending and went away before it fired.
    pub went_away: u64,
    /// The most alerts of it that fired at one time.
    pub most_at_once: u64,
    /// How often the rule failed, or one that records a series which it asks for; above 0 the other figures say nothing.
    pub failed: u64,
    /// What no run has and the rule asks for, where it can't fire for want of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cannot_fire_without: Vec<String>,
}

/// A rule that failed in a run.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub struct RuleFailure {
    pub rule: String,
    /// Group, file and line.
    pub place: String,
    /// How often it failed.
    pub times: u64,
    /// How often it was evaluated.
    pub evaluations: u64,
    /// What it said first.
    pub message: String,
    /// Alerting rules that hang on it, itself among them.
    pub alerts: Vec<Arc<str>>,
}

impl fmt::Display for RuleFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleFailure { rule, place, times, evaluations, message, .. } = self;
        write!(f, "the rule {rule} ({place}) failed in {times} of {evaluations} evaluations: {message}")
    }
}

/// An alert from its first instant to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    pub alert: Arc<str>,
    /// `pod="web-0",severity="warning"`, without the alert's name.
    pub labels: String,
    pub pending: SimTime,
    /// `None`: it went away before.
    pub firing: Option<SimTime>,
    /// `None`: it is still there at the end.
    pub resolved: Option<SimTime>,
    /// When it began to fire, or last.
    pub value: f64,
    /// Its annotation `summary`, or else `description` or `message`, filled in when it began to fire.
    pub summary: String,
}

impl Episode {
    /// `firing` or `pending` at the end of the run, `resolved` after it fired, `went away` before.
    pub fn state(&self) -> &'static str {
        match (self.firing, self.resolved) {
            (Some(_), None) => "firing",
            (Some(_), Some(_)) => "resolved",
            (None, None) => "pending",
            (None, Some(_)) => "went away",
        }
    }
}

/// `alerts.csv`.
#[rustfmt::skip]
pub const ALERT: &[Column<Episode>] = &[
    column("alert", Unit::Text, "", "name of its rule", |row, _, out| out.text(&row.alert)),
    column("labels", Unit::Text, "", "its labels but the name, as in a query", |row, _, out| out.text(&row.labels)),
    column("state", Unit::Text, "", "`resolved` after it fired, `went away` before it fired; `firing` or `pending` at the end of the run", |row, _, out| out.text(row.state())),
    column("pending", Unit::Seconds, "ALERTS_FOR_STATE", "its expression held for the first time", |row, _, out| out.time(row.pending)),
    column("firing", Unit::Seconds, "ALERTS", "it had held for the rule's `for`; empty where it never did", |row, _, out| out.maybe_time(row.firing)),
    column("resolved", Unit::Seconds, "", "it no longer held; empty where it does at the end", |row, _, out| out.maybe_time(row.resolved)),
    column("pending_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(Some(row.pending))),
    column("firing_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.firing)),
    column("resolved_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.resolved)),
    column("value", Unit::Metric, "", "what its expression gave last", |row, _, out| out.float(row.value)),
    column("summary", Unit::Text, "", "its annotation `summary`, else `description` or `message`, filled in when it began to fire", |row, _, out| out.text(&row.summary)),
];
