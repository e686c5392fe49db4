//! Whether an expression can ever come to something, given which series there can be.

use std::collections::BTreeSet;
use std::fmt;

use super::function::Function;
use super::matcher::Matcher;
use super::maths::Operator;
use super::query::{At, Node, Query, Selected, Selector};

/// What an expression says where only some series can be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It may come to something, and to nothing.
    Open,
    /// It comes to nothing, for want of these.
    Nothing(BTreeSet<String>),
    /// It always comes to something, for it holds where one of these is absent.
    Always(BTreeSet<String>),
}

impl Query {
    /// `lacks` says of a selector what is not there, if something is not.
    pub fn outlook(&self, lacks: &dyn Fn(&Selected) -> Option<String>) -> Outlook {
        outlook(&self.root, lacks)
    }
}

fn outlook(node: &Node, lacks: &dyn Fn(&Selected) -> Option<String>) -> Outlook {
    let of = |node: &Node| outlook(node, lacks);
    match node {
        Node::Number(_) | Node::Text(_) | Node::Given { .. } => Outlook::Open,
        Node::Select(selector) | Node::Range { selector, .. } => match lacks(&selected(selector)) {
            None => Outlook::Open,
            Some(what) => Outlook::Nothing(BTreeSet::from([what])),
        },
        Node::Subquery { inner, .. } | Node::Negate { inner } => of(inner),
        Node::Binary { operator: Operator::Or, left, right, .. } => match (of(left), of(right)) {
            (Outlook::Nothing(mut left), Outlook::Nothing(right)) => {
                left.extend(right);
                Outlook::Nothing(left)
            }
            (Outlook::Always(what), _) | (_, Outlook::Always(what)) => Outlook::Always(what),
            _ => Outlook::Open,
        },
        Node::Binary { operator: Operator::Unless, left, .. } => of(left),
        Node::Binary { left, right, .. } => both([of(left), of(right)]),
        Node::Aggregate { inner, .. } => of(inner),
        Node::Call { function: Function::Absent | Function::AbsentOverTime, arguments, .. } => {
            match of(&arguments[0]) {
                Outlook::Nothing(what) => Outlook::Always(what),
                _ => Outlook::Open,
            }
        }
        // It is a number at any rate.
        Node::Call { function: Function::Scalar, .. } => Outlook::Open,
        Node::Call { arguments, .. } => both(arguments.iter().map(of)),
    }
}

/// Nothing comes of both where nothing comes of one.
fn both(parts: impl IntoIterator<Item = Outlook>) -> Outlook {
    let mut lacking = BTreeSet::new();
    let mut always = None;
    for part in parts {
        match part {
            Outlook::Open => {}
            Outlook::Nothing(what) => lacking.extend(what),
            Outlook::Always(what) => always = always.or(Some(what)),
        }
    }
    match always {
        _ if !lacking.is_empty() => Outlook::Nothing(lacking),
        Some(what) => Outlook::Always(what),
        None => Outlook::Open,
    }
}

fn selected(selector: &Selector) -> Selected {
    let reach = if matches!(selector.when.at, At::Now) { selector.when.offset.max(0) } else { 0 };
    Selected { name: selector.text.clone(), matchers: selector.matchers.clone(), reach }
}

/// What a selector asks of a label.
#[derive(Clone, Copy, Debug)]
pub struct LabelAsked<'a>(&'a Matcher);

impl<'a> LabelAsked<'a> {
    pub fn label(self) -> &'a str {
        &self.0.label
    }

    /// Whether this value will do; a label that is not there has the empty one.
    pub fn holds(self, value: &str) -> bool {
        self.0.holds(value)
    }

    /// The one value that it wants.
    pub fn wanted(self) -> Option<&'a str> {
        self.0.wanted()
    }
}

/// `phase="Running"`.
impl fmt::Display for LabelAsked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Selected {
    pub fn labels_asked(&self) -> impl Iterator<Item = LabelAsked<'_>> {
        self.matchers.iter().map(LabelAsked)
    }
}
