//! How well a service serves: what its requests feel, and for how long it could not keep up.

use std::sync::Arc;

use super::records::ServiceRow;
use super::state::service_level::{Line, figures};
use super::world::World;

impl World<'_> {
    /// One row a load, in the order of the scenario. The books are closed.
    pub(super) fn service_rows(&self) -> Vec<ServiceRow> {
        let rows = self.services.iter().zip(&self.scenario.loads).map(|(run, load)| {
            let (books, level) = (run.books(), &run.level);
            let of_each = run.each.as_ref().map(|each| each.requests.answered());
            ServiceRow {
                workload: Arc::clone(self.workload_key(load.target)),
                of_requests: run.line.is_some() || of_each.is_some(),
                demand: books.arrived,
                served: books.served,
                dropped: books.dropped,
                waiting_at_end: books.backlog,
                backlog_max: level.backlog_max,
                saturated: level.saturated,
                at_max_replicas: self.time_at_maximum(load.target),
                latency: match of_each {
                    Some(answered) => answered.mean().and_then(|mean| figures(mean, answered)),
                    None => run.line.as_ref().and_then(Line::figures),
                },
            }
        });
        rows.collect()
    }
}
