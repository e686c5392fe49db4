//! How services served, for `summary.json`: what was asked, answered and dropped, and how long answers took.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::sim::{LatencyFigures, ServiceRow};
use crate::units::SimDuration;

/// By `namespace/name` of the workload that serves.
pub type Services = BTreeMap<Arc<str>, ServiceFigures>;

/// One service over the whole run. Amounts are in `unit`: requests for `requests:` loads, core-seconds of work for
/// `cpu:` loads; `demand` = `served` + `dropped` + `waiting_at_end`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ServiceFigures {
    pub unit: ServiceUnit,
    pub demand: f64,
    /// Taken up by a pod.
    pub served: f64,
    /// Gone because it would have waited, or had waited, longer than the queue's timeout, or found the queue full.
    pub dropped: f64,
    /// Of the demand.
    pub dropped_fraction: f64,
    pub waiting_at_end: f64,
    /// The most that waited at one time because the ready pods could not keep up.
    pub backlog_max: f64,
    /// How long the ready pods could not keep up: more was asked for than they can do, or work waited from such a time.
    pub saturated_seconds: f64,
    /// How long the workload was asked to have its HPA's `maxReplicas`; `null` without an HPA.
    pub at_max_replicas_seconds: Option<f64>,
    pub latency_seconds: LatencySeconds,
}

/// What the demand on a service is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceUnit {
    Requests,
    CoreSeconds,
}

/// From a request's arrival to its answer, over all answered requests of the run; dropped ones have no latency. All
/// `null` for `cpu:` loads, which have no single requests.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct LatencySeconds {
    pub mean: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl LatencySeconds {
    fn of(figures: Option<LatencyFigures>) -> LatencySeconds {
        let Some(LatencyFigures { mean, p50, p95, p99 }) = figures else {
            return LatencySeconds { mean: f64::NAN, p50: f64::NAN, p95: f64::NAN, p99: f64::NAN };
        };
        let [mean, p50, p95, p99] = [mean, p50, p95, p99].map(SimDuration::as_secs_f64);
        LatencySeconds { mean, p50, p95, p99 }
    }
}

/// The figures of all services.
pub fn services(rows: &[ServiceRow]) -> Services {
    rows.iter().map(|row| (Arc::clone(&row.workload), figures(row))).collect()
}

fn figures(row: &ServiceRow) -> ServiceFigures {
    let (demand, dropped) = (row.demand.units(), row.dropped.units());
    ServiceFigures {
        unit: if row.of_requests { ServiceUnit::Requests } else { ServiceUnit::CoreSeconds },
        demand,
        served: row.served.units(),
        dropped,
        dropped_fraction: if demand > 0.0 { dropped / demand } else { f64::NAN },
        waiting_at_end: row.waiting_at_end.units(),
        backlog_max: row.backlog_max.units(),
        saturated_seconds: row.saturated.as_secs_f64(),
        at_max_replicas_seconds: row.at_max_replicas.map(SimDuration::as_secs_f64),
        latency_seconds: LatencySeconds::of(row.latency),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::service::Work;

    #[test]
    fn the_dropped_share_is_told_of_any_demand_and_of_none_it_is_not() {
        let of = |demand_millis, dropped_millis| {
            let work = |millis| Work::of(millis, SimDuration::from_secs(1));
            let row = ServiceRow {
                workload: "default/web".into(),
                of_requests: false,
                demand: work(demand_millis),
                served: Work::default(),
                dropped: work(dropped_millis),
                waiting_at_end: Work::default(),
                backlog_max: Work::default(),
                saturated: SimDuration::ZERO,
                at_max_replicas: None,
                latency: None,
            };
            figures(&row).dropped_fraction
        };
        assert_eq!((of(500, 125), of(500, 0)), (0.25, 0.0));
        assert!(of(0, 0).is_nan());
    }
}
