//! A line a service for the run's table, what hurts first.

use super::plot::number;
use crate::record::{ServiceFigures, ServiceUnit, Services};
use crate::units::spoken;

/// At most so many services have a line of their own.
const MOST_LINES: usize = 12;

/// Those that dropped or saturated most stand first.
pub fn lines(services: &Services) -> Vec<String> {
    let mut order: Vec<(&str, &ServiceFigures)> = services.iter().map(|(name, figures)| (&**name, figures)).collect();
    let hurt = |figures: &ServiceFigures| {
        let dropped = if figures.dropped_fraction.is_finite() { figures.dropped_fraction } else { 0.0 };
        (dropped, figures.saturated_seconds)
    };
    // Equal ones keep the order of their names.
    order.sort_by(|(_, a), (_, b)| {
        let ((a_dropped, a_saturated), (b_dropped, b_saturated)) = (hurt(a), hurt(b));
        b_dropped.total_cmp(&a_dropped).then(b_saturated.total_cmp(&a_saturated))
    });
    let more = order.len().saturating_sub(MOST_LINES);
    let mut lines: Vec<String> = order.iter().take(MOST_LINES).map(|(name, figures)| line(name, figures)).collect();
    if more > 0 {
        lines.push(format!("and {more} more that fared no worse: see summary.json"));
    }
    lines
}

fn line(name: &str, figures: &ServiceFigures) -> String {
    let name = name.strip_prefix("default/").unwrap_or(name);
    let what = match figures.unit {
        ServiceUnit::Requests => "requests",
        ServiceUnit::CoreSeconds => "work",
    };
    let mut parts = Vec::new();
    if figures.dropped > 0.0 {
        parts.push(format!("dropped {} of its {what}", percent(figures.dropped_fraction)));
    }
    if figures.saturated_seconds >= 1.0 {
        parts.push(format!("saturated {}", spoken(figures.saturated_seconds)));
    }
    if let Some(seconds) = figures.at_max_replicas_seconds.filter(|seconds| *seconds >= 1.0) {
        parts.push(format!("at maxReplicas {}", spoken(seconds)));
    }
    if figures.waiting_at_end >= 1.0 {
        parts.push(format!("{} {what} waiting at the end", amount(figures)));
    }
    let latency = &figures.latency_seconds;
    if latency.mean.is_finite() {
        let [p50, p95, p99] = [latency.p50, latency.p95, latency.p99].map(spoken);
        parts.push(format!("latency p50 {p50}, p95 {p95}, p99 {p99}"));
    }
    if parts.is_empty() {
        parts.push(format!("served all its {what} as it came"));
    }
    format!("{name} {}", parts.join("; "))
}

fn amount(figures: &ServiceFigures) -> String {
    let waiting = number(figures.waiting_at_end, 0);
    match figures.unit {
        ServiceUnit::Requests => waiting,
        ServiceUnit::CoreSeconds => format!("{waiting} core-seconds of"),
    }
}

fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent > 0.0 && percent < 0.1 {
        "under 0.1 %".to_owned()
    } else {
        format!("{} %", number(percent, usize::from(percent < 10.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LatencySeconds;

    fn web() -> ServiceFigures {
        ServiceFigures {
            unit: ServiceUnit::Requests,
            demand: 1000.0,
            served: 880.0,
            dropped: 120.0,
            dropped_fraction: 0.12,
            waiting_at_end: 0.0,
            backlog_max: 40.0,
            saturated_seconds: 33_120.0,
            at_max_replicas_seconds: Some(36_000.0),
            latency_seconds: LatencySeconds { mean: 0.1, p50: 0.03, p95: 0.2, p99: 12.5 },
        }
    }

    #[test]
    fn a_line_says_first_what_hurts() {
        let text = line("default/web", &web());
        let wanted = "web dropped 12 % of its requests; saturated 9 h 12 m; at maxReplicas 10 h; \
                      latency p50 30 ms, p95 200 ms, p99 12.5 s";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_service_that_serves_all_says_so_and_the_worst_stands_first() {
        let none = LatencySeconds { mean: f64::NAN, p50: f64::NAN, p95: f64::NAN, p99: f64::NAN };
        let well = ServiceFigures {
            unit: ServiceUnit::CoreSeconds,
            dropped: 0.0,
            dropped_fraction: 0.0,
            saturated_seconds: 0.0,
            at_max_replicas_seconds: None,
            latency_seconds: none,
            ..web()
        };
        let services: Services = [("a/good".into(), well), ("b/bad".into(), web())].into_iter().collect();
        let lines = lines(&services);
        assert!(lines[0].starts_with("b/bad dropped"), "{lines:?}");
        assert_eq!(lines[1], "a/good served all its work as it came");
    }
}
