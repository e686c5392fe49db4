//! Of an Alertmanager's configuration what decides how noisy it is: the grouping of its root route, whether the receiver of
//! that is told of ends, and its inhibition rules. The routes below the root decide who else is told, and are not followed.
//! What Alertmanager refuses is refused (`config/config.go`, 0.28).

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
    /// The root's receiver is told that alerts are over (`send_resolved` of one of its integrations at least).
    pub sends_resolved: bool,
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
    route: Option<Route>,
    receivers: Vec<BTreeMap<String, serde_json::Value>>,
    inhibit_rules: Vec<InhibitRule>,
    #[serde(rename = "global")]
    _global: IgnoredAny,
    #[serde(rename = "templates")]
    _templates: IgnoredAny,
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
    routes: Vec<Route>,
    receiver: String,
    #[serde(rename = "continue")]
    is_continued: bool,
    /// Of routes below the root.
    matchers: Vec<String>,
    #[serde(rename = "match")]
    equal: BTreeMap<String, String>,
    match_re: BTreeMap<String, String>,
    mute_time_intervals: Vec<String>,
    active_time_intervals: Vec<String>,
}

/// Integrations that do not tell of ends unless they are told to (`config/notifiers.go`).
const SILENT: [&str; 4] = ["email_configs", "slack_configs", "rocketchat_configs", "wechat_configs"];

/// Whether a receiver is told of ends; one without integrations is taken for one that is.
fn sends_resolved(receiver: &BTreeMap<String, serde_json::Value>) -> bool {
    let mut integrations = receiver
        .iter()
        .filter_map(|(kind, list)| Some((kind, list.as_array()?)))
        .flat_map(|(kind, list)| list.iter().map(move |one| (kind, one)))
        .map(|(kind, one)| one["send_resolved"].as_bool().unwrap_or(!SILENT.contains(&&**kind)))
        .peekable();
    integrations.peek().is_none() || integrations.any(|sends| sends)
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
        let Some(Config { route, receivers, inhibit_rules, .. }) = config else { return Err(mistakes) };
        let Some(route) = route else {
            mistakes.push(Diagnostic::error(document.at(""), "there is no `route:`"));
            return Err(mistakes);
        };
        let sends_resolved = receiver_of(&route, &receivers, document, &mut mistakes);
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
        for (field, interval) in [("group_interval", group_interval), ("repeat_interval", repeat_interval)] {
            if interval <= SimDuration::ZERO {
                let place = document.at(&format!("route.{field}"));
                mistakes.push(Diagnostic::error(place, format!("`{field}` is above zero")));
            }
        }
        let mut inhibit = Vec::with_capacity(inhibit_rules.len());
        for (index, rule) in inhibit_rules.into_iter().enumerate() {
            let source = matches([rule.source_match, rule.source_match_re], &rule.source_matchers);
            let target = matches([rule.target_match, rule.target_match_re], &rule.target_matchers);
            for (side, wrong) in [("source", source.as_ref().err()), ("target", target.as_ref().err())] {
                let Some(Unread { field, text }) = wrong else { continue };
                let place = document.at(&format!("inhibit_rules[{index}].{side}_{field}"));
                let diagnostic = Diagnostic::error(place, format!("`{text}` is no matcher"));
                mistakes.push(diagnostic.expected("such as severity=\"critical\" or alertname=~\"Kube.+\""));
            }
            if let (Ok(source), Ok(target)) = (source, target) {
                inhibit.push(Inhibition { source, target, equal: rule.equal });
            }
        }
        if mistakes.iter().any(Diagnostic::is_error) {
            return Err(mistakes);
        }
        let is_each = route.group_by.iter().any(|label| label == "...");
        let group_by = (!is_each).then_some(route.group_by);
        let routes = route.routes.len();
        Ok(Alertmanager { group_by, group_wait, group_interval, repeat_interval, inhibit, routes, sends_resolved })
    }
}

/// What is wrong with the routes and with the names of receivers; whether the root's receiver is told of ends.
fn receiver_of(
    root: &Route,
    receivers: &[BTreeMap<String, serde_json::Value>],
    document: &Document,
    mistakes: &mut Vec<Diagnostic>,
) -> bool {
    let mut error = |path: &str, message: String| mistakes.push(Diagnostic::error(document.at(path), message));
    let mut known: BTreeMap<&str, &BTreeMap<String, serde_json::Value>> = BTreeMap::new();
    for (index, receiver) in receivers.iter().enumerate() {
        match receiver.get("name").and_then(serde_json::Value::as_str).filter(|name| !name.is_empty()) {
            None => error(&format!("receivers[{index}]"), "a receiver needs a `name`".to_owned()),
            Some(name) if known.contains_key(name) => {
                error(&format!("receivers[{index}].name"), format!("the receiver {name} was there before"));
            }
            Some(name) => drop(known.insert(name, receiver)),
        }
    }
    for (field, is_there) in [
        ("matchers", !root.matchers.is_empty()),
        ("match", !root.equal.is_empty()),
        ("match_re", !root.match_re.is_empty()),
        ("mute_time_intervals", !root.mute_time_intervals.is_empty()),
        ("active_time_intervals", !root.active_time_intervals.is_empty()),
        ("continue", root.is_continued),
    ] {
        if is_there {
            error(&format!("route.{field}"), format!("the root route takes every alert, and no `{field}`"));
        }
    }
    if root.receiver.is_empty() {
        error("route", "the root route needs a `receiver`".to_owned());
    }
    let mut routes: Vec<(String, &Route)> = vec![("route".to_owned(), root)];
    while let Some((path, route)) = routes.pop() {
        if !route.receiver.is_empty() && !known.contains_key(&*route.receiver) {
            error(&format!("{path}.receiver"), format!("no receiver is called {}", route.receiver));
        }
        for (index, label) in route.group_by.iter().enumerate() {
            let message = match route.group_by.iter().position(|other| other == label) {
                Some(first) if first < index => format!("the label {label} was there before"),
                _ if label == "..." && route.group_by.len() > 1 => "`...` stands for all labels, and alone".to_owned(),
                _ => continue,
            };
            error(&format!("{path}.group_by[{index}]"), message);
        }
        let below = route.routes.iter().enumerate();
        routes.extend(below.map(|(index, route)| (format!("{path}.routes[{index}]"), route)));
    }
    known.get(&*root.receiver).is_none_or(|receiver| sends_resolved(receiver))
}

/// A matcher that can't be read, and the part of the field's name behind `source_` that it stands in.
#[derive(Debug)]
struct Unread {
    field: String,
    text: String,
}

/// The older maps (equal, regular), and the lists of today.
fn matches(maps: [BTreeMap<String, String>; 2], lists: &[String]) -> Result<Vec<LabelMatch>, Unread> {
    let [equal, regular] = maps;
    let equal = equal.into_iter().map(|(label, value)| {
        let field = format!("match.{label}");
        (field, Some((label, regex::escape(&value), false)), value)
    });
    let regular = regular.into_iter().map(|(label, value)| {
        let field = format!("match_re.{label}");
        (field, Some((label, value.clone(), false)), value)
    });
    let of_lists = lists.iter().enumerate().flat_map(|(index, list)| {
        let field = move || format!("matchers[{index}]");
        split(list).into_iter().map(move |text| (field(), read_matcher(&text), text))
    });
    equal
        .chain(regular)
        .chain(of_lists)
        .map(|(field, read, text)| {
            let read = read.and_then(|(label, pattern, is_negated)| {
                let value = Regex::new(&format!("^(?s:{pattern})$")).ok()?;
                Some(LabelMatch { label, value, is_negated })
            });
            read.ok_or(Unread { field, text })
        })
        .collect()
}

/// Matchers of an alert's labels, as `severity="critical", pod=~"web-.+"`; `None` where one can't be read.
pub fn alert_matchers(text: &str) -> Option<Vec<LabelMatch>> {
    matches(Default::default(), &[text.to_owned()]).ok()
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
            "global: {resolve_timeout: 5m}\nroute: {group_by: [namespace], group_wait: 10s, repeat_interval: 12h, receiver: a, routes: [{receiver: b, matchers: [a=b]}]}\n\
             inhibit_rules:\n- {source_matchers: ['severity = critical'], target_matchers: ['severity =~ warning|info'], equal: [namespace, alertname]}\n\
             - {source_match: {alertname: InfoInhibitor}, target_match_re: {severity: info}}\nreceivers: [{name: a}, {name: b}]\n",
        )
        .expect("it is right");
        assert!(read.sends_resolved);
        assert_eq!(read.group_by, Some(vec!["namespace".to_owned()]));
        let minutes = [read.group_wait, read.group_interval, read.repeat_interval].map(|span| span.as_secs_f64());
        assert_eq!((minutes, read.routes), ([10.0, 300.0, 43_200.0], 1));
        let target = &read.inhibit[0].target[0];
        assert!(target.holds("info") && !target.holds("warnings") && !target.holds(""));
        assert!(read.inhibit[1].source[0].holds("InfoInhibitor") && read.inhibit[1].equal.is_empty());
    }

    #[test]
    fn mistakes_have_their_place() {
        let root = "route: {receiver: a}\nreceivers: [{name: a}]\n";
        for (text, line, part) in [
            (
                "route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]\n",
                1,
                "`group_wait: soon` is no duration",
            ),
            (
                &format!("{root}inhibit_rules:\n- source_matchers:\n  - a=b\n  - severity\n"),
                6,
                "`severity` is no matcher",
            ),
            (
                &format!("{root}inhibit_rules:\n- source_match: {{a: b}}\n  target_match_re:\n    a: '('\n"),
                6,
                "`(` is no matcher",
            ),
            ("receivers: [{name: a}]\n", 1, "no `route:`"),
            ("route: {group_by: [a]}\nreceivers: [{name: a}]\n", 1, "needs a `receiver`"),
            ("route:\n  receiver: b\nreceivers: [{name: a}]\n", 2, "no receiver is called b"),
            (
                "route:\n  receiver: a\n  routes:\n  - receiver: c\nreceivers: [{name: a}]\n",
                4,
                "no receiver is called c",
            ),
            ("route:\n  receiver: a\n  group_by: [x, y, x]\nreceivers: [{name: a}]\n", 3, "the label x was there"),
            ("route:\n  receiver: a\n  group_by: [x, '...']\nreceivers: [{name: a}]\n", 3, "and alone"),
            (
                "route:\n  receiver: a\n  matchers: [x=y]\nreceivers: [{name: a}]\n",
                3,
                "takes every alert, and no `matchers`",
            ),
            ("route: {receiver: a, repeat_interval: 0s}\nreceivers: [{name: a}]\n", 1, "above zero"),
            ("route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n", 4, "was there before"),
        ] {
            let wrong = read(text).expect_err(text);
            assert!(wrong.iter().any(|one| one.line == line && one.message.contains(part)), "{text}: {wrong:?}");
        }
    }

    /// Slack and mail tell of no ends unless they are told to; others do unless they are told not to.
    #[test]
    fn whether_ends_are_told_is_as_the_receiver_says() {
        for (integrations, wanted) in [
            ("slack_configs: [{channel: x}]", false),
            ("slack_configs: [{channel: x, send_resolved: true}]", true),
            ("webhook_configs: [{url: x, send_resolved: false}]", false),
            ("webhook_configs: [{url: x}]", true),
            ("email_configs: [{to: x}], pagerduty_configs: [{}]", true),
        ] {
            let text = format!(
                "route: {{receiver: a}}\nreceivers: [{{name: b, webhook_configs: [{{}}]}}, {{name: a, {integrations}}}]\n"
            );
            assert_eq!(read(&text).expect(integrations).sends_resolved, wanted, "{integrations}");
        }
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
