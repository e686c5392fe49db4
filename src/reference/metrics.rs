//! Names that a scenario may ask for: metrics of HPAs, figures and columns of expectations.

use super::figures::figures;
use crate::load::{PodMetric, ServiceMetric};
use crate::record::columns::{HPA, HPA_METRIC, NODE_GROUP, SAMPLE, SERVICE, TRAINING, Unit, WORKLOAD};
use crate::record::metrics::METRICS;

/// A name, where it may stand, and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: String,
    /// `hpa Resource`, `hpa Pods`, `hpa Object, External`, `scrape` (exported to Prometheus), `figure` (of `summary.json`) or `column` (of `timeseries.csv`).
    pub used_in: &'static str,
    pub unit: String,
    pub about: String,
}

/// All of them: HPAs' first, then what `expect:` may name.
pub fn metrics() -> Vec<Metric> {
    let mut all = Vec::new();
    let mut add = |used_in, name: &str, unit: &str, about: &str| {
        all.push(Metric { name: name.to_owned(), used_in, unit: unit.to_owned(), about: about.to_owned() });
    };
    for (name, unit) in [("cpu", "cores"), ("memory", "bytes")] {
        add("hpa Resource", name, unit, "use of a pod or container, as metrics-server has it; ContainerResource too");
    }
    for name in PodMetric::NAMES {
        if let Some(metric) = PodMetric::named(name) {
            add("hpa Pods", name, "", metric.about());
        }
    }
    for name in ServiceMetric::NAMES {
        if let Some(metric) = ServiceMetric::named(name) {
            add("hpa Object, External", name, "", metric.about());
        }
    }
    for row in METRICS {
        add("scrape", row.name, row.unit, row.help);
    }
    for figure in figures() {
        add("figure", &figure.name, figure.unit, &figure.doc);
    }
    let mut column = |name: &str, suffix: &str, unit: Unit, about: &str| {
        if !matches!(unit, Unit::Text | Unit::Timestamp) && name != "time" {
            add("column", &format!("{name}{suffix}"), unit.words(), about);
        }
    };
    SAMPLE.iter().chain(TRAINING).for_each(|row| column(row.name, "", row.unit, row.doc));
    NODE_GROUP.iter().for_each(|row| column(row.name, ".GROUP", row.unit, row.doc));
    WORKLOAD.iter().for_each(|row| column(row.name, ".NAMESPACE/NAME", row.unit, row.doc));
    SERVICE.iter().for_each(|row| column(row.name, ".NAMESPACE/NAME", row.unit, row.doc));
    HPA.iter().for_each(|row| column(row.name, ".NAMESPACE/HPA", row.unit, row.doc));
    HPA_METRIC.iter().for_each(|row| column(row.name, ".NAMESPACE/HPA.METRIC", row.unit, row.doc));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Expectation;
    use crate::scenario::spec::ExpectationSpec;

    /// Whoever copies a name from the list into `expect:` is understood.
    #[test]
    fn every_listed_figure_and_column_may_be_expected() {
        let listed: Vec<Metric> = metrics()
            .into_iter()
            .filter(|metric| !metric.used_in.starts_with("hpa") && metric.used_in != "scrape")
            .collect();
        assert!(listed.len() > 200, "{}", listed.len());
        for metric in listed {
            let text = format!("{} < 5", metric.name);
            let read = Expectation::compile(&ExpectationSpec::Short(text.clone()));
            assert!(read.is_ok(), "{text}: {read:?}");
        }
    }
}
