//! What the HPA controller remembers of each HPA.

use smallvec::SmallVec;

use crate::autoscaler::hpa::{Conditions, Current, Decision, HpaSpec, Memory, MetricError, SelectorState};
use crate::sim::records::HpaMetricSample;
use crate::units::{SimDuration, SimTime};

/// As long as the CPU of new pods is not counted (`--horizontal-pod-autoscaler-cpu-initialization-period`).
const PATIENCE: SimDuration = SimDuration::from_mins(5);

/// What the controller keeps of one HPA.
#[derive(Debug, Default)]
pub(in crate::sim) struct HpaRun {
    pub(in crate::sim) memory: Memory,
    /// Failures that were told; they are told again only when they change.
    pub(in crate::sim) told: Failures,
    /// Since when each sync fails to read some metric.
    pub(in crate::sim) failing_since: Option<SimTime>,
    /// By metric of the spec, since the last sample.
    pub(in crate::sim) read: SmallVec<[HpaMetricSample; 1]>,
}

impl HpaRun {
    /// `status.conditions`.
    pub fn conditions(&self) -> &Conditions {
        &self.memory.conditions
    }

    /// What its last sync read, by metric: thousandths of the metric's unit, or of a percent.
    pub fn last_read(&self) -> impl Iterator<Item = Option<i64>> + '_ {
        self.read.iter().map(|sample| sample.last)
    }

    /// Whether it has failed for so long that what it lacks will hardly come by itself: longer than a pod's first
    /// samples are waited for.
    pub(in crate::sim) fn fails_for_good(&mut self, decision: &Decision, now: SimTime) -> bool {
        let fails = decision.metrics.iter().any(|status| status.result.is_err());
        self.failing_since = fails.then(|| self.failing_since.unwrap_or(now));
        self.failing_since.is_some_and(|since| now - since >= PATIENCE)
    }

    pub(in crate::sim) fn note(&mut self, decision: &Decision) {
        for (index, sample) in self.read.iter_mut().enumerate() {
            let proposal = decision.metrics.get(index).and_then(|status| status.result.as_ref().ok());
            sample.note(proposal.map(|proposal| match proposal.current {
                Current::Utilization { percent, .. } => i64::from(percent) * 1000,
                Current::AverageValue(value) | Current::Value(value) => value,
            }));
        }
    }
}

/// What will fail at the next sync as well, unless somebody changes an object: a selector that another HPA's pods
/// match, or metrics by index.
#[derive(Debug, Default, PartialEq)]
pub(in crate::sim) struct Failures {
    pub(in crate::sim) is_ambiguous: bool,
    pub(in crate::sim) metrics: SmallVec<[(u32, MetricError); 1]>,
}

impl Failures {
    /// `fails_for_good`: where none is of a kind that lasts, those count that may yet go away by themselves.
    pub(in crate::sim) fn of(decision: &Decision, selector: SelectorState, fails_for_good: bool) -> Failures {
        let errors = |all: bool| {
            let errors = decision.metrics.iter().enumerate().filter_map(move |(index, status)| {
                let error = status.result.err().filter(|error| all || error.is_lasting())?;
                Some((index as u32, error.of_any_pod()))
            });
            errors.collect()
        };
        let lasting = Failures { is_ambiguous: selector == SelectorState::Ambiguous, metrics: errors(false) };
        if fails_for_good && lasting.is_empty() {
            return Failures { metrics: errors(true), ..lasting };
        }
        lasting
    }

    pub(in crate::sim) fn is_empty(&self) -> bool {
        !self.is_ambiguous && self.metrics.is_empty()
    }

    /// Upstream's reason of the first.
    pub(in crate::sim) fn reason(&self, spec: &HpaSpec) -> Option<&'static str> {
        if self.is_ambiguous {
            return Some("AmbiguousSelector");
        }
        self.metrics.first().map(|(index, _)| spec.metrics[*index as usize].failure_reason())
    }
}
