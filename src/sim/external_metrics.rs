//! The external metrics API: series from outside the cluster, of KEDA's own and of loads.

use super::world::World;
use crate::autoscaler::hpa::{MetricError, MetricIdentifier, ObjectReference};
use crate::load::{Signal, SignalContext};
use crate::scenario::{ExternalMetric, ExternalSource};

impl World<'_> {
    /// Compiles the signals among the series.
    pub(super) fn start_external_metrics(&mut self) {
        let scenario = self.scenario;
        let compiled = |metric: &ExternalMetric| -> Option<Signal> {
            let ExternalSource::Signal { signal, entity } = &metric.source else { return None };
            let context = SignalContext {
                seed: self.seed,
                entity: *entity,
                start: scenario.wall_clock,
                horizon: scenario.duration,
            };
            Some(signal.compile(&context).expect("a scenario's signals were compiled when it was checked"))
        };
        self.external_signals = scenario.external_metrics.iter().map(compiled).collect();
    }

    /// What a series says now, in thousandths. An adapter asks its source whenever it is asked itself.
    pub(super) fn external_value(&self, series: u32) -> Option<i64> {
        match &self.scenario.external_metrics[series as usize].source {
            ExternalSource::Signal { .. } => {
                self.external_signals[series as usize].as_ref().map(|signal| signal.value_at(self.now))
            }
            ExternalSource::Cron(window) => Some(window.value(self.timestamp(self.now))),
            ExternalSource::Service { target, metric } => self.service_reading_of(*target, None, *metric),
        }
    }

    /// The values of an external metric's series that its selector matches.
    pub(super) fn external_values(&self, metric: &MetricIdentifier, values: &mut Vec<i64>) -> Result<(), MetricError> {
        self.series_of(metric, None, values)
    }

    /// The value of a custom metric of an object; there must be just one.
    pub(super) fn object_value(
        &self,
        object: &ObjectReference,
        metric: &MetricIdentifier,
        values: &mut Vec<i64>,
    ) -> Result<(), MetricError> {
        self.series_of(metric, Some(object), values)?;
        if values.len() == 1 { Ok(()) } else { Err(MetricError::Unavailable) }
    }

    fn series_of(
        &self,
        metric: &MetricIdentifier,
        object: Option<&ObjectReference>,
        values: &mut Vec<i64>,
    ) -> Result<(), MetricError> {
        for (index, series) in self.scenario.external_metrics.iter().enumerate() {
            let describes = match (&series.object, object) {
                (Some((kind, name)), Some(object)) => **kind == *object.kind && **name == *object.name,
                (None, None) => true,
                _ => false,
            };
            let selected = metric.selector.labels().is_none_or(|selector| selector.matches(&series.labels));
            if describes && selected && *series.name == *metric.name {
                values.extend(self.external_value(index as u32));
            }
        }
        if values.is_empty() { Err(MetricError::Unavailable) } else { Ok(()) }
    }
}
