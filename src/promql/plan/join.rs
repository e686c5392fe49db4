//! Operators between vectors: who meets whom hangs on labels alone, and is worked out when these change.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::aggregate::Labelled;
use super::super::binary;
use super::super::eval::EvalError;
use super::super::labels::{LabelTable, LabelsId};
use super::super::matching::{Many, Matching};
use super::super::maths::Operator;
use super::super::memo::Memo;
use super::output::{Chosen, Output, Shape};

/// Who meets whom.
#[derive(Debug)]
enum Meetings {
    /// Places of the left side and of the right side that stay, the left ones first.
    Sets { left: Vec<u32>, right: Vec<u32>, labels: Shape },
    /// Places on the left and on the right.
    Pairs { pairs: Vec<(u32, u32)>, labels: Shape },
    /// Something is not unique: whether that matters hangs on the values.
    Disputed,
}

/// See the module's description.
#[derive(Debug)]
pub(super) struct Join {
    operator: Operator,
    matching: Matching,
    meetings: Option<(Shape, Shape, Meetings)>,
    memo: Memo,
    chosen: Chosen,
    values: Vec<f64>,
}

impl Join {
    pub fn new(operator: Operator, matching: Matching) -> Join {
        let (memo, chosen, values) = (Memo::default(), Chosen::default(), Vec::new());
        Join { operator, matching, meetings: None, memo, chosen, values }
    }

    pub fn compute(
        &mut self,
        left: &Output,
        right: &Output,
        out: &mut Output,
        table: &mut LabelTable,
        stamps: &mut u64,
    ) {
        let is_known = self.meetings.as_ref().is_some_and(|(of_left, of_right, _)| {
            Arc::ptr_eq(of_left, &left.labels) && Arc::ptr_eq(of_right, &right.labels)
        });
        if !is_known {
            let most = 1024 + 8 * (left.labels.len() + right.labels.len());
            self.memo.forget_beyond(most);
            let meetings = self.meet(&left.labels, &right.labels, table);
            self.meetings = Some((Arc::clone(&left.labels), Arc::clone(&right.labels), meetings));
        }
        let Some((.., meetings)) = &self.meetings else { return };
        self.values.clear();
        match meetings {
            Meetings::Sets { left: kept, right: others, labels } => {
                self.values.extend(kept.iter().map(|place| left.values[*place as usize]));
                self.values.extend(others.iter().map(|place| right.values[*place as usize]));
                out.put(labels, &mut self.values, stamps);
            }
            Meetings::Pairs { pairs, labels } => {
                let is_filter = self.operator.is_comparison() && !self.matching.is_bool;
                self.chosen.begin();
                for (place, (of_left, of_right)) in pairs.iter().enumerate() {
                    let (a, b) = (left.values[*of_left as usize], right.values[*of_right as usize]);
                    let (result, holds) = self.operator.apply(a, b);
                    if is_filter {
                        if holds {
                            self.chosen.choose(place);
                            self.values.push(result);
                        }
                    } else {
                        self.values.push(if self.matching.is_bool { f64::from(u8::from(holds)) } else { result });
                    }
                }
                let labels = if is_filter { self.chosen.labels(labels) } else { labels };
                out.put(labels, &mut self.values, stamps);
            }
            Meetings::Disputed => {
                let vector = |side: &Output| -> Vec<Labelled> {
                    side.labels.iter().copied().zip(side.values.iter().copied()).collect()
                };
                let (left, right) = (vector(left), vector(right));
                match binary::vectors(self.operator, left, right, &self.matching, &mut self.memo, table) {
                    Ok(found) => {
                        let labels: Shape = found.iter().map(|(labels, _)| *labels).collect();
                        self.values.extend(found.iter().map(|(_, value)| *value));
                        out.put(&labels, &mut self.values, stamps);
                    }
                    Err(message) => out.fail(EvalError(message), stamps),
                }
            }
        }
    }

    fn meet(&mut self, left: &Shape, right: &Shape, table: &mut LabelTable) -> Meetings {
        let Memo { left: known_left, right: known_right, pairs: known, .. } = &mut self.memo;
        let on = &self.matching.on;
        let mut signatures = |shape: &Shape, known: &mut FxHashMap<LabelsId, LabelsId>| -> Vec<LabelsId> {
            shape.iter().map(|labels| binary::signature(*labels, on, known, table)).collect()
        };
        let (of_left, of_right) = (signatures(left, known_left), signatures(right, known_right));
        if self.operator.is_of_sets() {
            let (mut kept, mut others) = (Vec::new(), Vec::new());
            if self.operator == Operator::Or {
                let there: FxHashSet<LabelsId> = of_left.iter().copied().collect();
                kept.extend(0..left.len() as u32);
                let new = (0..right.len() as u32).filter(|place| !there.contains(&of_right[*place as usize]));
                others.extend(new);
            } else {
                let there: FxHashSet<LabelsId> = of_right.iter().copied().collect();
                let wanted = self.operator == Operator::And;
                let stays = |place: &u32| there.contains(&of_left[*place as usize]) == wanted;
                kept.extend((0..left.len() as u32).filter(stays));
            }
            let labels = kept.iter().map(|place| left[*place as usize]);
            let labels = labels.chain(others.iter().map(|place| right[*place as usize])).collect();
            return Meetings::Sets { left: kept, right: others, labels };
        }
        if left.is_empty() || right.is_empty() {
            return Meetings::Pairs { pairs: Vec::new(), labels: Arc::from([]) };
        }
        let swapped = self.matching.many == Many::Right;
        let (many, of_many, one, of_one) =
            if swapped { (right, of_right, left, of_left) } else { (left, of_left, right, of_right) };
        let mut ones: FxHashMap<LabelsId, usize> = FxHashMap::default();
        for (place, of) in of_one.iter().enumerate() {
            if ones.insert(*of, place).is_some() {
                return Meetings::Disputed;
            }
        }
        let drops_name = self.matching.is_bool || !self.operator.is_comparison();
        let (mut pairs, mut labels) = (Vec::new(), Vec::new());
        let mut seen: FxHashSet<LabelsId> = FxHashSet::default();
        for (place, of) in of_many.iter().enumerate() {
            let Some(partner) = ones.get(of).copied() else { continue };
            let named = *known
                .entry((many[place], one[partner]))
                .or_insert_with(|| self.matching.result(many[place], one[partner], drops_name, table));
            let unique = if self.matching.many == Many::Neither { *of } else { named };
            if !seen.insert(unique) {
                return Meetings::Disputed;
            }
            let (place, partner) = (place as u32, partner as u32);
            pairs.push(if swapped { (partner, place) } else { (place, partner) });
            labels.push(named);
        }
        Meetings::Pairs { pairs, labels: labels.into() }
    }
}
