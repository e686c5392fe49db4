//! Aggregations of a vector by groups.

use rustc_hash::FxHashMap;

use super::labels::{LabelTable, LabelsId, Symbol};
use super::sums::{Mean, Sum, Variance, ascending, quantile};

/// A value of a vector.
pub(super) type Labelled = (LabelsId, f64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregation {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Limitk,
    Quantile,
    /// Into this label.
    CountValues(Symbol),
}

impl Aggregation {
    /// It gives one value a group, and takes them one by one.
    pub fn is_of_values(self) -> bool {
        use Aggregation::{Avg, Count, Group, Max, Min, Stddev, Stdvar, Sum};
        matches!(self, Sum | Avg | Count | Min | Max | Group | Stddev | Stdvar)
    }
}

/// One value a group, or with `topk` and its like some of each group's. `group` says which group a label set is of.
pub(super) fn aggregate(
    aggregation: Aggregation,
    parameter: f64,
    vector: Vec<Labelled>,
    table: &mut LabelTable,
    mut group: impl FnMut(LabelsId, &mut LabelTable) -> LabelsId,
) -> Vec<Labelled> {
    // Groups in the order of their first appearance, with their values.
    let mut places: FxHashMap<LabelsId, usize> = FxHashMap::default();
    let mut groups: Vec<(LabelsId, Group)> = Vec::new();
    for (labels, value) in vector {
        let of = group(labels, table);
        let place = *places.entry(of).or_insert_with(|| {
            groups.push((of, Group::new(aggregation)));
            groups.len() - 1
        });
        groups[place].1.add(labels, value);
    }
    let mut found = Vec::with_capacity(groups.len());
    for (labels, group) in groups {
        group.finish(aggregation, parameter, labels, table, &mut found);
    }
    found
}

/// What an aggregation gathers of a group.
pub(super) enum Group {
    Sum(Sum),
    Mean(Mean),
    Count(f64),
    Extreme { value: f64, is_max: bool },
    Variance(Variance),
    All(Vec<Labelled>),
}

impl Group {
    pub fn new(aggregation: Aggregation) -> Group {
        match aggregation {
            Aggregation::Sum => Group::Sum(Sum::default()),
            Aggregation::Avg => Group::Mean(Mean::default()),
            Aggregation::Count | Aggregation::Group => Group::Count(0.0),
            Aggregation::Min => Group::Extreme { value: f64::NAN, is_max: false },
            Aggregation::Max => Group::Extreme { value: f64::NAN, is_max: true },
            Aggregation::Stddev | Aggregation::Stdvar => Group::Variance(Variance::default()),
            Aggregation::Topk
            | Aggregation::Bottomk
            | Aggregation::Limitk
            | Aggregation::Quantile
            | Aggregation::CountValues(_) => Group::All(Vec::new()),
        }
    }

    pub fn add(&mut self, labels: LabelsId, value: f64) {
        match self {
            Group::Sum(sum) => sum.add(value),
            Group::Mean(mean) => mean.add(value),
            Group::Count(count) => *count += 1.0,
            Group::Extreme { value: best, is_max } => {
                if best.is_nan() || (*is_max && value > *best) || (!*is_max && value < *best) {
                    *best = value;
                }
            }
            Group::Variance(variance) => variance.add(value),
            Group::All(values) => values.push((labels, value)),
        }
    }

    fn finish(
        self,
        aggregation: Aggregation,
        parameter: f64,
        labels: LabelsId,
        table: &mut LabelTable,
        found: &mut Vec<Labelled>,
    ) {
        match self {
            Group::All(values) => finish_all(aggregation, parameter, labels, values, table, found),
            group => found.extend(group.value(aggregation).map(|value| (labels, value))),
        }
    }

    /// The one value of a group; `None` where an aggregation keeps all of them.
    pub fn value(self, aggregation: Aggregation) -> Option<f64> {
        Some(match self {
            Group::Sum(sum) => sum.value(),
            Group::Mean(mean) => mean.value(),
            Group::Count(_) if aggregation == Aggregation::Group => 1.0,
            Group::Count(count) => count,
            Group::Extreme { value, .. } => value,
            Group::Variance(variance) if aggregation == Aggregation::Stddev => variance.value().sqrt(),
            Group::Variance(variance) => variance.value(),
            Group::All(_) => return None,
        })
    }
}

fn finish_all(
    aggregation: Aggregation,
    parameter: f64,
    labels: LabelsId,
    mut values: Vec<Labelled>,
    table: &mut LabelTable,
    found: &mut Vec<Labelled>,
) {
    let most = if parameter >= 1.0 { parameter as usize } else { 0 };
    match aggregation {
        // NaN comes last in both.
        Aggregation::Topk => {
            values.sort_by(|(_, a), (_, b)| ascending(*b, *a));
            found.extend(values.into_iter().take(most));
        }
        Aggregation::Bottomk => {
            values.sort_by(|(_, a), (_, b)| a.is_nan().cmp(&b.is_nan()).then(ascending(*a, *b)));
            found.extend(values.into_iter().take(most));
        }
        Aggregation::Limitk => found.extend(values.into_iter().take(most)),
        Aggregation::Quantile => {
            let mut values: Vec<f64> = values.into_iter().map(|(_, value)| value).collect();
            found.push((labels, quantile(parameter, &mut values)));
        }
        Aggregation::CountValues(label) => {
            let mut counts: Vec<(LabelsId, f64)> = Vec::new();
            for (_, value) in values {
                let text = table.symbol(&value_text(value));
                let of_value = table.with(labels, label, text);
                match counts.iter_mut().find(|(other, _)| *other == of_value) {
                    Some((_, count)) => *count += 1.0,
                    None => counts.push((of_value, 1.0)),
                }
            }
            found.extend(counts);
        }
        _ => unreachable!("the others keep no values"),
    }
}

/// As Go's `strconv.FormatFloat(value, 'f', -1, 64)`.
fn value_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    value.to_string()
}
