//! `constant`: the same demand at all times.

use super::LoadModel;
use crate::units::{Quantity, SimTime};

#[derive(Debug)]
pub(super) struct Constant {
    milli: f64,
}

impl Constant {
    pub fn new(level: Quantity) -> Constant {
        Constant { milli: level.milli_value() as f64 }
    }
}

impl LoadModel for Constant {
    fn value_at(&self, _: SimTime) -> f64 {
        self.milli
    }

    fn next_change_after(&self, _: SimTime) -> SimTime {
        SimTime::MAX
    }
}
