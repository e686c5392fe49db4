//! Names as the API server checks them: RFC 1123 labels and subdomains, label keys and values.
//!
//! From apimachinery, `pkg/util/validation/validation.go`, and for which kind takes which form
//! `pkg/apis/*/validation/validation.go` of Kubernetes 1.33. A name that passes holds no control character and starts
//! no formula, so it can go into tables and pictures as it is.

use super::diagnostic::{Diagnostic, Place};
use super::yaml::Node;

const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;

/// The form of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 1123 label.
    Label,
    /// RFC 1123 subdomain: labels with dots between.
    Subdomain,
    /// A subdomain that also becomes a label's value (`job-name`, `karpenter.sh/nodepool`).
    ShortSubdomain,
    /// The value of a label; may be empty.
    LabelValue,
    /// The key of a label: a name, and where wanted a subdomain and a slash before it.
    LabelKey,
}

impl Form {
    /// What `metadata.name` of a kind must be.
    pub fn of_kind(kind: &str) -> Form {
        match kind {
            "StatefulSet" => Form::Label,
            // The one becomes the label `batch.kubernetes.io/job-name` of its pods, the other one of its nodes.
            "Job" | "CronJob" | "NodePool" => Form::ShortSubdomain,
            _ => Form::Subdomain,
        }
    }

    pub fn holds(self, name: &str) -> bool {
        let lower = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        match self {
            Form::Label => name.len() <= LABEL && is_spelt(name, lower, |c| c == b'-'),
            Form::Subdomain => name.len() <= SUBDOMAIN && is_subdomain(name),
            Form::ShortSubdomain => name.len() <= LABEL && is_subdomain(name),
            Form::LabelValue => name.is_empty() || is_label_name(name),
            Form::LabelKey => match name.split_once('/') {
                Some((prefix, name)) => prefix.len() <= SUBDOMAIN && is_subdomain(prefix) && is_label_name(name),
                None => is_label_name(name),
            },
        }
    }

    /// What a name of this form is made of.
    pub const fn description(self) -> &'static str {
        match self {
            Form::Label => "at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends",
            Form::Subdomain => {
                "at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part"
            }
            Form::ShortSubdomain => {
                "at most 63 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends of each part"
            }
            Form::LabelValue => "at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
            Form::LabelKey => {
                "at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; before it a subdomain and `/` where wanted"
            }
        }
    }

    /// The mistake, where `name` has not this form; `what` names it, such as `the name of a Deployment`.
    pub fn check(self, name: &str, what: &str, place: &Place) -> Option<Diagnostic> {
        let wrong = !self.holds(name);
        wrong.then(|| Diagnostic::error(place, format!("{name:?} can't be {what}")).expected(self.description()))
    }
}

fn is_subdomain(name: &str) -> bool {
    let lower = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.split('.').all(|part| is_spelt(part, lower, |c| c == b'-'))
}

fn is_label_name(name: &str) -> bool {
    name.len() <= LABEL && is_spelt(name, |c| c.is_ascii_alphanumeric(), |c| matches!(c, b'-' | b'_' | b'.'))
}

/// Not empty, at both ends what `outside` takes, and between also what `between` takes.
fn is_spelt(name: &str, outside: impl Fn(u8) -> bool, between: impl Fn(u8) -> bool) -> bool {
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last()).is_some_and(|(first, last)| outside(*first) && outside(*last));
    ends && bytes.iter().all(|c| outside(*c) || between(*c))
}

/// The longest name of results: a folder's has at most 255 bytes, and ours add an ending.
const RESULTS: usize = 200;

/// Whether results can be called `name`: it becomes a folder or a file on any system, and no option of a command.
pub fn names_results(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= RESULTS && !name.starts_with(['.', '-']) && name.chars().all(is_plain)
}

/// Names within an object: its own, its namespace, its containers, and its labels and those of its pods.
pub fn check_object(object: &Node, kind: &str, diagnostics: &mut Vec<Diagnostic>) {
    let text = |path: &[&str]| {
        let found = path.iter().try_fold(object, |node, key| node.get(key))?;
        Some((found.as_str()?, &found.place))
    };
    if let Some((name, place)) = text(&["metadata", "name"]) {
        diagnostics.extend(Form::of_kind(kind).check(name, &format!("the name of a {kind}"), place));
    }
    if let Some((namespace, place)) = text(&["metadata", "namespace"]) {
        diagnostics.extend(Form::Label.check(namespace, "a namespace", place));
    }
    let template = object.get("spec").and_then(|spec| spec.get("template"));
    for labelled in [Some(object), template].into_iter().flatten() {
        let labels = labelled.get("metadata").and_then(|metadata| metadata.get("labels"));
        for entry in labels.map(Node::entries).unwrap_or_default() {
            diagnostics.extend(Form::LabelKey.check(&entry.key, "a label's key", &entry.key_place));
            if let Some(value) = entry.value.as_str() {
                diagnostics.extend(Form::LabelValue.check(value, "a label's value", &entry.value.place));
            }
        }
    }
    let pod = if kind == "Pod" { object.get("spec") } else { template.and_then(|template| template.get("spec")) };
    for list in ["containers", "initContainers"] {
        for container in pod.and_then(|pod| pod.get(list)).map(Node::items).unwrap_or_default() {
            if let Some(name) = container.get("name").filter(|name| name.as_str().is_some()) {
                let text = name.as_str().unwrap_or_default();
                diagnostics.extend(Form::Label.check(text, "the name of a container", &name.place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_the_api_server() {
        let long = |length: usize| "a".repeat(length);
        for (form, good, bad) in [
            (
                Form::Label,
                vec!["a".to_owned(), "0-a".into(), long(63)],
                vec!["".to_owned(), "A".into(), "a.b".into(), "-a".into(), "a-".into(), "a_b".into(), long(64)],
            ),
            (
                Form::Subdomain,
                vec!["a.b-c.0".to_owned(), long(253)],
                vec!["a..b".to_owned(), ".a".into(), "a.-b".into(), "=1+1".into(), "a\n".into(), "é".into(), long(254)],
            ),
            (Form::ShortSubdomain, vec!["a.b".to_owned(), long(63)], vec![long(64), "a/b".to_owned()]),
            (
                Form::LabelValue,
                vec!["".to_owned(), "A_b.c".into(), long(63)],
                vec!["-a".to_owned(), "a b".into(), long(64)],
            ),
            (
                Form::LabelKey,
                vec!["app".to_owned(), "a.b/C_d".into()],
                vec!["".to_owned(), "/a".into(), "A/b".into(), "a/b/c".into(), "a/".into()],
            ),
        ] {
            assert!(good.iter().all(|name| form.holds(name)), "{form:?} {good:?}");
            assert_eq!(bad.iter().find(|name| form.holds(name)), None, "{form:?}");
        }
        assert_eq!(Form::of_kind("StatefulSet"), Form::Label);
    }
}
