//! A run in a dozen lines, for the terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use super::plot::number;
use super::{explain_lines, service_lines};
use crate::record::{CostSummary, Share, Spread, Summary};
use crate::units::spoken;

/// What one wants to know first of a run; figures that a run does not have are left out.
pub fn summary(summary: &Summary) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(text) = never_scheduled(summary) {
        rows.push(("unserved", text));
    }
    let simulated = spoken(summary.simulated_seconds);
    let made_from = &summary.provenance;
    rows.push(("scenario", format!("{}, seed {}, {simulated} simulated", made_from.scenario, made_from.seed)));
    for line in service_lines::lines(&summary.services) {
        rows.push(("service", line));
    }
    let cost = &summary.cost;
    if cost.total_usd > 0.0 {
        rows.push(("cost", money(cost)));
    }
    let nodes = &summary.nodes;
    let node_hours = number(nodes.node_hours, 1);
    rows.push(("nodes", format!("{} to {}, mean {:.1}, {node_hours} node hours", nodes.min, nodes.peak, nodes.mean)));
    let scaling = &summary.scaling;
    rows.push((
        "scaling",
        format!(
            "{} scale-ups (+{} nodes), {} scale-downs (-{} nodes), {} HPA changes",
            scaling.scale_ups, scaling.nodes_added, scaling.scale_downs, scaling.nodes_removed, scaling.hpa_changes
        ),
    ));
    rows.push(("pods", pods(summary)));
    rows.push(("pod wait", spread(&summary.pod_wait_seconds)));
    rows.push(("pod startup", spread(&summary.pod_startup_seconds)));
    let utilization = &summary.utilization;
    for (name, share) in [("cpu", utilization.cpu), ("memory", utilization.memory), ("gpu", utilization.gpu)] {
        if let Some(text) = utilized(share) {
            rows.push((name, text));
        }
    }
    if let Some(training) = &summary.training {
        rows.push((
            "training",
            format!(
                "{} of {} jobs completed, completion time {}",
                training.completed,
                training.jobs,
                spread(&training.completion_seconds)
            ),
        ));
    }
    rows.extend(explain_lines::lines(summary));
    let mut table = Table::new();
    table.load_style(NOTHING);
    for (name, text) in rows {
        table.add_row([name.to_owned(), text]);
    }
    lines(&table)
}

/// A header and rows, all columns but the first `text_columns` aligned to the right.
pub fn columns(header: &[String], rows: &[Vec<String>], text_columns: usize) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(text_columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines(&table)
}

/// Without the blanks that fill the last column up.
fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn pods(summary: &Summary) -> String {
    let pods = &summary.pods;
    let mut text = format!("{} created, {} scheduled", pods.created, pods.scheduled);
    for (count, name) in [
        (pods.completed, "completed"),
        (pods.failed, "failed"),
        (pods.evicted, "evicted"),
        (pods.pending_at_end, "pending at the end"),
        (summary.faults.preempted.into(), "preempted"),
        (summary.faults.oom_kills.into(), "OOM kills"),
    ] {
        if count > 0 {
            text += &format!(", {count} {name}");
        }
    }
    text
}

/// "8 pods never found a node; the oldest waits 18.8 h: group general is at its maximum".
fn never_scheduled(summary: &Summary) -> Option<String> {
    let reasons = &summary.never_scheduled;
    let oldest = spoken(reasons.first()?.oldest_wait_seconds);
    let told = match &reasons[..] {
        [only] => only.reason.clone(),
        several => {
            let shown = several.iter().take(MOST_REASONS).map(|row| format!("{} ({})", row.reason, row.pods));
            let mut shown: Vec<String> = shown.collect();
            let more = several.len().saturating_sub(MOST_REASONS);
            if more > 0 {
                shown.push(format!("{more} more reasons"));
            }
            shown.join("; ")
        }
    };
    Some(match summary.pods.never_scheduled {
        1 => format!("1 pod never found a node; it waits {oldest}: {told}"),
        pods => format!("{} pods never found a node; the oldest waits {oldest}: {told}", number(pods as f64, 0)),
    })
}

/// "9.75 USD, 30 % of it idle". What commitments take off the bill is nobody's, so that idle is told at list prices beside it.
fn money(cost: &CostSummary) -> String {
    let total = number(cost.total_usd, 2);
    if cost.commitments.is_empty() {
        return format!("{total} USD, {:.0} % of it idle", 100.0 * cost.idle_usd / cost.total_usd);
    }
    format!("{total} USD after commitments; {} USD idle at list prices", number(cost.idle_usd, 2))
}

/// Reasons that the table lists; `summary.json` has all.
const MOST_REASONS: usize = 3;

fn spread(spread: &Spread) -> String {
    if spread.count == 0 {
        return "none".to_owned();
    }
    let Spread { count, censored, p50, p95, p99, max, .. } = *spread;
    let [p50, p95, p99, max] = [p50, p95, p99, max].map(spoken);
    let open = if censored > 0 { format!(", {censored} of them not over") } else { String::new() };
    format!("p50 {p50}, p95 {p95}, p99 {p99}, max {max} (n = {count}{open})")
}

fn utilized(share: Share) -> Option<String> {
    let percent = |fraction: f64| number(100.0 * fraction, usize::from(fraction < 0.1));
    share
        .requested
        .is_finite()
        .then(|| format!("{} % requested, {} % used of allocatable", percent(share.requested), percent(share.used)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn the_table_tells_cost_nodes_and_waits_with_their_count() {
        let table = summary(&Summary::of(&fixture::run(1_440).1));
        let line = |name: &str| table.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        assert!(line("cost").contains("USD, 30 % of it idle"), "{table}");
        assert!(line("pod wait").contains("p99 unknown, max unknown (n = 20, 5 of them not over)"), "{table}");
        assert!(table.trim_start().starts_with("unserved"), "{table}");
        assert!(line("unserved").contains("5 pods never found a node; the oldest waits 24 h: "), "{table}");
        assert!(line("training").contains("4 of 6 jobs completed"), "{table}");
        assert!(table.lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn what_a_run_does_not_have_is_not_in_its_table() {
        let mut outcome = fixture::run(60).1;
        outcome.training.clear();
        outcome.integrals.allocatable[2] = 0;
        let table = summary(&Summary::of(&outcome));
        assert!(!table.contains("training") && !table.contains("gpu"), "{table}");
    }
}
