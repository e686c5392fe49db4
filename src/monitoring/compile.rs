//! Rules made ready: expressions parsed, templates taken apart, names of metrics looked up.

use super::compiled::{Compiled, CompiledGroup, CompiledRule, Text, millis};
use super::doubts::doubts;
use super::hopes::hopeless;
use crate::promql::{LOOKBACK, Query, Store, function_names, mistake_in, renamed};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Monitoring, Rule, Scenario};
use crate::units::{SimDuration, nearest};

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
    let warnings = doubts(&monitoring.groups, &groups);
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
    let Some(monitoring) = &scenario.monitoring else { return Ok(Vec::new()) };
    let (_, mut warnings) = compile(monitoring)?;
    warnings.extend(too_seldom(monitoring.scrape_interval).filter(|_| !monitoring.groups.is_empty()));
    Ok(warnings)
}

/// Between two scrapes that are further apart than Prometheus looks back there are no series.
pub fn too_seldom(interval: SimDuration) -> Option<Diagnostic> {
    (millis(interval) > LOOKBACK).then(|| {
        let message = format!("metrics that are scraped every {interval} are gone between two scrapes: a value is looked for 5 minutes back");
        Diagnostic::note(message).hint("scrape every 5m at least; rules that look at instants hold and end again else")
    })
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
            let hint = unknown_function(&refused).and_then(|name| match renamed(name) {
                Some(now) => {
                    Some(format!("Prometheus 3 calls it {now}, and refuses that too unless it is told to take it"))
                }
                None => nearest(name, function_names()).map(|near| format!("did you mean {near}?")),
            });
            let message = format!("the expression of {}: {}", rule.name(), one_line(&told));
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
