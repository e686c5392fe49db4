//! Which way is better: one table for every figure of the summary.

/// Where a figure wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
    /// It describes, and is neither good nor bad.
    Neither,
}

use Better::{Higher, Lower, Neither};

/// By the beginning and the end of a figure's name; the first line that fits counts.
const TABLE: &[(&str, &str, Better)] = &[
    ("simulated_seconds", "", Neither),
    ("cost.commitments.", ".saved_usd", Higher),
    ("cost.commitments.", ".covered_usd", Neither),
    ("cost.by_workload.", "Hours", Neither),
    ("cost.", "", Lower),
    ("pods.completed", "", Higher),
    ("pods.scheduled", "", Higher),
    ("pods.created", "", Neither),
    ("pods.deleted", "", Neither),
    ("pods.running_at_end", "", Neither),
    ("pods.", "", Lower),
    ("never_scheduled", "", Lower),
    ("pod_wait_seconds.count", "", Neither),
    ("pod_wait_seconds.", "", Lower),
    ("pod_startup_seconds.count", "", Neither),
    ("pod_startup_seconds.", "", Lower),
    ("utilization.", "", Higher),
    ("nodes.", "", Lower),
    ("scaling.", "", Neither),
    ("faults.", "", Lower),
    ("explain.idle.", "", Lower),
    ("explain.wait.", "since_seconds", Neither),
    ("explain.", "", Lower),
    ("alerts.", "", Lower),
    ("services.", ".served", Higher),
    ("services.", ".demand", Neither),
    ("services.", "", Lower),
    ("training.completed", "", Higher),
    ("training.started", "", Higher),
    ("training.steps_done", "", Higher),
    ("training.goodput", "", Higher),
    ("training.jobs", "", Neither),
    ("training.steps_total", "", Neither),
    ("training.gpu_hours", "", Neither),
    ("training.completion_seconds.count", "", Neither),
    ("training.wait_seconds.count", "", Neither),
    ("training.", "", Lower),
];

/// Which way the figure `name` is better. `None` where the table has no line for it.
pub fn better(name: &str) -> Option<Better> {
    let fits = |(start, end, _): &&(&str, &str, Better)| name.starts_with(start) && name.ends_with(end);
    TABLE.iter().find(fits).map(|(.., better)| *better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::FigureNames;

    #[test]
    fn every_figure_of_the_summary_has_its_direction_and_every_line_a_figure() {
        let names: Vec<String> = FigureNames::of_summary().all().collect();
        let unknown: Vec<&String> = names.iter().filter(|name| better(name).is_none()).collect();
        assert!(unknown.is_empty(), "say in compare/direction.rs which way is better: {unknown:?}");
        assert!(names.len() > 40);
    }

    #[test]
    fn cheaper_sooner_and_more_work_done_are_better() {
        for (name, wanted) in [
            ("cost.total_usd", Lower),
            ("cost.by_workload.default/web.totalCost", Lower),
            ("cost.by_workload.default/web.cpuCoreHours", Neither),
            ("cost.commitments.plan.saved_usd", Higher),
            ("pod_wait_seconds.p99", Lower),
            ("pods.completed", Higher),
            ("pods.unserved", Lower),
            ("utilization.gpu.requested", Higher),
            ("services.default/web.latency_seconds.p95", Lower),
            ("services.default/web.served", Higher),
            ("training.goodput", Higher),
            ("training.wait_seconds.p95", Lower),
            ("training.wait_seconds.count", Neither),
        ] {
            assert_eq!(better(name), Some(wanted), "{name}");
        }
    }
}
