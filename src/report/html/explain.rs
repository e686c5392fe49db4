//! Why money was idle, why pods waited, and which HPAs stood at their maximum.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::escape::name;
use super::numbers::bar;
use crate::record::{Explain, Summary};
use crate::report::plot::number;
use crate::units::spoken;

/// Accounts that a reason names.
const MOST_NAMES: usize = 3;

/// Empty where nothing was idle and nothing waited.
pub fn section(summary: &Summary, most: usize) -> String {
    let explain = &summary.explain;
    let parts = [idle(explain), waits(explain), at_maximum(explain, summary.simulated_seconds, most.max(1))];
    let text = parts.concat();
    if text.is_empty() {
        return text;
    }
    format!("<section id=\"why\" aria-labelledby=\"why-h\"><h2 id=\"why-h\">Why idle, why waiting</h2>{text}</section>")
}

fn table(title: &str, header: &str, rows: &str, note: &str) -> String {
    format!(
        "<h3>{title}</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table><thead><tr>\
         {header}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )
}

fn number_cell(text: &str) -> String {
    format!("<td class=\"n\">{text}</td>")
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{} %", number(100.0 * part / whole, usize::from(part / whole < 0.1)))
    } else {
        "–".to_owned()
    }
}

fn idle(explain: &Explain) -> String {
    let mut reasons: Vec<_> = explain.idle.iter().filter(|(_, figures)| figures.usd != 0.0).collect();
    reasons.sort_by(|a, b| b.1.usd.total_cmp(&a.1.usd));
    if reasons.is_empty() {
        return String::new();
    }
    let whole: f64 = reasons.iter().map(|(_, figures)| figures.usd.max(0.0)).sum();
    let below_zero = reasons.iter().any(|(_, figures)| figures.usd < 0.0);
    let row = |(reason, figures): &(crate::sim::IdleReason, &crate::record::IdleFigures)| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}<td>{}</td><td>{}</td></tr>",
            reason.words(),
            number_cell(&number(figures.usd, 2)),
            number_cell(&share(figures.usd, whole)),
            bar(0.0, figures.usd, whole),
            names(&figures.by),
        )
    };
    let rows: String = reasons.iter().map(row).collect();
    let header = "<th scope=\"col\">because</th><th scope=\"col\" class=\"n\">USD</th>\
                  <th scope=\"col\" class=\"n\">share</th><th scope=\"col\">of all that is idle</th>\
                  <th scope=\"col\">on whose account</th>";
    let note = if below_zero {
        "<p class=\"note\">Below zero: pods used more than was left of what they requested. Shares are of the rest.</p>"
    } else {
        ""
    };
    table("Where idle money is", header, &rows, note)
}

fn waits(explain: &Explain) -> String {
    let mut reasons: Vec<_> = explain.wait.iter().filter(|(_, figures)| figures.pod_seconds > 0.0).collect();
    reasons.sort_by(|a, b| b.1.pod_seconds.total_cmp(&a.1.pod_seconds));
    if reasons.is_empty() {
        return String::new();
    }
    let whole: f64 = reasons.iter().map(|(_, figures)| figures.pod_seconds).sum();
    let row = |(reason, figures): &(crate::sim::Mechanism, &crate::record::WaitFigures)| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}<td>{}</td>{}{}<td>{}</td></tr>",
            reason.words(),
            number_cell(&spoken(figures.pod_seconds)),
            number_cell(&share(figures.pod_seconds, whole)),
            bar(figures.pod_seconds, 0.0, whole),
            number_cell(&number(figures.pods as f64, 0)),
            number_cell(&figures.since_seconds.map_or("–".to_owned(), spoken)),
            names(&figures.by),
        )
    };
    let rows: String = reasons.iter().map(row).collect();
    let header = "<th scope=\"col\">for</th><th scope=\"col\" class=\"n\">all pods together</th>\
                  <th scope=\"col\" class=\"n\">share</th><th scope=\"col\">of all waiting</th>\
                  <th scope=\"col\" class=\"n\">pods</th><th scope=\"col\" class=\"n\">first after</th>\
                  <th scope=\"col\">where</th>";
    let note = "<p class=\"note\">From a pod's creation to its node, waits that are not over included. Image pulls and \
                the start of containers come after that.</p>";
    table("What pods waited for", header, &rows, note)
}

fn at_maximum(explain: &Explain, simulated: f64, most: usize) -> String {
    let mut stood: Vec<(&Arc<str>, f64)> =
        explain.at_max_replicas_seconds.iter().map(|(name, seconds)| (name, *seconds)).collect();
    stood.retain(|(_, seconds)| *seconds > 0.0);
    stood.sort_by(|a, b| b.1.total_cmp(&a.1));
    if stood.is_empty() {
        return String::new();
    }
    let row = |(workload, seconds): &(&Arc<str>, f64)| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}{}<td>{}</td></tr>",
            name(workload),
            number_cell(&spoken(*seconds)),
            number_cell(&share(*seconds, simulated)),
            bar(*seconds, 0.0, simulated),
        )
    };
    let rows: String = stood.iter().take(most).map(row).collect();
    let header = "<th scope=\"col\">workload</th><th scope=\"col\" class=\"n\">stood there</th>\
                  <th scope=\"col\" class=\"n\">share</th><th scope=\"col\">of the run</th>";
    let note = match stood.len().saturating_sub(most) {
        0 => String::new(),
        more => format!("<p class=\"note\">… and {more} more for a shorter time.</p>"),
    };
    table("HPAs at their maxReplicas", header, &rows, &note)
}

/// The largest accounts, and how many more there are.
fn names(by: &BTreeMap<Arc<str>, f64>) -> String {
    let mut accounts: Vec<(&Arc<str>, f64)> = by.iter().map(|(name, amount)| (name, *amount)).collect();
    accounts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let more = accounts.len().saturating_sub(MOST_NAMES);
    let mut shown: Vec<String> = accounts.iter().take(MOST_NAMES).map(|(account, _)| name(account)).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}
