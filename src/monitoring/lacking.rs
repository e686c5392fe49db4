//! What no run has of what a selector asks for: the one look at metrics, their labels and the values of these that warnings,
//! expectations and the table of coverage share.

use crate::promql::{LabelAsked, Selected};
use crate::record::metrics::{METRICS, MetricRow, Source};

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lack {
    /// As in "no run has …".
    pub what: String,
    /// The word of the expression that is wrong.
    pub word: String,
    /// What may have been meant by it.
    pub near: Option<String>,
    /// Nothing comes of the selector; else it asks only that a label have no value, or another.
    pub is_fatal: bool,
}

/// The row of a metric as queries name it.
pub(super) fn row_of(name: &str) -> Option<&'static MetricRow> {
    METRICS.iter().find(|row| row.series_names().iter().any(|other| other == name))
}

/// Of a selector of a metric that runs have, everything that they lack.
pub(super) fn lacking(selected: &Selected, row: &'static MetricRow) -> Vec<Lack> {
    let name = selected.name.as_deref().unwrap_or(row.name);
    selected.labels_asked().filter_map(|asked| of_label(asked, name, row)).collect()
}

/// Names of a metric's labels, those that its scrape job sets among them.
pub(super) fn labels_of(row: &MetricRow) -> impl Iterator<Item = &'static str> {
    row.labels
        .split(", ")
        .filter(|label| !label.is_empty())
        .chain(row.source.target_labels().iter().map(|(label, _)| *label))
}

fn of_label(asked: LabelAsked<'_>, name: &str, row: &'static MetricRow) -> Option<Lack> {
    let label = asked.label();
    // What it asks for can't be the empty value, which labels have that are not there.
    let wants_some = !asked.holds("");
    let is_own = row.labels.split(", ").any(|known| known == label);
    let of_target = row.source.target_labels().iter().find(|(known, _)| *known == label).filter(|_| !is_own);
    let lack = |what: String, word: &str, near: Option<&str>, is_fatal: bool| {
        Some(Lack { what, word: word.to_owned(), near: near.map(str::to_owned), is_fatal })
    };
    if let Some((_, value)) = of_target {
        let word = asked.wanted().unwrap_or(label);
        let near = asked.wanted().and_then(|wanted| slip(wanted, [*value]));
        return match label {
            _ if asked.holds(value) => None,
            "job" => lack(format!("{name} of a job that is not {value}"), word, near, true),
            _ => lack(format!("{name} whose {label} is not {value}"), word, near, true),
        };
    }
    let is_pattern = |known: &str| known.strip_suffix('*').is_some_and(|start| label.starts_with(start));
    if !is_own && !row.labels.split(", ").any(is_pattern) {
        let near = slip(label, labels_of(row));
        return match wants_some || near.is_some() {
            true => lack(format!("the label {label} of {name}"), label, near, wants_some),
            false => None,
        };
    }
    let values = row.values_of(label);
    if wants_some && values.is_some_and(|values| !values.iter().any(|value| asked.holds(value))) {
        let near = asked.wanted().and_then(|wanted| slip(wanted, values.into_iter().flatten().copied()));
        return lack(format!("{name} with {asked}"), asked.wanted().unwrap_or(label), near, true);
    }
    let is_always_there = matches!(label, "namespace" | "pod" | "container")
        && matches!(row.source, Source::Cadvisor | Source::KubeStateMetrics | Source::OpenCost);
    if asked.wanted() == Some("") && is_always_there {
        return lack(format!("{name} without {label}"), label, None, true);
    }
    None
}

/// Names that differ by so few letters may be meant by one another.
const MOST_SLIPS: usize = 3;

/// Another word that a slip of the pen made this one of, and not another of the same family.
pub(super) fn slip<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let most = MOST_SLIPS.min(word.chars().count() / 2);
    let distances = known.into_iter().map(|near| (strsim::damerau_levenshtein(word, near), near));
    distances.filter(|(slips, _)| (1..=most).contains(slips)).min_by_key(|(slips, _)| *slips).map(|(_, near)| near)
}
