//! Series of the external and custom metrics APIs.

use super::{Lowering, shared};
use crate::scenario::spec::{ScenarioSpec, SeriesSpec};
use crate::scenario::{ExternalMetric, ExternalSource};
use crate::units::random::entity_of_name;

impl Lowering<'_> {
    /// Comes before the HPAs, which ask for them.
    pub(super) fn external_metrics(&mut self, spec: &ScenarioSpec) {
        for (index, metric) in spec.metrics.series.iter().enumerate() {
            let path = format!("metrics.series[{index}]");
            if metric.name.is_empty() {
                self.error(&format!("{path}.name"), "a metric needs a name");
                continue;
            }
            let others = &spec.metrics.series[..index];
            let same = |other: &SeriesSpec| {
                other.name == metric.name && other.labels == metric.labels && other.object == metric.object
            };
            if others.iter().any(same) {
                let message = format!("a series {} with these labels is there already", metric.name);
                self.error(&format!("{path}.name"), message).hint =
                    Some("give it labels of its own; the series of one external metric are summed".to_owned());
                continue;
            }
            let labels: Vec<String> = metric.labels.iter().map(|(key, value)| format!(",{key}={value}")).collect();
            let object = metric.object.as_ref().map(|object| format!(" of {} {}", object.kind, object.name));
            let whose = format!("series {}{}{}", metric.name, object.unwrap_or_default(), labels.concat());
            if let Some(signal) = self.signal(metric.value.clone(), &format!("{path}.value"), &whose) {
                let source = ExternalSource::Signal { signal: Box::new(signal), entity: entity_of_name(&whose) };
                let (name, labels) = (shared(&metric.name), metric.labels.clone());
                let object = metric.object.as_ref().map(|object| (shared(&object.kind), shared(&object.name)));
                self.scenario.external_metrics.push(ExternalMetric { name, labels, object, source });
            }
        }
    }
}
