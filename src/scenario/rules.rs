//! Prometheus rules: files of groups as Prometheus reads them (`model/rulefmt`, 3.14), and PrometheusRule objects.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, suggestion};
use super::objects::flatten_lists;
use super::source::read_source;
use super::yaml::{Entry, Node, Value, parse};
use crate::units::SimDuration;

/// Rules that are evaluated one after the other, at one interval.
#[derive(Clone, Debug)]
pub struct RuleGroup {
    pub name: String,
    /// `None`: as the server's default says.
    pub interval: Option<SimDuration>,
    /// So long before its time each rule is evaluated.
    pub query_offset: SimDuration,
    /// A rule that gives more series or alerts fails; 0: no limit.
    pub limit: usize,
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: RuleKind,
    pub expr: String,
    pub expr_place: Place,
    /// The group's labels among them.
    pub labels: BTreeMap<String, Written>,
    pub annotations: BTreeMap<String, Written>,
    pub place: Place,
}

/// A label or an annotation.
#[derive(Clone, Debug)]
pub struct Written {
    pub text: String,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The name of the series that it makes.
    Record(String),
    Alert {
        name: String,
        /// `for`.
        lasting: SimDuration,
        keep_firing: SimDuration,
    },
}

impl Rule {
    /// The name of its alert or series.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Record(name) | RuleKind::Alert { name, .. } => name,
        }
    }

    pub fn is_alert(&self) -> bool {
        matches!(self.kind, RuleKind::Alert { .. })
    }
}

const OF_FILE: [&str; 1] = ["groups"];
const OF_GROUP: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const OF_RULE: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
/// Of Thanos, Mimir and Cortex.
const OF_OTHERS: [&str; 4] =
    ["partial_response_strategy", "source_tenants", "align_evaluation_time_on_interval", "evaluation_delay"];

/// Reads a file of rules.
///
/// # Errors
/// Every mistake that was found.
pub fn read_rules(path: &Path) -> Result<Vec<RuleGroup>, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let source = read_source(path).map(Arc::new).map_err(|problem| {
        vec![Diagnostic::without_text(&name, problem).hint("give a file of Prometheus rules or PrometheusRule objects")]
    })?;
    let mut diagnostics = Vec::new();
    let groups = read_groups(parse(&source)?, &mut diagnostics);
    if diagnostics.iter().any(Diagnostic::is_error) { Err(diagnostics) } else { Ok(groups) }
}

/// The groups of a file's documents; mistakes are told.
pub(super) fn read_groups(documents: Vec<Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<RuleGroup> {
    let mut groups: Vec<RuleGroup> = Vec::new();
    for document in flatten_lists(documents) {
        if document.is_null() {
            continue;
        }
        let root = match document.get("kind").and_then(Node::as_str) {
            Some("PrometheusRule") => document.get("spec").cloned(),
            Some(kind) => {
                let message = format!("a {kind} holds no rules");
                let diagnostic = Diagnostic::error(document.at("kind"), message);
                diagnostics.push(diagnostic.expected("a file with `groups:`, or objects of kind PrometheusRule"));
                continue;
            }
            None => Some(document),
        };
        let Some(root) = root else { continue };
        let mut reader = Reader { diagnostics };
        reader.known(&root, &OF_FILE);
        match root.get("groups") {
            Some(list) => {
                let mut names = BTreeMap::new();
                for group in list.items() {
                    let Some(read) = reader.group(group) else { continue };
                    let (line, _) = group.place.line_and_column();
                    if let Some(first) = names.insert(read.name.clone(), line) {
                        let message = format!("the group {} was there before, on line {first}", read.name);
                        reader.error(group.at("name"), message);
                    }
                    groups.push(read);
                }
            }
            None => reader.error(&root.place, "there is no `groups:`"),
        }
    }
    groups
}

struct Reader<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, message));
    }

    fn known(&mut self, node: &Node, known: &[&str]) {
        if !matches!(node.value, Value::Mapping(_)) {
            return self.error(&node.place, format!("expected a mapping with {}", known.join(", ")));
        }
        for Entry { key, key_place, .. } in node.entries() {
            if OF_OTHERS.contains(&&**key) {
                let message = format!("`{key}` is not Prometheus' own and is not modelled");
                self.diagnostics.push(Diagnostic::warning(key_place, message));
            } else if !known.contains(&&**key) {
                let diagnostic = Diagnostic::error(key_place, format!("unknown field `{key}`"));
                self.diagnostics.push(diagnostic.maybe_hint(suggestion(key, known)));
            }
        }
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<(String, Place)> {
        let value = node.get(key)?;
        match &value.value {
            Value::Scalar(text, _) => Some((text.clone(), value.place.clone())),
            _ => {
                self.error(&value.place, format!("`{key}` is a text"));
                None
            }
        }
    }

    fn duration(&mut self, node: &Node, key: &str) -> Option<SimDuration> {
        let (text, place) = self.text(node, key)?;
        let read = duration(&text);
        if read.is_none() {
            let diagnostic = Diagnostic::error(&place, format!("`{key}: {text}` is no duration of Prometheus"));
            self.diagnostics.push(diagnostic.expected("such as 30s, 5m, 1h30m, 1d"));
        }
        read
    }

    fn texts(&mut self, node: &Node, key: &str) -> BTreeMap<String, Written> {
        let Some(value) = node.get(key) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for Entry { key, value, .. } in value.entries() {
            match &value.value {
                Value::Scalar(text, _) => {
                    texts.insert(key.clone(), Written { text: text.clone(), place: value.place.clone() });
                }
                _ => self.error(&value.place, format!("`{key}` is a text")),
            }
        }
        texts
    }

    fn group(&mut self, node: &Node) -> Option<RuleGroup> {
        self.known(node, &OF_GROUP);
        let Some((name, _)) = self.text(node, "name") else {
            self.error(&node.place, "a group needs a `name`");
            return None;
        };
        let interval = self.duration(node, "interval").filter(|interval| *interval > SimDuration::ZERO);
        let query_offset = self.duration(node, "query_offset").unwrap_or(SimDuration::ZERO);
        let limit = match self.text(node, "limit") {
            None => 0,
            Some((text, place)) => text.parse().unwrap_or_else(|_| {
                self.error(&place, "`limit` is a whole number");
                0
            }),
        };
        let labels = self.texts(node, "labels");
        let rules = node.get("rules").map_or(&[][..], Node::items);
        let rules = rules.iter().filter_map(|rule| self.rule(rule, &labels)).collect();
        Some(RuleGroup { name, interval, query_offset, limit, rules })
    }

    fn rule(&mut self, node: &Node, of_group: &BTreeMap<String, Written>) -> Option<Rule> {
        self.known(node, &OF_RULE);
        let [record, alert, expr] = ["record", "alert", "expr"].map(|key| self.text(node, key));
        let lasting = self.duration(node, "for");
        let keep_firing = self.duration(node, "keep_firing_for");
        let mut labels = of_group.clone();
        labels.extend(self.texts(node, "labels"));
        let annotations = self.texts(node, "annotations");
        let Some((expr, expr_place)) = expr.filter(|(text, _)| !text.trim().is_empty()) else {
            self.error(&node.place, "a rule needs an `expr`");
            return None;
        };
        let kind = match (record, alert) {
            (Some(_), Some((_, place))) => {
                self.error(&place, "a rule has `record` or `alert`, and not both");
                return None;
            }
            (None, None) => {
                self.error(&node.place, "a rule needs `record` or `alert`");
                return None;
            }
            (Some((name, place)), None) => {
                for key in ["for", "keep_firing_for", "annotations"] {
                    if let Some(value) = node.get(key) {
                        self.error(&value.place, format!("`{key}` goes with `alert`"));
                    }
                }
                let is_start = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | ':');
                let is_name = name.starts_with(is_start) && name.chars().all(|l| is_start(l) || l.is_ascii_digit());
                if !is_name {
                    self.error(&place, format!("{name:?} is no name of a metric"));
                }
                RuleKind::Record(name)
            }
            (None, Some((name, _))) => RuleKind::Alert {
                name,
                lasting: lasting.unwrap_or(SimDuration::ZERO),
                keep_firing: keep_firing.unwrap_or(SimDuration::ZERO),
            },
        };
        Some(Rule { kind, expr, expr_place, labels, annotations, place: node.place.clone() })
    }
}

/// Milliseconds in a unit of Prometheus' durations.
pub fn unit_millis(unit: &str) -> Option<i64> {
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        "y" => 365 * 86_400_000,
        _ => return None,
    };
    Some(millis)
}

/// `1h30m`, as Prometheus writes durations (`common/model`, `ParseDuration`).
pub(super) fn duration(text: &str) -> Option<SimDuration> {
    if text == "0" {
        return Some(SimDuration::ZERO);
    }
    let mut rest = text;
    let mut millis: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        millis = millis.checked_add(number.checked_mul(unit_millis(&rest[..end])?)?)?;
        rest = &rest[end..];
    }
    (!text.is_empty()).then(|| SimDuration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Source;
    use super::*;

    fn read(text: &str) -> (Vec<RuleGroup>, Vec<Diagnostic>) {
        let source = Arc::new(Source::new("rules.yaml", text));
        let mut diagnostics = Vec::new();
        let groups = read_groups(parse(&source).unwrap(), &mut diagnostics);
        (groups, diagnostics)
    }

    #[test]
    fn a_file_and_an_object_hold_the_same_groups() {
        let group = "groups: [{name: g, labels: {team: a}, rules: [{alert: A, expr: up == 0, for: 1h30m}]}]";
        let object = format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: r}}\nspec:\n  {group}"
        );
        for text in [group, &object] {
            let (groups, mistakes) = read(text);
            assert!(mistakes.is_empty(), "{mistakes:?}");
            let rule = &groups[0].rules[0];
            assert_eq!((rule.name(), &*rule.labels["team"].text), ("A", "a"));
            let RuleKind::Alert { lasting, .. } = rule.kind else { panic!() };
            assert_eq!(lasting, SimDuration::from_mins(90));
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, part) in [
            ("groups: [{name: g, rules: [{alrt: A, expr: up}]}]", "unknown field `alrt`"),
            ("groups: [{name: g, rules: [{record: a b, expr: up}]}]", "no name of a metric"),
            ("groups: [{name: g, rules: [{record: a, expr: up, for: 5m}]}]", "goes with `alert`"),
            ("groups: [{name: g, rules: [{alert: A, expr: up, for: 5 min}]}]", "no duration"),
            ("groups: [{name: g, rules: [{alert: A}]}]", "needs an `expr`"),
            ("kind: ConfigMap", "holds no rules"),
        ] {
            let (_, mistakes) = read(text);
            assert!(mistakes.iter().any(|mistake| mistake.message.contains(part)), "{text}: {mistakes:?}");
        }
    }
}
