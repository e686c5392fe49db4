//! Which alerts of a set of rules can fire in a simulation, and which can't for want of a metric.
//!
//! It is judged by names: of metrics, of their labels, and of the labels that their scrape job sets. An alert that asks only
//! for what runs have may still be one that no run fires.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::{ALERTS, Compiled, CompiledGroup, CompiledRule, compile, name_of};
use crate::promql::{Outlook, Selected};
use crate::record::metrics::METRICS;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Monitoring, RuleKind};

/// An alerting rule and what is to be said of it.
#[derive(Clone, Debug)]
pub struct Covered {
    pub group: String,
    pub alert: String,
    pub outlook: Outlook,
}

/// In the order of the rules.
///
/// # Errors
/// As [`compile`](super::compile).
pub fn coverage(monitoring: &Monitoring) -> Result<Vec<Covered>, Vec<Diagnostic>> {
    let (Compiled { groups, .. }, _) = compile(monitoring)?;
    Ok(covered(&groups))
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

fn covered(groups: &[CompiledGroup]) -> Vec<Covered> {
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

/// The rules as a table in Markdown.
pub fn table(covered: &[Covered]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    covered.iter().for_each(|one| {
        if !groups.contains(&&*one.group) {
            groups.push(&one.group);
        }
    });
    let mut text = "| group | alert | in a simulation |\n|---|---|---|\n".to_owned();
    for group in groups {
        let mut by_verdict: Vec<(String, Vec<&str>)> = Vec::new();
        for one in covered.iter().filter(|one| one.group == group) {
            let list = |what: &BTreeSet<String>| what.iter().cloned().collect::<Vec<_>>().join(", ");
            let verdict = match &one.outlook {
                Outlook::Open => "can fire".to_owned(),
                Outlook::Nothing(what) => format!("can't: no {}", list(what)),
                Outlook::Always(what) => format!("always fires: no {}", list(what)),
            };
            match by_verdict.iter_mut().find(|(other, _)| *other == verdict) {
                Some((_, alerts)) if !alerts.contains(&&*one.alert) => alerts.push(&one.alert),
                Some(_) => {}
                None => by_verdict.push((verdict, vec![&one.alert])),
            }
        }
        for (verdict, alerts) in by_verdict {
            text += &format!("| {group} | {} | {verdict} |\n", alerts.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::read_rules;

    #[test]
    fn what_an_alert_wants_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.yaml");
        let rules = [
            ("up == 0", "can fire"),
            ("nothing_of_ours > 1", "can't: no nothing_of_ours"),
            ("nothing_of_ours > 1 or up == 0", "can fire"),
            ("up unless nothing_of_ours", "can fire"),
            ("up and nothing_of_ours", "can't: no nothing_of_ours"),
            ("absent(nothing_of_ours == 1)", "always fires: no nothing_of_ours"),
            ("absent(up{job=\"x\"})", "can fire"),
            ("made > 1", "can't: no nothing_of_ours"),
            ("kube_pod_info{colour=\"red\"}", "can't: no the label colour of kube_pod_info"),
            ("kube_pod_info{job=\"mine\"}", "can't: no kube_pod_info of a job that is not kube-state-metrics"),
            ("kube_node_labels{label_a=\"b\"}", "can fire"),
            ("sum(rate(http_request_duration_seconds_bucket[5m]))", "can fire"),
        ];
        let mut text = "groups:\n- name: g\n  rules:\n  - {record: made, expr: 'sum(deeper)'}\n  - {record: deeper, expr: nothing_of_ours}\n".to_owned();
        for (index, (expr, _)) in rules.iter().enumerate() {
            text += &format!("  - alert: A{index}\n    expr: '{expr}'\n");
        }
        std::fs::write(&file, text).unwrap();
        let monitoring = Monitoring { groups: Arc::from(read_rules(&[file]).0), ..Monitoring::default() };
        let covered = coverage(&monitoring).unwrap();
        for (one, (expr, wanted)) in covered.iter().zip(rules) {
            let table = table(std::slice::from_ref(one));
            assert!(table.ends_with(&format!("| {wanted} |\n")), "{expr}: {table}");
        }
        assert_eq!(covered.len(), rules.len());
    }
}
