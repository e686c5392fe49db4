//! Of an Alertmanager's configuration what decides how noisy it is: the grouping of its root route, and its inhibition
//! rules. Receivers and the routes below the root decide who is told, and are not read.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::rules::duration;
use crate::units::SimDuration;

/// How alerts become notifications. Component: Alertmanager 0.28, `dispatch/dispatch.go`, `notify/notify.go`,
/// `inhibit/inhibit.go`.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    /// Alerts that agree in these labels are told together; `None`: each by itself (`group_by: ['...']`).
    pub group_by: Option<Vec<String>>,
    /// From a group's first alert to its first notification.
    pub group_wait: SimDuration,
    /// Between two looks at a group.
    pub group_interval: SimDuration,
    /// After which a group that did not change is told again.
    pub repeat_interval: SimDuration,
    pub inhibit: Vec<Inhibition>,
    /// Routes below the root, whose own grouping is not followed.
    pub routes: usize,
}

/// While an alert like `source` fires, those like `target` that agree with it in `equal` are not told.
#[derive(Clone, Debug)]
pub struct Inhibition {
    pub source: Vec<LabelMatch>,
    pub target: Vec<LabelMatch>,
    pub equal: Vec<String>,
}

/// `severity="critical"`, or with `!=`, `=~`, `!~`.
#[derive(Clone, Debug)]
pub struct LabelMatch {
    pub label: String,
    /// The whole value.
    pub value: Regex,
    pub is_negated: bool,
}

impl LabelMatch {
    /// An absent label has the empty value.
    pub fn holds(&self, value: &str) -> bool {
        self.value.is_match(value) != self.is_negated
    }
}

/// What is not read says who is told, and by what.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    route: Route,
    inhibit_rules: Vec<InhibitRule>,
    #[serde(rename = "global")]
    _global: IgnoredAny,
    #[serde(rename = "templates")]
    _templates: IgnoredAny,
    #[serde(rename = "receivers")]
    _receivers: IgnoredAny,
    #[serde(rename = "time_intervals")]
    _time_intervals: IgnoredAny,
    #[serde(rename = "mute_time_intervals")]
    _mute_time_intervals: IgnoredAny,
    #[serde(rename = "tracing")]
    _tracing: IgnoredAny,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Route {
    group_by: Vec<String>,
    group_wait: Option<String>,
    group_interval: Option<String>,
    repeat_interval: Option<String>,
    routes: Vec<IgnoredAny>,
    #[serde(rename = "receiver")]
    _receiver: IgnoredAny,
    #[serde(rename = "continue")]
    _continue: IgnoredAny,
    #[serde(rename = "mute_time_intervals")]
    _mute_time_intervals: IgnoredAny,
    #[serde(rename = "active_time_intervals")]
    _active_time_intervals: IgnoredAny,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InhibitRule {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    source_match: BTreeMap<String, String>,
    target_match: BTreeMap<String, String>,
    source_match_re: BTreeMap<String, String>,
    target_match_re: BTreeMap<String, String>,
    equal: Vec<String>,
    #[serde(rename = "name")]
    _name: IgnoredAny,
}

/// Reads a configuration.
///
/// # Errors
/// Every mistake that was found.
pub fn read_alertmanager(path: &Path) -> Result<Alertmanager, Vec<Diagnostic>> {
    Alertmanager::of(&Document::open(path)?)
}

impl Alertmanager {
    fn of(document: &Document) -> Result<Alertmanager, Vec<Diagnostic>> {
        let (config, mut mistakes) = document.read::<Config>();
        let Some(Config { route, inhibit_rules, .. }) = config else { return Err(mistakes) };
        let mut span = |field: &str, text: &Option<String>, default: SimDuration| {
            let Some(text) = text else { return default };
            duration(text).unwrap_or_else(|| {
                let place = document.at(&format!("route.{field}"));
                let message = format!("`{field}: {text}` is no duration of Prometheus");
                mistakes.push(Diagnostic::error(place, message).expected("such as 30s, 5m, 1h30m, 1d"));
                default
            })
        };
        let group_wait = span("group_wait", &route.group_wait, SimDuration::from_secs(30));
        let group_interval = span("group_interval", &route.group_interval, SimDuration::from_mins(5));
        let repeat_interval = span("repeat_interval", &route.repeat_interval, SimDuration::from_mins(4 * 60));
        if group_interval <= SimDuration::ZERO {
            mistakes.push(Diagnostic::error(document.at("route.group_interval"), "`group_interval` is above zero"));
        }
        let mut inhibit = Vec::with_capacity(inhibit_rules.len());
        for (index, rule) in inhibit_rules.into_iter().enumerate() {
            let path = format!("inhibit_rules[{index}]");
            let source = matches([rule.source_match, rule.source_match_re], &rule.source_matchers);
            let target = matches([rule.target_match, rule.target_match_re], &rule.target_matchers);
            match (source, target) {
                (Ok(source), Ok(target)) => inhibit.push(Inhibition { source, target, equal: rule.equal }),
                (Err(wrong), _) | (_, Err(wrong)) => mistakes.push(
                    Diagnostic::error(document.at(&path), format!("`{wrong}` is no matcher"))
                        .expected("such as severity=\"critical\" or alertname=~\"Kube.+\""),
                ),
            }
        }
        if mistakes.iter().any(Diagnostic::is_error) {
            return Err(mistakes);
        }
        let is_each = route.group_by.iter().any(|label| label == "...");
        let group_by = (!is_each).then_some(route.group_by);
        Ok(Alertmanager { group_by, group_wait, group_interval, repeat_interval, inhibit, routes: route.routes.len() })
    }
}

/// The older maps (equal, regular), and the lists of today.
fn matches(maps: [BTreeMap<String, String>; 2], lists: &[String]) -> Result<Vec<LabelMatch>, String> {
    let [equal, regular] = maps;
    let equal = equal.into_iter().map(|(label, value)| (label, regex::escape(&value), false));
    let regular = regular.into_iter().map(|(label, value)| (label, value, false));
    let of_maps = equal.chain(regular).map(Ok);
    let of_lists = lists.iter().flat_map(|list| split(list)).map(|text| read_matcher(&text).ok_or(text));
    of_maps
        .chain(of_lists)
        .map(|read| {
            let (label, pattern, is_negated) = read?;
            let value = Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| format!("{label}=~\"{pattern}\""))?;
            Ok(LabelMatch { label, value, is_negated })
        })
        .collect()
}

/// `{a="b", c!="d"}` holds several.
fn split(list: &str) -> Vec<String> {
    let inner = list.trim().trim_start_matches('{').trim_end_matches('}');
    let (mut parts, mut part, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in inner.chars() {
        is_quoted ^= letter == '"' && !part.ends_with('\\');
        if letter == ',' && !is_quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(letter);
        }
    }
    parts.push(part);
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Label, pattern, and whether it is negated.
fn read_matcher(text: &str) -> Option<(String, String, bool)> {
    let at = text.find(['=', '!'])?;
    let (label, rest) = (text[..at].trim(), &text[at..]);
    let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| rest.starts_with(operator))?;
    let value = rest[operator.len()..].trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    };
    let pattern = if operator.ends_with('~') { value } else { regex::escape(&value) };
    (!label.is_empty()).then(|| (label.to_owned(), pattern, operator.starts_with('!')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Alertmanager, Vec<Diagnostic>> {
        Alertmanager::of(&Document::parse("alertmanager.yml", text).expect("YAML"))
    }

    #[test]
    fn the_usual_configuration_is_read() {
        let read = read(
            "global: {resolve_timeout: 5m}\nroute: {group_by: [namespace], group_wait: 10s, repeat_interval: 12h, receiver: a, routes: [{receiver: b}]}\n\
             inhibit_rules:\n- {source_matchers: ['severity = critical'], target_matchers: ['severity =~ warning|info'], equal: [namespace, alertname]}\n\
             - {source_match: {alertname: InfoInhibitor}, target_match_re: {severity: info}}\nreceivers: [{name: a}]\n",
        )
        .expect("it is right");
        assert_eq!(read.group_by, Some(vec!["namespace".to_owned()]));
        let minutes = [read.group_wait, read.group_interval, read.repeat_interval].map(|span| span.as_secs_f64());
        assert_eq!((minutes, read.routes), ([10.0, 300.0, 43_200.0], 1));
        let target = &read.inhibit[0].target[0];
        assert!(target.holds("info") && !target.holds("warnings") && !target.holds(""));
        assert!(read.inhibit[1].source[0].holds("InfoInhibitor") && read.inhibit[1].equal.is_empty());
    }

    #[test]
    fn mistakes_have_their_place() {
        let wrong = read("route: {group_wait: soon}\ninhibit_rules: [{source_matchers: [severity]}]\n").unwrap_err();
        let told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        assert!(
            told[0].contains("`group_wait: soon` is no duration") && told[1].contains("`severity` is no matcher"),
            "{told:?}"
        );
    }

    #[test]
    fn matchers_are_those_of_alertmanager() {
        for (text, value, holds) in [
            ("a=b", "b", true),
            ("a!=b", "b", false),
            ("a!=b", "", true),
            ("a=~\"x.*\"", "xy", true),
            ("a!~\"x|y\"", "y", false),
            ("a=\"\"", "", true),
        ] {
            let read = matches(Default::default(), &[text.to_owned()]).expect("a matcher");
            assert_eq!(read[0].holds(value), holds, "{text} {value}");
        }
        assert_eq!(split("{a=\"1,2\", b=c}"), ["a=\"1,2\"", "b=c"]);
    }
}
