//! Which alerts fired, when and how often.

use std::fmt::Write;

use super::Page;
use super::escape::{escape, name};
use crate::report::plot::{AlertSpans, alert_spans, number};
use crate::units::{SimTime, spoken};

/// The width of the strip that shows when an alert fired.
const WIDTH: f64 = 180.0;

/// Rules that failed and are named; summary.json has all.
const MOST_FAILURES: usize = 20;

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Empty where nothing is watched. Of more than `most` rules, those that fired first.
pub fn section(page: &Page<'_>, most: usize) -> String {
    let figures = &page.summary.alerts;
    let failures = &page.summary.rule_failures;
    if figures.is_empty() && failures.is_empty() {
        return String::new();
    }
    let mut failed: String = failures.iter().take(MOST_FAILURES).fold(String::new(), |text, failure| {
        text + &format!("<p><strong><bdi>{}</bdi></strong></p>", escape(&sentence(&failure.to_string())))
    });
    if failures.len() > MOST_FAILURES {
        failed += &format!("<p class=\"note\">… and {} more rules failed.</p>", failures.len() - MOST_FAILURES);
    }
    let hopeless: Vec<&str> =
        figures.iter().filter(|(_, of)| !of.cannot_fire_without.is_empty()).map(|(name, _)| &**name).collect();
    if !hopeless.is_empty() {
        let listed = hopeless.join(", ");
        let listed = escape(&listed);
        failed += &format!("<p class=\"note\">Can't fire, for no run has what they ask for: <bdi>{listed}</bdi>.</p>");
    }
    let end = SimTime::ZERO + page.run.outcome.simulated;
    let spans = alert_spans(page.run.alerts, end);
    let most = most.max(1);
    let mut rows = String::new();
    for spans in spans.iter().take(most) {
        let Some(of_rule) = figures.get(&*spans.alert) else { continue };
        let count = |value: u64| number(value as f64, 0);
        let first = if of_rule.first_seconds.is_finite() { spoken(of_rule.first_seconds) } else { "never".to_owned() };
        let last =
            page.run.alerts.iter().rev().find(|episode| *episode.alert == *spans.alert && episode.firing.is_some());
        let says = last.map_or("", |episode| &episode.summary);
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{first}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><bdi>{}</bdi></td></tr>",
            name(&spans.alert),
            strip(spans, end.as_secs_f64()),
            count(of_rule.fired),
            if of_rule.fired > 0 { spoken(of_rule.firing_seconds) } else { String::new() },
            count(of_rule.most_at_once),
            count(of_rule.flaps),
            count(of_rule.went_away),
            escape(says),
        );
    }
    let more = match spans.len().saturating_sub(most) {
        0 => String::new(),
        more => format!("<p class=\"note\">… and {more} more: see alerts.csv.</p>"),
    };
    let quiet = figures.len() - spans.len();
    let quiet = match quiet {
        0 => String::new(),
        1 => "<p class=\"note\">One more alerting rule was never pending.</p>".to_owned(),
        more => format!("<p class=\"note\">{more} more alerting rules were never pending.</p>"),
    };
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Alerts, listed\"><table><thead><tr>\
             <th scope=\"col\">alert</th><th scope=\"col\">pending and firing</th><th scope=\"col\" class=\"n\">fired</th>\
             <th scope=\"col\" class=\"n\">for</th><th scope=\"col\" class=\"n\">first after</th>\
             <th scope=\"col\" class=\"n\">at once</th><th scope=\"col\" class=\"n\">fired again</th>\
             <th scope=\"col\" class=\"n\">went away</th><th scope=\"col\">said last</th></tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    format!(
        "<section id=\"alerts\" aria-labelledby=\"alerts-h\"><h2 id=\"alerts-h\">Alerts</h2>{failed}{table}{more}{quiet}</section>"
    )
}

/// The run from left to right: light where the alert is pending, full where it fires.
fn strip(spans: &AlertSpans, end: f64) -> String {
    let x = |at: f64| (at / end.max(1.0) * WIDTH).clamp(0.0, WIDTH);
    let mut bars = String::new();
    for (class, stretches) in [("pending", &spans.pending), ("firing", &spans.firing)] {
        for (from, to) in stretches {
            let (left, right) = (x(*from), x(*to));
            let _ = write!(
                bars,
                "<rect class=\"{class}\" x=\"{left:.1}\" width=\"{:.1}\" height=\"12\"/>",
                (right - left).max(1.0)
            );
        }
    }
    format!(
        "<svg class=\"strip\" viewBox=\"0 0 {WIDTH} 12\" width=\"{WIDTH}\" height=\"12\" aria-hidden=\"true\">{bars}</svg>"
    )
}
