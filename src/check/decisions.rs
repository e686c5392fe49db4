//! Decisions that are counted: "no node is removed twice within 10 minutes", "an HPA turns at most 4 times an hour".

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Decision, Recorder};
use crate::scenario::spec::{Counted, DecisionRule};
use crate::units::{SimTime, nearest};

/// The highest count that a rule finds, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub count: u64,
    /// Start of the window; the first counted decision where the rule has none.
    pub at: Option<SimTime>,
    pub object: Option<String>,
    /// The last counted decision's reason, for people.
    pub reason: Option<String>,
    /// Its place in the record.
    pub last: Option<usize>,
}

/// Counts what the rule asks for.
pub fn count(rule: &DecisionRule, record: &Recorder) -> Count {
    // An empty key holds all objects where they are not told apart.
    let mut by_object: BTreeMap<&str, Vec<(usize, Decision<'_>)>> = BTreeMap::new();
    let mut directions: BTreeMap<&str, bool> = BTreeMap::new();
    for (index, decision) in record.decisions().enumerate().filter(|(_, decision)| applies(rule, decision)) {
        if rule.count == Counted::DirectionChanges {
            let Some(up) = direction(&decision) else { continue };
            if directions.insert(decision.object, up).is_none_or(|before| before == up) {
                continue;
            }
        }
        let key = if rule.per_object { decision.object } else { "" };
        by_object.entry(key).or_default().push((index, decision));
    }
    let mut highest = Count { count: 0, at: None, object: None, reason: None, last: None };
    for decisions in by_object.values() {
        let mut first = 0;
        for (last, (index, decision)) in decisions.iter().enumerate() {
            while rule.per.is_some_and(|per| decision.at - decisions[first].1.at >= per) {
                first += 1;
            }
            let count = (last - first + 1) as u64;
            if count > highest.count {
                highest = Count {
                    count,
                    at: Some(decisions[first].1.at),
                    object: Some(decision.object.to_owned()),
                    reason: Some(decision.reason.to_owned()),
                    last: Some(*index),
                };
            }
        }
    }
    highest
}

/// Where no decision at all is `to` what a rule asks for: the nearest that some are, for the rule may be misspelt.
pub fn no_such_end(rule: &DecisionRule, record: &Recorder) -> Option<String> {
    let to = rule.to.as_deref().filter(|to| !to.contains('*') && to.parse::<f64>().is_err())?;
    let ends: BTreeSet<&str> = record.decisions().map(|decision| decision.to).collect();
    let near = nearest(to, ends.iter().copied().filter(|end| end.parse::<f64>().is_err()))?;
    (!ends.contains(to)).then(|| format!(" (no decision of the run is to {to}; some are to {near})"))
}

fn applies(rule: &DecisionRule, decision: &Decision<'_>) -> bool {
    let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|pattern| glob(pattern, text));
    fits(&rule.controller, decision.controller.name())
        && rule.object.as_ref().is_none_or(|pattern| is_about(pattern, decision.object))
        && fits(&rule.to, decision.to)
}

/// Whether `object` is one that `pattern` means; one without a namespace means that name in any.
pub fn is_about(pattern: &str, object: &str) -> bool {
    let in_any_namespace = || match pattern.split_once('/') {
        Some((kind, name)) if !name.contains('/') => glob(&format!("{kind}/*/{name}"), object),
        _ => false,
    };
    glob(pattern, object) || in_any_namespace()
}

/// Up, down, or neither.
fn direction(decision: &Decision<'_>) -> Option<bool> {
    let (from, to): (i64, i64) = (decision.from.parse().ok()?, decision.to.parse().ok()?);
    (from != to).then_some(to > from)
}

/// `*` stands for any text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let (last, middle) = parts.split_last().expect("a split gives at least one part");
    for part in middle {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Controller, DecisionRecord, Observer};
    use crate::units::SimDuration;

    fn record(rows: &[(i64, &'static str, &'static str, &'static str)]) -> Recorder {
        let mut recorder = Recorder::default();
        for (at, object, from, to) in rows {
            recorder.decision(&DecisionRecord {
                at: SimTime::from_secs(*at),
                controller: Controller::HorizontalPodAutoscaler,
                object: (*object).into(),
                from: (*from).into(),
                to: (*to).into(),
                reason: "because".into(),
            });
        }
        recorder
    }

    #[test]
    fn decisions_are_counted_in_the_fullest_window() {
        let record = record(&[
            (0, "hpa/a", "1", "2"),
            (650, "hpa/a", "2", "3"),
            (700, "hpa/a", "3", "4"),
            (700, "hpa/b", "3", "4"),
        ]);
        let rule = |per: Option<i64>, per_object| DecisionRule {
            object: Some("hpa/*".to_owned()),
            per: per.map(SimDuration::from_secs),
            per_object,
            ..DecisionRule::default()
        };
        assert_eq!(count(&rule(None, false), &record).count, 4);
        assert_eq!(count(&rule(None, true), &record).count, 3);
        let fullest = count(&rule(Some(600), true), &record);
        assert_eq!((fullest.count, fullest.at), (2, Some(SimTime::from_secs(650))));
        assert_eq!(count(&DecisionRule { to: Some("9".to_owned()), ..DecisionRule::default() }, &record).count, 0);
    }

    #[test]
    fn an_end_that_nothing_came_to_is_told_with_the_nearest() {
        let record = record(&[(0, "node/a", "Ready", "ToBeDeleted"), (1, "hpa/a", "1", "2")]);
        let rule = |to: &str| DecisionRule { to: Some(to.to_owned()), ..DecisionRule::default() };
        let told = no_such_end(&rule("ToBeDeletd"), &record).unwrap();
        assert!(told.contains("some are to ToBeDeleted"), "{told}");
        assert_eq!([no_such_end(&rule("ToBeDeleted"), &record), no_such_end(&rule("3"), &record)], [None, None]);
    }

    #[test]
    fn a_direction_changes_where_up_follows_down() {
        let record = record(&[
            (0, "hpa/a", "1", "4"),
            (1, "hpa/b", "9", "2"),
            (2, "hpa/a", "4", "6"),
            (3, "hpa/a", "6", "2"),
            (4, "hpa/a", "2", "3"),
        ]);
        let rule = DecisionRule { count: Counted::DirectionChanges, per_object: true, ..DecisionRule::default() };
        let found = count(&rule, &record);
        assert_eq!((found.count, found.object.as_deref(), found.at), (2, Some("hpa/a"), Some(SimTime::from_secs(3))));
    }

    #[test]
    fn stars_stand_for_any_text() {
        assert!(glob("node/*", "node/general-1") && glob("*", "") && glob("a*b*c", "axxbyyc") && glob("a", "a"));
        assert!(
            is_about("hpa/web", "hpa/default/web") && is_about("node/a-1", "node/a-1") && is_about("hpa/*", "hpa/a/b")
        );
        assert!(!is_about("hpa/web", "hpa/default/shop-web") && !is_about("hpa/prod/web", "hpa/default/web"));
        assert!(!glob("node/*", "hpa/web") && !glob("a*b", "abc") && !glob("a", "ab") && !glob("a*b*b", "ab"));
    }
}
