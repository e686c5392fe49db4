//! How long pods and jobs waited, and why some never had a node.

use super::escape::escape;
use crate::record::{Spread, Summary};
use crate::report::plot::number;
use crate::units::spoken;

/// Percentiles as a table; the curves stand above it.
pub fn section(summary: &Summary) -> String {
    let mut rows = row("pod, from creation to a node", &summary.pod_wait_seconds);
    rows += &row("pod, from creation to Ready", &summary.pod_startup_seconds);
    if let Some(training) = &summary.training {
        rows += &row("training job, from arrival to its first start", &training.wait_seconds);
        rows += &row("training job, from arrival to its end", &training.completion_seconds);
    }
    let open = |spread: &Spread| spread.censored > 0;
    let spreads = [&summary.pod_wait_seconds, &summary.pod_startup_seconds];
    let of_jobs = summary.training.iter().flat_map(|training| [&training.wait_seconds, &training.completion_seconds]);
    let note = if spreads.into_iter().chain(of_jobs).any(open) {
        "<p class=\"note\">Some had not ended when the run did (or when they were deleted): their waits are censored. \
         Percentiles are Kaplan-Meier estimates, which count such a wait as at least so long; “unknown” stands where \
         the answer lies beyond what was seen.</p>"
    } else {
        ""
    };
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Percentiles of waits\"><table>\
         <thead><tr><th scope=\"col\">wait of</th><th scope=\"col\" class=\"n\">n</th><th scope=\"col\" class=\"n\">not over</th>\
         <th scope=\"col\" class=\"n\">mean</th><th scope=\"col\" class=\"n\">p50</th><th scope=\"col\" class=\"n\">p95</th><th scope=\"col\" class=\"n\">p99</th>\
         <th scope=\"col\" class=\"n\">max</th></tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )
}

fn row(name: &str, spread: &Spread) -> String {
    if spread.count == 0 {
        return String::new();
    }
    let count = |count: u64| format!("<td class=\"n\">{}</td>", number(count as f64, 0));
    let times = [spread.mean, spread.p50, spread.p95, spread.p99, spread.max];
    let times: String = times.iter().map(|time| format!("<td class=\"n\">{}</td>", spoken(*time))).collect();
    format!("<tr><th scope=\"row\">{name}</th>{}{}{times}</tr>", count(spread.count), count(spread.censored))
}

/// Why pods never had a node; empty where all had one.
pub fn unserved(summary: &Summary, most: usize) -> String {
    let reasons = &summary.never_scheduled;
    if reasons.is_empty() {
        return String::new();
    }
    let rows: String = reasons
        .iter()
        .take(most.max(1))
        .map(|row| {
            format!(
                "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td><bdi>{}</bdi></td></tr>",
                number(row.pods as f64, 0),
                spoken(row.oldest_wait_seconds),
                escape(&row.reason)
            )
        })
        .collect();
    let more = match reasons.len().saturating_sub(most.max(1)) {
        0 => String::new(),
        more => format!("<p class=\"note\">… and {more} more reasons: see never_scheduled in summary.json.</p>"),
    };
    format!(
        "<h3>Pods that never had a node</h3>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Why pods never had a node\"><table>\
         <thead><tr><th scope=\"col\" class=\"n\">pods</th><th scope=\"col\" class=\"n\">longest wait</th><th scope=\"col\">why, as was last \
         said</th></tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )
}
