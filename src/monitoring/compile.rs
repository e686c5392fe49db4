//! Rules made ready: expressions parsed, templates taken apart, names of metrics looked up.

use std::collections::BTreeSet;

use super::compiled::{ALERTS, Compiled, CompiledGroup, CompiledRule, Text};
use super::hopes::hopeless;
use crate::promql::{Query, Store, function_names, mistake_in};
use crate::record::metrics::METRICS;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Monitoring, Rule, RuleGroup, Scenario};

/// Annotations that say what an alert is about, the best first.
const SUMMARIES: [&str; 3] = ["summary", "description", "message"];

/// Reads the rules.
///
/// # Errors
/// Every rule that can't be evaluated, with its place. The diagnostics beside the rules are warnings.
pub fn compile(monitoring: &Monitoring) -> Result<(Compiled, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut store = Store::default();
    let mut mistakes = Vec::new();
    let groups: Vec<CompiledGroup> = monitoring
        .groups
        .iter()
        .map(|group| CompiledGroup {
            name: group.name.clone(),
            interval: group.interval.unwrap_or(monitoring.evaluation_interval),
            query_offset: group.query_offset,
            limit: group.limit,
            rules: group.rules.iter().filter_map(|rule| compiled(rule, &mut store, &mut mistakes)).collect(),
        })
        .collect();
    let warnings = unknown_metrics(&monitoring.groups, &groups);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let hopeless = hopeless(&groups);
    Ok((Compiled { store, groups, hopeless }, warnings))
}

/// What is to be said of a scenario's rules.
///
/// # Errors
/// As [`compile`].
pub fn check(scenario: &Scenario) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    scenario.monitoring.as_ref().map_or(Ok(Vec::new()), |monitoring| compile(monitoring).map(|(_, warnings)| warnings))
}

fn compiled(rule: &Rule, store: &mut Store, mistakes: &mut Vec<Diagnostic>) -> Option<CompiledRule> {
    let query = match Query::parse(&rule.expr, &mut store.labels) {
        Ok(query) if query.is_of_an_instant() => Some(query),
        Ok(_) => {
            let message =
                format!("the expression of {} gives a range or a text: a rule wants one value a series", rule.name());
            mistakes.push(Diagnostic::error(&rule.expr_place, message));
            None
        }
        Err(problem) => {
            let refused = problem.to_string();
            let (place, told) = match mistake_in(&rule.expr, &refused) {
                Some(mistake) => (rule.expr_place.part(&rule.expr, mistake.span), mistake.message),
                None => (rule.expr_place.clone(), refused.clone()),
            };
            let near = unknown_function(&refused).and_then(|name| crate::units::nearest(name, function_names()));
            let message = format!("the expression of {}: {}", rule.name(), one_line(&told));
            let hint = near.map(|near| format!("did you mean {near}?"));
            mistakes.push(Diagnostic::error(&place, message).maybe_hint(hint));
            None
        }
    };
    let mut labels = Vec::new();
    for (name, value) in &rule.labels {
        // Labels of a recording rule are no templates.
        let text = if rule.is_alert() { Text::of(&value.text) } else { Ok(Text::Plain(value.text.clone())) };
        match text {
            Ok(text) => labels.push((name.clone(), text)),
            Err(problem) => {
                let message = format!("the label {name} of {}: {problem}", rule.name());
                mistakes.push(Diagnostic::error(&value.place, message));
            }
        }
    }
    for (name, value) in &rule.annotations {
        if let Err(problem) = Text::of(&value.text) {
            let message = format!("the annotation {name} of {}: {problem}", rule.name());
            mistakes.push(Diagnostic::error(&value.place, message));
        }
    }
    let summary = SUMMARIES.iter().find_map(|name| rule.annotations.get(*name));
    let summary = summary.and_then(|written| Text::of(&written.text).ok());
    let (line, _) = rule.expr_place.line_and_column();
    let place = format!("{}:{line}", rule.expr_place.source.name);
    let labels_ask = labels.iter().any(|(_, text)| !text.texts_of_queries().is_empty());
    query.map(|query| CompiledRule { kind: rule.kind.clone(), query, labels, labels_ask, summary, place })
}

fn unknown_function(refused: &str) -> Option<&str> {
    refused.strip_prefix("unknown function with name '")?.strip_suffix('\'')
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Metrics that no run has and no rule makes: an alert on them can never fire.
fn unknown_metrics(written: &[RuleGroup], groups: &[CompiledGroup]) -> Vec<Diagnostic> {
    let made = written.iter().flat_map(|group| &group.rules).filter(|rule| !rule.is_alert()).map(Rule::name);
    let mut known: BTreeSet<String> = made.map(str::to_owned).collect();
    known.extend(ALERTS.map(str::to_owned));
    known.extend(METRICS.iter().flat_map(|row| row.series_names()));
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut told = BTreeSet::new();
    let mut warnings = Vec::new();
    // Of those that are like none, and where the first of them is asked for.
    let mut strange: Vec<&str> = Vec::new();
    let mut first_place = None;
    // Where a rule could not be compiled the two lists differ, and the mistakes are told instead.
    for (written, group) in
        written.iter().zip(groups).filter(|(written, group)| written.rules.len() == group.rules.len())
    {
        for (written, rule) in written.rules.iter().zip(&group.rules) {
            for name in rule.query.selected().iter().filter_map(|selected| selected.name.as_deref()) {
                if known.contains(name) || !told.insert(name.to_owned()) {
                    continue;
                }
                // A slip of the pen, and not another metric of the same family.
                let near = crate::units::nearest(name, names.iter().copied());
                let near = near.filter(|near| strsim::damerau_levenshtein(name, near) <= MOST_SLIPS);
                let Some(near) = near else {
                    first_place = first_place.or(Some(&written.expr_place));
                    strange.push(name);
                    continue;
                };
                let message = format!("no metric {name} in any run: what {} says of it is nothing", written.name());
                let hint = format!("did you mean {near}? `windtunnel metrics --for scrape` lists them");
                warnings.push(Diagnostic::warning(&written.expr_place, message).hint(hint));
            }
        }
    }
    if let Some(place) = first_place {
        let all = match strange.len() {
            1 => format!("no run has the metric {}", strange[0]),
            count => format!("no run has these {count} metrics that rules ask for: {}", listed(&strange)),
        };
        let hint = "`windtunnel alerts --coverage RULES…` tells which alerts can't fire for want of one";
        warnings.push(Diagnostic::warning(place, all).hint(hint));
    }
    warnings
}

/// Names that differ by so few letters may be meant by one another.
const MOST_SLIPS: usize = 3;
/// More names than these are only counted.
const MOST_NAMED: usize = 12;

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let named = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named}, … and {more} more") } else { named }
}
