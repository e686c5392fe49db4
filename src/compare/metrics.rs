//! Which figures are compared where nobody says.

use super::side::Side;
use crate::check::FigureNames;
use crate::scenario::diagnostic::suggestion;

/// Those that answer what people ask first; the first that any run has is what the answer is about. Few, for the more is
/// compared at once, the more seeds each needs. `*` stands for every service.
pub const DEFAULT_METRICS: &[&str] = &[
    "cost.total_usd",
    "cost.idle_usd",
    "nodes.node_hours",
    "pod_wait_seconds.mean",
    "pod_wait_seconds.p99",
    "services.*.dropped_fraction",
    "services.*.latency_seconds.p95",
    "training.wait_seconds.p95",
    "training.completion_seconds.mean",
];

/// The default metrics that the runs have, with a value in one of them at least.
pub fn metrics_of(sides: &[Side]) -> Vec<String> {
    let runs = || sides.iter().flat_map(|side| &side.runs);
    let mut metrics: Vec<String> = Vec::new();
    for pattern in DEFAULT_METRICS {
        let mut found: Vec<String> = match pattern.split_once('*') {
            None => vec![(*pattern).to_owned()],
            Some((start, end)) => {
                let names = runs().flat_map(|run| &run.figures).map(|figure| &figure.name);
                names.filter(|name| name.starts_with(start) && name.ends_with(end)).cloned().collect()
            }
        };
        found.sort();
        found.dedup();
        // What was never dropped needs no row.
        let is_told = |value: f64| value.is_finite() && (value != 0.0 || !pattern.ends_with("dropped_fraction"));
        found.retain(|name| runs().any(|run| is_told(run.figure(name))));
        metrics.extend(found);
    }
    // Money that is nowhere spent is no answer.
    let is_spent = runs().any(|run| run.figure("cost.total_usd") != 0.0);
    metrics.retain(|name| is_spent || !name.starts_with("cost."));
    metrics
}

/// The figure that `text` names, its keys joined by dots.
///
/// # Errors
/// No summary could have it: what is wrong, and the nearest name.
pub fn read_metric(text: &str) -> Result<String, String> {
    let names = FigureNames::of_summary();
    match names.path(text.trim()) {
        Some(path) => Ok(path.join(".")),
        None => {
            let known: Vec<String> = names.all().collect();
            let hint = suggestion(text, &known.iter().map(String::as_str).collect::<Vec<_>>());
            Err(format!("unknown metric `{text}`{}", hint.map(|hint| format!("; {hint}")).unwrap_or_default()))
        }
    }
}
