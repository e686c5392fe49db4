//! What was paid, and for what: by group and capacity type, by kind of bill, by workload.

use super::escape::name;
use super::numbers::bar;
use crate::cost::IDLE;
use crate::record::{Summary, WorkloadFigures};
use crate::report::cost_shares::{self, Share};
use crate::report::plot::number;
use crate::sim::Outcome;

/// Says so where nothing has a price.
pub fn section(outcome: &Outcome, summary: &Summary, most: usize) -> String {
    if summary.cost.total_usd == 0.0 {
        return "<p>No node of this scenario has a price.</p>".to_owned();
    }
    let mut text = by_group(&cost_shares::of(outcome), most);
    text += &by_capacity_type(summary);
    text += &by_workload(summary, most);
    text += &commitments(summary);
    text
}

fn usd(value: f64) -> String {
    number(value, 2)
}

fn table(title: &str, header: &[&str], rows: &str) -> String {
    let header: String = header.iter().map(|column| heading(column)).collect();
    format!(
        "<h3>{title}</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table>\
         <thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Of a column; one of numbers begins with `#`.
fn heading(column: &str) -> String {
    match column.strip_prefix('#') {
        Some(column) => format!("<th scope=\"col\" class=\"n\">{column}</th>"),
        None => format!("<th scope=\"col\">{column}</th>"),
    }
}

fn by_group(shares: &[Share], most: usize) -> String {
    let whole = shares.iter().map(|share| share.cost).fold(0.0, f64::max);
    let mut shares: Vec<&Share> = shares.iter().collect();
    shares.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    let rows: String = shares
        .iter()
        .take(most.max(1))
        .map(|share| {
            let idle = share.idle.clamp(0.0, share.cost.max(0.0));
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                name(&share.group),
                share.capacity_type.name(),
                usd(share.cost),
                usd(share.idle),
                bar(share.cost - idle, idle, whole),
            )
        })
        .collect();
    let more = match shares.len().saturating_sub(most.max(1)) {
        0 => String::new(),
        more => format!("<p class=\"note\">… and {more} more that cost less: see nodes.csv.</p>"),
    };
    table(
        "By node group and capacity type",
        &["group", "capacity", "#USD", "#of it idle", "held, and idle (hatched)"],
        &rows,
    ) + &more
}

fn by_capacity_type(summary: &Summary) -> String {
    let whole = summary.cost.by_capacity_type.values().copied().fold(0.0, f64::max);
    let row = |(kind, cost): (&&str, &f64)| {
        format!(
            "<tr><th scope=\"row\">{kind}</th><td class=\"n\">{}</td><td>{}</td></tr>",
            usd(*cost),
            bar(*cost, 0.0, whole)
        )
    };
    let rows: String = summary.cost.by_capacity_type.iter().filter(|(_, cost)| **cost != 0.0).map(row).collect();
    table("By how it was paid", &["capacity", "#USD", "share"], &rows)
}

fn by_workload(summary: &Summary, most: usize) -> String {
    let mut workloads: Vec<(&str, &WorkloadFigures)> =
        summary.cost.by_workload.iter().map(|(name, figures)| (&**name, figures)).collect();
    workloads.sort_by(|a, b| b.1.total_cost.total_cmp(&a.1.total_cost));
    let whole = workloads.first().map_or(0.0, |(_, figures)| figures.total_cost);
    let most = most.max(1);
    let rows: String = workloads
        .iter()
        .take(most)
        .map(|(key, figures)| {
            let is_idle = *key == IDLE;
            let shown = if is_idle { "idle: held by no pod".to_owned() } else { name(key) };
            let total = figures.total_cost;
            let cells = [figures.cpu_cost, figures.ram_cost, figures.gpu_cost, total]
                .map(|cost| format!("<td class=\"n\">{}</td>", usd(cost)));
            let drawn = if is_idle { bar(0.0, total, whole) } else { bar(total, 0.0, whole) };
            format!("<tr><th scope=\"row\">{shown}</th>{}<td>{drawn}</td></tr>", cells.concat())
        })
        .collect();
    let rest = &workloads[most.min(workloads.len())..];
    let more = if rest.is_empty() {
        String::new()
    } else {
        let sum: f64 = rest.iter().map(|(_, figures)| figures.total_cost).sum();
        format!(
            "<p class=\"note\">… and {} more, together {} USD: see cost.by_workload in summary.json.</p>",
            rest.len(),
            usd(sum)
        )
    };
    let note = if summary.cost.idle_usd < 0.0 {
        "<p class=\"note\">Idle cost is below zero where pods used more than their nodes' prices cover.</p>"
    } else {
        ""
    };
    table("By workload", &["workload", "#CPU (USD)", "#memory (USD)", "#GPU (USD)", "#total (USD)", "share"], &rows)
        + &more
        + note
}

fn commitments(summary: &Summary) -> String {
    if summary.cost.commitments.is_empty() {
        return String::new();
    }
    let rows: String = summary
        .cost
        .commitments
        .iter()
        .map(|(key, of)| {
            let cells = [of.paid_usd, of.covered_usd, of.unused_usd, of.saved_usd]
                .map(|cost| format!("<td class=\"n\">{}</td>", usd(cost)));
            format!("<tr><th scope=\"row\">{}</th>{}</tr>", name(key), cells.concat())
        })
        .collect();
    let header = ["commitment", "#paid (USD)", "#covered at list prices", "#unused", "#saved"];
    table("Commitments", &header, &rows)
}
