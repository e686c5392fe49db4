//! By which labels vectors are grouped and matched.

use super::labels::{LabelTable, LabelsId, Symbol};

/// Labels by which an aggregation groups, or a match is made.
#[derive(Clone, Debug)]
pub(super) enum Grouping {
    By(Vec<Symbol>),
    /// The name among them.
    Without(Vec<Symbol>),
}

impl Grouping {
    /// The labels that count.
    pub fn apply(&self, labels: LabelsId, table: &mut LabelTable) -> LabelsId {
        match self {
            Grouping::By(names) if names.is_empty() => LabelsId::NONE,
            Grouping::By(names) => table.keep(labels, names),
            Grouping::Without(names) => table.drop(labels, names),
        }
    }
}

/// How two vectors meet.
#[derive(Clone, Debug)]
pub(super) struct Matching {
    pub on: Grouping,
    pub is_bool: bool,
    pub many: Many,
    /// Labels that the many take from the one.
    pub include: Vec<Symbol>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    Neither,
    Left,
    Right,
}

impl Matching {
    /// What the result of a match is called.
    pub fn result(&self, many: LabelsId, one: LabelsId, drops_name: bool, table: &mut LabelTable) -> LabelsId {
        let mut labels = many;
        if self.many == Many::Neither {
            labels = self.on.apply(labels, table);
            // `ignoring` keeps the name of a comparison's left side.
            if let (Grouping::Without(_), false) = (&self.on, drops_name) {
                let name = table.value(many, LabelTable::NAME);
                labels = table.with(labels, LabelTable::NAME, name);
            }
        }
        if drops_name {
            labels = table.drop(labels, &[LabelTable::NAME]);
        }
        for label in &self.include {
            let value = table.value(one, *label);
            labels = table.with(labels, *label, value);
        }
        labels
    }
}
