//! Which alerts of a set of rules can fire in a simulation, and which can't, as a table.

use std::collections::BTreeSet;

use super::compile::compile;
use super::compiled::Compiled;
use super::hopes::{Covered, covered};
use crate::promql::Outlook;
use crate::scenario::Monitoring;
use crate::scenario::diagnostic::Diagnostic;

/// In the order of the rules.
///
/// # Errors
/// As [`compile`](super::compile).
pub fn coverage(monitoring: &Monitoring) -> Result<Vec<Covered>, Vec<Diagnostic>> {
    let (Compiled { groups, .. }, _) = compile(monitoring)?;
    Ok(covered(&groups))
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
            ("absent(up{job=\"x\"})", "always fires: no up with job=\"x\""),
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
