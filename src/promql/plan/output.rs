//! What a node of a plan comes to: labels that stay for long, and values.

use std::sync::Arc;

use super::super::eval::EvalError;
use super::super::labels::{LabelTable, LabelsId};

/// The labels of a vector, in its order. Equal pointers are equal labels; the reverse need not hold.
pub type Shape = Arc<[LabelsId]>;

/// A vector, or a scalar as one value without labels.
#[derive(Debug)]
pub(super) struct Output {
    pub labels: Shape,
    pub values: Vec<f64>,
    /// Another one after every change.
    pub stamp: u64,
    pub error: Option<EvalError>,
}

impl Output {
    pub fn new() -> Output {
        Output { labels: Arc::from([]), values: Vec::new(), stamp: 0, error: None }
    }

    /// Takes the new values, leaving the old ones in their place. Nothing changes where they are the same.
    pub fn put(&mut self, labels: &Shape, values: &mut Vec<f64>, stamps: &mut u64) {
        let is_same = self.error.is_none()
            && (Arc::ptr_eq(labels, &self.labels) || *labels == self.labels)
            && values.len() == self.values.len()
            && values.iter().zip(&self.values).all(|(new, old)| new.to_bits() == old.to_bits());
        if is_same && self.stamp > 0 {
            return;
        }
        self.error = None;
        if *labels != self.labels {
            self.labels = Arc::clone(labels);
        }
        std::mem::swap(&mut self.values, values);
        self.stamped(stamps);
    }

    pub fn fail(&mut self, error: EvalError, stamps: &mut u64) {
        if self.error.as_ref() == Some(&error) {
            return;
        }
        self.labels = Arc::from([]);
        self.values.clear();
        self.error = Some(error);
        self.stamped(stamps);
    }

    fn stamped(&mut self, stamps: &mut u64) {
        *stamps += 1;
        self.stamp = *stamps;
    }
}

/// Which elements of a vector there are, of those that there could be.
#[derive(Debug)]
pub(super) struct Chosen {
    places: Vec<u32>,
    scratch: Vec<u32>,
    labels: Shape,
    /// Of what they were chosen.
    of: Option<Shape>,
}

impl Default for Chosen {
    fn default() -> Chosen {
        Chosen { places: Vec::new(), scratch: Vec::new(), labels: Arc::from([]), of: None }
    }
}

impl Chosen {
    pub fn begin(&mut self) {
        self.scratch.clear();
    }

    pub fn choose(&mut self, place: usize) {
        self.scratch.push(place as u32);
    }

    /// The labels of those that were chosen, of these.
    pub fn labels(&mut self, of: &Shape) -> &Shape {
        if self.scratch.len() == of.len() {
            self.places.clear();
            self.of = None;
            self.labels = Arc::clone(of);
        } else if self.scratch != self.places || self.of.as_ref().is_none_or(|other| !Arc::ptr_eq(other, of)) {
            self.labels = self.scratch.iter().map(|place| of[*place as usize]).collect();
            self.of = Some(Arc::clone(of));
            std::mem::swap(&mut self.places, &mut self.scratch);
        }
        &self.labels
    }
}

/// Labels without the metric's name.
#[derive(Debug)]
pub(super) struct Nameless {
    /// They differ by more than their names.
    is_unique: bool,
    of: Option<Shape>,
    labels: Result<Shape, EvalError>,
}

impl Nameless {
    pub fn new(is_unique: bool) -> Nameless {
        Nameless { is_unique, of: None, labels: Ok(Arc::from([])) }
    }

    /// # Errors
    /// Two are the same.
    pub fn labels(&mut self, of: &Shape, table: &mut LabelTable) -> Result<&Shape, EvalError> {
        if self.of.as_ref().is_none_or(|other| !Arc::ptr_eq(other, of)) {
            self.of = Some(Arc::clone(of));
            let labels: Vec<LabelsId> = of.iter().map(|labels| table.without_name(*labels)).collect();
            let unique = if self.is_unique { Ok(()) } else { table.none_twice(&labels).map_err(EvalError) };
            let labels = unique.map(|()| if labels[..] == of[..] { Arc::clone(of) } else { labels.into() });
            match (&self.labels, labels) {
                (Ok(old), Ok(new)) if *old == new => {}
                (_, labels) => self.labels = labels,
            }
        }
        self.labels.as_ref().map_err(Clone::clone)
    }
}
