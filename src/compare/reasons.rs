//! How often controllers decided what, and for which reason: decisions without their numbers.

use std::collections::BTreeMap;

use crate::sim::{DecisionRecord, Observer};
use crate::units::SimDuration;

/// Longest reason that is kept, in characters.
const LONGEST: usize = 80;

/// Decisions of a run by kind: `cluster-autoscaler node to ToBeDeleted: unneeded for …`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionTally {
    counts: BTreeMap<String, u64>,
}

impl DecisionTally {
    pub fn add(&mut self, controller: &str, object: &str, from: &str, to: &str, reason: &str) {
        *self.counts.entry(kind(controller, object, from, to, reason)).or_default() += 1;
    }

    /// With each kind's text as `name` gives it.
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> DecisionTally {
        let mut renamed = DecisionTally::default();
        for (kind, count) in &self.counts {
            *renamed.counts.entry(name(kind)).or_default() += count;
        }
        renamed
    }

    pub fn count(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.counts.keys().map(String::as_str)
    }
}

impl Observer for DecisionTally {
    fn wants_samples(&self) -> bool {
        false
    }

    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        let DecisionRecord { controller, object, from, to, reason, .. } = decision;
        self.add(controller.name(), object, from, to, reason);
    }
}

/// What two decisions have in common that differ in numbers only. Groups and workloads keep their names; pods and nodes,
/// which are many, do not.
fn kind(controller: &str, object: &str, from: &str, to: &str, reason: &str) -> String {
    let object = match object.split_once('/') {
        Some((kind @ ("node" | "pod" | "nodeclaim"), _)) => kind,
        _ => object,
    };
    let step = match (from.parse::<f64>(), to.parse::<f64>()) {
        (Ok(from), Ok(to)) if to > from => "up".to_owned(),
        (Ok(_), Ok(_)) => "down".to_owned(),
        _ => format!("to {}", without_numbers(to)),
    };
    let clause = reason.split([';', ',', ':', '(']).next().unwrap_or(reason).trim();
    let clause = without_numbers(clause);
    let because = if clause.is_empty() { String::new() } else { format!(": {clause}") };
    format!("{controller} {object} {step}{because}").chars().take(LONGEST).collect()
}

/// Numbers as `N`, durations as `…`: `1h2m0s` and `10m10s` are one kind.
fn without_numbers(text: &str) -> String {
    let is_duration = |word: &str| {
        let is_numbered =
            word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(|c: char| c.is_ascii_lowercase());
        is_numbered && word.parse::<SimDuration>().is_ok()
    };
    let words = text.split(' ').map(|word| if is_duration(word) { "…".to_owned() } else { without_digits(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn without_digits(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        let is_part = |plain: &str| plain.ends_with('N') && (character.is_ascii_digit() || character == '.');
        match character {
            _ if is_part(&plain) => {}
            digit if digit.is_ascii_digit() => plain.push('N'),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_that_differ_in_numbers_are_of_one_kind() {
        let mut tally = DecisionTally::default();
        for (node, reason) in [
            ("node/general-1", "unneeded for 10m0s, utilization 0.26; its pods fit elsewhere"),
            ("node/general-12", "unneeded for 12m0s, utilization 0.4; its pods fit elsewhere"),
            ("node/general-3", "unneeded for 1h0m10s, utilization 0.1; its pods fit elsewhere"),
        ] {
            tally.add("cluster-autoscaler", node, "Ready", "ToBeDeleted", reason);
        }
        tally.add("cluster-autoscaler", "nodegroup/general", "1", "3", "2 pods unschedulable; expander price");
        let kinds: Vec<(&str, u64)> = tally.kinds().map(|kind| (kind, tally.count(kind))).collect();
        assert_eq!(
            kinds,
            [
                ("cluster-autoscaler node to ToBeDeleted: unneeded for …", 3),
                ("cluster-autoscaler nodegroup/general up: N pods unschedulable", 1)
            ]
        );
    }
}
