//! The conditions of an HPA's status.

use std::borrow::Cow;
use std::fmt;

/// Type of a condition in an HPA's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionType {
    AbleToScale,
    ScalingActive,
    ScalingLimited,
    /// The HPA itself went to zero.
    ScaledToZero,
    /// Set by somebody else, or by another version of the controller; carried along.
    Other(Box<str>),
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

/// A condition of an HPA's status, with upstream's reason and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: ConditionType,
    pub status: ConditionStatus,
    pub reason: Cow<'static, str>,
}

/// The list as upstream keeps it: a type that is there is changed in its place, a new one comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(pub Vec<Condition>);

impl Conditions {
    pub fn set(&mut self, kind: ConditionType, status: ConditionStatus, reason: &'static str) {
        match self.0.iter_mut().find(|condition| condition.kind == kind) {
            Some(condition) => {
                condition.status = status;
                condition.reason = Cow::Borrowed(reason);
            }
            None => self.0.push(Condition { kind, status, reason: Cow::Borrowed(reason) }),
        }
    }

    pub fn remove(&mut self, kind: &ConditionType) {
        self.0.retain(|condition| condition.kind != *kind);
    }

    /// Whether a condition of this type is there and true.
    pub fn holds(&self, kind: &ConditionType) -> bool {
        self.get(kind).is_some_and(|condition| condition.status == ConditionStatus::True)
    }

    pub fn get(&self, kind: &ConditionType) -> Option<&Condition> {
        self.0.iter().find(|condition| condition.kind == *kind)
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConditionType::AbleToScale => "AbleToScale",
            ConditionType::ScalingActive => "ScalingActive",
            ConditionType::ScalingLimited => "ScalingLimited",
            ConditionType::ScaledToZero => "ScaledToZero",
            ConditionType::Other(name) => name,
        })
    }
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        })
    }
}
