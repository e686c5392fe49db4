//! Labels made of other labels: `label_replace`, `label_join`.

use regex::Regex;

use super::labels::{LabelTable, LabelsId, Symbol};

/// `label_replace(v, destination, template, source, pattern)`.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    pub destination: String,
    pub template: String,
    pub source: String,
    pub pattern: Regex,
}

impl Replacement {
    pub fn apply(&self, labels: LabelsId, table: &mut LabelTable) -> LabelsId {
        let [destination, source] = [&self.destination, &self.source].map(|name| table.symbol(name));
        let value = table.text(table.value(labels, source)).to_owned();
        let Some(found) = self.pattern.captures(&value) else { return labels };
        let mut text = String::new();
        found.expand(&self.template, &mut text);
        let value = table.symbol(&text);
        table.with(labels, destination, value)
    }
}

/// `label_join(v, destination, separator, sources…)`.
pub(super) fn join(
    labels: LabelsId,
    destination: Symbol,
    separator: &str,
    sources: &[Symbol],
    table: &mut LabelTable,
) -> LabelsId {
    let values: Vec<&str> = sources.iter().map(|source| table.text(table.value(labels, *source))).collect();
    let text = values.join(separator);
    let value = table.symbol(&text);
    table.with(labels, destination, value)
}

/// Whether a label may be called so.
pub(super) fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}
