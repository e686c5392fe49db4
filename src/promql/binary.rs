//! Operators between vectors.

use rustc_hash::{FxHashMap, FxHashSet};

use super::aggregate::Labelled;
use super::labels::{LabelTable, LabelsId};
use super::matching::{Grouping, Many, Matching};
use super::maths::Operator;
use super::memo::Memo;

pub(super) fn signature(
    labels: LabelsId,
    on: &Grouping,
    known: &mut FxHashMap<LabelsId, LabelsId>,
    table: &mut LabelTable,
) -> LabelsId {
    *known.entry(labels).or_insert_with(|| on.apply(labels, table))
}

/// Two vectors of which each element meets those of its labels.
///
/// # Errors
/// What upstream refuses: more than one partner where there must be one.
pub(super) fn vectors(
    operator: Operator,
    left: Vec<Labelled>,
    right: Vec<Labelled>,
    matching: &Matching,
    memo: &mut Memo,
    table: &mut LabelTable,
) -> Result<Vec<Labelled>, String> {
    if operator.is_of_sets() {
        return Ok(sets(operator, left, right, matching, memo, table));
    }
    let Memo { left: known_left, right: known_right, pairs, .. } = memo;
    // The side that is `one` is looked up.
    let swapped = matching.many == Many::Right;
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let (known_many, known_one) = if swapped { (known_right, known_left) } else { (known_left, known_right) };
    if many.is_empty() || one.is_empty() {
        return Ok(Vec::new());
    }
    let mut ones: FxHashMap<LabelsId, Labelled> = FxHashMap::default();
    for element in one {
        let of = signature(element.0, &matching.on, known_one, table);
        if let Some(other) = ones.insert(of, element) {
            let [of, a, b] = [of, other.0, element.0].map(|labels| table.display(labels));
            let side = if swapped { "left" } else { "right" };
            return Err(format!(
                "two series meet {of} on the {side} side of the operation: {a}, {b}; match by more labels"
            ));
        }
    }
    let drops_name = matching.is_bool || !operator.is_comparison();
    let mut found = Vec::with_capacity(many.len());
    let mut met: FxHashSet<LabelsId> = FxHashSet::default();
    let mut made: FxHashSet<LabelsId> = FxHashSet::default();
    for (labels, value) in many {
        let of = signature(labels, &matching.on, known_many, table);
        let Some((one_labels, one_value)) = ones.get(&of).copied() else { continue };
        let (left, right) = if swapped { (one_value, value) } else { (value, one_value) };
        let (result, holds) = operator.apply(left, right);
        let result = match matching.is_bool {
            true => f64::from(u8::from(holds)),
            false if !holds => {
                // It still met its partner.
                if matching.many == Many::Neither && !met.insert(of) {
                    return Err(explicit(of, table));
                }
                continue;
            }
            // Of a comparison the many's own value stays with it where it stands on the right.
            false => result,
        };
        let named = *pairs
            .entry((labels, one_labels))
            .or_insert_with(|| matching.result(labels, one_labels, drops_name, table));
        if matching.many == Many::Neither && !met.insert(of) {
            return Err(explicit(of, table));
        }
        if matching.many != Many::Neither && !made.insert(named) {
            return Err(format!(
                "two results would be called {}; the labels of a group must keep its results apart",
                table.display(named)
            ));
        }
        found.push((named, result));
    }
    Ok(found)
}

fn explicit(of: LabelsId, table: &LabelTable) -> String {
    let of = table.display(of);
    format!("several series on the left side meet one for {of}: matching of many to one must be explicit (group_left)")
}

fn sets(
    operator: Operator,
    left: Vec<Labelled>,
    right: Vec<Labelled>,
    matching: &Matching,
    memo: &mut Memo,
    table: &mut LabelTable,
) -> Vec<Labelled> {
    let Memo { left: known_left, right: known_right, .. } = memo;
    let mut signatures = |vector: &[Labelled], known: &mut FxHashMap<LabelsId, LabelsId>| -> Vec<LabelsId> {
        vector.iter().map(|(labels, _)| signature(*labels, &matching.on, known, table)).collect()
    };
    let of_left = signatures(&left, known_left);
    let of_right = signatures(&right, known_right);
    match operator {
        Operator::Or => {
            let there: FxHashSet<LabelsId> = of_left.into_iter().collect();
            let others = right.into_iter().zip(of_right).filter(|(_, of)| !there.contains(of));
            left.into_iter().chain(others.map(|(element, _)| element)).collect()
        }
        _ => {
            let there: FxHashSet<LabelsId> = of_right.into_iter().collect();
            let wanted = operator == Operator::And;
            let kept = left.into_iter().zip(of_left).filter(|(_, of)| there.contains(of) == wanted);
            kept.map(|(element, _)| element).collect()
        }
    }
}

/// A vector and a number, the number on the left or on the right.
pub(super) fn with_scalar(
    operator: Operator,
    vector: Vec<Labelled>,
    scalar: f64,
    scalar_is_left: bool,
    is_bool: bool,
) -> Vec<Labelled> {
    let one = |(labels, value): Labelled| {
        let (left, right) = if scalar_is_left { (scalar, value) } else { (value, scalar) };
        let (result, holds) = operator.apply(left, right);
        if is_bool {
            return Some((labels, f64::from(u8::from(holds))));
        }
        if operator.is_comparison() {
            // The vector's value stays.
            return holds.then_some((labels, value));
        }
        Some((labels, result))
    };
    vector.into_iter().filter_map(one).collect()
}
