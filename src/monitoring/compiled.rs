//! Rules made ready: what is kept of them.

use std::collections::{BTreeMap, BTreeSet};

use super::template::Template;
use crate::promql::{Query, Store};
use crate::scenario::RuleKind;
use crate::units::SimDuration;

/// The series that alerts make of themselves.
pub(super) const ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Rules over one store.
pub struct Compiled {
    pub(super) store: Store,
    pub(super) groups: Vec<CompiledGroup>,
    /// Alerts that can't fire, whichever of the rules of that name is looked at, with what no run has.
    pub(super) hopeless: BTreeMap<String, BTreeSet<String>>,
}

pub(super) struct CompiledGroup {
    pub name: String,
    pub interval: SimDuration,
    pub query_offset: SimDuration,
    pub limit: usize,
    pub rules: Vec<CompiledRule>,
}

pub(super) struct CompiledRule {
    pub kind: RuleKind,
    pub query: Query,
    pub labels: Vec<(String, Text)>,
    /// What they come to hangs on more than the result.
    pub labels_ask: bool,
    /// The annotation that says what an alert is about.
    pub summary: Option<Text>,
    /// As messages name it: file and line.
    pub place: String,
}

/// A text that may have to be filled in.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Plain(String),
    Template(Template),
}

impl Text {
    /// # Errors
    /// What of a template Prometheus would refuse.
    pub fn of(text: &str) -> Result<Text, String> {
        Ok(match text.contains("{{") {
            true => Text::Template(Template::parse(text)?),
            false => Text::Plain(text.to_owned()),
        })
    }

    /// Texts that it may make queries of.
    pub fn texts_of_queries(&self) -> Vec<&str> {
        match self {
            Text::Plain(_) => Vec::new(),
            Text::Template(template) => template.texts_of_queries(),
        }
    }
}

pub(super) fn name_of(rule: &CompiledRule) -> &str {
    match &rule.kind {
        RuleKind::Record(name) | RuleKind::Alert { name, .. } => name,
    }
}

/// As samples are timed.
pub(super) fn millis(duration: SimDuration) -> i64 {
    duration.nanos() / 1_000_000
}
