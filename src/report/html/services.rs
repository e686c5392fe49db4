//! How services served.

use super::escape::name;
use crate::record::{ServiceFigures, ServiceUnit, Summary};
use crate::report::plot::number;
use crate::units::spoken;

/// Empty where nothing has a load. Of more than `most`, those that dropped most.
pub fn section(summary: &Summary, most: usize) -> String {
    if summary.services.is_empty() {
        return String::new();
    }
    let mut services: Vec<(&str, &ServiceFigures)> =
        summary.services.iter().map(|(name, figures)| (&**name, figures)).collect();
    let dropped =
        |figures: &ServiceFigures| if figures.dropped_fraction.is_finite() { figures.dropped_fraction } else { 0.0 };
    services.sort_by(|a, b| dropped(b.1).total_cmp(&dropped(a.1)));
    let most = most.max(1);
    let rows: String = services.iter().take(most).map(|(name, figures)| row(name, figures)).collect();
    let more = match services.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(
            "<p class=\"note\">… and {more} more, which dropped no larger part: see services in summary.json.</p>"
        ),
    };
    let of_cpu = summary.services.values().any(|figures| figures.unit == ServiceUnit::CoreSeconds);
    let note = if of_cpu {
        "<p class=\"note\">Latency is not modelled for loads of plain CPU work, which have no single requests.</p>"
    } else {
        ""
    };
    format!(
        "<section id=\"services\" aria-labelledby=\"services-h\"><h2 id=\"services-h\">Services</h2>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Services, listed\"><table><thead><tr>\
         <th scope=\"col\">service</th><th scope=\"col\" class=\"n\">asked for</th><th scope=\"col\" class=\"n\">dropped</th>\
         <th scope=\"col\" class=\"n\">waits at the end</th><th scope=\"col\" class=\"n\">could not keep up</th>\
         <th scope=\"col\" class=\"n\">at maxReplicas</th><th scope=\"col\" class=\"n\">latency p50</th><th scope=\"col\" class=\"n\">p95</th>\
         <th scope=\"col\" class=\"n\">p99</th></tr></thead><tbody>{rows}</tbody></table></div>{more}{note}</section>"
    )
}

fn row(service: &str, figures: &ServiceFigures) -> String {
    let unit = match figures.unit {
        ServiceUnit::Requests => "requests",
        ServiceUnit::CoreSeconds => "core-seconds",
    };
    let amount = |value: f64| format!("{} {unit}", number(value, 0));
    let dropped = match figures.dropped_fraction {
        fraction if fraction > 0.0 => format!("{} ({} %)", number(figures.dropped, 0), number(100.0 * fraction, 2)),
        _ => "none".to_owned(),
    };
    let latency = &figures.latency_seconds;
    let latencies = match figures.unit {
        ServiceUnit::CoreSeconds => "<td class=\"n\" colspan=\"3\">not modelled</td>".to_owned(),
        ServiceUnit::Requests => {
            let cells =
                [latency.p50, latency.p95, latency.p99].map(|time| format!("<td class=\"n\">{}</td>", spoken(time)));
            cells.concat()
        }
    };
    let at_maximum = figures.at_max_replicas_seconds.map_or("no HPA".to_owned(), spoken);
    let cells = [
        amount(figures.demand),
        dropped,
        amount(figures.waiting_at_end),
        spoken(figures.saturated_seconds),
        at_maximum,
    ];
    let cells: String = cells.iter().map(|cell| format!("<td class=\"n\">{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}{latencies}</tr>", name(service))
}
