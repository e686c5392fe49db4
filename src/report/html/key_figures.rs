//! The head of a page: whether it is as expected, and the figures that one wants to know first.

use std::fmt::Write;

use super::escape::{escape, name};
use super::{Judged, Page};
use crate::record::{Share, Summary};
use crate::report::plot::number;
use crate::units::spoken;

/// "2 of 3 expectations hold", as a badge; empty where the scenario expects nothing.
pub fn verdict(expectations: &[Judged]) -> String {
    let all = expectations.len();
    let failed = expectations.iter().filter(|one| !one.holds).count();
    match (all, failed) {
        (0, _) => "<p class=\"badge none\">The scenario states no expectations</p>".to_owned(),
        (1, 0) => "<p class=\"badge good\">✓ The expectation holds</p>".to_owned(),
        (_, 0) => format!("<p class=\"badge good\">✓ All {all} expectations hold</p>"),
        _ => format!(
            "<p class=\"badge bad\">✗ {failed} of {all} expectations {}</p>",
            if failed == 1 { "fails" } else { "fail" }
        ),
    }
}

/// What was simulated, in a sentence.
pub fn lead(page: &Page<'_>) -> String {
    let made_from = page.run.provenance;
    let mut text = format!(
        "Simulated with windtunnel {}: {} under seed {}",
        escape(&made_from.windtunnel_version),
        spoken(page.summary.simulated_seconds),
        made_from.seed
    );
    match made_from.set.len() {
        0 => {}
        1 => text += ", with one setting changed",
        more => {
            let _ = write!(text, ", with {more} settings changed");
        }
    }
    text + "."
}

/// Empty where there are none.
pub fn expectations(expectations: &[Judged]) -> String {
    if expectations.is_empty() {
        return String::new();
    }
    let item = |one: &Judged| {
        let (class, mark, word) = if one.holds { ("good", "✓", "holds") } else { ("bad", "✗", "fails") };
        format!(
            "<li class=\"{class}\"><span aria-hidden=\"true\">{mark}</span><span class=\"sr\">{word}:</span> \
             <code>{}</code> <span>{}</span></li>",
            escape(&one.name),
            escape(&one.detail)
        )
    };
    let items: String = expectations.iter().map(item).collect();
    format!("<h3>What the scenario expects</h3><ul class=\"expectations\">{items}</ul>")
}

/// Cards with the figures, what hurts first.
pub fn figures(summary: &Summary) -> String {
    let mut cards = String::new();
    let mut card = |name: &str, value: String, more: String, is_bad: bool| {
        let class = if is_bad { " class=\"bad\"" } else { "" };
        let _ = write!(cards, "<div{class}><dt>{name}</dt><dd><b>{value}</b><span>{more}</span></dd></div>");
    };
    let (pods, nodes, cost) = (&summary.pods, &summary.nodes, &summary.cost);
    let count = |value: u64| number(value as f64, 0);
    if cost.total_usd > 0.0 {
        let amount = number(cost.idle_usd, 2);
        let idle = match cost.commitments.is_empty() {
            true => format!("{:.0} % of it idle ({amount} USD)", 100.0 * cost.idle_usd / cost.total_usd),
            false => format!("after commitments; {amount} USD idle at list prices"),
        };
        card("cost", format!("{} USD", number(cost.total_usd, 2)), idle, false);
    }
    if pods.never_scheduled > 0 {
        card("never had a node", count(pods.never_scheduled), format!("of {} pods", count(pods.created)), true);
    }
    let wait = &summary.pod_wait_seconds;
    if wait.count > 0 {
        let open = if wait.censored > 0 { format!(", {} not over", count(wait.censored)) } else { String::new() };
        let more = format!("p50 {}, n = {}{open}", spoken(wait.p50), count(wait.count));
        card("pod wait, p99", spoken(wait.p99), more, wait.p99.is_nan());
    }
    let more = format!("{} to {}, {} node hours", nodes.min, nodes.peak, number(nodes.node_hours, 1));
    card("nodes, mean", number(nodes.mean, 1), more, false);
    let utilization = &summary.utilization;
    for (name, share) in [("CPU", utilization.cpu), ("memory", utilization.memory), ("GPU", utilization.gpu)] {
        let Share { requested, used } = share;
        if requested.is_finite() {
            let percent = |part: f64| format!("{} %", number(100.0 * part, usize::from(part < 0.1)));
            card(
                &format!("{name} requested"),
                percent(requested),
                format!("{} used, of allocatable", percent(used)),
                false,
            );
        }
    }
    let scaling = &summary.scaling;
    let more = format!("{} scale-downs, {} changes by HPAs", scaling.scale_downs, scaling.hpa_changes);
    card("node scale-ups", scaling.scale_ups.to_string(), more, false);
    if let Some(training) = &summary.training {
        let more = format!("of {}, goodput {:.1} %", count(training.jobs), 100.0 * training.goodput);
        card("training jobs done", count(training.completed), more, training.never_started > 0);
    }
    for (text, amount) in [
        ("evicted pods", pods.evicted),
        ("failed pods", pods.failed),
        ("preempted pods", summary.faults.preempted.into()),
        ("OOM kills", summary.faults.oom_kills.into()),
        ("spot interruptions", summary.faults.interruptions.into()),
    ] {
        if amount > 0 {
            card(text, count(amount), String::new(), false);
        }
    }
    format!("<dl class=\"cards\">{cards}</dl>")
}

/// Warnings that came with the scenario.
pub fn warnings(warnings: &[String]) -> String {
    list("Not modelled, and other warnings", warnings)
}

/// A list under a title; empty where it has no items.
pub fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>", name(item))).collect();
    format!("<h3>{title}</h3><ul>{items}</ul>")
}
