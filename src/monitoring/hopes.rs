//! Which alerts can fire in a simulation, and which can't for want of a metric.
//!
//! It is judged by names: of metrics, of their labels, and of the labels that their scrape job sets. An alert that asks only
//! for what runs have may still be one that no run fires.

use std::collections::{BTreeMap, BTreeSet};

use super::compiled::{ALERTS, CompiledGroup, CompiledRule, name_of};
use crate::promql::{Outlook, Selected};
use crate::record::metrics::METRICS;
use crate::scenario::RuleKind;

/// An alerting rule and what is to be said of it.
#[derive(Clone, Debug)]
pub struct Covered {
    pub group: String,
    pub alert: String,
    pub outlook: Outlook,
}

/// Alerts of which nothing can come whichever rule of theirs is looked at, with what no run has.
pub(super) fn hopeless(groups: &[CompiledGroup]) -> BTreeMap<String, BTreeSet<String>> {
    let mut lacking: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    for one in covered(groups) {
        let all = lacking.entry(one.alert).or_insert_with(|| Some(BTreeSet::new()));
        match (one.outlook, &mut *all) {
            (Outlook::Nothing(what), Some(all)) => all.extend(what),
            _ => *all = None,
        }
    }
    lacking.into_iter().filter_map(|(alert, what)| Some((alert, what?))).collect()
}

/// In the order of the rules.
pub(super) fn covered(groups: &[CompiledGroup]) -> Vec<Covered> {
    let rules = || groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    // What is recorded is there where what it is made of is: from those that need nothing recorded on.
    let mut recorded: BTreeMap<&str, Outlook> = BTreeMap::new();
    loop {
        let mut now: BTreeMap<&str, Outlook> = BTreeMap::new();
        for (_, rule) in rules().filter(|(_, rule)| matches!(rule.kind, RuleKind::Record(_))) {
            let found = rule.query.outlook(&|selected| lacks(selected, &recorded));
            match (now.get(name_of(rule)), &found) {
                (Some(Outlook::Open | Outlook::Always(_)), Outlook::Nothing(_)) => {}
                _ => {
                    now.insert(name_of(rule), found);
                }
            }
        }
        if now == recorded {
            break;
        }
        recorded = now;
    }
    let alerts = rules().filter(|(_, rule)| matches!(rule.kind, RuleKind::Alert { .. }));
    let covered = |(group, rule): (&CompiledGroup, &CompiledRule)| Covered {
        group: group.name.clone(),
        alert: name_of(rule).to_owned(),
        outlook: rule.query.outlook(&|selected| lacks(selected, &recorded)),
    };
    alerts.map(covered).collect()
}

/// What is not there of what a selector asks for.
fn lacks(selected: &Selected, recorded: &BTreeMap<&str, Outlook>) -> Option<String> {
    let name = selected.name.as_deref()?;
    if ALERTS.contains(&name) {
        return None;
    }
    if let Some(outlook) = recorded.get(name) {
        return match outlook {
            // One reason will do.
            Outlook::Nothing(what) => what.iter().next().cloned(),
            Outlook::Open | Outlook::Always(_) => None,
        };
    }
    let Some(row) = METRICS.iter().find(|row| row.series_names().iter().any(|other| other == name)) else {
        return Some(name.to_owned());
    };
    let labels: BTreeSet<&str> = row.labels.split(", ").collect();
    let target = row.source.target_labels();
    for (label, holds) in selected.wants() {
        let is_known = labels.contains(label)
            || labels.iter().any(|known| known.strip_suffix('*').is_some_and(|start| label.starts_with(start)));
        let of_target = target.iter().find(|(known, _)| *known == label);
        match of_target {
            Some((_, value)) if !labels.contains(label) && !holds(value) => {
                return Some(format!("{name} of a job that is not {value}"));
            }
            None if !is_known => return Some(format!("the label {label} of {name}")),
            _ => {}
        }
    }
    None
}
