//! What is to be warned of in rules that can be evaluated: names that no run has, and what Prometheus takes only if told to.

use std::collections::BTreeSet;

use super::compiled::{ALERTS, CompiledGroup, CompiledRule};
use super::lacking::{Lack, labels_of, lacking, row_of, slip};
use crate::record::metrics::METRICS;
use crate::scenario::diagnostic::{Diagnostic, Place};
use crate::scenario::{Rule, RuleGroup};

/// In the order of the rules; what is like nothing that there is comes at the end, in one.
pub(super) fn doubts(written: &[RuleGroup], groups: &[CompiledGroup]) -> Vec<Diagnostic> {
    let made = written.iter().flat_map(|group| &group.rules).filter(|rule| !rule.is_alert()).map(Rule::name);
    let mut known: BTreeSet<String> = made.map(str::to_owned).collect();
    known.extend(ALERTS.map(str::to_owned));
    let recorded = known.clone();
    known.extend(METRICS.iter().flat_map(|row| row.series_names()));
    let mut doubts =
        Doubts { known, recorded, told: BTreeSet::new(), warnings: Vec::new(), strange: Vec::new(), first_place: None };
    // Where a rule could not be compiled the two lists differ, and the mistakes are told instead.
    let alike = |(written, group): &(&RuleGroup, &CompiledGroup)| written.rules.len() == group.rules.len();
    for (written, group) in written.iter().zip(groups).filter(alike) {
        for (written, rule) in written.rules.iter().zip(&group.rules) {
            doubts.of_rule(written, rule);
        }
    }
    doubts.warnings.extend(experimental(written, groups));
    doubts.finish()
}

struct Doubts<'r> {
    known: BTreeSet<String>,
    recorded: BTreeSet<String>,
    told: BTreeSet<String>,
    warnings: Vec<Diagnostic>,
    /// Of those that are like none, and where the first of them is asked for.
    strange: Vec<String>,
    first_place: Option<&'r Place>,
}

impl<'r> Doubts<'r> {
    fn of_rule(&mut self, written: &'r Rule, rule: &CompiledRule) {
        for selected in rule.query.selected() {
            let Some(name) = selected.name.as_deref() else { continue };
            if !self.known.contains(name) {
                self.of_metric(name, written);
            } else if let Some(row) = row_of(name).filter(|_| !self.recorded.contains(name)) {
                lacking(selected, row).into_iter().for_each(|lack| self.of_label(lack, written));
            }
        }
        self.of_grouping(written, rule);
    }

    fn of_metric(&mut self, name: &str, written: &'r Rule) {
        if !self.told.insert(name.to_owned()) {
            return;
        }
        let Some(near) = slip(name, self.known.iter().map(String::as_str)) else {
            self.first_place = self.first_place.or(Some(&written.expr_place));
            self.strange.push(name.to_owned());
            return;
        };
        let message = format!("no metric {name} in any run: what {} says of it is nothing", written.name());
        let hint = format!("did you mean {near}? `windtunnel metrics --for scrape` lists them");
        self.warnings.push(Diagnostic::warning(&place_of(written, name), message).hint(hint));
    }

    fn of_label(&mut self, lack: Lack, written: &'r Rule) {
        if !self.told.insert(lack.what.clone()) {
            return;
        }
        let Some(near) = &lack.near else {
            self.first_place = self.first_place.or(Some(&written.expr_place));
            self.strange.push(lack.what);
            return;
        };
        let message = format!("no run has {}, which {} asks for", lack.what, written.name());
        let diagnostic = Diagnostic::warning(&place_of(written, &lack.word), message);
        self.warnings.push(diagnostic.hint(format!("did you mean {near}?")));
    }

    /// Labels by which an expression groups or matches are there where one of its metrics has them. One that is not is
    /// often meant to be: public rules group by `cluster`; only slips of the pen are told.
    fn of_grouping(&mut self, written: &Rule, rule: &CompiledRule) {
        let mut labels: BTreeSet<&str> = BTreeSet::from(["alertname", "alertstate"]);
        for selected in rule.query.selected() {
            let Some(name) = selected.name.as_deref().filter(|name| !self.recorded.contains(*name)) else { return };
            match row_of(name) {
                Some(row) => labels.extend(labels_of(row)),
                None => return,
            }
        }
        // A label of other metrics is no slip: it is made by a join, or was meant.
        let is_strange = |label: &&str| !METRICS.iter().any(|row| labels_of(row).any(|known| known == *label));
        for label in rule.query.labels_named().filter(is_strange).filter(|label| !labels.contains(label)) {
            let Some(near) = slip(label, labels.iter().copied()) else { continue };
            let message = format!("no metric of {} has the label {label}", written.name());
            if self.told.insert(message.clone()) {
                let diagnostic = Diagnostic::warning(&place_of(written, label), message);
                self.warnings.push(diagnostic.hint(format!("did you mean {near}?")));
            }
        }
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        if let Some(place) = self.first_place {
            let all = match &self.strange[..] {
                [one] if self.recorded.contains(one) || row_of(one).is_some() || one.contains(' ') => {
                    format!("no run has {one}")
                }
                [one] => format!("no run has the metric {one}"),
                many => format!("no run has these {} things that rules ask for: {}", many.len(), listed(many)),
            };
            let hint = match self.strange.iter().any(|name| name.contains(':')) {
                true => "names with a colon are recorded: give the file with the rules that record them as well",
                false => "`windtunnel alerts --coverage RULES…` tells which alerts can't fire for want of one",
            };
            self.warnings.push(Diagnostic::warning(place, all).hint(hint));
        }
        self.warnings
    }
}

/// Functions that Prometheus refuses unless it is told to take them: once, with the rules that use them first.
fn experimental(written: &[RuleGroup], groups: &[CompiledGroup]) -> Option<Diagnostic> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut place = None;
    for (written, group) in written.iter().zip(groups) {
        for (written, rule) in written.rules.iter().zip(&group.rules) {
            names.extend(rule.query.experimental());
            place = place.or((!names.is_empty()).then_some(&written.expr_place));
        }
    }
    let names: Vec<&str> = names.into_iter().collect();
    let message = format!("Prometheus refuses {} unless it is told to take what is experimental", names.join(", "));
    place.map(|place| {
        Diagnostic::warning(place, message).hint("start it with --enable-feature=promql-experimental-functions")
    })
}

/// Where a word of the rule's expression stands.
fn place_of(written: &Rule, word: &str) -> Place {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
    let whole = |at: &usize| {
        let (before, after) = (&written.expr[..*at], &written.expr[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    };
    let found = written.expr.match_indices(word).map(|(at, _)| at).find(whole).filter(|_| !word.is_empty());
    found.map_or_else(|| written.expr_place.clone(), |at| written.expr_place.part(&written.expr, at..at + word.len()))
}

/// More names than these are only counted.
const MOST_NAMED: usize = 12;

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let named = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named}, … and {more} more") } else { named }
}
