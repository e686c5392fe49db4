//! What services were asked for, what they served, what waits, and how long an answer takes.

use super::axis::number;
use super::{Color, Figure, Panel, Run, Series, Shape};
use crate::record::ServiceValues;

/// Services shown; of more, those with the highest demand.
const SHOWN: usize = 2;

/// `None` where nothing has a load.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    let services = run.record.services();
    let rows = run.record.rows().len();
    let values = |service: usize, value: fn(&ServiceValues) -> f64| -> Vec<f64> {
        (0..rows).map(|row| value(&run.record.service_values(row, service))).collect()
    };
    let demand = |service: &usize| values(*service, |values| values.demand).iter().sum::<f64>();
    let mut by_demand: Vec<(f64, usize)> = (0..services.len()).map(|index| (demand(&index), index)).collect();
    by_demand.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    by_demand.truncate(SHOWN);
    if by_demand.is_empty() {
        return None;
    }
    let mut figure = run.figure("Demand and service");
    if services.len() > SHOWN {
        figure.subtitle += &format!(", the {SHOWN} with the highest demand of {}", number(services.len() as f64, 0));
    }
    for (_, service) in by_demand {
        let name = &services[service];
        let mean = values(service, |values| values.latency_mean);
        let modelled = mean.iter().any(|seconds| seconds.is_finite());
        // Loads of plain CPU work model no latency; those of requests do.
        let unit = if modelled { "requests/s" } else { "cores" };
        let mut demand = vec![
            Series::new("demand", Color::GRAY, Shape::Area, values(service, |values| values.demand)),
            Series::new("served", Color::BLUE, Shape::Step, values(service, |values| values.served)),
        ];
        let capacity = values(service, |values| values.capacity);
        if capacity.iter().any(|capacity| capacity.is_finite()) {
            demand.push(Series::new("capacity of the ready pods", Color::GREEN, Shape::Step, capacity));
        }
        figure.panels.push(Panel::new(format!("{name} ({unit})"), demand));
        if let Some(workload) = run.record.workloads().iter().position(|other| other == name) {
            let ready = (0..rows).map(|row| f64::from(run.record.replicas(row)[workload].ready)).collect();
            let mut series = vec![Series::new("ready replicas", Color::GREEN, Shape::Area, ready)];
            series.extend(run.replica_limits(name));
            figure.panels.push(Panel::whole("Replicas", series));
        }
        let backlog = values(service, |values| values.backlog);
        if backlog.iter().any(|work| *work > 0.0) {
            let unit = if modelled { "requests" } else { "core seconds" };
            let series = vec![Series::new("waiting work", Color::ORANGE, Shape::Area, backlog)];
            figure.panels.push(Panel::new(format!("Backlog ({unit})"), series));
        }
        if modelled {
            let p95 = values(service, |values| values.latency_p95);
            let series = vec![
                Series::new("mean", Color::GREEN, Shape::Line, mean),
                Series::new("95th percentile", Color::VERMILLION, Shape::Line, p95),
            ];
            figure.panels.push(Panel::new("Latency (s), modelled", series));
        }
    }
    Some(figure)
}
