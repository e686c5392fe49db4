//! How long each workload was asked to have its most replicas.

use crate::scenario::Scenario;
use crate::units::{SimDuration, SimTime};

/// By workload; `None` without an HPA.
#[derive(Debug)]
pub(in crate::sim) struct Maxima {
    pub(in crate::sim) of: Vec<Option<AtMaximum>>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct AtMaximum {
    /// Of several HPAs the lowest.
    pub(in crate::sim) maximum: u32,
    pub(in crate::sim) total: SimDuration,
    pub(in crate::sim) since: Option<SimTime>,
}

impl Maxima {
    pub fn new(scenario: &Scenario) -> Maxima {
        let mut of: Vec<Option<AtMaximum>> = vec![None; scenario.workloads.len()];
        for hpa in &scenario.hpas {
            let maximum = hpa.spec.max_replicas.max(0) as u32;
            let entry = &mut of[hpa.target.index()];
            let lowest = entry.map_or(maximum, |entry| entry.maximum.min(maximum));
            *entry = Some(AtMaximum { maximum: lowest, total: SimDuration::ZERO, since: None });
        }
        Maxima { of }
    }
}
