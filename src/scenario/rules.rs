//! Prometheus rules: files of groups as Prometheus reads them (`model/rulefmt`, 3.14), and PrometheusRule objects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, Source, suggestion};
use super::globs;
use super::objects::flatten_lists;
use super::source::read_source;
use super::yaml::{Entry, Node, Value, parse};
use crate::units::SimDuration;

/// Rules that are evaluated one after the other, at one interval.
#[derive(Clone, Debug)]
pub struct RuleGroup {
    pub name: String,
    /// The file that it stands in, by its one name: rules of a file that is given twice are the same.
    pub file: PathBuf,
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

/// The kind of the operator's objects.
const OBJECT: &str = "PrometheusRule";
const OF_FILE: [&str; 1] = ["groups"];
const OF_GROUP: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const OF_RULE: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
/// Of Thanos, Mimir and Cortex.
const OF_OTHERS: [&str; 4] =
    ["partial_response_strategy", "source_tenants", "align_evaluation_time_on_interval", "evaluation_delay"];

/// Reads files of rules, each once; a path may have `*`, `?` and `[…]`, as in `rule_files`. What could be read, and what is
/// to be said of all.
pub fn read_rules(paths: &[PathBuf]) -> (Vec<RuleGroup>, Vec<Diagnostic>) {
    let (mut groups, mut diagnostics) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        let unread = |problem: String| {
            let hint = "give a file of Prometheus rules or PrometheusRule objects";
            Diagnostic::without_text(path.display().to_string(), problem).hint(hint)
        };
        let files = match globs::files(path) {
            Ok(files) => files,
            Err(problem) => {
                diagnostics.push(unread(problem));
                continue;
            }
        };
        for file in files.into_iter().filter(|file| seen.insert(one_name(file))) {
            match read_source(&file) {
                Ok(source) => groups.extend(groups_of(&file, &Arc::new(source), &mut diagnostics)),
                Err(problem) => diagnostics.push(unread(problem)),
            }
        }
    }
    (groups, diagnostics)
}

/// The file whatever way leads to it.
fn one_name(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

/// The groups of a file; mistakes are told.
pub(super) fn groups_of(file: &Path, source: &Arc<Source>, diagnostics: &mut Vec<Diagnostic>) -> Vec<RuleGroup> {
    let mut groups = match parse(source) {
        Ok(documents) => read_groups(documents, diagnostics),
        Err(mistakes) => {
            diagnostics.extend(mistakes);
            return Vec::new();
        }
    };
    let file = one_name(file);
    groups.iter_mut().for_each(|group| group.file.clone_from(&file));
    groups
}

/// The groups of a file's documents; mistakes are told.
fn read_groups(documents: Vec<Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<RuleGroup> {
    let mut groups: Vec<RuleGroup> = Vec::new();
    let documents = flatten_lists(documents);
    let kind = |document: &Node| document.get("kind").and_then(Node::as_str).map(str::to_owned);
    let has_objects = documents.iter().any(|document| kind(document).as_deref() == Some(OBJECT));
    let mut is_first = true;
    for document in documents {
        if document.is_null() {
            continue;
        }
        let root = match kind(&document).as_deref() {
            Some(OBJECT) => document.get("spec").cloned(),
            Some(kind) if has_objects => {
                let message = format!("a {kind} holds no rules and is passed over");
                diagnostics.push(Diagnostic::warning(document.at("kind"), message));
                continue;
            }
            Some(kind) => {
                let message = format!("a {kind} holds no rules");
                let diagnostic = Diagnostic::error(document.at("kind"), message);
                diagnostics.push(diagnostic.expected("a file with `groups:`, or objects of kind PrometheusRule"));
                continue;
            }
            None if !is_first => {
                let message = "Prometheus reads the first document of a file of rules only: this one is passed over";
                let diagnostic = Diagnostic::warning(&document.place, message);
                diagnostics
                    .push(diagnostic.hint("put its groups under the first `groups:`, or into a file of their own"));
                continue;
            }
            None => Some(document),
        };
        is_first = false;
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

    /// Labels or annotations.
    fn texts(&mut self, node: &Node, field: &str) -> BTreeMap<String, Written> {
        let Some(value) = node.get(field) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for Entry { key, key_place, value, .. } in value.entries() {
            if key.is_empty() || field == "labels" && key == "__name__" {
                let what = if field == "labels" { "a label" } else { "an annotation" };
                self.error(key_place, format!("{key:?} is no name of {what} that a rule may set"));
            }
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
        let Some((name, _)) = self.text(node, "name").filter(|(name, _)| !name.is_empty()) else {
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
        Some(RuleGroup { name, file: PathBuf::new(), interval, query_offset, limit, rules })
    }

    fn rule(&mut self, node: &Node, of_group: &BTreeMap<String, Written>) -> Option<Rule> {
        self.known(node, &OF_RULE);
        let [record, alert, expr] = ["record", "alert", "expr"].map(|key| self.text(node, key));
        // Empty is as not there.
        let [record, alert] = [record, alert].map(|name| name.filter(|(name, _)| !name.is_empty()));
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
                // Prometheus 3 takes any text, but for what is rather an expression (`rulefmt.go`, `Validate`).
                if name.contains(['{', '}']) {
                    self.error(&place, format!("{name:?} is no name of a metric: should it be in `expr`?"));
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

    /// As Prometheus, which says so too; and what `kubectl apply` takes beside the operator's objects is no mistake.
    #[test]
    fn of_several_documents_some_are_passed_over() {
        let group = |name: &str| format!("groups: [{{name: {name}, rules: [{{alert: A, expr: up}}]}}]\n");
        let object = |name: &str| format!("kind: PrometheusRule\nspec: {{{}}}\n", group(name).trim());
        for (text, names, warned) in [
            (format!("{}---\n{}", group("a"), group("b")), vec!["a"], "the first document"),
            (
                format!("{}---\nkind: ConfigMap\n---\n{}", object("a"), object("b")),
                vec!["a", "b"],
                "a ConfigMap holds no rules",
            ),
            (format!("---\n{}", group("a")), vec!["a"], ""),
        ] {
            let (groups, told) = read(&text);
            assert_eq!(groups.iter().map(|group| &*group.name).collect::<Vec<_>>(), names, "{text}");
            assert!(told.iter().all(|one| !one.is_error() && one.message.contains(warned)), "{told:?}");
            assert_eq!(told.is_empty(), warned.is_empty());
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, part) in [
            ("groups: [{name: g, rules: [{alrt: A, expr: up}]}]", "unknown field `alrt`"),
            ("groups: [{name: g, rules: [{record: 'a{b}', expr: up}]}]", "no name of a metric"),
            ("groups: [{name: '', rules: []}]", "needs a `name`"),
            ("groups: [{name: g, rules: [{alert: '', expr: up}]}]", "needs `record` or `alert`"),
            (
                "groups: [{name: g, rules: [{alert: A, expr: up, labels: {__name__: y}}]}]",
                "a label that a rule may set",
            ),
            ("groups: [{name: g, labels: {__name__: y}, rules: []}]", "a label that a rule may set"),
            ("groups: [{name: g, rules: [{alert: A, expr: up, annotations: {'': y}}]}]", "an annotation"),
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
