//! Aggregations: who belongs to which group hangs on labels alone, and is worked out when these change.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::aggregate::{Aggregation, Group};
use super::super::labels::{LabelTable, LabelsId};
use super::super::matching::Grouping;
use super::output::{Output, Shape};

/// Aggregations that give one value a group.
#[derive(Debug)]
pub(super) struct Groups {
    by: Grouping,
    aggregation: Aggregation,
    /// Of these labels each element's group, and what the groups are called.
    of: Option<Shape>,
    group: Vec<u32>,
    labels: Shape,
    known: FxHashMap<LabelsId, LabelsId>,
    values: Vec<f64>,
}

impl Groups {
    pub fn new(by: Grouping, aggregation: Aggregation) -> Groups {
        let (group, known, values) = (Vec::new(), FxHashMap::default(), Vec::new());
        Groups { by, aggregation, of: None, group, labels: Arc::from([]), known, values }
    }

    pub fn compute(&mut self, inner: &Output, out: &mut Output, table: &mut LabelTable, stamps: &mut u64) {
        if self.of.as_ref().is_none_or(|of| !Arc::ptr_eq(of, &inner.labels)) {
            self.regroup(&inner.labels, table);
        }
        let mut groups: Vec<Group> = self.labels.iter().map(|_| Group::new(self.aggregation)).collect();
        for (group, value) in self.group.iter().zip(&inner.values) {
            groups[*group as usize].add(LabelsId::NONE, *value);
        }
        self.values.clear();
        self.values.extend(groups.into_iter().filter_map(|group| group.value(self.aggregation)));
        out.put(&self.labels, &mut self.values, stamps);
    }

    fn regroup(&mut self, labels: &Shape, table: &mut LabelTable) {
        if self.known.len() > 1024 + 8 * labels.len() {
            self.known.clear();
        }
        let mut places: FxHashMap<LabelsId, u32> = FxHashMap::default();
        let mut names = Vec::new();
        self.group.clear();
        for labels in labels.iter() {
            let of = *self.known.entry(*labels).or_insert_with(|| self.by.apply(*labels, table));
            let place = *places.entry(of).or_insert_with(|| {
                names.push(of);
                names.len() as u32 - 1
            });
            self.group.push(place);
        }
        if names[..] != self.labels[..] {
            self.labels = names.into();
        }
        self.of = Some(Arc::clone(labels));
    }
}
